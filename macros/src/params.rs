//! The names a function's parameters bind, and how each is recorded.
//!
//! Judges by names and by the syntax of types alone, which is all that an attribute sees of them. `self`
//! is never among them.

use quote::ToTokens;
use syn::{Attribute, FnArg, Ident, Pat, PatIdent, Signature, Type, ext::IdentExt};

/// A parameter of this name, in any case and with anything around it, is recorded as `REDACTED`.
const SECRETS: [&str; 11] = [
    "password",
    "passwd",
    "secret",
    "token",
    "api_key",
    "apikey",
    "authorization",
    "credential",
    "private_key",
    "session",
    "cookie",
];
const NUMBERS_AND_BOOL: [&str; 15] = [
    "bool", "i8", "i16", "i32", "i64", "i128", "isize", "u8", "u16", "u32", "u64", "u128", "usize", "f32",
    "f64",
];

/// A name that is bound when the body starts.
pub(crate) struct Param {
    pub(crate) name: Ident,
    pub(crate) record: Record,
    /// The conditions under which the parameter is there at all.
    pub(crate) cfgs: Vec<Attribute>,
}

/// How an argument is recorded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Record {
    /// A number or a truth value, behind so many references.
    Copied(usize),
    /// A text, which is a `str` after so many dereferences: one of them is the `String`'s own.
    Text(usize),
    /// The text `Debug` makes of it.
    Debug,
}

impl Param {
    /// Every name that the parameters bind, in the order in which they are written.
    pub(crate) fn all(signature: &Signature) -> Vec<Self> {
        let mut params: Vec<Self> = Vec::new();
        for input in &signature.inputs {
            let FnArg::Typed(input) = input else { continue };
            let cfgs: Vec<_> =
                input.attrs.iter().filter(|attribute| attribute.path().is_ident("cfg")).cloned().collect();
            let mut add = |name: &Ident, record| {
                // The branches of an or-pattern bind the same names.
                if !params.iter().any(|known| known.name == *name) {
                    params.push(Self { name: name.clone(), record, cfgs: cfgs.clone() });
                }
            };
            let record = Record::of(&input.ty);
            match &*input.pat {
                Pat::Ident(PatIdent { by_ref: None, subpat: None, ident, .. }) if record != Record::Debug => {
                    add(ident, record);
                }
                pattern => for_each_binding(pattern, &mut |name| add(name, Record::Debug)),
            }
        }
        params
    }

    /// The attribute's key.
    pub(crate) fn key(&self) -> String {
        self.name.unraw().to_string()
    }

    /// Does the name look like that of a secret?
    pub(crate) fn is_secret(&self) -> bool {
        let name = self.key().to_ascii_lowercase();
        SECRETS.iter().any(|secret| name.contains(secret))
    }
}

impl Record {
    fn of(kind: &Type) -> Self {
        let (referent, references) = follow(kind, 0);
        let Type::Path(path) = referent else { return Self::Debug };
        if path.qself.is_some() {
            return Self::Debug;
        }
        let name = path.path.to_token_stream().to_string().replace(' ', "");
        match name.as_str() {
            "str" => Self::Text(references),
            "String" | "std::string::String" | "::std::string::String" | "alloc::string::String" => {
                Self::Text(references + 1)
            }
            name if NUMBERS_AND_BOOL.contains(&name) => Self::Copied(references),
            _ => Self::Debug,
        }
    }
}

/// What is behind the references, and how many there are.
fn follow(kind: &Type, references: usize) -> (&Type, usize) {
    match kind {
        Type::Reference(reference) => follow(&reference.elem, references + 1),
        Type::Paren(inner) => follow(&inner.elem, references),
        // A type that came through a `macro_rules!` fragment.
        Type::Group(inner) => follow(&inner.elem, references),
        kind => (kind, references),
    }
}

