//! W3C tracestate (floor 1): a checked list of members, kept as the header text it came from.
//!
//! Refuses a list with anything wrong in it as a whole, as the specification asks; says nothing about
//! what a member means.

use super::lines::{
    Bounded, Extent, Lines, MAX_HEADER_BYTES, all_bytes, ascii, skip, split_once, try_for_each_member,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{borrow::Cow, fmt, iter, str::FromStr, sync::Arc};

/// The most members of a list [W3C Trace Context, tracestate limits].
const MAX_MEMBERS: usize = 32;
/// The most bytes of a key and of a value.
const MAX_PART_BYTES: usize = 256;
/// Members longer than this go first when a header is shortened.
const LONG_MEMBER_BYTES: usize = 128;

/// What the tracing systems along a request's way have written for themselves
/// [W3C Trace Context Level 2, tracestate].
///
/// At most 32 members, each key once, the latest writer leftmost. A key is `[a-z0-9]` and then up to
/// 255 of `[a-z0-9_*/@-]`; a value is 1 to 256 printable ASCII characters but `,` and `=`, the last of
/// them no space.
///
/// An empty list holds no memory; a clone shares the text.
///
/// ```
/// use throughline::context::TraceState;
///
/// let mut state: TraceState = "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7".parse()?;
/// state.insert("rojo", "1")?;
/// assert_eq!(state.to_string(), "rojo=1,congo=t61rcWkgMzE");
/// # Ok::<(), throughline::context::TraceStateError>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct TraceState(
    /// Members as `key=value` joined by `,`; all ASCII. Never an empty text.
    Option<Arc<[u8]>>,
);

/// Why a text is no tracestate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TraceStateError {
    /// More than [`MAX_HEADER_BYTES`](super::MAX_HEADER_BYTES) in all lines together.
    #[error("the tracestate has more than 8192 bytes")]
    TooLong,
    /// More than 32 members, or than 64 lines of the header.
    #[error("the tracestate has more than 32 members, or than 64 lines")]
    TooManyMembers,
    /// A member without `=`.
    #[error("a member of the tracestate has no '='")]
    NoValue,
    /// A key that is none.
    #[error("a tracestate key is one of a-z 0-9, then up to 255 of a-z 0-9 _ - * / @")]
    Key,
    /// A value that is none.
    #[error(
        "a tracestate value is 1 to 256 printable ASCII characters but ',' and '=', not ending in a space"
    )]
    Value,
}

impl TraceState {
    /// No members.
    pub const EMPTY: Self = Self(None);

    /// How long [`to_header`](Self::to_header) gets, in characters: what every conforming hop passes
    /// on. Whoever needs more cannot rely on it further along.
    pub const DEFAULT_HEADER_CHARS: usize = 512;

