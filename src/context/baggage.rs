//! Baggage (floor 1): what an application hands along with a request, decoded.
//!
//! Keeps to the limits of the W3C header, so that what is in it can travel. The header itself is read
//! and written by `propagation::baggage`.

use super::{
    lines::{Bounded, any_byte, ascii, is_blank},
    percent::{Coding, Decoder, decoded, encode_onto, encoded_len, is_token},
};
use std::{borrow::Cow, fmt, sync::Arc};

/// Keys and values an application hands along with a request [W3C Baggage; OpenTelemetry Baggage API].
///
/// At most 64 entries, each key once, and at most 8,192 bytes as a header; the order stays. It is sent
/// in the clear to the services called: nothing secret belongs here. The layers of `middleware` send it to
/// hosts of one's own network only and copy those entries to spans that they are told to; whoever injects
/// it by hand decides for himself.
///
/// An empty one holds no memory; a clone shares the entries.
///
/// ```
/// use throughline::context::Baggage;
///
/// let baggage = Baggage::EMPTY.with("tenant", "café 7")?.with("tier", "gold")?;
/// assert_eq!(baggage.get("tenant"), Some("café 7"));
/// assert_eq!(baggage.len(), 2);
/// # Ok::<(), throughline::context::BaggageError>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Baggage(
    /// Never an empty list.
    Option<Arc<Entries>>,
);

/// Why something is no baggage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BaggageError {
    /// More than 8,192 bytes, in all lines of the header together.
    #[error("the baggage has more than 8192 bytes")]
    TooLong,
    /// More than 64 entries, or lines of the header.
    #[error("the baggage has more than 64 entries or lines")]
    TooManyEntries,
    /// An entry without `=`.
    #[error("an entry of the baggage has no '='")]
    NoValue,
    /// A key, of an entry or of a property, that is no token.
    #[error("a baggage key is one or more of A-Z a-z 0-9 ! # $ % & ' * + - . ^ _ ` | ~")]
    Key,
    /// A value in a header, of an entry or of a property, with a character that must be encoded.
    #[error("a baggage value has a character that must be percent-encoded")]
    Value,
}

impl Baggage {
    /// No entries.
    pub const EMPTY: Self = Self(None);
    /// The most entries.
    pub const MAX_ENTRIES: usize = 64;
    /// The most bytes, as a header.
    pub const MAX_BYTES: usize = super::MAX_HEADER_BYTES;

