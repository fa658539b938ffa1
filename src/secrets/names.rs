//! Names whose values are secrets (floor 0): of attributes, of query parameters, of headers.
//!
//! An attribute's key is a secret's if one of the words of a list stands in it as a whole segment, a number
//! behind it or not: `db.password1`, `userPassword` and `user-password` are, `password_count` and `passwords` are
//! not. A few words count at a segment's end as well: `dbpassword`. So is a query parameter's name, or if it is on
//! a list of its own, decoded, in whatever case.

use super::{
    bytes::{at, part},
    words::{
        MOST_WORD_BYTES, are_secret_words, ends_with_secret, is_about, is_secret_parameter, is_secret_word,
        is_short_password, is_weak, may_be_in,
    },
};

/// Headers whose values are secrets: those that carry credentials by their specification
/// [RFC 9110, 11; RFC 6265], and the usual names besides.
const HEADERS: [&str; 16] = [
    "authorization",
    "proxy-authorization",
    "authentication-info",
    "cookie",
    "set-cookie",
    "x-api-key",
    "api-key",
    "x-auth-token",
    "x-access-token",
    "x-csrf-token",
    "x-xsrf-token",
    "x-amz-security-token",
    "x-goog-api-key",
    "x-vault-token",
    "x-forwarded-authorization",
    "private-token",
];

/// Of longer names, so much of their end is looked at.
pub(super) const MOST_NAME_BYTES: usize = 64;

/// Must this header's value never be recorded? The name is in lowercase.
#[cfg(any(feature = "client", feature = "server"))]
pub(crate) fn is_secret_header(name: &str) -> bool {
    HEADERS.contains(&name)
}

/// The lists, with what settings add to them and take away.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    words: Vec<Vec<String>>,
    queries: Vec<String>,
    allowed_queries: Vec<String>,
    headers: Vec<String>,
    allowed_keys: Vec<String>,
}

impl Names {
    pub(crate) const USUAL: Self = Self {
        words: Vec::new(),
        queries: Vec::new(),
        allowed_queries: Vec::new(),
        headers: Vec::new(),
        allowed_keys: Vec::new(),
    };

    pub(crate) fn deny_key(&mut self, key: &str) {
        let words: Vec<_> = Segments::of(key.as_bytes()).map(lowercase).collect();
        if !words.is_empty() {
            self.words.push(words);
        }
    }

    pub(crate) fn allow_key(&mut self, key: &str) {
        self.allowed_keys.push(key.to_owned());
    }

    pub(crate) fn deny_query(&mut self, name: &str) {
        self.queries.push(name.to_ascii_lowercase());
    }

    pub(crate) fn allow_query(&mut self, name: &str) {
        self.allowed_queries.push(name.to_ascii_lowercase());
    }

    pub(crate) fn deny_header(&mut self, name: &str) {
        self.headers.push(name.to_ascii_lowercase());
    }

    /// Is this attribute to be left alone?
    pub(crate) fn is_allowed_key(&self, key: &str) -> bool {
        self.allowed_keys.iter().any(|allowed| allowed.eq_ignore_ascii_case(key))
    }

    /// Does a header of this name, in whatever case, carry secrets? Earlier conventions wrote `_` for `-`.
    pub(crate) fn is_secret_header(&self, name: &str) -> bool {
        let is_same = |known: &str| {
            let written =
                name.bytes().map(|byte| if byte == b'_' { b'-' } else { byte.to_ascii_lowercase() });
            known.len() == name.len() && known.bytes().eq(written)
        };
        HEADERS.iter().copied().any(is_same) || self.headers.iter().map(String::as_str).any(is_same)
    }

    /// Does a key of these words hold a secret?
    pub(crate) fn is_secret_key(&self, key: &[u8]) -> bool {
        self.weight(key).is_some()
    }

    /// How surely does a name of these words say that a value is a secret?
    pub(super) fn weight(&self, key: &[u8]) -> Option<Weight> {
        if self.words.is_empty() && !may_be_in(key) {
            return None;
        }
        let weight = self.weight_of(Segments::of(key));
        // `passWord` is one word as well as two.
        if weight.is_none() && key.iter().any(u8::is_ascii_uppercase) {
            return self.weight_of(Segments::whole(key));
        }
        weight
    }

