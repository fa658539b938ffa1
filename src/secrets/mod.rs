//! Secrets in texts and in the names of things (floor 0): what looks like one, and where it begins and ends.
//!
//! Pure functions over texts, which know nothing of spans or of settings' origin. Every scanner reads its
//! text from left to right and looks back or ahead only within a stated bound, so the time is linear in
//! the text, whatever that is; nothing is allocated where nothing is found.
//!
//! | module | what it owns |
//! |---|---|
//! | `kind` | the kinds of secrets, sets and counts of them |
//! | `names` | names whose values are secrets: of attributes, query parameters and headers |
//! | `words` | the words that make them so |
//! | `cleaner` | the order of the scanners, and what stands in a secret's place |
//! | `plain`, `signs` | the first test: which scanners need not look at a text at all |
//! | `private_keys`, `jwts`, `credentials`, `api_keys`, `user_info`, `emails`, `cards` | a scanner each |
//! | `pairs`, `asides` | scanners for names with their values: the usual forms, and rarer ones |
//! | `values`, `prose` | where such a value ends, and whether it is none but a sentence |

mod api_keys;
mod asides;
mod bytes;
mod cards;
mod cleaner;
mod credentials;
mod emails;
mod jwts;
mod kind;
mod names;
mod pairs;
mod plain;
mod private_keys;
mod prose;
mod signs;
mod user_info;
mod values;
mod words;

pub(crate) use cards::{is_card_float, is_card_number};
pub(crate) use cleaner::{Cleaner, Reading, clean};
pub use kind::Secret;
pub(crate) use kind::{Found, Secrets};
pub(crate) use names::Names;
#[cfg(any(feature = "client", feature = "server"))]
pub(crate) use names::is_secret_header;

/// What stands in a secret's place.
pub(crate) const REDACTED: &str = "REDACTED";
