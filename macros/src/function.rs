//! The function under the attribute: what is read of it and what shape it has.
//!
//! The signature is parsed; the body stays the tokens it is, so that every message about it points to
//! what the user wrote, and a body that is being typed does not break the rest.

use crate::{
    args::{Args, Errors},
    params::Param,
};
use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};
use quote::{ToTokens, TokenStreamExt};
use syn::{
    Attribute, ReturnType, Signature, Token, Type, Visibility, braced,
    parse::{Parse, ParseStream, Result},
    token,
};

/// A function with a body.
pub(crate) struct Function {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) sig: Signature,
    /// The `#![…]` the body starts with.
    pub(crate) inner_attrs: Vec<Attribute>,
    brace: token::Brace,
    body: TokenStream,
}

/// What kind of work the span has to stay with.
pub(crate) enum Shape {
    /// The call itself.
    Sync,
    /// The future of an `async fn`.
    Async,
    /// The future of an async block that the function ends with.
    Future(TailFuture),
}

/// `… async move { … }` or `… Box::pin(async move { … })`, the latter being what `#[async_trait]` leaves.
pub(crate) struct TailFuture {
    /// The statements before it.
    pub(crate) before: TokenStream,
    /// `Box::pin` and its parentheses.
    pub(crate) pin: Option<(TokenStream, Group)>,
    /// `async` or `async move`.
    pub(crate) keywords: TokenStream,
    pub(crate) block: Group,
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let attrs = input.call(Attribute::parse_outer)?;
        let vis = input.parse()?;
        let sig = input.parse()?;
        if input.peek(Token![;]) {
            return Err(input.error("a function without a body has nothing to instrument"));
        }
        let content;
        let brace = braced!(content in input);
        let inner_attrs = content.call(Attribute::parse_inner)?;
        Ok(Self { attrs, vis, sig, inner_attrs, brace, body: content.parse()? })
    }
}

impl Function {
    /// The body, in the braces the user wrote, after these statements. Its inner attributes are left
    /// out, because they belong to the function.
    pub(crate) fn block_after(&self, statements: &impl ToTokens) -> TokenStream {
        let mut block = TokenStream::new();
        self.brace.surround(&mut block, |inner| {
            statements.to_tokens(inner);
            self.body.to_tokens(inner);
        });
        block
    }

    pub(crate) fn shape(&self) -> Shape {
        if self.sig.asyncness.is_some() {
            return Shape::Async;
        }
        TailFuture::find(&self.body).map_or(Shape::Sync, Shape::Future)
    }

    /// What the options ask of this function and cannot have.
    pub(crate) fn check(&self, args: &Args, params: &[Param]) -> Result<()> {
        let mut errors = Errors::default();
        if let Some(constness) = &self.sig.constness {
            errors.push(constness.span, "a `const fn` cannot be instrumented: a span reads the clock");
        }
        // `#[async_trait]` moves patterns into the body, and their names with them.
        let names_are_known = !params.iter().any(is_stand_in);
        for name in &args.skip {
            let known = match name.to_string().as_str() {
                "self" => self.sig.receiver().is_some(),
                _ => params.iter().any(|param| param.name == *name),
            };
            if !known && names_are_known {
                errors.push(name.span(), format!("`{name}` is not a parameter of `{}`", self.sig.ident));
            }
        }
        if let Some(err) = &args.err
            && self.returns_nothing()
        {
            errors.push(err.span, "`err` needs a function that returns a `Result`");
        }
        errors.into_result(())
    }

    fn returns_nothing(&self) -> bool {
        match &self.sig.output {
            ReturnType::Default => true,
            ReturnType::Type(_, output) => match &**output {
                Type::Never(_) => true,
                Type::Tuple(tuple) => tuple.elems.is_empty(),
                _ => false,
            },
        }
    }
}

