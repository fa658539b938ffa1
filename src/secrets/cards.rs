//! Numbers of payment cards (floor 0) [ISO/IEC 7812-1].

use super::bytes::{at, before, begins_word, encoded_at, part, position, run};
use std::ops::{Range, RangeInclusive};

pub(super) const FEWEST_DIGITS: usize = 13;
const MOST_DIGITS: usize = 19;
/// How many digits stand together where they stand in groups.
const GROUP: RangeInclusive<usize> = 3..=7;
/// How many stand together on most cards.
const USUAL_GROUP: usize = 4;
/// At the end of a text that is cut, so many digits of a number are too many.
pub(super) const FEWEST_OF_CUT: usize = 9;

/// Is it one, as an integer? Only of 14 to 16 digits, which nearly all cards have: an integer with more of
/// them is an id, and one in twenty ids would pass for a card.
#[inline]
pub(crate) fn is_card_number(number: i64) -> bool {
    (10_000_000_000_000..10_000_000_000_000_000).contains(&number) && are_digits_of_card(number as u64)
}

/// The same, as a number that has no fraction but might have had one.
#[inline(never)]
pub(crate) fn is_card_float(number: f64) -> bool {
    let whole = number as i64;
    whole as f64 == number && is_card_number(whole)
}

#[inline(never)]
fn are_digits_of_card(number: u64) -> bool {
    let mut rest = number;
    let mut digits = Digits::default();
    // From the last digit to the first: the buffer is turned around below.
    while rest > 0 {
        digits.push((rest % 10) as u8);
        rest /= 10;
    }
    digits.turn();
    digits.are_a_card_number()
}

/// The next number, with what stands between its groups.
pub(super) fn next(bytes: &[u8], from: usize, is_cut: bool) -> Option<Range<usize>> {
    let mut from = from;
    loop {
        let start = position(bytes, from, |byte| byte.is_ascii_digit())?;
        let start = behind_encoded(bytes, start);
        from = run(bytes, start, |byte| byte.is_ascii_digit()).max(start);
        if may_begin(bytes, start)
            && begins_well(at(bytes, start).wrapping_sub(b'0'))
            && let Some(end) = number_end(bytes, start, is_cut)
        {
            return Some(start..end);
        }
    }
}

/// Where the longest number that begins here ends.
fn number_end(bytes: &[u8], start: usize, is_cut: bool) -> Option<usize> {
    let mut digits = Digits::default();
    let mut separator = None;
    let mut group_start = start;
    let mut longest = None;
    loop {
        let mut end = group_start;
        while at(bytes, end).is_ascii_digit() {
            if !digits.push(at(bytes, end) - b'0') {
                return longest;
            }
            end += 1;
        }
        let is_group = GROUP.contains(&(end - group_start));
        if separator.is_some() && !is_group {
            return longest;
        }
        let is_number = may_end(bytes, end) && digits.are_a_card_number();
        if is_number || (is_cut && end == bytes.len() && digits.may_become_one()) {
            longest = Some(end);
        }
        let next = Separator::at(bytes, end).filter(|_| is_group);
        let next = next.filter(|next| {
            separator.is_none_or(|separator| separator == *next)
                && at(bytes, end + next.width).is_ascii_digit()
                && (next.is_usual || (end - group_start == USUAL_GROUP || digits.count > 2 * USUAL_GROUP))
        });
        let Some(next) = next else {
            return longest;
        };
        separator = Some(next);
        group_start = end + next.width;
    }
}

/// What stands between groups: the same between all of them.
#[derive(Clone, Copy, PartialEq)]
struct Separator {
    first: u8,
    width: usize,
    /// Else it is in decimal numbers, too, so that only groups as on cards count, and more than two of them.
    is_usual: bool,
}

