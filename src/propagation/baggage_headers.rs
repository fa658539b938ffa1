//! Baggage with a header for each entry (floor 2): the key is in the header's name, after a prefix.
//!
//! Refuses it as a whole over the limits of the W3C header or a value with control characters, for the
//! same reason as there. Sends nothing that could be taken for another header.

use super::propagator::{ExtractError, Getter, Reason, Setter, walk_all};
use crate::context::{
    Baggage, BaggageMember, Bounded, Coding, Context, any_byte, encode_form_onto, is_blank, is_token, trim,
};
use std::ops::ControlFlow::{self, Break, Continue};

/// The most lines of a carrier that are looked at.
const MAX_LINES: usize = 1_024;

/// One format's headers of baggage.
pub(super) struct BaggageHeaders {
    /// What they are called in an error.
    pub(super) header: &'static str,
    /// What their names start with, in lowercase.
    pub(super) prefix: &'static str,
    pub(super) coding: Coding,
}

impl BaggageHeaders {
    /// Takes over what the headers say, if there are any. Where a key comes twice, the later entry stands.
    ///
    /// Allocates nothing unless all is good, then at most four times.
    pub(super) fn extract(&self, carrier: &dyn Getter, context: &mut Context) -> Result<(), ExtractError> {
        let mut read = Entries::new();
        let mut lines = 0;
        let walk = walk_all(carrier, |name, line| {
            lines += 1;
            if lines > MAX_LINES {
                return Break(Reason::TooMany);
            }
            match self.key(name) {
                Some(key) => read.push(key, line),
                None => Continue(()),
            }
        });
        if let Break(reason) = walk {
            return Err(ExtractError::new(self.header, reason));
        }
        if !read.members.as_slice().is_empty() {
            context.baggage = Baggage::from_members(read.members.as_slice(), self.coding);
        }
        Ok(())
    }

    fn key<'a>(&self, name: &'a str) -> Option<&'a [u8]> {
        let (prefix, key) = name.as_bytes().split_at_checked(self.prefix.len())?;
        prefix.eq_ignore_ascii_case(self.prefix.as_bytes()).then_some(key)
    }

    /// Sets a header for each entry whose value these headers can carry, as far as the limit of 8,192
    /// bytes goes.
    pub(super) fn inject(&self, baggage: &Baggage, carrier: &mut dyn Setter) {
        let mut left = Baggage::MAX_BYTES + 1;
        let (mut name, mut value) = (String::new(), String::new());
        for entry in baggage.iter() {
            name.clear();
            name.push_str(self.prefix);
            name.extend(entry.key().chars().map(|char| char.to_ascii_lowercase()));
            value.clear();
            match self.coding {
                Coding::Plain => value.push_str(entry.value()),
                Coding::Form | Coding::Percent => encode_form_onto(&mut value, entry.value()),
            }
            if !survives(&value) {
                continue;
            }
            let Some(rest) = left.checked_sub(cost(entry.key().as_bytes(), value.as_bytes())) else {
                break;
            };
            left = rest;
            carrier.set(&name, value.as_bytes());
        }
    }
}

/// What has been read, checked but not decoded.
struct Entries<'a> {
    members: Bounded<BaggageMember<'a>, { Baggage::MAX_ENTRIES }>,
    seen: usize,
    left: usize,
}

impl<'a> Entries<'a> {
    fn new() -> Self {
        Self { members: Bounded::new(BaggageMember::BLANK), seen: 0, left: Baggage::MAX_BYTES + 1 }
    }

    /// Adds an entry. Looks at no line that is over the limit.
    fn push(&mut self, key: &'a [u8], line: &'a [u8]) -> ControlFlow<Reason> {
        self.seen += 1;
        if self.seen > Baggage::MAX_ENTRIES {
            return Break(Reason::TooMany);
        }
        let Some(left) = self.left.checked_sub(cost(key, line)) else {
            return Break(Reason::TooLong);
        };
        self.left = left;
        let value = trim(line);
        if !is_token(key) || !is_text(value) {
            return Break(Reason::Malformed);
        }
        let member = BaggageMember { key, value, properties: None };
        match self.members.as_mut_slice().iter_mut().find(|earlier| earlier.key == key) {
            Some(earlier) => *earlier = member,
            None => return self.members.push(member).map_or(Break(Reason::TooMany), Continue),
        }
        Continue(())
    }
}

/// The bytes of an entry, counted as in the W3C header: with its `=`, and a `,` for all but the last, for
/// which the limit has one byte more.
const fn cost(key: &[u8], value: &[u8]) -> usize {
    key.len().saturating_add(value.len()).saturating_add(2)
}

/// UTF-8 without control characters, but for tabs.
fn is_text(value: &[u8]) -> bool {
    !any_byte(value, is_control) && std::str::from_utf8(value).is_ok()
}

/// Does a value arrive as it is sent?
fn survives(value: &str) -> bool {
    let edges = [value.bytes().next(), value.bytes().next_back()];
    !any_byte(value.as_bytes(), is_control) && !edges.into_iter().flatten().any(is_blank)
}

const fn is_control(byte: u8) -> bool {
    ((byte < b' ') & (byte != b'\t')) | (byte == 0x7f)
}
