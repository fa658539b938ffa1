//! Puts the span around the function's work.
//!
//! Owns the shape of the code around the body. Every path starts at a crate's root, and the user's tokens
//! keep their places; what is recorded is written in `record`.

use crate::{
    args::{Args, Kind},
    function::{Function, Shape, TailFuture},
    hygiene::{at, own},
    params::Param,
    record::{Records, record_err},
};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{LitStr, ReturnType, Type, ext::IdentExt, spanned::Spanned, visit_mut::VisitMut};

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
        let Some(err) = &self.args.err else {
            return quote!(#root::Instrument::instrument(#future, #span));
        };
        // Inside, the span is the current one, unless it is none: then that is somebody else's.
        let (recording, result) = (own("recording"), own("result"));
        let record = record_err(err, &result, quote!(#root::Span::current()));
        future = quote! {
            async move {
                let #result = #future.await;
                if #recording {
                    #record
                }
                #result
            }
        };
        quote! {{
            let #recording = #root::Span::is_recording(&#span);
            #root::Instrument::instrument(#future, #span)
        }}
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

#[cfg(test)]
mod tests {
    use super::instrument;
    use proc_macro2::TokenStream;
    use quote::quote;

    fn expanded(options: TokenStream, item: TokenStream) -> String {
        instrument(options, item).to_string()
    }

    #[test]
    fn what_cannot_be_instrumented_stays_as_it_was() {
        for (options, item) in [
            (
                quote!(level = "debug"),
                quote!(
                    fn f() {}
                ),
            ),
            (quote!(skip(a)), quote!(fn f() { half typed })),
            (
                quote!(),
                quote!(
                    struct S;
                ),
            ),
            (
                quote!(),
                quote!(
                    fn f();
                ),
            ),
        ] {
            let text = expanded(options, item.clone());
            let rest = text.strip_prefix(&item.to_string()).expect("the item first");
            assert!(rest.trim_start().starts_with(":: core :: compile_error"), "{rest}");
        }
    }

    #[test]
    fn everything_of_the_function_but_its_body_is_kept() {
        let head = quote!(
            #[must_use] #[doc = "d"] pub(crate) unsafe extern "C" fn f<'a, T: Copy>(#[cfg(unix)] mut a: &'a T, (b, c): (u8, u8)) -> impl Copy + use<'a, T> where T: Send
        );
        let text = expanded(quote!(skip_all), quote!(#head { work() }));
        assert!(text.starts_with(&head.to_string()), "{text}");
        assert!(text.ends_with("; work () }"), "{text}");
    }

    #[test]
    fn an_opaque_part_of_the_return_type_is_left_to_inference() {
        let text = expanded(
            quote!(err),
            quote!(
                fn f() -> Result<impl Copy, Vec<impl Copy>> {}
            ),
        );
        assert!(text.contains("move || -> Result < _ , Vec < _ > > { }"), "{text}");
        let text = expanded(
            quote!(err),
            quote!(
                fn f() -> impl Fallible {}
            ),
        );
        assert!(text.contains("move || { }"), "{text}");
    }

    #[test]
    fn without_options_the_span_takes_the_shortest_way() {
        let text = expanded(
            quote!(),
            quote!(
                fn f() {}
            ),
        );
        assert!(text.contains(":: throughline :: Span :: new (\"f\")"), "{text}");
        assert!(!text.contains("is_recording"), "{text}");
        let text = expanded(
            quote!(tracer = t, root, crate = c),
            quote!(
                fn f() {}
            ),
        );
        assert!(text.contains("(t) . span_builder (\"f\") . root () . start ()"), "{text}");
        assert!(!text.contains(":: throughline"), "{text}");
    }
}
