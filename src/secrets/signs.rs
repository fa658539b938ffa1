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

/// By byte: its sign, and whether it is a digit.
static SIGNS: [(u8, u8); 256] = {
    let mut signs = [(0, 0); 256];
    let mut byte = 0;
    while byte < 256 {
        signs[byte] = match byte as u8 {
            b'=' => (EQUALS, 0),
            b':' => (COLON, 0),
            b'"' | b'\'' | b'`' => (QUOTE, 0),
            b' ' | b'\t' => (SPACE, 0),
            b'.' => (DOT, 0),
            b'-' => (DASH, 0),
            b'@' => (AT, 0),
            b'/' => (SLASH, 0),
            b'0'..=b'9' => (0, 1),
            _ => (0, 0),
        };
        byte += 1;
    }
    signs
};

impl Signs {
    #[inline]
    pub(super) fn of(bytes: &[u8]) -> Self {
        let mut signs = Self { seen: 0, digits: 0, length: bytes.len() };
        for byte in bytes {
            let (sign, digit) = SIGNS.get(usize::from(*byte)).copied().unwrap_or_default();
            signs.seen |= sign;
            signs.digits += usize::from(digit);
        }
        signs
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