    /// Reads all lines of the header, as if they were one, joined by commas.
    ///
    /// Empty members are passed over; of members with the same key, the first is kept. Nothing is
    /// allocated unless the list is good, and then once.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong. There is no good part of a bad list.
    pub fn from_lines<'a>(lines: impl Lines<'a>) -> Result<Self, TraceStateError> {
        match Extent::of(&lines) {
            Extent::None => Ok(Self::EMPTY),
            Extent::One(line) => Self::of_line(line),
            Extent::Several => Self::of_members(&lines),
            Extent::TooLong => Err(TraceStateError::TooLong),
            Extent::TooMany => Err(TraceStateError::TooManyMembers),
        }
    }

    /// Reads the one line of a header that has no more.
    ///
    /// # Errors
    ///
    /// As [`from_lines`](Self::from_lines).
    #[cfg_attr(not(feature = "server"), expect(dead_code, reason = "who knows his carrier reads a line"))]
    pub(crate) fn from_line(line: &[u8]) -> Result<Self, TraceStateError> {
        if line.len() <= MAX_HEADER_BYTES { Self::of_line(line) } else { Err(TraceStateError::TooLong) }
    }

    fn of_line(line: &[u8]) -> Result<Self, TraceStateError> {
        if is_plain_member(line) { Ok(Self(Some(line.into()))) } else { Self::of_members(&[line]) }
    }

    fn of_members<'a>(lines: &impl Lines<'a>) -> Result<Self, TraceStateError> {
        let mut members = Bounded::<_, MAX_MEMBERS>::new(Member { key: b"", value: b"" });
        let mut seen = 0;
        try_for_each_member(lines, |text| {
            seen += 1;
            if seen > MAX_MEMBERS {
                return Err(TraceStateError::TooManyMembers);
            }
            let (key, value) = split_once(text, b'=').ok_or(TraceStateError::NoValue)?;
            let member = Member::checked(key, value)?;
            if members.as_slice().iter().all(|earlier| earlier.key != member.key) {
                members.push(member).ok_or(TraceStateError::TooManyMembers)?;
            }
            Ok(())
        })?;
        Ok(Self(join(members.as_slice().iter().copied())))
    }

    /// Has it no members?
    pub const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.members().find(|member| member.key == key.as_bytes()).map(|member| ascii(member.value))
    }

    /// Keys and values, leftmost first.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> + Clone {
        self.members().map(|member| (ascii(member.key), ascii(member.value)))
    }

    /// Writes a member leftmost, as one does whose entry it is, and takes away an earlier one with the
    /// same key. Where that makes 33 members, the rightmost goes.
    ///
    /// # Errors
    ///
    /// [`TraceStateError::Key`] or [`TraceStateError::Value`]; the list is then as it was.
    pub fn insert(&mut self, key: &str, value: &str) -> Result<(), TraceStateError> {
        let member = Member::checked(key.as_bytes(), value.as_bytes())?;
        let others = self.members().filter(|other| other.key != member.key).take(MAX_MEMBERS - 1);
        let text = join(iter::once(member).chain(others));
        self.0 = text;
        Ok(())
    }

    /// Takes a member away; `false` if there was none.
    pub fn remove(&mut self, key: &str) -> bool {
        let had_it = self.get(key).is_some();
        if had_it {
            let text = join(self.members().filter(|member| member.key != key.as_bytes()));
            self.0 = text;
        }
        had_it
    }

    /// The header's text, shortened to [`DEFAULT_HEADER_CHARS`](Self::DEFAULT_HEADER_CHARS).
    pub fn to_header(&self) -> Cow<'_, str> {
        self.to_header_within(Self::DEFAULT_HEADER_CHARS)
    }

    /// The header's text, shortened to at most `chars` characters; fewer than 512 are taken for 512.
    ///
    /// Where it is longer, members over 128 characters are left out first, then any, each time from
    /// the right and only as many as it takes [W3C Trace Context, tracestate limits]. Allocates only
    /// then.
    pub fn to_header_within(&self, chars: usize) -> Cow<'_, str> {
        let text = self.as_str();
        let chars = chars.max(Self::DEFAULT_HEADER_CHARS);
        if text.len() <= chars {
            return Cow::Borrowed(text);
        }
        let mut members: Vec<&str> = text.split(',').collect();
        // Each member counts with a comma, also the last.
        let mut excess = text.len() - chars;
        for may_go in [|member: &&str| member.len() > LONG_MEMBER_BYTES, |_: &&str| true] {
            while excess > 0
                && let Some(place) = members.iter().rposition(may_go)
            {
                excess = excess.saturating_sub(members.remove(place).len() + 1);
            }
        }
        Cow::Owned(members.join(","))
    }

    /// As [`to_header`](Self::to_header), for who needs no text.
    #[cfg_attr(not(feature = "client"), expect(dead_code, reason = "propagators write texts"))]
    pub(crate) fn to_header_bytes(&self) -> Cow<'_, [u8]> {
        let text = self.as_bytes();
        if text.len() <= Self::DEFAULT_HEADER_CHARS {
            return Cow::Borrowed(text);
        }
        match self.to_header() {
            Cow::Borrowed(shortened) => Cow::Borrowed(shortened.as_bytes()),
            Cow::Owned(shortened) => Cow::Owned(shortened.into_bytes()),
        }
    }

    /// The value of the entry that begins like this, its `=` included.
    pub(super) fn value_after(&self, key: &[u8]) -> Option<&str> {
        let mut rest = self.0.as_deref()?;
        loop {
            let (member, after) =
                split_once(rest, b',').map_or((rest, None), |(member, after)| (member, Some(after)));
            if let Some(value) = member.strip_prefix(key) {
                return Some(ascii(value));
            }
            rest = after?;
        }
    }

    /// The whole list, its members between commas.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_deref().unwrap_or_default()
    }

    fn as_str(&self) -> &str {
        ascii(self.as_bytes())
    }

    fn members(&self) -> impl Iterator<Item = Member<'_>> + Clone {
        let text = self.as_bytes();
        text.split(|byte| *byte == b',')
            .filter_map(|member| split_once(member, b'='))
            .map(|(key, value)| Member { key, value })
    }
}

