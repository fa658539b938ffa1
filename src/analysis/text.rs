//! Text that stays within its columns and does nothing to the terminal (floor 3).
//!
//! Everything that is printed passes through [`Line`]: names and messages come from anywhere, so
//! control characters, escape sequences and marks that reorder text are written out, and columns are
//! counted as a terminal counts them.

use super::style::{Paint, RenderOptions};
use std::fmt::Write as _;
use unicode_width::UnicodeWidthChar;

/// One line being written. What does not fit is cut, with an ellipsis.
pub(super) struct Line<'o> {
    options: &'o RenderOptions,
    text: String,
    /// Columns the text takes.
    used: usize,
    /// Columns asked for by [`goto`](Self::goto), and taken once something follows: no line ends in
    /// blanks.
    wanted: usize,
}

impl<'o> Line<'o> {
    pub(super) const fn new(options: &'o RenderOptions) -> Self {
        Self { options, text: String::new(), used: 0, wanted: 0 }
    }

    pub(super) const fn options(&self) -> &RenderOptions {
        self.options
    }

    /// The column the next piece begins at.
    pub(super) fn column(&self) -> usize {
        self.wanted.max(self.used)
    }

    /// The columns left.
    pub(super) fn room(&self) -> usize {
        self.options.width.saturating_sub(self.column())
    }

    /// Continues at this column, unless the text is beyond it.
    pub(super) fn goto(&mut self, column: usize) {
        self.wanted = column;
    }

    pub(super) fn put(&mut self, text: &str, paint: Paint) {
        self.put_within(usize::MAX, text, paint);
    }

    /// Puts text into at most this many columns.
    pub(super) fn put_within(&mut self, columns: usize, text: &str, paint: Paint) {
        let fitted = fit(text, columns.min(self.room()), self.options.ascii);
        if fitted.columns == 0 {
            return;
        }
        while self.used < self.wanted {
            self.text.push(' ');
            self.used += 1;
        }
        self.used += fitted.columns;
        let code = if self.options.colors { paint.code() } else { String::new() };
        if code.is_empty() {
            self.text.push_str(&fitted.text);
        } else {
            let _infallible = write!(self.text, "\x1b[{code}m{}\x1b[0m", fitted.text);
        }
    }

    /// Puts text so that it ends before this column.
    pub(super) fn put_right(&mut self, end: usize, text: &str, paint: Paint) {
        let columns = columns(text, self.options.ascii);
        self.goto(end.saturating_sub(columns).max(self.column()));
        self.put(text, paint);
    }

    pub(super) fn finish(self, out: &mut String) {
        out.push_str(&self.text);
        out.push('\n');
    }
}

/// A text that is safe to print, and the columns it takes.
struct Fitted {
    text: String,
    columns: usize,
}

/// The columns a text takes when it is printed whole.
pub(super) fn columns(text: &str, ascii: bool) -> usize {
    fit(text, usize::MAX, ascii).columns
}

/// As much of a text as these columns hold.
fn fit(text: &str, room: usize, ascii: bool) -> Fitted {
    let ellipsis = if ascii { '~' } else { '…' };
    let mut fitted = Fitted { text: String::new(), columns: 0 };
    // Where the ellipsis goes if the text turns out too long.
    let (mut cut_bytes, mut cut_columns) = (0, 0);
    // Marks that take no column could otherwise pile up without end.
    let mut marks_left = room.min(1_000) * 4;

    for c in text.chars() {
        let bytes = fitted.text.len();
        let columns = push_safe(&mut fitted.text, c, ascii);
        if columns == 0 && fitted.text.len() > bytes {
            if marks_left == 0 {
                fitted.text.truncate(bytes);
            }
            marks_left = marks_left.saturating_sub(1);
        }
        fitted.columns = fitted.columns.saturating_add(columns);
        if fitted.columns > room {
            fitted.text.truncate(cut_bytes);
            fitted.columns = cut_columns;
            if room > 0 {
                fitted.text.push(ellipsis);
                fitted.columns += 1;
            }
            return fitted;
        }
        if fitted.columns < room {
            (cut_bytes, cut_columns) = (fitted.text.len(), fitted.columns);
        }
    }
    fitted
}

/// Writes one character so that it cannot do anything but be seen; returns its columns.
fn push_safe(out: &mut String, c: char, ascii: bool) -> usize {
    let before = out.len();
    match c {
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\x1b' => out.push_str("\\e"),
        _ if is_invisible(c) => return 0,
        _ if c.is_control() || reorders_or_breaks(c) || (ascii && !c.is_ascii()) => {
            let _infallible = write!(out, "{}", c.escape_unicode());
        }
        _ => {
            out.push(c);
            return c.width().unwrap_or(0);
        }
    }
    out.len() - before
}

/// Characters that only change how their neighbours look: left out, because terminals do not agree on
/// the columns of what they join.
const fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{34f}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200d}'
            | '\u{2060}'..='\u{2064}'
            | '\u{206a}'..='\u{206f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// Line and paragraph separators, and the marks of bidirectional text, which can make one text look
/// like another [Unicode Standard Annex 9, 2].
const fn reorders_or_breaks(c: char) -> bool {
    matches!(
        c,
        '\u{61c}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use unicode_width::UnicodeWidthStr;

    fn fitted(text: &str, room: usize) -> String {
        fit(text, room, false).text
    }

    #[test]
    fn what_fits_stays_and_the_rest_is_an_ellipsis() {
        assert_eq!(fitted("orders", 6), "orders");
        assert_eq!(fitted("orders", 5), "orde…");
        assert_eq!(fitted("orders", 1), "…");
        assert_eq!(fitted("orders", 0), "");
        assert_eq!(fitted("注文サービス", 12), "注文サービス");
        assert_eq!(fitted("注文サービス", 11), "注文サービ…");
        assert_eq!(fitted("注文サービス", 10), "注文サー…");
        assert_eq!(fit("orders", 5, true).text, "orde~");
        assert_eq!(fit("é", 20, true).text, "\\u{e9}");
    }

    #[test]
    fn nothing_reaches_the_terminal_but_letters() {
        assert_eq!(fitted("a\x1b[31mb\r\n\tc\u{9b}", 80), "a\\e[31mb\\r\\n\\tc\\u{9b}");
        assert_eq!(fitted("user\u{202e}nimda\u{2028}", 80), "user\\u{202e}nimda\\u{2028}");
        assert_eq!(fitted("a\u{200b}b\u{fe0f}", 80), "ab");
    }

    #[test]
    fn marks_do_not_pile_up_without_end() {
        let pile = format!("a{}", "\u{301}".repeat(100_000));
        assert!(fitted(&pile, 10).len() < 100);
    }

    proptest! {
        #[test]
        fn a_text_never_takes_more_than_its_room(text: String, room in 0..40_usize, ascii: bool) {
            let fitted = fit(&text, room, ascii);
            prop_assert!(fitted.columns <= room);
            prop_assert!(fitted.text.width() <= fitted.columns, "{:?}", fitted.text);
            prop_assert!(!fitted.text.chars().any(|c| c.is_control() || reorders_or_breaks(c)));
            prop_assert!(!ascii || fitted.text.is_ascii());
        }
    }
}