impl Separator {
    fn at(bytes: &[u8], start: usize) -> Option<Self> {
        let rest = part(bytes, start..bytes.len());
        let (width, is_usual) = match rest {
            [b' ', b' ', ..] => (2, true),
            [b' ' | b'-' | b'+', ..] => (1, true),
            // A space at which no line is broken.
            [0xC2, 0xA0, ..] => (2, true),
            [b'%', ..] => (encoded_at(bytes, start).filter(|(byte, _)| *byte == b' ')?.1, true),
            [b'.' | b'_', ..] => (1, false),
            _ => return None,
        };
        Some(Self { first: at(bytes, start), width, is_usual })
    }
}

/// Behind what is percent-encoded, if these digits are a part of that.
fn behind_encoded(bytes: &[u8], start: usize) -> usize {
    let encoded = [1, 2, 3, 4].into_iter().find_map(|back| {
        let sign = start.checked_sub(back)?;
        let (_, width) = encoded_at(bytes, sign)?;
        (sign + width > start).then_some(sign + width)
    });
    encoded.unwrap_or(start)
}

/// Neither amid a word, such as a hexadecimal number, nor behind a decimal point.
fn may_begin(bytes: &[u8], start: usize) -> bool {
    let previous = before(bytes, start);
    let is_fraction = previous == b'.' && before(bytes, start - 1).is_ascii_digit();
    (!previous.is_ascii_alphabetic() || begins_word(bytes, start)) && !is_fraction
}

fn may_end(bytes: &[u8], end: usize) -> bool {
    let next = at(bytes, end);
    let rest = part(bytes, end..bytes.len());
    if next.is_ascii_alphabetic() {
        return SUFFIXES.iter().any(|suffix| ends_with_suffix(rest, suffix));
    }
    // `.0` is how a number without a fraction is written that might have had one.
    let is_whole_part = next == b'.' && at(bytes, end + 1).is_ascii_digit();
    !is_whole_part || ends_with_suffix(rest, b".0")
}

/// By which programs write of what type a number is.
const SUFFIXES: [&[u8]; 9] = [b"L", b"l", b"n", b"u64", b"i64", b"u128", b"i128", b"UL", b"ULL"];

fn ends_with_suffix(rest: &[u8], suffix: &[u8]) -> bool {
    rest.starts_with(suffix) && !at(rest, suffix.len()).is_ascii_alphanumeric()
}

#[derive(Default)]
struct Digits {
    digits: [u8; MOST_DIGITS],
    count: usize,
    /// There have been more than fit.
    are_too_many: bool,
}

impl Digits {
    /// False if there are too many.
    fn push(&mut self, digit: u8) -> bool {
        match self.digits.get_mut(self.count) {
            Some(place) => {
                *place = digit;
                self.count += 1;
                true
            }
            None => {
                self.are_too_many = true;
                false
            }
        }
    }

    fn turn(&mut self) {
        self.digits.get_mut(..self.count).unwrap_or_default().reverse();
    }

    fn get(&self) -> &[u8] {
        self.digits.get(..self.count).unwrap_or_default()
    }

    fn are_a_card_number(&self) -> bool {
        !self.are_too_many && self.count >= FEWEST_DIGITS && self.begin_well() && pass_luhn(self.get())
    }

    fn may_become_one(&self) -> bool {
        self.count >= FEWEST_OF_CUT && self.begin_well()
    }

    fn begin_well(&self) -> bool {
        self.get().first().is_some_and(|digit| begins_well(*digit))
    }
}

/// Is it a digit that stands for an industry which issues cards? So the times of our decades, in milliseconds
/// or finer, are none.
const fn begins_well(digit: u8) -> bool {
    matches!(digit, 2..=6 | 8)
}

/// The check digit [ISO/IEC 7812-1, annex B].
fn pass_luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(position, digit)| {
            let digit = u32::from(*digit);
            let doubled = digit * 2 - if digit > 4 { 9 } else { 0 };
            if position % 2 == 1 { doubled } else { digit }
        })
        .sum();
    sum.is_multiple_of(10)
}
