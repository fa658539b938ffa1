//! The options between the parentheses of `#[instrument(…)]`.
//!
//! Owns their syntax and what can be refused without looking at the function: unknown options, options
//! given twice, options that contradict one another. What needs the function is checked in `function`.

use crate::field::{self, Field};
use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::{
    Expr, Ident, LitStr, Path, Token,
    ext::IdentExt,
    parenthesized,
    parse::{Parse, ParseStream, Result},
    punctuated::Punctuated,
    token,
};

const OPTIONS: &str = "`name`, `kind`, `skip`, `skip_all`, `fields`, `err`, `tracer`, `root` and `crate`";
const KINDS: [(&str, &str); 5] = [
    ("internal", "Internal"),
    ("server", "Server"),
    ("client", "Client"),
    ("producer", "Producer"),
    ("consumer", "Consumer"),
];

/// What was asked for.
#[derive(Default)]
pub(crate) struct Args {
    pub(crate) name: Option<Expr>,
    pub(crate) kind: Option<Kind>,
    pub(crate) tracer: Option<Expr>,
    pub(crate) root: bool,
    pub(crate) skip: Vec<Ident>,
    pub(crate) skip_all: bool,
    pub(crate) fields: Vec<Field>,
    pub(crate) err: Option<RecordErr>,
    crate_path: Option<Path>,
}

/// A span's kind, as it was written.
pub(crate) enum Kind {
    /// The name of a variant of `SpanKind`.
    Variant(Ident),
    /// A path to a value, resolved where the function is.
    Path(Path),
}

/// How a returned error is written down.
pub(crate) struct RecordErr {
    /// Where it was asked for.
    pub(crate) span: Span,
    /// By `Debug` instead of `Display`.
    pub(crate) debug: bool,
}

impl Args {
    /// The path of the `throughline` crate.
    pub(crate) fn crate_path(&self) -> TokenStream {
        self.crate_path.as_ref().map_or_else(|| quote!(::throughline), |path| quote!(#path))
    }
}

impl Parse for Args {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut args = Self::default();
        let mut errors = Errors::default();
        let mut seen: Vec<Ident> = Vec::new();
        while !input.is_empty() {
            let option = input
                .call(Ident::parse_any)
                .map_err(|error| syn::Error::new(error.span(), format!("expected one of {OPTIONS}")))?;
            if seen.contains(&option) {
                errors.push(option.span(), format!("`{option}` is given twice"));
            }
            if let Err(error) = args.parse_option(&option, input, &mut errors) {
                return Err(errors.with(error));
            }
            seen.push(option);
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        if args.skip_all
            && let Some(option) = seen.iter().find(|option| *option == "skip")
        {
            errors.push(option.span(), "`skip_all` skips every argument already: leave `skip` out");
        }
        errors.into_result(args)
    }
}

impl Args {
    fn parse_option(&mut self, option: &Ident, input: ParseStream<'_>, errors: &mut Errors) -> Result<()> {
        match option.to_string().as_str() {
            "name" => self.name = Some(assigned(option, input)?.parse()?),
            "tracer" => self.tracer = Some(assigned(option, input)?.parse()?),
            "crate" => self.crate_path = Some(assigned(option, input)?.call(Path::parse_mod_style)?),
            "kind" => self.kind = parse_kind(assigned(option, input)?, errors)?,
            "root" => self.root = true,
            "skip_all" => self.skip_all = true,
            "skip" => self.parse_skip(list(option, input)?, errors)?,
            "fields" => self.parse_fields(list(option, input)?, errors)?,
            "err" => self.err = Some(parse_err(option, input)?),
            _ => {
                let message = format!("unknown option `{option}`: expected one of {OPTIONS}");
                return Err(syn::Error::new(option.span(), message));
            }
        }
        Ok(())
    }

    fn parse_skip(&mut self, input: ParseStream<'_>, errors: &mut Errors) -> Result<()> {
        let content;
        parenthesized!(content in input);
        // `self` is a keyword, and people write it out of habit.
        for name in Punctuated::<Ident, Token![,]>::parse_terminated_with(&content, Ident::parse_any)? {
            if self.skip.contains(&name) {
                errors.push(name.span(), format!("`{name}` is skipped twice"));
            } else {
                self.skip.push(name);
            }
        }
        Ok(())
    }

    fn parse_fields(&mut self, input: ParseStream<'_>, errors: &mut Errors) -> Result<()> {
        let content;
        parenthesized!(content in input);
        for field in Punctuated::<Field, Token![,]>::parse_terminated(&content)? {
            let key = field.key.value();
            if self.fields.iter().any(|known| known.key.value() == key) {
                errors.push(field.key.span(), format!("field `{key}` is given twice"));
            } else if key.is_empty() {
                errors.push(field.key.span(), "a field needs a name");
            } else if field::is_empty_placeholder(&field) {
                errors.push(field.key.span(), field::PLACEHOLDER);
            }
            self.fields.push(field);
        }
        Ok(())
    }
}

/// The input after the `=` that this option needs.
fn assigned<'a>(option: &Ident, input: ParseStream<'a>) -> Result<ParseStream<'a>> {
    match input.parse::<Option<Token![=]>>()? {
        Some(_) if !input.is_empty() => Ok(input),
        _ => Err(syn::Error::new(option.span(), format!("`{option}` needs a value: `{option} = …`"))),
    }
}

/// The input, which goes on with the list that this option needs.
fn list<'a>(option: &Ident, input: ParseStream<'a>) -> Result<ParseStream<'a>> {
    if input.peek(token::Paren) {
        Ok(input)
    } else {
        Err(syn::Error::new(option.span(), format!("`{option}` needs a list: `{option}(…)`")))
    }
}