/// A member whose key and value keep the rules.
#[derive(Clone, Copy)]
struct Member<'a> {
    key: &'a [u8],
    value: &'a [u8],
}

impl<'a> Member<'a> {
    fn checked(key: &'a [u8], value: &'a [u8]) -> Result<Self, TraceStateError> {
        let starts_well = matches!(key, [b'a'..=b'z' | b'0'..=b'9', ..]);
        if !starts_well || key.len() > MAX_PART_BYTES || !all_bytes(key, is_key_byte) {
            return Err(TraceStateError::Key);
        }
        let ends_well = matches!(value, [.., last] if *last != b' ');
        if !ends_well || value.len() > MAX_PART_BYTES || !all_bytes(value, is_value_byte) {
            return Err(TraceStateError::Value);
        }
        Ok(Self { key, value })
    }
}

/// Is it one good member and nothing else, as it is to be kept? One look at each byte.
fn is_plain_member(text: &[u8]) -> bool {
    if text.len() > 2 * MAX_PART_BYTES + 1 {
        return false;
    }
    let [b'=', value @ ..] = skip(text, |byte| class(byte) & KEY != 0) else {
        return false;
    };
    matches!(text, [b'a'..=b'z' | b'0'..=b'9', ..])
        && text.len() - value.len() <= MAX_PART_BYTES + 1
        && value.len() <= MAX_PART_BYTES
        && matches!(value, [.., last] if *last != b' ')
        && skip(value, |byte| class(byte) & VALUE != 0).is_empty()
}

/// A byte of a key, and one of a value, in [`class`].
const KEY: u8 = 1;
const VALUE: u8 = 2;

/// What a byte may be part of.
fn class(byte: u8) -> u8 {
    const CLASSES: [u8; 256] = {
        let mut classes = [0; 256];
        let (mut rest, mut byte) = (classes.as_mut_slice(), 0_u8);
        while let [class, after @ ..] = rest {
            *class = is_key_byte(byte) as u8 * KEY + is_value_byte(byte) as u8 * VALUE;
            (rest, byte) = (after, byte.wrapping_add(1));
        }
        classes
    };
    CLASSES.get(usize::from(byte)).copied().unwrap_or_default()
}

const fn is_key_byte(byte: u8) -> bool {
    ((b'a' <= byte) & (byte <= b'z'))
        | ((b'0' <= byte) & (byte <= b'9'))
        | (byte == b'_')
        | (byte == b'-')
        | (byte == b'*')
        | (byte == b'/')
        | (byte == b'@')
}

const fn is_value_byte(byte: u8) -> bool {
    (b' ' <= byte) & (byte <= b'~') & (byte != b',') & (byte != b'=')
}

/// Writes the members out, in one allocation; `None` for no members.
fn join<'a>(members: impl Iterator<Item = Member<'a>> + Clone) -> Option<Arc<[u8]>> {
    // Two bytes more for each: its '=' and its comma, but for the last one's.
    let bytes: usize = members.clone().map(|member| member.key.len() + member.value.len() + 2).sum();
    let mut text: Arc<[u8]> = iter::repeat_n(b',', bytes.checked_sub(1)?).collect();
    let mut rest = Arc::get_mut(&mut text)?;
    for member in members {
        for part in [member.key, b"=", member.value] {
            let (place, after) = rest.split_at_mut_checked(part.len())?;
            place.copy_from_slice(part);
            rest = after;
        }
        // The comma is there already.
        rest = rest.get_mut(1..).unwrap_or_default();
    }
    Some(text)
}

/// Reads the header's text, whatever its length: 32 members bound it.
impl FromStr for TraceState {
    type Err = TraceStateError;

    fn from_str(text: &str) -> Result<Self, TraceStateError> {
        Self::of_line(text.as_bytes())
    }
}

/// The whole text, not shortened.
impl fmt::Display for TraceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Keys only: a value came in a header, and may be what someone would not have in a log.
impl fmt::Debug for TraceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(|(key, _)| key)).finish()
    }
}

/// As the whole text.
impl Serialize for TraceState {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Reads the text, by the rules of the header.
impl<'de> Deserialize<'de> for TraceState {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <Cow<'de, str>>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
