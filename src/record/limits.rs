//! How much a span may hold (floor 2), and how what is too long is cut.

use std::borrow::Cow;

/// The bounds of one span. What is over is left out and counted, or cut. There is none of depth, because
/// nothing in a span nests deeper than the texts of a list in an attribute of an event.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    pub(crate) attributes: usize,
    pub(crate) events: usize,
    pub(crate) links: usize,
    pub(crate) attributes_per_event: usize,
    pub(crate) attributes_per_link: usize,
    /// Of one text or list.
    pub(crate) value_bytes: usize,
    /// Of a name or key.
    pub(crate) name_bytes: usize,
    /// All of it together.
    pub(crate) span_bytes: usize,
}

impl Limits {
    /// No limits: for records that have been through them already.
    pub(crate) const NONE: Self = Self {
        attributes: usize::MAX,
        events: usize::MAX,
        links: usize::MAX,
        attributes_per_event: usize::MAX,
        attributes_per_link: usize::MAX,
        value_bytes: usize::MAX,
        name_bytes: usize::MAX,
        span_bytes: usize::MAX,
    };
}

/// The longest head of `text` of at most `bytes` bytes that ends between characters.
pub(crate) fn cut_at(text: &str, bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes)).unwrap_or(text)
}

/// As [`cut_at`], of a text that may be owned; what is cut off is freed.
#[inline(always)]
pub(crate) fn cut_name(name: Cow<'static, str>, bytes: usize) -> Cow<'static, str> {
    if name.len() <= bytes { name } else { cut(name, bytes) }
}

#[cold]
fn cut(name: Cow<'static, str>, bytes: usize) -> Cow<'static, str> {
    match name {
        Cow::Borrowed(name) => Cow::Borrowed(cut_at(name, bytes)),
        Cow::Owned(name) => Cow::Owned(cut_at(&name, bytes).to_owned()),
    }
}

/// The bytes a text has on the heap.
#[expect(clippy::ptr_arg, reason = "whether it is owned is the question")]
pub(super) fn owned_bytes(text: &Cow<'static, str>) -> usize {
    match text {
        Cow::Borrowed(_) => 0,
        Cow::Owned(text) => text.capacity(),
    }
}
