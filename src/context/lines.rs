//! The lines of one header (floor 1): walked, counted and trimmed, neither interpreted nor kept.

use std::ops::ControlFlow::{self, Break, Continue};

/// The most bytes all lines of one header may have together; a header over it is ignored.
pub const MAX_HEADER_BYTES: usize = 8 * 1024;

/// The most lines a header may have, of those that may have several; a header with more is ignored. A line
/// costs its walk, even an empty one, and no list here has more members.
pub const MAX_HEADER_LINES: usize = 64;

/// All lines of one header, in the order in which they came; may be walked more than once.
///
/// Any cloneable iterable of byte strings is one: `&headers.get_all("tracestate")` of the `http`
/// crate's `HeaderMap`, an array or a slice, an `Option` where a carrier has at most one line. Nothing
/// is collected.
///
/// ```
/// use throughline::context::TraceState;
///
/// let state = TraceState::from_lines(["congo=t61rcWkgMzE", "rojo=00f067aa0ba902b7"])?;
/// assert_eq!(state.get("rojo"), Some("00f067aa0ba902b7"));
/// # Ok::<(), throughline::context::TraceStateError>(())
/// ```
pub trait Lines<'a> {
    /// Hands each line to `each`, until that breaks off.
    fn walk<B>(&self, each: impl FnMut(&'a [u8]) -> ControlFlow<B>) -> ControlFlow<B>;
}

impl<'a, L, T> Lines<'a> for L
where
    L: IntoIterator<Item = &'a T> + Clone,
    T: AsRef<[u8]> + ?Sized + 'a,
{
    fn walk<B>(&self, mut each: impl FnMut(&'a [u8]) -> ControlFlow<B>) -> ControlFlow<B> {
        self.clone().into_iter().try_for_each(|line| each(line.as_ref()))
    }
}

/// How many lines a header has, as far as that makes a difference.
pub(crate) enum Extent<'a> {
    /// There is none.
    None,
    One(&'a [u8]),
    Several,
    /// More than [`MAX_HEADER_BYTES`] in all of them.
    TooLong,
    /// More than [`MAX_HEADER_LINES`].
    TooMany,
}

impl<'a> Extent<'a> {
    /// Looks at the lines once, which in most carriers means to look the header up, and at no more than one
    /// over the cap.
    pub(crate) fn of(lines: &impl Lines<'a>) -> Self {
        let mut extent = Self::None;
        let (mut bytes_left, mut lines_left) = (MAX_HEADER_BYTES, MAX_HEADER_LINES);
        let walk = lines.walk(|line| {
            let Some(fewer) = lines_left.checked_sub(1) else {
                return Break(Self::TooMany);
            };
            let Some(rest) = bytes_left.checked_sub(line.len()) else {
                return Break(Self::TooLong);
            };
            (bytes_left, lines_left) = (rest, fewer);
            extent = if matches!(extent, Self::None) { Self::One(line) } else { Self::Several };
            Continue(())
        });
        match walk {
            Break(over) => over,
            Continue(()) => extent,
        }
    }
}

/// Hands each member of a list header to `each`, trimmed; empty ones are passed over.
///
/// # Errors
///
/// The first that `each` returns.
pub(crate) fn try_for_each_member<'a, E>(
    lines: &impl Lines<'a>,
    mut each: impl FnMut(&'a [u8]) -> Result<(), E>,
) -> Result<(), E> {
    let walk = lines.walk(|line| {
        let mut rest = line;
        loop {
            // Empty members are gone with the blanks before the next.
            rest = trim_start(rest, is_between_members);
            if rest.is_empty() {
                return Continue(());
            }
            let (member, after) = split_once(rest, b',').unwrap_or((rest, b""));
            rest = after;
            if let Err(error) = each(trim(member)) {
                return Break(error);
            }
        }
    });
    match walk {
        Break(error) => Err(error),
        Continue(()) => Ok(()),
    }
}

/// The same bytes without the spaces and tabs around them [RFC 9110, 5.6.3, OWS].
#[inline]
pub(crate) fn trim(bytes: &[u8]) -> &[u8] {
    match bytes {
        [first, .., last] if !is_blank(*first) && !is_blank(*last) => bytes,
        _ => trim_blanks(bytes),
    }
}

#[inline(never)]
fn trim_blanks(bytes: &[u8]) -> &[u8] {
    trim_end(trim_start(bytes, is_blank), is_blank)
}

/// The same bytes without those at the start that are so: of them there may be thousands.
pub(crate) fn trim_start(mut bytes: &[u8], is_so: impl Fn(u8) -> bool) -> &[u8] {
    while let [first, rest @ ..] = bytes
        && is_so(*first)
    {
        bytes = rest;
        while let Some((chunk, rest)) = bytes.split_first_chunk::<16>()
            && all_bytes(chunk, &is_so)
        {
            bytes = rest;
        }
    }
    bytes
}

/// The same bytes without those at the end that are so: of them there may be thousands.
pub(crate) fn trim_end(mut bytes: &[u8], is_so: impl Fn(u8) -> bool) -> &[u8] {
    while let [rest @ .., last] = bytes
        && is_so(*last)
    {
        bytes = rest;
        while let Some((rest, chunk)) = bytes.split_last_chunk::<16>()
            && all_bytes(chunk, &is_so)
        {
            bytes = rest;
        }
    }
    bytes
}

/// A space or a tab.
pub(crate) const fn is_blank(byte: u8) -> bool {
    (byte == b' ') | (byte == b'\t')
}

/// What stands between the members of a list [RFC 9110, 5.6.1.2].
pub(crate) const fn is_between_members(byte: u8) -> bool {
    is_blank(byte) | (byte == b',')
}

/// What is left after the bytes at the start that are so, of which there are few: byte by byte.
pub(crate) fn skip(mut bytes: &[u8], is_so: impl Fn(u8) -> bool) -> &[u8] {
    while let [first, rest @ ..] = bytes
        && is_so(*first)
    {
        bytes = rest;
    }
    bytes
}

/// The two sides of the first `separator`; `None` if there is none.
pub(crate) fn split_once(bytes: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    // Sixteen at a time as far as there is none.
    let (chunks, _) = bytes.as_chunks::<16>();
    let without =
        chunks.iter().take_while(|chunk| !any_byte(chunk.as_slice(), |byte| byte == separator)).count();
    let near = bytes.get(without * 16..)?;
    let place = without * 16 + near.iter().position(|byte| *byte == separator)?;
    let (before, from) = bytes.split_at_checked(place)?;
    Some((before, from.split_first()?.1))
}

/// The two sides of the last `separator`; `None` if there is none.
pub(crate) fn rsplit_once(bytes: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let (_, chunks) = bytes.as_rchunks::<16>();
    let is_without = |chunk: &&[u8; 16]| !any_byte(chunk.as_slice(), |byte| byte == separator);
    let without = chunks.iter().rev().take_while(is_without).count();
    let near = bytes.get(..bytes.len() - without * 16)?;
    let place = near.iter().rposition(|byte| *byte == separator)?;
    let (before, from) = bytes.split_at_checked(place)?;
    Some((before, from.split_first()?.1))
}

/// Is every byte so? Looks at all of them, without a branch for each: where `is_so` has none either,
/// that is many bytes at once.
pub(crate) fn all_bytes(bytes: &[u8], is_so: impl Fn(u8) -> bool) -> bool {
    bytes.iter().fold(true, |all, byte| all & is_so(*byte))
}

/// Is any byte so? As [`all_bytes`].
pub(crate) fn any_byte(bytes: &[u8], is_so: impl Fn(u8) -> bool) -> bool {
    bytes.iter().fold(false, |any, byte| any | is_so(*byte))
}

/// Bytes that were checked to be ASCII, as the text they are.
pub(crate) fn ascii(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

/// A list of at most `N` items that needs no allocation.
pub(crate) struct Bounded<T, const N: usize> {
    items: [T; N],
    len: usize,
}

impl<T: Copy, const N: usize> Bounded<T, N> {
    /// No items; `blank` fills the places nobody sees.
    pub(crate) const fn new(blank: T) -> Self {
        Self { items: [blank; N], len: 0 }
    }

    /// Appends an item; `None` if the list is full.
    pub(crate) fn push(&mut self, item: T) -> Option<()> {
        *self.items.get_mut(self.len)? = item;
        self.len += 1;
        Some(())
    }

    pub(crate) fn as_slice(&self) -> &[T] {
        self.items.get(..self.len).unwrap_or_default()
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [T] {
        self.items.get_mut(..self.len).unwrap_or_default()
    }
}
