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
//! | `signs` | the first test: which scanners need not look at a text at all |
//! | `private_keys`, `jwts`, `credentials`, `api_keys`, `user_info`, `emails`, `cards`, `pairs` | a scanner each |

mod api_keys;
mod bytes;
mod cards;
mod cleaner;
mod credentials;
mod emails;
mod jwts;
mod kind;
mod names;
mod pairs;
mod private_keys;
mod signs;
mod user_info;
mod words;

pub(crate) use cards::is_card_number;
pub(crate) use cleaner::{Cleaner, Reading, clean};
pub use kind::Secret;
pub(crate) use kind::{Found, Secrets};
pub(crate) use names::Names;
#[cfg(any(feature = "client", feature = "server"))]
pub(crate) use names::is_secret_header;

/// What stands in a secret's place.
pub(crate) const REDACTED: &str = "REDACTED";