fn parse_kind(input: ParseStream<'_>, errors: &mut Errors) -> Result<Option<Kind>> {
    if !input.peek(LitStr) {
        let path = input.call(Path::parse_mod_style);
        return path.map(|path| Some(Kind::Path(path))).map_err(|error| {
            syn::Error::new(error.span(), format!("expected {} or a path to a `SpanKind`", kinds()))
        });
    }
    let literal: LitStr = input.parse()?;
    let text = literal.value();
    let Some((_, variant)) = KINDS.iter().find(|(name, _)| *name == text) else {
        errors.push(literal.span(), format!("unknown kind \"{text}\": expected {}", kinds()));
        return Ok(None);
    };
    Ok(Some(Kind::Variant(Ident::new(variant, literal.span()))))
}

fn kinds() -> String {
    KINDS.map(|(name, _)| format!("\"{name}\"")).join(", ")
}

fn parse_err(option: &Ident, input: ParseStream<'_>) -> Result<RecordErr> {
    let mut debug = false;
    if input.peek(token::Paren) {
        let content;
        parenthesized!(content in input);
        let format: Ident = content.parse()?;
        debug = format == "Debug";
        if !debug && format != "Display" {
            return Err(syn::Error::new(format.span(), "expected `Debug` or `Display`"));
        }
        if !content.is_empty() {
            return Err(content.error("`err` takes one format"));
        }
    }
    Ok(RecordErr { span: option.span(), debug })
}

/// Errors that do not keep the rest from being read, so that a person sees them all at once.
#[derive(Default)]
pub(crate) struct Errors(Option<syn::Error>);

impl Errors {
    pub(crate) fn push(&mut self, span: Span, message: impl std::fmt::Display) {
        let error = syn::Error::new(span, message);
        match &mut self.0 {
            Some(first) => first.combine(error),
            None => self.0 = Some(error),
        }
    }

    /// These and one more.
    fn with(self, last: syn::Error) -> syn::Error {
        match self.0 {
            Some(mut first) => {
                first.combine(last);
                first
            }
            None => last,
        }
    }

    pub(crate) fn into_result<T>(self, value: T) -> Result<T> {
        self.0.map_or(Ok(value), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::{Args, Kind};
    use quote::quote;

    fn messages(tokens: proc_macro2::TokenStream) -> Vec<String> {
        match syn::parse2::<Args>(tokens) {
            Ok(_) => Vec::new(),
            Err(error) => error.into_iter().map(|error| error.to_string()).collect(),
        }
    }

    #[test]
    fn every_option_is_understood() {
        let args: Args = syn::parse2(quote! {
            name = "n", kind = "client", skip(self, r#type, a,), fields(a = 1, %b), err(Debug),
            tracer = self.tracer, root, crate = crate::reexported,
        })
        .unwrap();
        assert!(args.name.is_some() && args.tracer.is_some() && args.root && !args.skip_all);
        assert!(matches!(&args.kind, Some(Kind::Variant(variant)) if variant == "Client"));
        assert_eq!(args.skip.iter().map(ToString::to_string).collect::<Vec<_>>(), ["self", "r#type", "a"]);
        assert_eq!(args.fields.len(), 2);
        assert!(args.err.as_ref().is_some_and(|err| err.debug));
        assert_eq!(args.crate_path().to_string(), "crate :: reexported");
    }

    #[test]
    fn nothing_is_asked_for_by_default() {
        let args: Args = syn::parse2(quote!()).unwrap();
        assert!(args.name.is_none() && args.kind.is_none() && args.tracer.is_none() && args.err.is_none());
        assert!(!args.root && !args.skip_all && args.skip.is_empty() && args.fields.is_empty());
        assert_eq!(args.crate_path().to_string(), ":: throughline");
    }

    #[test]
    fn a_kind_may_be_a_path_and_err_may_name_its_default() {
        let args: Args = syn::parse2(quote!(kind = SpanKind::Client, err(Display))).unwrap();
        assert!(matches!(args.kind, Some(Kind::Path(_))));
        assert!(args.err.is_some_and(|err| !err.debug));
    }

    #[test]
    fn an_unknown_option_is_told_what_there_is() {
        let expected = "unknown option `level`: expected one of `name`, `kind`, `skip`, `skip_all`, \
                        `fields`, `err`, `tracer`, `root` and `crate`";
        assert_eq!(messages(quote!(level = "debug")), [expected]);
        assert_eq!(messages(quote!("text")), [expected.replace("unknown option `level`: ", "")]);
    }

    #[test]
    fn what_is_wrong_is_said_at_once() {
        let found =
            messages(quote!(skip_all, root, root, skip(a, a), kind = "Client", fields(b = 1, "b" = 2)));
        assert_eq!(
            found,
            [
                "`root` is given twice",
                "`a` is skipped twice",
                "unknown kind \"Client\": expected \"internal\", \"server\", \"client\", \"producer\", \"consumer\"",
                "field `b` is given twice",
                "`skip_all` skips every argument already: leave `skip` out",
            ]
        );
    }

    #[test]
    fn half_an_option_is_refused() {
        for tokens in [
            quote!(name),
            quote!(name =),
            quote!(skip),
            quote!(fields),
            quote!(kind),
            quote!(crate = "a"),
            quote!(err()),
            quote!(err(Hex)),
            quote!(err(Debug, Display)),
            quote!(root skip_all),
            quote!(kind = 3),
            quote!(fields(a =)),
            quote!(fields("a")),
            quote!(fields(%"a")),
            quote!(fields("" = 1)),
        ] {
            assert_eq!(messages(tokens.clone()).len(), 1, "{tokens}");
        }
    }
}