    /// Is there nothing in it?
    pub const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |entries| entries.ends.len())
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.entry(key).map(|entry| entry.value)
    }

    /// The entry of a key.
    pub fn entry(&self, key: &str) -> Option<BaggageEntry<'_>> {
        self.iter().find(|entry| entry.key == key)
    }

    /// The entries, in the order in which their keys were first set.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = BaggageEntry<'_>> + Clone {
        let (text, ends) = self.0.as_ref().map_or(("", &[][..]), |entries| (&*entries.text, &entries.ends));
        let mut start = 0;
        ends.iter().map(move |end| {
            let part = |from, to| text.get(from..to).unwrap_or_default();
            let entry = BaggageEntry {
                key: part(start, end.key),
                value: part(end.key, end.value),
                properties: part(end.value, end.properties),
            };
            start = end.properties;
            entry
        })
    }

    /// The same baggage with this entry as well, or in place of the one that had the key.
    ///
    /// # Errors
    ///
    /// As [`insert`](Self::insert).
    pub fn with(mut self, key: &str, value: &str) -> Result<Self, BaggageError> {
        self.insert(key, value)?;
        Ok(self)
    }

    /// Sets an entry without properties. The value may be any text.
    ///
    /// # Errors
    ///
    /// [`BaggageError::Key`], or a limit that it would go over; the baggage is then as it was.
    pub fn insert(&mut self, key: &str, value: &str) -> Result<(), BaggageError> {
        self.insert_with_properties(key, value, &[])
    }

    /// Sets an entry with properties: names, which are tokens, each with any text or none.
    ///
    /// # Errors
    ///
    /// As [`insert`](Self::insert).
    pub fn insert_with_properties(
        &mut self,
        key: &str,
        value: &str,
        properties: &[(&str, Option<&str>)],
    ) -> Result<(), BaggageError> {
        if !is_token(key.as_bytes()) || !properties.iter().all(|(name, _)| is_token(name.as_bytes())) {
            return Err(BaggageError::Key);
        }
        let mut encoded = String::new();
        push_properties(&mut encoded, properties.iter().copied(), encode_onto);
        let new = BaggageEntry { key, value, properties: &encoded };
        let is_new = self.entry(key).is_none();
        let entries = self.iter().map(|entry| if entry.key == key { new } else { entry });
        let entries = entries.chain(is_new.then_some(new));
        check_limits(entries.clone())?;
        let entries = Entries::copied(entries);
        self.0 = Some(Arc::new(entries));
        Ok(())
    }

    /// Takes an entry away; `false` if there was none.
    pub fn remove(&mut self, key: &str) -> bool {
        let had_it = self.entry(key).is_some();
        if had_it {
            let rest = Entries::copied(self.iter().filter(|entry| entry.key != key));
            self.0 = (!rest.ends.is_empty()).then(|| Arc::new(rest));
        }
        had_it
    }

    /// Adds the entries of `other` whose keys are not there yet, as many as the limits have room for.
    pub(crate) fn fill_from(&mut self, other: Self) {
        if self.is_empty() {
            *self = other;
            return;
        }
        let own = self.iter();
        let mut count = own.len();
        let mut bytes = own.clone().map(|entry| entry.encoded_len() + 1).sum::<usize>();
        let fitting = other.iter().filter(|entry| self.entry(entry.key).is_none()).take_while(|entry| {
            count += 1;
            bytes += entry.encoded_len() + 1;
            // The last entry has no comma.
            count <= Self::MAX_ENTRIES && bytes <= Self::MAX_BYTES + 1
        });
        let mut new = Bounded::<_, { Self::MAX_ENTRIES }>::new(BaggageEntry::BLANK);
        for entry in fitting {
            let _ = new.push(entry);
        }
        if !new.as_slice().is_empty() {
            let entries = Entries::copied(own.chain(new.as_slice().iter().copied()));
            self.0 = Some(Arc::new(entries));
        }
    }

    /// Decodes members that were checked: keys are tokens, values and properties UTF-8. The caller keeps
    /// to the limits.
    pub(crate) fn from_members(members: &[BaggageMember<'_>], coding: Coding) -> Self {
        if members.is_empty() {
            return Self::EMPTY;
        }
        let mut entries =
            Entries::with_capacity(members.len(), members.iter().map(BaggageMember::bytes).sum());
        let mut decoder = Decoder::default();
        for member in members {
            entries.push(
                ascii(member.key),
                |text| decoder.decode_onto(text, member.value, coding),
                |text| member.push_properties(text),
            );
        }
        Self(Some(Arc::new(entries)))
    }
}

/// Keys only: a value may be what someone would not have in a log.
impl fmt::Debug for Baggage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(|entry| entry.key)).finish()
    }
}

/// One entry of a [`Baggage`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct BaggageEntry<'a> {
    key: &'a str,
    value: &'a str,
    /// As in the header: `name` or `name=value`, the value encoded, joined by `;`.
    properties: &'a str,
}

impl<'a> BaggageEntry<'a> {
    const BLANK: Self = Self { key: "", value: "", properties: "" };

