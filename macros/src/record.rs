//! Writes the statements that record arguments, fields and errors.
//!
//! Owns which call each becomes. A secret argument's value gets in only where a field asks for it.

use crate::{
    args::{Args, RecordErr},
    field::{self, Field, Format},
    hygiene::{at, own},
    params::{Param, Record},
};
use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Expr, LitStr, spanned::Spanned};

/// Writes the statements that record attributes.
pub(crate) struct Records<'a> {
    /// The path of the `throughline` crate.
    pub(crate) root: &'a TokenStream,
    /// The variable that holds the span.
    pub(crate) span: &'a Ident,
}

impl Records<'_> {
    /// The statement that records the arguments and the fields; nothing where there are none.
    pub(crate) fn all(&self, args: &Args, params: &[Param]) -> Option<TokenStream> {
        let is_named = |key: &str| args.fields.iter().any(|field| field.key.value() == key);
        let is_skipped = |param: &Param| args.skip_all || args.skip.contains(&param.name);
        let arguments = params
            .iter()
            .filter(|param| !is_skipped(param) && !is_named(&param.key()))
            .map(|param| self.argument(param));
        let fields = args.fields.iter().map(|field| self.field(field, params));
        let records: Vec<TokenStream> = arguments.chain(fields).collect();
        let Self { root, span } = self;
        // The underscore says that the body does not use the argument, which stays true.
        let allow = params
            .iter()
            .any(|param| param.key().starts_with('_'))
            .then(|| quote!(#[allow(clippy::used_underscore_binding)]));
        (!records.is_empty()).then(|| quote!(#allow if #root::Span::is_recording(&#span) { #(#records)* }))
    }

    fn argument(&self, param: &Param) -> TokenStream {
        let Param { name, cfgs, .. } = param;
        let key = LitStr::new(&param.key(), name.span());
        let record = if param.is_secret() {
            self.set(&key, Format::Typed, quote!("REDACTED"))
        } else {
            match param.typed_value() {
                Some(value) => self.set(&key, Format::Typed, value),
                None => self.set(&key, Format::Debug, name),
            }
        };
        quote!(#(#cfgs)* #record)
    }

    fn field(&self, field: &Field, params: &[Param]) -> TokenStream {
        let Field { key, value, format } = field;
        if *format != Format::Typed {
            return self.set(key, *format, value);
        }
        let argument = match value {
            Expr::Path(path) => params.iter().find(|param| path.path.is_ident(&param.name)),
            _ => None,
        };
        match argument.and_then(Param::typed_value) {
            Some(value) => self.set(key, *format, value),
            // What is read is left where it is, for the body.
            None if field::is_place(value) => {
                self.set(key, *format, quote_spanned!(at(value.span())=> (#value).clone()))
            }
            None => self.set(key, *format, value),
        }
    }

    /// One attribute; a message about its value's type points to its key.
    fn set(&self, key: &LitStr, format: Format, value: impl ToTokens) -> TokenStream {
        let Self { root, span } = self;
        let at = at(key.span());
        let format = match format {
            Format::Typed => return quote_spanned!(at=> #root::Span::set_attribute(&#span, #key, #value);),
            Format::Display => "{}",
            Format::Debug => "{:?}",
        };
        quote_spanned! {at=>
            #root::Span::set_attribute_fmt(&#span, #key, ::core::format_args!(#format, #value));
        }
    }
}

/// The statement that records an error on this span, if the result is one.
pub(crate) fn record_err(err: &RecordErr, result: &Ident, span: TokenStream) -> TokenStream {
    let at = at(err.span);
    let mut error = own("error");
    error.set_span(at);
    let format = if err.debug { "{:?}" } else { "{}" };
    quote_spanned! {at=>
        if let ::core::result::Result::Err(#error) = &#result {
            #span.record_error_fmt(
                ::core::any::type_name_of_val(#error),
                ::core::format_args!(#format, #error),
            );
        }
    }
}

impl Param {
    /// The value as a number, truth value or text, where its type is known to be one.
    fn typed_value(&self) -> Option<TokenStream> {
        let name = &self.name;
        let (borrow, dereferences) = match self.record {
            Record::Copied(dereferences) => (None, dereferences),
            Record::Text(dereferences) => (Some(quote!(&)), dereferences),
            Record::Debug => return None,
        };
        let stars = std::iter::repeat_n(quote!(*), dereferences);
        Some(quote!(#borrow #(#stars)* #name))
    }
}
