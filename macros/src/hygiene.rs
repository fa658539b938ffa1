//! Names and places of the code that the macro writes.

use proc_macro2::{Ident, Span};

/// A name that is resolved where the macro is defined, so that it neither hides nor meets a user's.
pub(crate) fn own(name: &str) -> Ident {
    Ident::new(&format!("__throughline_{name}"), Span::mixed_site())
}

/// The place of what the user wrote, for tokens whose names are the macro's own.
pub(crate) fn at(place: Span) -> Span {
    Span::mixed_site().located_at(place)
}
