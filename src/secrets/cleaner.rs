//! Cleaning texts (floor 0): the scanners in their order, and what stands in a secret's place.

use super::{
    Found, Names, REDACTED, Secret, Secrets, api_keys, cards, credentials, emails, jwts,
    pairs::{self, Form},
    private_keys,
    signs::{AT, COLON, DASH, DOT, EQUALS, QUOTE, SLASH, SPACE, Signs},
    user_info,
};
use std::{borrow::Cow, ops::Range};

/// Which secrets are looked for in texts, and by which names.
#[derive(Clone, Debug)]
pub(crate) struct Cleaner {
    pub(crate) kinds: Secrets,
    pub(crate) names: Names,
}

/// How a text is to be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) form: Form,
    /// Its end may be missing: what is left of a secret there is replaced, too.
    pub(crate) is_cut: bool,
}

impl Reading {
    pub(crate) const TEXT: Self = Self { form: Form { is_url: false, is_query: false }, is_cut: false };
    pub(crate) const URL: Self = Self { form: Form { is_url: true, is_query: false }, is_cut: false };
    pub(crate) const QUERY: Self = Self { form: Form { is_url: true, is_query: true }, is_cut: false };
}

/// A text without the usual secrets, such as the message of an error.
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    static USUAL: Cleaner = Cleaner { kinds: Secrets::USUAL, names: Names::USUAL };
    match USUAL.clean(text, Reading::TEXT, &mut Found::default()) {
        Some(clean) => Cow::Owned(clean),
        None => Cow::Borrowed(text),
    }
}

/// Finds the next secret in bytes from a place on.
type Scanner<'a> = dyn Fn(&[u8], usize) -> Option<Range<usize>> + 'a;

/// Shorter than anything that is found.
const FEWEST_BYTES: usize = 5;
/// So often a text is cleaned at most. Nearly always, the second time finds nothing.
const MOST_ROUNDS: usize = 4;

impl Cleaner {
    /// Has the text any secrets?
    #[inline]
    pub(crate) fn finds_in(&self, text: &str, reading: Reading) -> bool {
        self.clean(text, reading, &mut Found::default()).is_some()
    }

    /// The text without secrets; `None` if it has none.
    #[inline]
    pub(crate) fn clean(&self, text: &str, reading: Reading, found: &mut Found) -> Option<String> {
        let kinds = self.possible_in(text, reading);
        if kinds.is_empty() {
            return None;
        }
        let mut clean = self.clean_of(kinds, text, reading, found)?;
        // What has been put in place may have brought together what was apart.
        for _ in 1..MOST_ROUNDS {
            match self.clean_of(self.possible_in(&clean, reading), &clean, reading, found) {
                Some(cleaner) => clean = cleaner,
                None => break,
            }
        }
        Some(clean)
    }

    /// What a text may have in it of what is looked for.
    #[inline]
    fn possible_in(&self, text: &str, reading: Reading) -> Secrets {
        if text.len() < FEWEST_BYTES {
            return Secrets::NONE;
        }
        let signs = Signs::of(text.as_bytes());
        if signs.say_nothing(reading.is_cut) {
            return Secrets::NONE;
        }
        possible(signs, reading.is_cut).and(self.kinds)
    }

    /// What ends a scanner's secret may be part of another's, so the order matters: those that span
    /// spaces and separators come before names with their values, which end there; user info comes
    /// before e-mail addresses, which its end looks like.
    fn clean_of(&self, kinds: Secrets, text: &str, reading: Reading, found: &mut Found) -> Option<String> {
        let is_cut = reading.is_cut;
        let mut work = Work { text, clean: None, found };
        let mut run = |kind, next: &Scanner<'_>| {
            if kinds.has(kind) {
                let by = if kind == Secret::UserInfo { user_info::REPLACEMENT } else { REDACTED };
                work.replace_all(by, |bytes, from| Some((next(bytes, from)?, kind)));
            }
        };
        run(Secret::PrivateKey, &private_keys::next);
        run(Secret::Jwt, &|bytes, from| jwts::next(bytes, from, is_cut));
        run(Secret::Credentials, &credentials::next);
        run(Secret::ApiKey, &|bytes, from| api_keys::next(bytes, from, is_cut));
        run(Secret::UserInfo, &|bytes, from| user_info::next(bytes, from, is_cut));
        run(Secret::Email, &emails::next);
        run(Secret::Card, &|bytes, from| cards::next(bytes, from, is_cut));
        if kinds.has(Secret::Query) || kinds.has(Secret::Assignment) {
            work.replace_all(REDACTED, |bytes, from| {
                pairs::next(bytes, from, &self.names, reading.form, kinds)
            });
        }
        work.clean
    }
}

/// What a text with such signs may have in it.
#[inline]
fn possible(signs: Signs, is_cut: bool) -> Secrets {
    let fewest_digits = if is_cut { cards::FEWEST_OF_CUT } else { cards::FEWEST_DIGITS };
    Secrets::NONE
        .with_if(signs.has(DASH | SPACE) & (signs.length >= private_keys::FEWEST_BYTES), Secret::PrivateKey)
        .with_if((signs.has(DOT) & (signs.length >= jwts::FEWEST_BYTES)) | is_cut, Secret::Jwt)
        .with_if(signs.has(SPACE), Secret::Credentials)
        .with_if((signs.length >= api_keys::FEWEST_BYTES) | is_cut, Secret::ApiKey)
        .with_if(signs.has(SLASH) & (signs.has(AT) | is_cut), Secret::UserInfo)
        .with_if(signs.has(AT | DOT), Secret::Email)
        .with_if(signs.digits >= fewest_digits, Secret::Card)
        .with_if(signs.has(EQUALS), Secret::Query)
        .with_if(signs.has(EQUALS) | signs.has(COLON | QUOTE), Secret::Assignment)
}

/// A text under way.
struct Work<'t, 'f> {
    text: &'t str,
    /// Once something has been replaced.
    clean: Option<String>,
    found: &'f mut Found,
}

impl Work<'_, '_> {
    fn replace_all(&mut self, by: &str, next: impl Fn(&[u8], usize) -> Option<(Range<usize>, Secret)>) {
        let text = self.clean.as_deref().unwrap_or(self.text);
        let Some(mut hit) = next(text.as_bytes(), 0) else {
            return;
        };
        let mut clean = String::with_capacity(text.len() + by.len());
        let mut copied = 0;
        loop {
            let (Range { start, end }, kind) = hit;
            // Scanners end at ASCII characters, so these are boundaries of characters.
            clean.push_str(text.get(copied..start).unwrap_or_default());
            clean.push_str(by);
            self.found.add(kind, 1);
            copied = end;
            match next(text.as_bytes(), end) {
                Some(more) => hit = more,
                None => break,
            }
        }
        clean.push_str(text.get(copied..).unwrap_or_default());
        self.clean = Some(clean);
    }
}