impl TailFuture {
    fn find(body: &TokenStream) -> Option<Self> {
        let mut before: Vec<TokenTree> = body.clone().into_iter().collect();
        let TokenTree::Group(last) = before.pop()? else { return None };
        let (pin, keywords, block) = if last.delimiter() == Delimiter::Brace {
            (None, take_async(&mut before)?, last)
        } else {
            let path = take_box_pin(&mut before)?;
            let mut inside: Vec<TokenTree> = last.stream().into_iter().collect();
            if matches!(inside.last(), Some(TokenTree::Punct(comma)) if comma.as_char() == ',') {
                inside.pop();
            }
            let Some(TokenTree::Group(block)) = inside.pop() else { return None };
            let keywords = take_async(&mut inside).filter(|_| inside.is_empty())?;
            (Some((path, last)), keywords, block)
        };
        let is_statement = match before.last() {
            None => true,
            Some(TokenTree::Punct(end)) => end.as_char() == ';',
            Some(TokenTree::Group(block)) => block.delimiter() == Delimiter::Brace,
            Some(_) => false,
        };
        (is_statement && block.delimiter() == Delimiter::Brace).then(|| Self {
            before: before.into_iter().collect(),
            pin,
            keywords,
            block,
        })
    }

    /// Is it this parameter that the future takes with it? If the function uses the name first, it may
    /// mean something else by then; if the future does not name it, recording it would capture it, and
    /// its lifetime with it.
    pub(crate) fn takes(&self, param: &Param) -> bool {
        !is_stand_in(param)
            && mentions(self.block.stream(), &param.name)
            && !mentions(self.before.clone(), &param.name)
    }

    /// The whole function body, with this in place of the async block.
    pub(crate) fn with_future(&self, future: TokenStream) -> TokenStream {
        let mut body = self.before.clone();
        match &self.pin {
            None => body.extend(future),
            Some((path, parentheses)) => {
                path.to_tokens(&mut body);
                let mut argument = Group::new(Delimiter::Parenthesis, future);
                argument.set_span(parentheses.span());
                body.append(argument);
            }
        }
        body
    }
}

/// Takes `async` or `async move` off the end.
fn take_async(tokens: &mut Vec<TokenTree>) -> Option<TokenStream> {
    let is = |token: Option<&TokenTree>, keyword: &str| matches!(token, Some(TokenTree::Ident(found)) if found == keyword);
    let moving = is(tokens.last(), "move");
    let start = tokens.len().checked_sub(if moving { 2 } else { 1 })?;
    is(tokens.get(start), "async").then(|| tokens.split_off(start).into_iter().collect())
}

/// Takes a path that ends with `Box::pin` off the end.
fn take_box_pin(tokens: &mut Vec<TokenTree>) -> Option<TokenStream> {
    let is_part = |token: &TokenTree| match token {
        TokenTree::Ident(_) => true,
        TokenTree::Punct(colon) => colon.as_char() == ':',
        _ => false,
    };
    let length = tokens.iter().rev().take_while(|token| is_part(token)).count();
    let path: TokenStream = tokens.iter().skip(tokens.len() - length).cloned().collect();
    let text = path.to_string().replace(' ', "");
    matches!(text.as_str(), "Box::pin" | "std::boxed::Box::pin" | "::std::boxed::Box::pin").then(|| {
        tokens.truncate(tokens.len() - length);
        path
    })
}

/// Is it what `#[async_trait]` puts in a pattern's place?
fn is_stand_in(param: &Param) -> bool {
    let name = param.key();
    name.strip_prefix("__arg").is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))
}

