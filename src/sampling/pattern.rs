//! Patterns of texts (floor 3): exact, by prefix, with wildcards.

use crate::value::Value;
use std::str::Chars;

/// A pattern of a text. A text alone is matched exactly.
///
/// ```
/// use throughline::sampling::Pattern;
///
/// assert!(Pattern::from("/health").matches("/health"));
/// assert!(Pattern::prefix("GET ").matches("GET /orders"));
/// assert!(Pattern::glob("GET /*/he?lth").matches("GET /internal/health"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Exact(String),
    Prefix(String),
    Glob(String),
}

impl Pattern {
    /// This text and no other.
    pub fn exact(text: impl Into<String>) -> Self {
        Self(Kind::Exact(text.into()))
    }

    /// Texts that begin like this.
    pub fn prefix(text: impl Into<String>) -> Self {
        Self(Kind::Prefix(text.into()))
    }

    /// Texts like this, where `*` stands for any characters, also none, and `?` for one. There is no
    /// escape: for a text with a star of its own take [`exact`](Self::exact).
    pub fn glob(text: impl Into<String>) -> Self {
        Self(Kind::Glob(text.into()))
    }

    /// Is the text like this?
    pub fn matches(&self, text: &str) -> bool {
        match &self.0 {
            Kind::Exact(exact) => text == exact,
            Kind::Prefix(prefix) => text.starts_with(prefix.as_str()),
            Kind::Glob(glob) => glob_matches(glob, text),
        }
    }

    /// Is the value's text like this? A list is if one of its texts is; numbers and booleans are taken as
    /// they are written.
    pub(super) fn matches_value(&self, value: &Value<'_>) -> bool {
        match value {
            Value::Str(text) => self.matches(text),
            Value::Strs(texts) => texts.iter().any(|text| self.matches(text)),
            other => self.matches(&other.to_string()),
        }
    }
}

impl From<&str> for Pattern {
    fn from(text: &str) -> Self {
        Self::exact(text)
    }
}

impl From<String> for Pattern {
    fn from(text: String) -> Self {
        Self::exact(text)
    }
}

/// Without recursion: a star that turns out to have been given too few characters is given one more, and
/// only the last star ever needs that, so that the time is bounded by the product of the lengths.
fn glob_matches(glob: &str, text: &str) -> bool {
    let (mut glob, mut text) = (glob.chars(), text.chars());
    // What stands behind the last star, and the text that is left if it stands for what it stood for so far.
    let mut last_star: Option<(Chars<'_>, Chars<'_>)> = None;
    loop {
        let here = text.clone();
        match (glob.next(), text.next()) {
            (Some('*'), _) => {
                text = here.clone();
                last_star = Some((glob.clone(), here));
            }
            (Some('?'), Some(_)) => {}
            (Some(expected), Some(found)) if expected == found => {}
            (None, None) => return true,
            _ => {
                let Some((after_star, left)) = &mut last_star else {
                    return false;
                };
                if left.next().is_none() {
                    return false;
                }
                (glob, text) = (after_star.clone(), left.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs() {
        for (glob, text, matches) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("*", "abc", true),
            ("a*", "abc", true),
            ("a*", "ba", false),
            ("*c", "abc", true),
            ("*c", "abcd", false),
            ("a*c", "ac", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-b-b", false),
            ("**", "x", true),
            ("?", "é", true),
            ("?", "", false),
            ("?", "ab", false),
            ("a?c", "abc", true),
            ("*?", "", false),
            ("*aab", "aaaab", true),
            ("GET /*/items/*", "GET /a/b/items/7", true),
        ] {
            assert_eq!(Pattern::glob(glob).matches(text), matches, "{glob:?} {text:?}");
        }
    }

    proptest::proptest! {
        /// Against the plain recursive definition.
        #[test]
        fn globs_mean_what_they_say(glob in "[ab*?]{0,8}", text in "[ab]{0,10}") {
            fn plain(glob: &[u8], text: &[u8]) -> bool {
                match (glob, text) {
                    ([], []) => true,
                    ([b'*', glob @ ..], _) => (0..=text.len()).any(|skip| plain(glob, &text[skip..])),
                    ([b'?', glob @ ..], [_, text @ ..]) => plain(glob, text),
                    ([one, glob @ ..], [other, text @ ..]) => one == other && plain(glob, text),
                    _ => false,
                }
            }
            let expected = plain(glob.as_bytes(), text.as_bytes());
            proptest::prop_assert_eq!(Pattern::glob(glob).matches(&text), expected);
        }
    }
}
