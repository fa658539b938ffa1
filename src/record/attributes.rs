//! A span's attributes, lent for many to be set in a row (floor 2).
//!
//! What may still be taken in the usual way is worked out once, not for each of them. What is unusual in any
//! way goes through the functions of `details.rs`, which know the limits by themselves.

use super::{details::Details, limits::Limits};
use crate::value::Value;
use std::borrow::Cow;

pub(crate) struct Attributes<'a> {
    details: &'a mut Details,
    limits: &'a Limits,
    /// The bytes of text for which there is memory, and which the span may take.
    free_text: usize,
}

impl<'a> Attributes<'a> {
    #[inline]
    pub(crate) fn of(details: &'a mut Details, limits: &'a Limits) -> Self {
        let free_text = free_text(details, limits);
        Self { details, limits, free_text }
    }

    /// Appends a text, or counts it as dropped.
    #[inline]
    pub(crate) fn text(&mut self, key: &'static str, text: &str) {
        self.push(key, text, false);
    }

    /// A text in which no secret can be: it is one of a closed set, or written by the crate itself. What a
    /// request, an answer or a setting brings along is none.
    #[inline]
    pub(crate) fn known(&mut self, key: &'static str, text: &str) {
        self.push(key, text, true);
    }

    /// A text that comes in parts.
    #[cfg_attr(
        not(feature = "client"),
        expect(dead_code, reason = "only a client has a URL to put together")
    )]
    pub(crate) fn joined(&mut self, key: &'static str, parts: &[&str]) {
        self.details.push_joined(key, parts, self.limits);
        self.free_text = free_text(self.details, self.limits);
    }

    #[inline]
    pub(crate) fn number(&mut self, key: &'static str, number: impl Into<i64>) {
        self.details.push_i64(key, number.into(), self.limits);
    }

    pub(crate) fn any(&mut self, key: impl Into<Cow<'static, str>>, value: Value<'_>) {
        self.details.push_attribute(key.into(), value, self.limits);
        self.free_text = free_text(self.details, self.limits);
    }

    #[inline(never)]
    fn push(&mut self, key: &'static str, text: &str, is_known: bool) {
        let Self { details, limits, free_text } = self;
        let fits = text.len() <= *free_text && text.len() <= limits.value_bytes;
        if !fits || !details.has_usual_room(key, limits) {
            return self.push_unusual(key, text, is_known);
        }
        *free_text -= text.len();
        let slot = details.values.keep_fitting(key, text);
        details.slots.push(if is_known { slot.known() } else { slot });
    }

    #[cold]
    fn push_unusual(&mut self, key: &'static str, text: &str, is_known: bool) {
        if is_known {
            self.details.push_known(key, text, self.limits);
        } else {
            self.details.push_text(key, text, self.limits);
        }
        self.free_text = free_text(self.details, self.limits);
    }
}

#[inline]
fn free_text(details: &Details, limits: &Limits) -> usize {
    limits.span_bytes.saturating_sub(details.held_bytes()).min(details.values.free_text())
}