    fn weight_of(&self, mut segments: Segments<'_>) -> Option<Weight> {
        let mut weight = None;
        let mut count = 0;
        let mut last = Word::default();
        while !segments.rest.is_empty() {
            // What a setting has added is meant as it is, whatever the key ends with.
            if self.words.iter().any(|words| segments.start_with(words)) {
                return Some(Weight::Strong);
            }
            let segment = without_number(segments.next().unwrap_or_default());
            let before = std::mem::replace(&mut last, Word::of(segment));
            let is_secret = is_secret_word(last.get())
                || are_secret_words(before.get(), last.get())
                || ends_with_secret(segment);
            let said = if is_weak(last.get()) { Weight::Weak } else { Weight::Strong };
            weight = weight.max(is_secret.then_some(said));
            count += 1;
        }
        let is_short = is_short_password(last.get());
        match weight {
            _ if is_about(last.get()) => None,
            None if is_short && count > 1 => Some(Weight::Strong),
            Some(_) if count > 1 => Some(Weight::Strong),
            weight => weight,
        }
    }

    /// May what ends with a name in a text, perhaps still encoded, hold a secret's? False for nearly all in which
    /// there is none.
    #[inline]
    pub(super) fn may_be_secret(&self, text: &[u8], is_encoded: bool) -> bool {
        let are_usual = self.words.is_empty() && self.queries.is_empty() && self.headers.is_empty();
        !are_usual || may_be_in(text) || (is_encoded && text.contains(&b'%'))
    }

    /// Does a query parameter of this name, still encoded, hold a secret?
    pub(crate) fn is_secret_query(&self, encoded: &[u8]) -> bool {
        let is_plain = !encoded.contains(&b'%');
        if is_plain && self.words.is_empty() && self.queries.is_empty() && !may_be_in(encoded) {
            return false;
        }
        let mut buffer = [0; MOST_NAME_BYTES];
        let Some(name) = decode(encoded, &mut buffer) else {
            return false;
        };
        let has_words = self.is_secret_key(name);
        name.make_ascii_lowercase();
        let name = without_places(name.trim_ascii());
        let is_in = |list: &[String], name: &[u8]| list.iter().any(|known| known.as_bytes() == name);
        if is_in(&self.allowed_queries, name) {
            return false;
        }
        let is_secret = |name: &[u8]| is_secret_parameter(name) || is_in(&self.queries, name);
        has_words || is_secret(name) || is_secret(innermost(name))
    }
}

/// How surely a name says that its value is a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Weight {
    /// It may as well be a word of prose or of a program.
    Weak,
    Strong,
}

/// A segment in lowercase; empty if it is too long for any list.
#[derive(Clone, Copy, Default)]
struct Word {
    bytes: [u8; MOST_WORD_BYTES],
    length: usize,
}

impl Word {
    fn of(segment: &[u8]) -> Self {
        let mut word = Self::default();
        if let Some(place) = word.bytes.get_mut(..segment.len()) {
            place.copy_from_slice(segment);
            place.make_ascii_lowercase();
            word.length = segment.len();
        }
        word
    }

    fn get(&self) -> &[u8] {
        part(&self.bytes, 0..self.length)
    }
}

/// `password` of `password1`.
fn without_number(segment: &[u8]) -> &[u8] {
    let digits = segment.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    part(segment, 0..segment.len() - digits)
}

/// `code` of `code[]` and of `code[0][1]`.
fn without_places(name: &[u8]) -> &[u8] {
    let mut name = name;
    while let Some(open) = name.strip_suffix(b"]").map(without_number)
        && let Some(shorter) = open.strip_suffix(b"[")
    {
        name = shorter;
    }
    name
}

/// `password` of `user[password]` and of `user.password`.
fn innermost(name: &[u8]) -> &[u8] {
    let name = name.strip_suffix(b"]").unwrap_or(name);
    let start = name.iter().rposition(|byte| matches!(byte, b'[' | b'.')).map_or(0, |before| before + 1);
    part(name, start..name.len())
}