fn for_each_binding(pattern: &Pat, found: &mut dyn FnMut(&Ident)) {
    match pattern {
        Pat::Ident(binding) => {
            if binds(binding) {
                found(&binding.ident);
            }
            if let Some((_, inner)) = &binding.subpat {
                for_each_binding(inner, found);
            }
        }
        Pat::Or(or) => or.cases.iter().for_each(|case| for_each_binding(case, found)),
        Pat::Paren(inner) => for_each_binding(&inner.pat, found),
        Pat::Reference(inner) => for_each_binding(&inner.pat, found),
        Pat::Slice(slice) => slice.elems.iter().for_each(|element| for_each_binding(element, found)),
        Pat::Struct(parts) => parts.fields.iter().for_each(|field| for_each_binding(&field.pat, found)),
        Pat::Tuple(tuple) => tuple.elems.iter().for_each(|element| for_each_binding(element, found)),
        Pat::TupleStruct(parts) => parts.elems.iter().for_each(|element| for_each_binding(element, found)),
        Pat::Type(inner) => for_each_binding(&inner.pat, found),
        _ => {}
    }
}

/// A bare name in upper case is a unit struct or a constant, by the convention that rustc's own lints
/// enforce; nothing else tells it from a binding here.
fn binds(pattern: &PatIdent) -> bool {
    pattern.by_ref.is_some()
        || pattern.mutability.is_some()
        || pattern.subpat.is_some()
        || !pattern.ident.unraw().to_string().starts_with(char::is_uppercase)
}

#[cfg(test)]
mod tests {
    use super::{Param, Record};
    use quote::quote;

    fn params(tokens: proc_macro2::TokenStream) -> Vec<Param> {
        Param::all(&syn::parse2(tokens).unwrap())
    }

    fn records(tokens: proc_macro2::TokenStream) -> Vec<Record> {
        params(tokens).into_iter().map(|param| param.record).collect()
    }

    #[test]
    fn types_are_judged_by_their_syntax() {
        let numbers = quote!(fn f(a: u8, b: &i64, c: &'a mut f64, d: bool, e: (usize)));
        let copied = Record::Copied;
        assert_eq!(records(numbers), [copied(0), copied(1), copied(1), copied(0), copied(0)]);
        let texts = quote!(fn f(a: &str, b: &&'static str, c: String, d: &mut std::string::String));
        assert_eq!(records(texts), [1, 2, 1, 2].map(Record::Text));
        let others =
            quote!(fn f(a: Option<u8>, b: T, c: impl Fn(), d: String<8>, e: <T as U>::u8, f: my::u8));
        assert_eq!(records(others), [Record::Debug; 6]);
    }

    #[test]
    fn patterns_bind_each_of_their_names_once() {
        let found = params(quote! {
            fn f(
                &mut self, _: u8, mut a: u8, (b, _): (u8, u8), Point { x, y: z, .. }: Point, Unit: Unit,
                ref c: u8, d @ (e, Wrapper(g)): D, (Ok(h) | Err(h)): R, &[i, .., ref mut j]: &[u8; 4], r#type: u8
            )
        });
        let names: Vec<_> = found.iter().map(Param::key).collect();
        assert_eq!(names, ["a", "b", "x", "z", "c", "d", "e", "g", "h", "i", "j", "type"]);
    }

    #[test]
    fn secrets_are_told_by_their_names() {
        let found = params(quote! {
            fn f(user_password: u8, PASSWD: u8, secrets: u8, accessToken: u8, api_key: u8, apiKey: u8,
                 authorization: u8, credentials: u8, private_key: u8, session_id: u8, cookies: u8)
        });
        assert_eq!(found.len(), 11);
        for param in &found {
            assert!(param.is_secret(), "{}", param.key());
        }
        assert!(
            params(quote!(fn f(user: u8, key: u8, pass: u8, auth: u8)))
                .iter()
                .all(|param| !param.is_secret())
        );
    }

    #[test]
    fn a_condition_stays_with_its_parameter() {
        let found = params(quote!(fn f(#[cfg(unix)] #[doc = "d"] a: u8, b: u8)));
        assert_eq!(found.iter().map(|param| param.cfgs.len()).collect::<Vec<_>>(), [1, 0]);
    }
}
