//! The first test of a text (floor 0): bytes without which a scanner has nothing to find in it.

use super::{api_keys, cards};

/// Which of a few telling bytes a text has, and how many digits.
#[derive(Clone, Copy)]
pub(super) struct Signs {
    seen: u8,
    pub(super) digits: usize,
    pub(super) length: usize,
}

pub(super) const EQUALS: u8 = 1;
pub(super) const COLON: u8 = 2;
pub(super) const QUOTE: u8 = 4;
pub(super) const SPACE: u8 = 8;
pub(super) const DOT: u8 = 16;
pub(super) const DASH: u8 = 32;
pub(super) const AT: u8 = 64;
pub(super) const SLASH: u8 = 128;

/// Marks a digit, beside the signs.
const DIGIT: u16 = 256;

const fn mark(byte: u8) -> u16 {
    let sign = match byte {
        b'0'..=b'9' => return DIGIT,
        b'=' => EQUALS,
        b':' => COLON,
        b'"' | b'\'' | b'`' => QUOTE,
        b' ' | b'\t' => SPACE,
        b'.' => DOT,
        b'-' => DASH,
        b'@' => AT,
        b'/' => SLASH,
        _ => 0,
    };
    sign as u16
}

/// The mark of each byte.
static SIGNS: [u16; 256] = {
    let mut signs = [0; 256];
    let mut rest: &mut [u16] = &mut signs;
    let mut byte = 0;
    while let [first, others @ ..] = rest {
        *first = mark(byte);
        byte = byte.wrapping_add(1);
        rest = others;
    }
    signs
};

impl Signs {
    #[inline]
    pub(super) fn of(bytes: &[u8]) -> Self {
        let (mut seen, mut digits) = (0, 0);
        for byte in bytes {
            let mark = SIGNS.get(usize::from(*byte)).copied().unwrap_or_default();
            seen |= mark;
            digits += usize::from(mark / DIGIT);
        }
        Self { seen: seen as u8, digits, length: bytes.len() }
    }

    /// Is there nothing that any scanner looks for?
    #[inline]
    pub(super) const fn say_nothing(self, is_cut: bool) -> bool {
        const TELLING: u8 = EQUALS | COLON | SPACE | DOT | AT;
        // A slash or a dash alone says nothing, nor does a quote.
        self.seen & TELLING == 0
            && self.digits < cards::FEWEST_DIGITS
            && self.length < api_keys::FEWEST_BYTES
            && !is_cut
    }

    /// Has it all of these?
    pub(super) const fn has(self, all: u8) -> bool {
        self.seen & all == all
    }
}
