//! Redaction (floor 3): secrets are taken out of a span before any exporter sees it.
//!
//! A tracer's collector applies its [`Redaction`] to every span that has ended and is kept, before it goes
//! into any queue. So it holds for each exporter alike, for whatever code has recorded it, and costs nothing
//! on the thread that recorded it. Looked at are the span's name, the description of its status, its
//! attributes, events and links with theirs, tracestates, and, once, the resource.
//!
//! What is found is replaced by `REDACTED` and counted by rule, in
//! [`Stats::redacted`](crate::export::Stats::redacted): an audit trail without the secrets.
//!
//! ```
//! use std::time::Duration;
//! use throughline::{Tracer, exporters::Memory};
//!
//! let memory = Memory::new();
//! let tracer = Tracer::builder("orders").exporter(memory.clone()).build()?;
//! let span = tracer.span("pay");
//! span.set_attribute("db.password", "hunter2");
//! span.record_error_fmt("Refused", format_args!("https://ada:hunter2@bank.example/pay?token=t0k3n: refused"));
//! span.end();
//! let report = tracer.shutdown(Duration::from_secs(5));
//!
//! let span = &memory.spans()[0];
//! assert_eq!(span.attribute("db.password"), Some("REDACTED".into()));
//! assert_eq!(
//!     span.status().description(),
//!     "https://REDACTED:REDACTED@bank.example/pay?token=REDACTED: refused"
//! );
//! assert!(report.stats.redacted.iter().any(|rule| rule.name == "key" && rule.count == 1));
//! # Ok::<(), throughline::BuildError>(())
//! ```
//!
//! # What it cannot do
//!
//! It knows secrets by their names and by their shapes. A password in the middle of a sentence has neither;
//! nor has what is encrypted, compressed or encoded in a way of its own, such as base64. Percent-encoding is seen
//! through once and twice. Of names and shapes, these are not enough:
//!
//! - Behind a name and a colon, without quotes, plain words are prose: `password: must have 8 characters`, and so
//!   `password: correct horse`; a single word is a secret unless it is one that is said of secrets, such as
//!   `expired`. What follows `token: ` is always prose. A header's value goes to the end of its line.
//! - A colon with nothing on either side of it is part of something else: `password:hunter2` is left, unless it is
//!   in braces. So is `<password type="x">…`: elements are known without attributes only.
//! - `key`, `code`, `auth`, `session`, `sig` and the like are names of secrets in queries only, not in texts and keys.
//! - An unquoted value ends with its word: of `password=correct horse`, the second word is left.
//! - Without its name, what a newtype's `Debug` prints, `Secret("…")`, says nothing.
//! - A card's number directly behind a letter is part of an id.
//!
//! In doubt, the rest of a value, a line or a bracket goes with a secret that begins there.
//!
//! Names and keys that are literals of the program are taken for harmless and shown to a user's own rules only.
//! Samplers run before it and see what was recorded.

mod keys;
mod redaction;
mod redactor;
mod rule;
mod rules;

pub use crate::secrets::Secret;
pub use redaction::Redaction;
pub(crate) use redactor::Redactor;
pub use rule::{Field, Rule, Verdict};
pub(crate) use rules::Rules;