fn mentions(tokens: TokenStream, name: &Ident) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(found) => found == *name,
        TokenTree::Group(group) => mentions(group.stream(), name),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::{Function, Shape};
    use crate::params::Param;
    use proc_macro2::TokenStream;
    use quote::quote;

    fn function(tokens: TokenStream) -> Function {
        syn::parse2(tokens).unwrap()
    }

    fn complaints(options: TokenStream, tokens: TokenStream) -> Vec<String> {
        let function = function(tokens);
        let checked = function.check(&syn::parse2(options).unwrap(), &Param::all(&function.sig));
        checked.err().into_iter().flatten().map(|error| error.to_string()).collect()
    }

    #[test]
    fn async_blocks_at_the_end_are_found() {
        for body in [
            quote!({ async move { 1 } }),
            quote!({ async { 1 } }),
            quote!({
                let a = 1;
                Box::pin(async move { a })
            }),
            quote!({
                if a {
                    b()
                }
                std::boxed::Box::pin(async move { 1 })
            }),
        ] {
            assert!(matches!(function(quote!(fn f() #body)).shape(), Shape::Future(_)), "{body}");
        }
    }

    #[test]
    fn other_ends_are_the_calls_own() {
        for body in [
            quote!({}),
            quote!({ 1 }),
            quote!({ run(async move { 1 }) }),
            quote!({ Box::pin(a) }),
            quote!({ Box::pin(first(), async move { 1 }) }),
            quote!({ MyBox::pin(async move { 1 }) }),
            quote!({ async move { 1 }.boxed() }),
            quote!({
                async move { 1 };
            }),
            quote!({ return async move { 1 } }),
            quote!({ if a { async move { 1 } } else { loop {} } }),
            quote!({ move { 1 } }),
        ] {
            assert!(matches!(function(quote!(fn f() #body)).shape(), Shape::Sync), "{body}");
        }
    }

    #[test]
    fn a_future_takes_what_it_names_first() {
        let function = function(quote! {
            fn f(a: u8, b: u8, c: u8, __arg3: u8) -> BoxFuture { let b = g(b); Box::pin(async move { h(a, b, __arg3) }) }
        });
        let Shape::Future(tail) = function.shape() else { panic!("not found") };
        let taken: Vec<_> = Param::all(&function.sig).iter().map(|param| tail.takes(param)).collect();
        assert_eq!(taken, [true, false, false, false]);
    }

    #[test]
    fn options_are_checked_against_the_function() {
        let fits: [(TokenStream, TokenStream); 4] = [
            (
                quote!(skip(self, a, b)),
                quote!(
                    fn f(&self, a: u8, (b, c): (u8, u8)) {}
                ),
            ),
            (
                quote!(skip(hidden)),
                quote!(
                    fn f(__arg0: (u8, u8)) {
                        Box::pin(async move {})
                    }
                ),
            ),
            (
                quote!(err),
                quote!(
                    fn f() -> io::Result<()> {}
                ),
            ),
            (
                quote!(err),
                quote!(
                    fn f() -> impl Future<Output = Alias> {
                        async {}
                    }
                ),
            ),
        ];
        for (options, tokens) in fits {
            assert_eq!(complaints(options, tokens), [""; 0]);
        }
        assert_eq!(
            complaints(
                quote!(skip(self, b), err),
                quote!(
                    const fn f(a: u8) {}
                )
            ),
            [
                "a `const fn` cannot be instrumented: a span reads the clock",
                "`self` is not a parameter of `f`",
                "`b` is not a parameter of `f`",
                "`err` needs a function that returns a `Result`",
            ]
        );
        for output in [quote!(()), quote!(!)] {
            assert_eq!(complaints(quote!(err), quote!(fn f() -> #output {})).len(), 1);
        }
    }

    #[test]
    fn a_body_is_needed_and_need_not_make_sense() {
        assert!(
            syn::parse2::<Function>(quote!(
                fn f();
            ))
            .is_err()
        );
        assert!(
            syn::parse2::<Function>(quote!(
                struct S;
            ))
            .is_err()
        );
        let half_typed = function(quote!(fn f() { #![allow(dead_code)] let a = ; }));
        assert_eq!(half_typed.inner_attrs.len(), 1);
        assert_eq!(half_typed.block_after(&quote!(first();)).to_string(), "{ first () ; let a = ; }");
    }
}
