//! The W3C baggage header (floor 2) [W3C Baggage: definition, value, limits].
//!
//! Refuses a header with anything wrong in it as a whole: an application that got half of its entries
//! could not tell.

use super::propagator::{ExtractError, Getter, Header, Propagator, Reason, Setter};
use crate::context::{
    Baggage, BaggageError, BaggageMember, Bounded, Coding, Context, Extent, Lines, are_octets, is_blank,
    is_octet, is_tchar, is_token, skip, split_once, trim, try_for_each_member,
};
use std::fmt;

/// The header.
pub const BAGGAGE: &str = "baggage";

/// Reads all lines of the header; no line at all is empty baggage.
///
/// Keys are taken as they are, values decoded: `%XX` in UTF-8, where what is none becomes U+FFFD. A `%`
/// without two hex digits stands for itself. Properties are kept in the spelling in which they came.
/// Empty members are passed over [RFC 9110, 5.6.1.2]. Where a key comes twice, the later entry stands,
/// in the place of the earlier.
///
/// Allocates nothing unless the header is good, then at most four times.
///
/// # Errors
///
/// The first thing that is wrong.
///
/// ```
/// use throughline::propagation::baggage;
///
/// let read = baggage::parse(["tenant=caf%C3%A9;ttl=60", "tier = gold"])?;
/// assert_eq!(read.get("tenant"), Some("café"));
/// assert_eq!(baggage::encode(&read).text, "tenant=caf%C3%A9;ttl=60,tier=gold");
/// # Ok::<(), throughline::context::BaggageError>(())
/// ```
pub fn parse<'a>(lines: impl Lines<'a>) -> Result<Baggage, BaggageError> {
    match Extent::of(&lines) {
        Extent::None => Ok(Baggage::EMPTY),
        Extent::One(line) => read(&[line]),
        Extent::Several => read(&lines),
        Extent::TooLong => Err(BaggageError::TooLong),
    }
}

fn read<'a>(lines: &impl Lines<'a>) -> Result<Baggage, BaggageError> {
    let mut members = Bounded::<_, { Baggage::MAX_ENTRIES }>::new(BaggageMember::BLANK);
    let mut seen = 0;
    try_for_each_member(lines, |text| {
        seen += 1;
        if seen > Baggage::MAX_ENTRIES {
            return Err(BaggageError::TooManyEntries);
        }
        let member = member(text)?;
        match members.as_mut_slice().iter_mut().find(|earlier| earlier.key == member.key) {
            Some(earlier) => *earlier = member,
            None => members.push(member).ok_or(BaggageError::TooManyEntries)?,
        }
        Ok(())
    })?;
    Ok(Baggage::from_members(members.as_slice(), Coding::Percent))
}

/// `key = value *( ; property )`, with optional white space around each part.
fn member(text: &[u8]) -> Result<BaggageMember<'_>, BaggageError> {
    let (entry, properties) = match split_once(text, b';') {
        Some((entry, properties)) => (entry, Some(properties)),
        None => (text, None),
    };
    let (key, value) = split_once(entry, b'=').ok_or(BaggageError::NoValue)?;
    let member = BaggageMember { key: trim(key), value: trim(value), properties };
    check(member.key, member.value)?;
    properties.map_or(Ok(()), check_properties)?;
    Ok(member)
}

/// `name [ = value ] *( ; name [ = value ] )`, with optional white space around each part. In one go,
/// as a header has room for thousands.
fn check_properties(properties: &[u8]) -> Result<(), BaggageError> {
    let mut rest = properties;
    loop {
        let name = skip(rest, is_blank);
        rest = skip(name, is_tchar);
        if rest.len() == name.len() {
            return Err(BaggageError::Key);
        }
        rest = skip(rest, is_blank);
        let mut error = BaggageError::Key;
        if let [b'=', value @ ..] = rest {
            rest = skip(skip(skip(value, is_blank), is_octet), is_blank);
            error = BaggageError::Value;
        }
        match rest {
            [] => return Ok(()),
            [b';', next @ ..] => rest = next,
            _ => return Err(error),
        }
    }
}

fn check(key: &[u8], value: &[u8]) -> Result<(), BaggageError> {
    if !is_token(key) {
        Err(BaggageError::Key)
    } else if !are_octets(value) {
        Err(BaggageError::Value)
    } else {
        Ok(())
    }
}

/// Baggage as a header.
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Encoded {
    /// The value of the header: empty for no baggage, and then not to be sent.
    pub text: String,
    /// Entries at the end that would have gone over the limit of 8,192 bytes. Only baggage that was
    /// received can have them, where other spellings of its values are longer.
    pub left_out: usize,
}

/// Not the text, as with [`Baggage`].
impl fmt::Debug for Encoded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoded").field("left_out", &self.left_out).finish_non_exhaustive()
    }
}

/// Writes the header, in one allocation. No entry is ever sent in part.
pub fn encode(baggage: &Baggage) -> Encoded {
    let mut bytes = 0;
    let mut fitting = 0;
    for entry in baggage.iter() {
        let with_it = bytes + usize::from(fitting > 0) + entry.encoded_len();
        if with_it > Baggage::MAX_BYTES {
            break;
        }
        bytes = with_it;
        fitting += 1;
    }
    let mut text = String::with_capacity(bytes);
    for entry in baggage.iter().take(fitting) {
        if !text.is_empty() {
            text.push(',');
        }
        entry.encode_onto(&mut text);
    }
    Encoded { text, left_out: baggage.len() - fitting }
}

/// The [`Propagator`] of W3C Baggage.
#[derive(Clone, Copy, Debug, Default)]
pub struct W3cBaggage;

impl Propagator for W3cBaggage {
    fn extract(&self, carrier: &dyn Getter, context: &mut Context) -> Result<(), ExtractError> {
        match parse(Header::new(carrier, BAGGAGE)) {
            Ok(baggage) => {
                if !baggage.is_empty() {
                    context.baggage = baggage;
                }
                Ok(())
            }
            Err(error) => Err(ExtractError::new(BAGGAGE, reason(error))),
        }
    }

    fn inject(&self, context: &Context, carrier: &mut dyn Setter) {
        let Encoded { text, .. } = encode(&context.baggage);
        if !text.is_empty() {
            carrier.set(BAGGAGE, text.as_bytes());
        }
    }
}

const fn reason(error: BaggageError) -> Reason {
    match error {
        BaggageError::TooLong => Reason::TooLong,
        BaggageError::TooManyEntries => Reason::TooMany,
        _ => Reason::Malformed,
    }
}
