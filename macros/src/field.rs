//! One entry of `fields(…)`: a key, a value, and how the value is written down.

use quote::ToTokens;
use syn::{
    Expr, Ident, LitStr, Member, Token, UnOp,
    ext::IdentExt,
    parse::{Parse, ParseStream, Result},
    spanned::Spanned,
};

/// What users of the `tracing` crate, who have to declare what is set later, should know.
pub(crate) const PLACEHOLDER: &str =
    "no need to declare what is set later: leave the field out and call `Span::current().set_attribute(…)`";

/// A field.
pub(crate) struct Field {
    pub(crate) key: LitStr,
    pub(crate) value: Expr,
    pub(crate) format: Format,
}

/// How a value is written down.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Format {
    /// As what it is: a number, a truth value, a text.
    Typed,
    /// `%`: the text `Display` makes of it.
    Display,
    /// `?`: the text `Debug` makes of it.
    Debug,
}

impl Parse for Field {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        if input.peek(LitStr) {
            let key = input.parse()?;
            input.parse::<Token![=]>()?;
            return Self::parse_value(key, input);
        }
        let format = Format::parse(input)?;
        let place = parse_place(input)?;
        let key = LitStr::new(&key_of(&place), place.span());
        if format == Format::Typed && input.peek(Token![=]) {
            input.parse::<Token![=]>()?;
            return Self::parse_value(key, input);
        }
        Ok(Self { key, value: place, format })
    }
}

impl Field {
    fn parse_value(key: LitStr, input: ParseStream<'_>) -> Result<Self> {
        let format = Format::parse(input)?;
        Ok(Self { key, value: input.parse()?, format })
    }
}

impl Format {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        if input.parse::<Option<Token![%]>>()?.is_some() {
            Ok(Self::Display)
        } else if input.parse::<Option<Token![?]>>()?.is_some() {
            Ok(Self::Debug)
        } else {
            Ok(Self::Typed)
        }
    }
}

/// `a`, `a.b`, `self.a.b`: a key's name, and where it stands alone the place its value is in.
fn parse_place(input: ParseStream<'_>) -> Result<Expr> {
    let first = input.call(Ident::parse_any)?;
    let mut place = Expr::Path(syn::ExprPath { attrs: Vec::new(), qself: None, path: first.into() });
    while input.peek(Token![.]) {
        place = Expr::Field(syn::ExprField {
            attrs: Vec::new(),
            base: Box::new(place),
            dot_token: input.parse()?,
            member: Member::Named(input.call(Ident::parse_any)?),
        });
    }
    Ok(place)
}

fn key_of(place: &Expr) -> String {
    match place {
        Expr::Field(field) => match &field.member {
            Member::Named(name) => format!("{}.{}", key_of(&field.base), name.unraw()),
            Member::Unnamed(index) => format!("{}.{}", key_of(&field.base), index.index),
        },
        Expr::Path(path) => path.path.get_ident().map(|name| name.unraw().to_string()).unwrap_or_default(),
        _ => String::new(),
    }
}

/// Is it something that stays where it is when it is read, and so must not be moved?
pub(crate) fn is_place(value: &Expr) -> bool {
    match value {
        Expr::Path(_) | Expr::Field(_) | Expr::Index(_) => true,
        Expr::Unary(unary) => matches!(unary.op, UnOp::Deref(_)),
        Expr::Paren(inner) => is_place(&inner.expr),
        Expr::Group(inner) => is_place(&inner.expr),
        _ => false,
    }
}

/// Is it `key = Empty`, as the `tracing` crate has it?
pub(crate) fn is_empty_placeholder(field: &Field) -> bool {
    let path = field.value.to_token_stream().to_string();
    field.format == Format::Typed && (path == "Empty" || path.ends_with("field :: Empty"))
}

#[cfg(test)]
mod tests {
    use super::{Field, Format, is_empty_placeholder, is_place};
    use quote::{ToTokens, quote};

    fn parse(tokens: proc_macro2::TokenStream) -> (String, String, Format) {
        let field: Field = syn::parse2(tokens).unwrap();
        (field.key.value(), field.value.to_token_stream().to_string(), field.format)
    }

    #[test]
    fn keys_are_names_dotted_names_or_texts() {
        for (tokens, key) in [
            (quote!(a = 1), "a"),
            (quote!(order.id = 1), "order.id"),
            (quote!(r#type.r#in = 1), "type.in"),
            (quote!(rpc.type = 1), "rpc.type"),
            (quote!("retry count" = 1), "retry count"),
        ] {
            assert_eq!(parse(tokens), (key.into(), "1".into(), Format::Typed));
        }
    }

    #[test]
    fn a_sigil_says_how() {
        assert_eq!(parse(quote!(a = %b.c())), ("a".into(), "b . c ()".into(), Format::Display));
        assert_eq!(parse(quote!("a" = ?b)), ("a".into(), "b".into(), Format::Debug));
        assert_eq!(parse(quote!(%a)), ("a".into(), "a".into(), Format::Display));
        assert_eq!(parse(quote!(?self.a)), ("self.a".into(), "self . a".into(), Format::Debug));
        assert_eq!(parse(quote!(a)), ("a".into(), "a".into(), Format::Typed));
    }

    #[test]
    fn places_are_told_from_fresh_values() {
        for (tokens, expected) in [
            (quote!(k = a), true),
            (quote!(k = self.a.0), true),
            (quote!(k = a[0]), true),
            (quote!(k = (*a)), true),
            (quote!(k = a.len()), false),
            (quote!(k = &a), false),
            (quote!(k = -a), false),
            (quote!(k = "text"), false),
        ] {
            let field: Field = syn::parse2(tokens.clone()).unwrap();
            assert_eq!(is_place(&field.value), expected, "{tokens}");
        }
    }

    #[test]
    fn a_placeholder_is_noticed() {
        for (tokens, expected) in [
            (quote!(k = tracing::field::Empty), true),
            (quote!(k = Empty), true),
            (quote!(k = Empty.len()), false),
            (quote!(k = ?Empty), false),
        ] {
            let field: Field = syn::parse2(tokens.clone()).unwrap();
            assert_eq!(is_empty_placeholder(&field), expected, "{tokens}");
        }
    }
}
