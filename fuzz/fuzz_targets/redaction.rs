//! The scanners for secrets against any text.
//!
//! The first byte chooses a secret; the rest is the text, in which a byte that is no UTF-8 marks the place
//! where the secret stands, between spaces; some stand first.
//!
//! `fuzz/run 60 redaction`
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::{borrow::Cow, sync::LazyLock};
use throughline::redact::{Redaction, Secret};

static REDACTION: LazyLock<Redaction> = LazyLock::new(|| Redaction::default().with(Secret::Email));

/// What must not be there any more, and what it stands in.
const SECRETS: [(&str, &str); 13] = [
    ("C4N4RY", "-----BEGIN PRIVATE KEY-----\nC4N4RY\n-----END PRIVATE KEY-----"),
    ("C4N4RY", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.C4N4RY"),
    ("C4N4RY", "Bearer s3cretC4N4RY"),
    ("C4N4RY", "ghp_aaaaaaaaaaaaaaaaaaaaaaaaaaaaC4N4RY"),
    ("C4N4RY", "https://ada:C4N4RY@shop.example/"),
    ("C4N4RY", "C4N4RY@shop.example"),
    ("4111111111111111", "4111111111111111"),
    ("C4N4RY", "https://shop.example/?token=C4N4RY&page=2"),
    ("C4N4RY", "password=C4N4RY"),
    ("C4N4RY", "https%3A%2F%2Fada:C4N4RY@h"),
    ("C4N4RY", "?next=%2Fcb%3Fcode%3DC4N4RY"),
    ("C4N4RY", "?code[]=C4N4RY"),
    ("4111111111111111", "%224111111111111111%22"),
];

/// The same, that stand first: behind a quotation or a name with no value yet, they would be parts of that.
const FIRST: [(&str, &str); 11] = [
    ("C4N4RY", "password=abc\"C4N4RY\""),
    ("C4N4RY", "{'password': b'C4N4RY'}"),
    ("C4N4RY", "password: Some(Secret(\"C4N4RY\"))"),
    ("C4N4RY", "password: Secret { inner: \"C4N4RY\" }"),
    ("C4N4RY", "{\"password\":[\"a\",\"C4N4RY\"]}"),
    ("C4N4RY", "{\\\"password\\\":\\\"a\\\\\\\"C4N4RY\\\"}"),
    ("C4N4RY", "password='it''s C4N4RY'"),
    ("C4N4RY", "PWD={a C4N4RY};"),
    ("C4N4RY", "password: C4N4RY"),
    ("C4N4RY", "--password C4N4RY"),
    ("C4N4RY", "<password>C4N4RY</password>"),
];

fuzz_target!(|input: &[u8]| {
    let Some((choice, rest)) = input.split_first() else { return };
    let text = String::from_utf8_lossy(rest);
    clean_twice(&text);

    let choice = usize::from(*choice) % (SECRETS.len() + FIRST.len());
    let is_first = choice >= SECRETS.len();
    let (canary, secret) = *SECRETS.iter().chain(&FIRST).nth(choice).expect("a choice is a place");
    if text.contains(canary) {
        return;
    }
    let (before, after) = text.split_once('\u{fffd}').unwrap_or((&text, ""));
    let before = if is_first { "" } else { before };
    let text = format!("{before} {secret} {after}");
    let clean = clean_twice(&text);
    assert!(!clean.contains(canary), "{clean}");
});

/// A second pass may take more away, where what is left of a secret and what stood around it look like another
/// one; that it takes nothing from a text without oddities is tested with the crate.
fn clean_twice(text: &str) -> Cow<'_, str> {
    let once = REDACTION.text(text);
    let _twice = REDACTION.text(&once);
    once
}
