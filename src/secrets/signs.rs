//! The first test of a text (floor 0): bytes without which a scanner has nothing to find in it.
//!
//! Nearly all texts have none of them, so this is what looking for secrets costs: a load and an addition for
//! each byte.

/// Which of a few telling bytes a text has, and how many digits.
#[derive(Clone, Copy)]
pub(super) struct Signs {
    /// A field for each sign: not zero if it is there.
    seen: u64,
    pub(super) digits: usize,
}

/// A field in which a byte is counted.
const FIELD_BITS: u32 = 10;
const FIELD: u64 = (1 << FIELD_BITS) - 1;
/// As many bytes as a field can count.
const CHUNK: usize = FIELD as usize;

const fn field(place: u32) -> u64 {
    1 << (place * FIELD_BITS)
}

const DIGITS: u64 = field(0);
pub(super) const EQUALS: u64 = field(1);
/// Of any of the three sorts.
pub(super) const QUOTE: u64 = field(2);
/// A space or a tab.
pub(super) const BLANK: u64 = field(3);
pub(super) const AT: u64 = field(4);
/// The third letter of a JSON object in base64.
pub(super) const CAPITAL_J: u64 = field(5);

/// What a byte adds.
static MARKS: [u64; 256] = {
    let mut marks = [0; 256];
    let mut rest: &mut [u64] = &mut marks;
    let mut byte = 0_u8;
    while let [first, others @ ..] = rest {
        *first = match byte {
            b'0'..=b'9' => DIGITS,
            b'=' => EQUALS,
            b'"' | b'\'' | b'`' => QUOTE,
            b' ' | b'\t' => BLANK,
            b'@' => AT,
            b'J' => CAPITAL_J,
            _ => 0,
        };
        byte = byte.wrapping_add(1);
        rest = others;
    }
    marks
};

impl Signs {
    #[inline(always)]
    pub(super) fn of(bytes: &[u8]) -> Self {
        let mut signs = Self { seen: 0, digits: 0 };
        if bytes.len() <= CHUNK {
            signs.add(bytes);
        } else {
            bytes.chunks(CHUNK).for_each(|chunk| signs.add(chunk));
        }
        signs
    }

    #[inline(always)]
    fn add(&mut self, chunk: &[u8]) {
        let mark = |byte: u8| MARKS.get(usize::from(byte)).copied().unwrap_or_default();
        let (fours, rest) = chunk.as_chunks();
        let mut sum: u64 = rest.iter().map(|byte| mark(*byte)).sum();
        for [a, b, c, d] in fours {
            sum += mark(*a) + mark(*b) + mark(*c) + mark(*d);
        }
        self.digits += (sum & FIELD) as usize;
        self.seen |= sum & !FIELD;
    }

    /// Are there any but digits?
    #[inline(always)]
    pub(super) const fn are_there(self) -> bool {
        self.seen != 0
    }

    /// Is any of these there?
    #[inline(always)]
    pub(super) const fn has(self, signs: u64) -> bool {
        self.seen & (signs * FIELD) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::{AT, BLANK, CAPITAL_J, EQUALS, QUOTE, Signs};

    const TELLING: [(u8, u64); 9] = [
        (b'=', EQUALS),
        (b'"', QUOTE),
        (b'\'', QUOTE),
        (b'`', QUOTE),
        (b' ', BLANK),
        (b'\t', BLANK),
        (b'@', AT),
        (b'J', CAPITAL_J),
        (b'7', 0),
    ];
    const ALL: [u64; 5] = [EQUALS, QUOTE, BLANK, AT, CAPITAL_J];

    #[track_caller]
    fn sees(text: &[u8], sign: u64, digits: usize) {
        let signs = Signs::of(text);
        assert_eq!(ALL.map(|other| signs.has(other)), ALL.map(|other| other == sign));
        assert_eq!((signs.are_there(), signs.digits), (sign != 0, digits));
    }

    #[test]
    fn each_sign_is_seen_at_each_place_and_nothing_else_is() {
        for length in 0..40 {
            let text = vec![b'a'; length];
            sees(&text, 0, 0);
            for place in 0..length {
                for (byte, sign) in TELLING {
                    let mut text = text.clone();
                    text[place] = byte;
                    sees(&text, sign, usize::from(byte == b'7'));
                }
            }
        }
        let is_other = |byte: &u8| !byte.is_ascii_digit() && TELLING.iter().all(|(sign, _)| sign != byte);
        sees(&(0..=255).filter(is_other).collect::<Vec<u8>>(), 0, 0);
    }

    #[test]
    fn however_many_there_are() {
        for count in [1, 31, 1_022, 1_023, 1_024, 1_025, 2_046, 2_047, 5_000] {
            for (byte, sign) in TELLING {
                sees(&vec![byte; count], sign, if byte == b'7' { count } else { 0 });
            }
        }
    }
}
