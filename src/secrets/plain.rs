//! What most texts are (floor 0): made of bytes alone of which no secret is.
//!
//! Says yes only of what is surely harmless; all else goes to the first test proper, in [`super::signs`]. Eight or
//! sixteen bytes are looked at together: chunks of fixed lengths become a few vector instructions.

use super::{api_keys, cards, jwts};

/// Bytes from `LOW` to `9` and from `HIGH` on are harmless. Others are the blank, quotes, brackets, `%`, `+`
/// and `-`, then `:`, `=`, `>` and `@`: without any of these, no scanner has a name, a sign or a scheme to begin with.
#[inline(always)]
fn are_harmless<const LOW: u8, const HIGH: u8, const N: usize>(bytes: &[u8; N]) -> bool {
    let is_other = |byte: u8| (byte < LOW) | (byte.wrapping_sub(b':') < HIGH - b':');
    !bytes.iter().fold(false, |others, byte| others | is_other(*byte))
}

/// In a text with no room for a JWT, a backslash, a backtick or a brace as well: they frame nothing by themselves.
#[inline(always)]
fn are_harmless_in_short<const N: usize>(bytes: &[u8; N]) -> bool {
    are_harmless::<b'.', b'A', N>(bytes)
}

/// Two chunks of eight have all bytes of a text that is no longer.
const SHORT: usize = 16;
const _: () = assert!(SHORT < jwts::FEWEST_BYTES && jwts::FEWEST_BYTES < api_keys::FEWEST_BYTES);

/// Is nothing in this text that any scanner would look at? Its end must be there.
#[inline(always)]
pub(super) fn is_plain(text: &[u8]) -> bool {
    match (text.first_chunk::<8>(), text.last_chunk::<8>()) {
        (Some(first), Some(last)) if text.len() <= SHORT => {
            are_harmless_in_short(first)
                && are_harmless_in_short(last)
                && (text.len() < cards::FEWEST_DIGITS || !has_short_card(first, last))
        }
        (Some(_), _) => is_long_plain(text),
        _ => is_shortest_plain(text),
    }
}

/// So many digits in sixteen bytes are in both halves.
fn has_short_card(first: &[u8; 8], last: &[u8; 8]) -> bool {
    const FEWEST_OF_HALF: u8 = (cards::FEWEST_DIGITS - SHORT / 2) as u8;
    digits(first) >= FEWEST_OF_HALF && digits(last) >= FEWEST_OF_HALF
}

#[inline(always)]
fn is_shortest_plain(text: &[u8]) -> bool {
    match (text.first_chunk::<4>(), text.last_chunk::<4>(), text) {
        (Some(first), Some(last), _) => are_harmless_in_short(first) && are_harmless_in_short(last),
        (_, _, [a, b, c]) => are_harmless_in_short(&[*a, *b, *c, *c]),
        // No room for a name, a sign and a value.
        _ => true,
    }
}

#[inline(never)]
fn is_long_plain(text: &[u8]) -> bool {
    if text.len() < api_keys::FEWEST_BYTES {
        // A JWT needs a capital.
        is_every(text, are_harmless::<b'.', b'[', 16>) && has_few_digits(text)
    } else {
        // An API key needs a capital, a hyphen, a dot or an underscore.
        is_every(text, are_harmless::<b'/', b'`', 16>) && has_few_digits(text)
    }
}

/// Is it so of all sixteen bytes of a long text, and of its last ones?
#[inline(always)]
fn is_every(text: &[u8], is_so: impl Fn(&[u8; 16]) -> bool) -> bool {
    let (chunks, _) = text.as_chunks();
    chunks.iter().all(&is_so) && text.last_chunk().is_some_and(is_so)
}

/// Are there fewer digits in a long text than a card has?
#[inline(always)]
fn has_few_digits(text: &[u8]) -> bool {
    let has_none = |chunk: &[u8; 16]| !chunk.iter().fold(false, |some, byte| some | byte.is_ascii_digit());
    is_every(text, has_none) || {
        let (chunks, rest) = text.as_chunks::<16>();
        let count: usize = chunks.iter().map(|chunk| usize::from(digits(chunk))).sum();
        count + rest.iter().filter(|byte| byte.is_ascii_digit()).count() < cards::FEWEST_DIGITS
    }
}

#[inline(always)]
fn digits<const N: usize>(bytes: &[u8; N]) -> u8 {
    bytes.iter().map(|byte| u8::from(byte.is_ascii_digit())).sum()
}

#[cfg(test)]
mod tests {
    use super::{api_keys, cards, is_plain, jwts};

    /// Byte by byte.
    fn is_harmless(byte: u8, length: usize) -> bool {
        let is_long = length >= api_keys::FEWEST_BYTES;
        match byte {
            b'.' | b'[' | b'\\' | b']' | b'^' | b'_' => !is_long,
            b'A'..=b'Z' => length < jwts::FEWEST_BYTES,
            b'/' | b'0'..=b'9' | b'`'.. => true,
            _ => false,
        }
    }

    #[test]
    fn each_byte_is_seen_at_each_place() {
        for length in 3..40 {
            assert!(is_plain(&vec![b'a'; length]));
            for (place, byte) in (0..length).flat_map(|place| (0..=255).map(move |byte| (place, byte))) {
                let mut text = vec![b'a'; length];
                text[place] = byte;
                assert_eq!(is_plain(&text), is_harmless(byte, length), "{byte} at {place} of {length}");
            }
        }
    }

    #[test]
    fn no_key_s_beginning_is_plain() {
        for (begin, fewest) in api_keys::KEYS {
            let key = begin.to_owned() + &"a".repeat(fewest);
            assert!(!is_plain(key.as_bytes()), "{key}");
        }
        assert!(!is_plain(b"sk-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
    }

    #[test]
    fn where_a_card_has_room_few_digits_are_plain() {
        for length in 0..100 {
            for digits in 0..=length {
                let text = [vec![b'4'; digits], vec![b'a'; length - digits]].concat();
                let has_room = digits >= cards::FEWEST_DIGITS;
                assert!(!(has_room && is_plain(&text)), "{digits} of {length}");
                assert!(is_plain(&text) || digits >= 5, "{digits} of {length}");
            }
        }
    }
}
