//! PEM blocks with private keys (floor 0) [RFC 7468].

use super::{
    REDACTED,
    bytes::{at, find, part, run, run_within},
};
use std::ops::Range;

const BEGIN: &[u8] = b"-----BEGIN ";
const HYPHENS: usize = 5;
const END: &[u8] = b"-----END ";
/// A text shorter than this has none.
pub(super) const FEWEST_BYTES: usize = BEGIN.len() + 11;
const MOST_LABEL_BYTES: usize = 64;

/// The next block, its lines included. One without an end goes on to the end of the text: that may
/// have been cut.
pub(super) fn next(bytes: &[u8], from: usize) -> Option<Range<usize>> {
    let mut from = from;
    loop {
        let start = line_start(bytes, from)?;
        let label = label(bytes, start + BEGIN.len());
        if is_private(bytes, label.clone()) {
            return Some(start..block_end(bytes, label.end));
        }
        from = label.start;
    }
}

/// Where the next line begins that may begin a block. It has so many hyphens in a row that one of them is at
/// one of the places that are looked at.
fn line_start(bytes: &[u8], from: usize) -> Option<usize> {
    let mut probe = from + HYPHENS - 1;
    while probe < bytes.len() {
        if at(bytes, probe) == b'-'
            && let Some(start) = (probe + 1 - HYPHENS..=probe)
                .find(|start| part(bytes, *start..bytes.len()).starts_with(BEGIN))
        {
            return Some(start);
        }
        probe += HYPHENS;
    }
    None
}

/// `RSA PRIVATE KEY`, `PGP PRIVATE KEY BLOCK`, …; but none that has become a label by what was replaced in it.
fn is_private(bytes: &[u8], label: Range<usize>) -> bool {
    let has = |what| find(part(bytes, label.clone()), 0, what).is_some();
    has(b"PRIVATE KEY") && !has(REDACTED.as_bytes())
}

fn label(bytes: &[u8], start: usize) -> Range<usize> {
    let is_label = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b' ';
    start..run_within(bytes, start, MOST_LABEL_BYTES, is_label)
}

fn block_end(bytes: &[u8], from: usize) -> usize {
    let mut from = from;
    while let Some(end) = find(bytes, from, END) {
        let label = label(bytes, end + END.len());
        from = label.start;
        if at(bytes, label.end) != b'-' || !is_private(bytes, label.clone()) {
            continue;
        }
        from = run(bytes, label.end, |byte| byte == b'-');
        // Those dashes may as well begin the next block, which then belongs to this one.
        if !part(bytes, from..bytes.len()).starts_with(b"BEGIN ") {
            return from;
        }
    }
    bytes.len()
}