    /// The key.
    pub const fn key(&self) -> &'a str {
        self.key
    }

    /// The value, decoded.
    pub const fn value(&self) -> &'a str {
        self.value
    }

    /// The properties, in order: a name, and a value where one was given, decoded. A name may come
    /// more than once.
    pub fn properties(&self) -> impl Iterator<Item = (&'a str, Option<Cow<'a, str>>)> + Clone {
        let properties = self.properties.split(';').filter(|property| !property.is_empty());
        properties.map(|property| match property.split_once('=') {
            Some((name, value)) => (name, Some(decoded(value))),
            None => (property, None),
        })
    }

    /// The bytes it takes in a header.
    pub(crate) fn encoded_len(&self) -> usize {
        let properties = if self.properties.is_empty() { 0 } else { 1 + self.properties.len() };
        self.key.len() + 1 + encoded_len(self.value) + properties
    }

    /// Appends it as a member of a header.
    pub(crate) fn encode_onto(&self, text: &mut String) {
        text.push_str(self.key);
        text.push('=');
        encode_onto(text, self.value);
        if !self.properties.is_empty() {
            text.push(';');
            text.push_str(self.properties);
        }
    }
}

/// The key only, as with [`Baggage`].
impl fmt::Debug for BaggageEntry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BaggageEntry").field("key", &self.key).finish_non_exhaustive()
    }
}

/// A member of a header, checked but not decoded.
#[derive(Clone, Copy)]
pub(crate) struct BaggageMember<'a> {
    pub(crate) key: &'a [u8],
    pub(crate) value: &'a [u8],
    /// All that came after the first `;`, white space included; `None` if there was no `;`.
    pub(crate) properties: Option<&'a [u8]>,
}

impl<'a> BaggageMember<'a> {
    pub(crate) const BLANK: Self = Self { key: b"", value: b"", properties: None };

    /// Appends the properties, without the white space, which is none of theirs.
    fn push_properties(&self, text: &mut String) {
        let properties = self.properties.unwrap_or_default();
        if any_byte(properties, is_blank) {
            text.extend(properties.iter().copied().filter(|byte| !is_blank(*byte)).map(char::from));
        } else {
            text.push_str(ascii(properties));
        }
    }

    fn bytes(&self) -> usize {
        self.key.len() + self.value.len() + self.properties.map_or(0, <[u8]>::len)
    }
}

/// All entries: one text, and where in it each part of each entry ends.
#[derive(PartialEq, Eq)]
struct Entries {
    text: String,
    ends: Vec<Ends>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Ends {
    key: usize,
    value: usize,
    properties: usize,
}

impl Entries {
    fn with_capacity(entries: usize, bytes: usize) -> Self {
        Self { text: String::with_capacity(bytes), ends: Vec::with_capacity(entries) }
    }

    fn copied<'a>(entries: impl Iterator<Item = BaggageEntry<'a>> + Clone) -> Self {
        let bytes = entries.clone().map(|entry| entry.key.len() + entry.value.len() + entry.properties.len());
        let mut copy = Self::with_capacity(entries.clone().count(), bytes.sum());
        for entry in entries {
            copy.push(entry.key, |text| text.push_str(entry.value), |text| text.push_str(entry.properties));
        }
        copy
    }

    fn push(&mut self, key: &str, value: impl FnOnce(&mut String), properties: impl FnOnce(&mut String)) {
        self.text.push_str(key);
        let key = self.text.len();
        value(&mut self.text);
        let value = self.text.len();
        properties(&mut self.text);
        self.ends.push(Ends { key, value, properties: self.text.len() });
    }
}

fn check_limits<'a>(entries: impl Iterator<Item = BaggageEntry<'a>> + Clone) -> Result<(), BaggageError> {
    let count = entries.clone().count();
    if count > Baggage::MAX_ENTRIES {
        return Err(BaggageError::TooManyEntries);
    }
    let commas = count.saturating_sub(1);
    let bytes = entries.map(|entry| entry.encoded_len()).sum::<usize>() + commas;
    if bytes > Baggage::MAX_BYTES { Err(BaggageError::TooLong) } else { Ok(()) }
}

/// Appends `name` or `name=value`, joined by `;`.
fn push_properties<'a>(
    text: &mut String,
    properties: impl Iterator<Item = (&'a str, Option<&'a str>)>,
    push_value: impl Fn(&mut String, &str),
) {
    for (position, (name, value)) in properties.enumerate() {
        if position > 0 {
            text.push(';');
        }
        text.push_str(name);
        if let Some(value) = value {
            text.push('=');
            push_value(text, value);
        }
    }
}