/// Undoes percent-encoding: a server decodes names before it compares them. `None` if it does not fit.
fn decode<'b>(name: &[u8], buffer: &'b mut [u8; MOST_NAME_BYTES]) -> Option<&'b mut [u8]> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let mut length = 0;
    let mut position = 0;
    while position < name.len() {
        let (byte, width) = match at(name, position) {
            b'%' => match digit(at(name, position + 1)).zip(digit(at(name, position + 2))) {
                Some((high, low)) => ((high << 4 | low) as u8, 3),
                None => (b'%', 1),
            },
            b'+' => (b' ', 1),
            byte => (byte, 1),
        };
        *buffer.get_mut(length)? = byte;
        length += 1;
        position += width;
    }
    buffer.get_mut(..length)
}

fn lowercase(segment: &[u8]) -> String {
    String::from_utf8_lossy(segment).to_ascii_lowercase()
}

/// The words of a key: what stands between dots, hyphens and the like, and what `camelCase` sets apart.
#[derive(Clone, Copy)]
struct Segments<'a> {
    /// Begins with a word.
    rest: &'a [u8],
    /// Capitals set words apart.
    is_camel: bool,
}

impl<'a> Segments<'a> {
    fn of(key: &'a [u8]) -> Self {
        Self { rest: from_word(key), is_camel: true }
    }

    /// Whatever capitals there are.
    fn whole(key: &'a [u8]) -> Self {
        Self { is_camel: false, ..Self::of(key) }
    }

    fn start_with(&self, words: &[impl AsRef<str>]) -> bool {
        let mut segments = *self;
        words.iter().all(|word| segments.next_is(word.as_ref()))
    }

    fn next_is(&mut self, word: &str) -> bool {
        // Cheap, and false for nearly all.
        let may_be = self.rest.first().is_some_and(|first| {
            word.as_bytes().first().is_some_and(|wanted| first.eq_ignore_ascii_case(wanted))
        });
        may_be && self.next().is_some_and(|segment| segment.eq_ignore_ascii_case(word.as_bytes()))
    }
}

impl<'a> Iterator for Segments<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let end = word_end(self.rest, self.is_camel);
        let (segment, rest) = self.rest.split_at_checked(end).filter(|(segment, _)| !segment.is_empty())?;
        self.rest = from_word(rest);
        Some(segment)
    }
}

const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || !byte.is_ascii()
}

fn from_word(key: &[u8]) -> &[u8] {
    let start = key.iter().position(|byte| is_word(*byte)).unwrap_or(key.len());
    part(key, start..key.len())
}

fn word_end(key: &[u8], is_camel: bool) -> usize {
    let run = key.iter().position(|byte| !is_word(*byte)).unwrap_or(key.len());
    let run = part(key, 0..run);
    if !is_camel || !run.iter().any(u8::is_ascii_uppercase) {
        return run.len();
    }
    // `camelCase` and `HTTPServer`: before a capital that follows none, or that none follows.
    let begins = |place: &usize| {
        let (previous, this, next) = (at(run, place - 1), at(run, *place), at(run, place + 1));
        this.is_ascii_uppercase() && (!previous.is_ascii_uppercase() || next.is_ascii_lowercase())
    };
    (1..run.len()).find(begins).unwrap_or(run.len())
}

#[cfg(test)]
mod tests {
    use super::{HEADERS, Names};

    #[test]
    fn no_secret_s_name_is_passed_over() {
        for header in HEADERS {
            for name in [header.to_owned(), header.to_uppercase(), format!("n{header}")] {
                assert!(Names::USUAL.may_be_secret(name.as_bytes(), false), "{name}");
            }
        }
        assert!(!Names::USUAL.may_be_secret(b"warehouse", true));
        assert!(Names::USUAL.may_be_secret(b"%77arehouse", true));
        let settings = [Names::deny_key, Names::deny_query, Names::deny_header];
        for deny in settings {
            let mut names = Names::USUAL;
            deny(&mut names, "warehouse");
            assert!(names.may_be_secret(b"warehouse", false));
        }
    }
}
