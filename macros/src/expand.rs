//! Puts the span around the function's work.
//!
//! Every name of its own is resolved where the macro is defined (`Span::mixed_site`), so none can meet a
//! name of the user's; every path starts at a crate's root; the user's tokens keep their places.

use crate::{
    args::{Args, Kind, RecordErr},
    field::{self, Field, Format},
    function::{Function, Shape, TailFuture},
    params::{Param, Record},
};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Expr, LitStr, ReturnType, Type, ext::IdentExt, spanned::Spanned, visit_mut::VisitMut};

/// The function with its span; or, where that cannot be, the function as it was and what is wrong, so
/// that there are no further errors about a function that is missing.
pub(crate) fn instrument(options: TokenStream, item: TokenStream) -> TokenStream {
    expand(options, item.clone()).unwrap_or_else(|error| {
        let error = error.into_compile_error();
        quote!(#item #error)
    })
}

fn expand(options: TokenStream, item: TokenStream) -> syn::Result<TokenStream> {
    let function: Function = syn::parse2(item)?;
    let args: Args = syn::parse2(options)?;
    let mut params = Param::all(&function.sig);
    function.check(&args, &params)?;
    let shape = function.shape();
    if let Shape::Future(tail) = &shape {
        params.retain(|param| tail.takes(param));
    }
    let expansion = Expansion::new(&args, &function, &params);
    let body = match &shape {
        Shape::Sync => expansion.around_call(),
        Shape::Async => expansion.around_async_fn(),
        Shape::Future(tail) => expansion.around_future(tail),
    };
    // The body of an `async fn` becomes an async block, which the lint takes for a mistake where it
    // returns a future.
    let allow = matches!(shape, Shape::Async).then(|| quote!(#[allow(clippy::async_yields_async)]));
    let Function { attrs, vis, sig, .. } = &function;
    Ok(quote!(#(#attrs)* #allow #vis #sig #body))
}

/// What all shapes share.
struct Expansion<'a> {
    args: &'a Args,
    function: &'a Function,
    /// The path of the `throughline` crate.
    root: TokenStream,
    /// The variable that holds the span.
    span: Ident,
    /// The statements that start the span and record the arguments.
    start: TokenStream,
}

impl<'a> Expansion<'a> {
    fn new(args: &'a Args, function: &'a Function, params: &[Param]) -> Self {
        let root = args.crate_path();
        let span = own("span");
        let started = start(args, function, &root);
        let records = Records { root: &root, span: &span }.all(args, params);
        let start = quote! {
            let #span = #started;
            #records
        };
        Self { args, function, root, span, start }
    }

    fn around_call(&self) -> TokenStream {
        let Self { root, span, .. } = self;
        let Some(err) = &self.args.err else {
            let inner_attrs = &self.function.inner_attrs;
            let start = &self.start;
            let guard = own("guard");
            return self.function.block_after(&quote! {
                #(#inner_attrs)*
                #start
                let #guard = #root::Span::enter(&#span);
            });
        };
        // A closure catches `?` and `return`. The error comes after what the body itself recorded on the
        // current span, because the span takes that over when its scope ends.
        let output = self.known_output().map(|output| quote!(-> #output));
        let block = self.function.block_after(&TokenStream::new());
        let result = own("result");
        let record = record_err(err, &result, span.to_token_stream());
        self.with_start(quote! {
            let #result = #root::Span::in_scope(&#span, move || #output #block);
            #record
            #result
        })
    }

    fn around_async_fn(&self) -> TokenStream {
        if let ReturnType::Type(_, output) = &self.function.sig.output
            && let Type::Never(_) = **output
        {
            // A block's `!` would become `()`; an empty type stays what it is.
            let hint = return_hint(&quote!(::core::convert::Infallible), output.span());
            let block = self.function.block_after(&hint);
            let future = self.instrumented(quote!(async move #block));
            return self.with_start(quote!(match #future.await {}));
        }
        let hint = self.known_output().map(|output| return_hint(&output, output.span()));
        let block = self.function.block_after(&hint);
        let future = self.instrumented(quote!(async move #block));
        self.with_start(quote!(#future.await))
    }

    fn with_start(&self, rest: TokenStream) -> TokenStream {
        let start = &self.start;
        let inner_attrs = &self.function.inner_attrs;
        quote!({ #(#inner_attrs)* #start #rest })
    }

    fn around_future(&self, tail: &TailFuture) -> TokenStream {
        let start = &self.start;
        let TailFuture { keywords, block, .. } = tail;
        let future = self.instrumented(quote!(#keywords #block));
        let body = tail.with_future(quote!(#keywords { #start #future.await }));
        let inner_attrs = &self.function.inner_attrs;
        quote!({ #(#inner_attrs)* #body })
    }

    /// The span goes into the future: it is entered whenever that is polled, and ends with it.
    fn instrumented(&self, mut future: TokenStream) -> TokenStream {
        let Self { root, span, .. } = self;
        if let Some(err) = &self.args.err {
            let result = own("result");
            let record = record_err(err, &result, quote!(#root::Span::current()));
            future = quote! {
                async move {
                    let #result = #future.await;
                    #record
                    #result
                }
            };
        }
        quote!(#root::Instrument::instrument(#future, #span))
    }

    /// The return type, where it can be written inside the function; `_` stands for each `impl Trait`.
    fn known_output(&self) -> Option<Type> {
        let mut output = match &self.function.sig.output {
            ReturnType::Default => return Some(syn::parse_quote!(())),
            ReturnType::Type(_, output) => output.clone(),
        };
        EraseImplTrait.visit_type_mut(&mut output);
        (!matches!(*output, Type::Infer(_))).then_some(*output)
    }
}

struct EraseImplTrait;

impl VisitMut for EraseImplTrait {
    fn visit_type_mut(&mut self, kind: &mut Type) {
        if let Type::ImplTrait(_) = kind {
            *kind = Type::Infer(syn::TypeInfer {
                attrs: Vec::new(),
                underscore_token: syn::Token![_](kind.span()),
            });
        } else {
            syn::visit_mut::visit_type_mut(self, kind);
        }
    }
}

/// A name that no user can write or see.
fn own(name: &str) -> Ident {
    Ident::new(&format!("__throughline_{name}"), Span::mixed_site())
}

/// The place of what the user wrote, for tokens whose names are the macro's own.
fn at(place: Span) -> Span {
    Span::mixed_site().located_at(place)
}

/// The expression that starts the span.
fn start(args: &Args, function: &Function, root: &TokenStream) -> TokenStream {
    let name = args.name.as_ref().map_or_else(
        || {
            let ident = &function.sig.ident;
            LitStr::new(&ident.unraw().to_string(), ident.span()).into_token_stream()
        },
        ToTokens::to_token_stream,
    );
    let kind = args.kind.as_ref().map(|kind| match kind {
        Kind::Variant(variant) => quote!(.kind(#root::SpanKind::#variant)),
        Kind::Path(path) => quote!(.kind(#path)),
    });
    let is_root = args.root.then(|| quote!(.root()));
    let is_plain = kind.is_none() && is_root.is_none();
    match &args.tracer {
        Some(tracer) if is_plain => quote!((#tracer).span(#name)),
        Some(tracer) => quote!((#tracer).span_builder(#name) #kind #is_root .start()),
        None if is_plain => quote!(#root::Span::new(#name)),
        None => quote!(#root::Span::builder(#name) #kind #is_root .start()),
    }
}

/// Writes the statements that record attributes.
struct Records<'a> {
    root: &'a TokenStream,
    span: &'a Ident,
}

impl Records<'_> {
    /// The statement that records the arguments and the fields; nothing where there are none.
    fn all(&self, args: &Args, params: &[Param]) -> Option<TokenStream> {
        let is_named = |key: &str| args.fields.iter().any(|field| field.key.value() == key);
        let is_skipped = |param: &Param| args.skip_all || args.skip.contains(&param.name);
        let arguments = params
            .iter()
            .filter(|param| !is_skipped(param) && !is_named(&param.key()))
            .map(|param| self.argument(param));
        let fields = args.fields.iter().map(|field| self.field(field, params));
        let records: Vec<TokenStream> = arguments.chain(fields).collect();
        let Self { root, span } = self;
        // Recording is no use that the underscore of an unused argument would deny.
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

fn record_err(err: &RecordErr, result: &Ident, span: TokenStream) -> TokenStream {
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

/// Tells an async block what it returns, which cannot be written: a `return` that is never reached.
fn return_hint(output: &impl ToTokens, place: Span) -> TokenStream {
    let at = at(place);
    let mut never = own("never");
    never.set_span(at);
    quote_spanned! {at=>
        if let ::core::option::Option::Some(#never) = ::core::option::Option::None::<#output> {
            return #never;
        };
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
