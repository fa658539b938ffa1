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
const FIELD_BITS: u32 = 8;
const FIELD: u64 = (1 << FIELD_BITS) - 1;
/// As many bytes as a field can count.
const CHUNK: usize = FIELD as usize;

const fn field(place: u32) -> u64 {
    1 << (place * FIELD_BITS)
}

const DIGITS: u64 = field(0);
pub(super) const EQUALS: u64 = field(1);
/// What a name or a value is put in, a quote of any of the three sorts or a bracket, and the backslash that
/// escapes one.
pub(super) const FRAME: u64 = field(2);
/// A space, a tab or a form feed: what may stand behind a colon on the same line.
pub(super) const BLANK: u64 = field(3);
pub(super) const AT: u64 = field(4);
/// Of those that an object of JSON has near its beginning, one or another, in base64.
pub(super) const CAPITAL: u64 = field(5);
/// What may stand between a name and its value if a blank or a frame does as well: a colon, an option's hyphen.
pub(super) const MARK: u64 = field(6);
/// What percent-encoding writes, a plus sign for a space among it, and a tag's end.
pub(super) const RARE: u64 = field(7);

/// What a byte adds.
static MARKS: [u64; 256] = {
    let mut marks = [0; 256];
    let mut rest: &mut [u64] = &mut marks;
    let mut byte = 0_u8;
    while let [first, others @ ..] = rest {
        *first = match byte {
            b'0'..=b'9' => DIGITS,
            b'=' => EQUALS,
            b'"' | b'\'' | b'`' | b'\\' | b'(' | b'{' => FRAME,
            b' ' | b'\t' | b'\x0C' => BLANK,
            b'@' => AT,
            b'J' | b'A' | b'K' => CAPITAL,
            b':' | b'-' => MARK,
            b'%' | b'+' | b'>' => RARE,
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

    /// Is any of these there?
    #[inline(always)]
    pub(super) const fn has(self, signs: u64) -> bool {
        self.seen & (signs * FIELD) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::{AT, BLANK, CAPITAL, EQUALS, FRAME, MARK, RARE, Signs};

    const TELLING: [(u8, u64); 20] = [
        (b'=', EQUALS),
        (b'"', FRAME),
        (b'\'', FRAME),
        (b'`', FRAME),
        (b'\\', FRAME),
        (b'(', FRAME),
        (b'{', FRAME),
        (b'>', RARE),
        (b' ', BLANK),
        (b'\t', BLANK),
        (b'\x0C', BLANK),
        (b'@', AT),
        (b'J', CAPITAL),
        (b'A', CAPITAL),
        (b'K', CAPITAL),
        (b':', MARK),
        (b'-', MARK),
        (b'%', RARE),
        (b'+', RARE),
        (b'7', 0),
    ];
    const ALL: [u64; 7] = [EQUALS, FRAME, BLANK, AT, CAPITAL, MARK, RARE];

    #[track_caller]
    fn sees(text: &[u8], sign: u64, digits: usize) {
        let signs = Signs::of(text);
        assert_eq!(ALL.map(|other| signs.has(other)), ALL.map(|other| other == sign));
        assert_eq!(signs.digits, digits);
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
        for count in [1, 31, 254, 255, 256, 257, 510, 511, 5_000] {
            for (byte, sign) in TELLING {
                sees(&vec![byte; count], sign, if byte == b'7' { count } else { 0 });
            }
        }
    }
}
