//! A span's bar on its trace's time scale (floor 3).
//!
//! Unicode has blocks that fill a cell from the left in eighths, but from the right only one eighth
//! and one half. With colours the missing ones are the others in reverse video; without, a start
//! within a cell is rounded to a half.

use super::{
    style::{Ink, Paint},
    text::Line,
};
use std::ops::Range;

const EIGHTHS: usize = 8;
/// Filled from the left by 0 to 8 eighths.
const FROM_LEFT: [char; EIGHTHS + 1] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'];

/// The time that a row of cells stands for.
#[derive(Clone, Copy)]
pub(super) struct Scale {
    pub(super) start_unix_nanos: u64,
    pub(super) nanos: u64,
    pub(super) cells: usize,
}

/// Eighths of cells, from the scale's start. Never empty, never beyond the scale.
struct Extent {
    from: usize,
    to: usize,
}

impl Scale {
    fn extent(&self, times: Range<u64>) -> Extent {
        let all = self.cells * EIGHTHS;
        let place = |time: u64| {
            let since = u128::from(time.saturating_sub(self.start_unix_nanos).min(self.nanos));
            // A trace without a duration is one instant, which fills the scale.
            let place = (since * all as u128).checked_div(u128::from(self.nanos));
            place.and_then(|place| usize::try_from(place).ok())
        };
        let from = place(times.start).unwrap_or(0).min(all.saturating_sub(1));
        let to = place(times.end).unwrap_or(all).max(from + 1);
        Extent { from, to }
    }

    /// Draws the bar of what lasted these `times`, the scale beginning at `column`.
    pub(super) fn draw(&self, line: &mut Line<'_>, column: usize, times: Range<u64>, ink: Ink) {
        if self.cells == 0 {
            return;
        }
        let Extent { from, to } = self.extent(times);
        let (first, last) = (from / EIGHTHS, (to - 1) / EIGHTHS);
        line.goto(column + first);
        if line.options().ascii {
            line.put(&"#".repeat(last - first + 1), Paint::Bar(ink));
            return;
        }
        let (begins, ends) = (from % EIGHTHS, to - last * EIGHTHS);
        if first == last {
            let (block, paint) = single_cell(begins, ends, ink, line.options().colors);
            line.put(block.encode_utf8(&mut [0; 4]), paint);
            return;
        }
        if begins > 0 {
            let (block, paint) = from_within(begins, ink, line.options().colors);
            line.put(block.encode_utf8(&mut [0; 4]), paint);
        }
        let mut rest = "█".repeat(last - first - usize::from(begins > 0));
        rest.push(from_left(ends));
        line.put(&rest, Paint::Bar(ink));
    }
}

fn from_left(eighths: usize) -> char {
    FROM_LEFT.get(eighths).copied().unwrap_or('█')
}

/// A cell filled from `begins` eighths on.
fn from_within(begins: usize, ink: Ink, colors: bool) -> (char, Paint) {
    match begins {
        0 => ('█', Paint::Bar(ink)),
        _ if colors => (from_left(begins), Paint::Reverse(ink)),
        1 => ('█', Paint::Bar(ink)),
        2..=5 => ('▐', Paint::Bar(ink)),
        _ => ('▕', Paint::Bar(ink)),
    }
}

/// A cell filled from `begins` to `ends` eighths.
fn single_cell(begins: usize, ends: usize, ink: Ink, colors: bool) -> (char, Paint) {
    if begins == 0 {
        return (from_left(ends), Paint::Bar(ink));
    }
    if ends == EIGHTHS {
        return from_within(begins, ink, colors);
    }
    // No block floats in the middle of its cell: the nearest of a left one, a line and a right one.
    let block = match begins + ends {
        0..6 => from_left(ends - begins),
        6..11 => '│',
        11.. => '▕',
    };
    (block, Paint::Bar(ink))
}
