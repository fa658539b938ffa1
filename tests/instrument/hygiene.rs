//! The attribute in surroundings that would trip it if it were careless.

use crate::{Traced, block_on};
use throughline::instrument;

/// Everything the prelude offers, meaning something else.
mod shadowed {
    #![allow(dead_code, non_snake_case, unused_macros)]

    use ::throughline::instrument;

    pub(super) enum Option {
        Some,
        None,
    }
    pub(super) struct Result;
    pub(super) struct Box;
    pub(super) trait Clone {}
    pub(super) trait FnOnce {}
    pub(super) fn Ok() {}
    pub(super) fn Err() {}
    pub(super) fn Some() {}
    pub(super) fn None() {}
    mod core {}
    mod std {}
    mod throughline {}
    macro_rules! format_args {
        () => {};
    }
    pub(super) struct Span;

    #[instrument(err, kind = "client", fields(shown = %number, number, again = number))]
    pub(super) fn call(number: u8) -> ::std::result::Result<u8, ::std::fmt::Error> {
        let __throughline_span = 1;
        ::std::result::Result::Ok(number + __throughline_span)
    }

    #[instrument(err(Debug))]
    pub(super) async fn future(text: &str) -> ::std::result::Result<usize, ::std::fmt::Error> {
        let __throughline_result = text.len();
        ::std::result::Result::Ok(__throughline_result)
    }

    #[instrument]
    pub(super) async fn plain(__throughline_span: u8) -> u8 {
        __throughline_span
    }
}

#[test]
fn the_users_names_are_neither_used_nor_hidden() {
    let traced = Traced::new();
    assert_eq!(shadowed::call(1), Ok(2));
    assert_eq!(block_on(shadowed::future("abc")), Ok(3));
    assert_eq!(block_on(shadowed::plain(4)), 4);
    assert_eq!(traced.names(), ["call", "future", "plain"]);
}

/// Names that a lint would complain of if the expansion wrote its own code in a user's name.
#[instrument(err)]
#[deny(warnings, clippy::pedantic)]
#[allow(clippy::unnecessary_wraps)]
fn linted(_unused: u8, count: usize, text: &str) -> Result<(), std::fmt::Error> {
    let _ = (count, text);
    Ok(())
}

#[instrument(fields(count = count, text))]
#[deny(warnings, clippy::pedantic)]
async fn linted_future(_unused: u8, count: &usize, text: String) {
    let _ = (count, text);
}

#[test]
fn strict_lints_pass() {
    let traced = Traced::new();
    assert_eq!(linted(1, 2, "t"), Ok(()));
    block_on(linted_future(1, &2, "t".into()));
    assert_eq!(traced.spans().len(), 2);
}
