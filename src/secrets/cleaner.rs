//! Cleaning texts (floor 0): the scanners in their order, and what stands in a secret's place.

use super::{
    Found, Names, REDACTED, Secret, Secrets, api_keys, cards, credentials, emails, jwts,
    pairs::{self, Form},
    private_keys,
    signs::{AT, BLANK, CAPITAL_J, EQUALS, QUOTE, Signs},
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

/// The scanners in their order; the one for names with their values stands at its first kind. What ends a
/// scanner's secret may be part of another's: those that span spaces and separators come before names with
/// their values, which end there; user info comes before e-mail addresses, which its end looks like.
const ORDER: [Secret; 8] = [
    Secret::PrivateKey,
    Secret::Jwt,
    Secret::Credentials,
    Secret::ApiKey,
    Secret::UserInfo,
    Secret::Email,
    Secret::Card,
    Secret::Query,
];

/// Shorter than anything that is found.
const FEWEST_BYTES: usize = 5;
/// So often a text is cleaned at most. Nearly always, the second time finds nothing.
const MOST_ROUNDS: usize = 4;

impl Cleaner {
    /// Has the text any secrets?
    #[inline(always)]
    pub(crate) fn finds_in(&self, text: &[u8], reading: Reading) -> bool {
        let kinds = self.possible_in(text, reading.is_cut);
        !kinds.is_empty() && self.finds_any(kinds, text, reading)
    }

    #[inline(never)]
    fn finds_any(&self, kinds: Secrets, text: &[u8], reading: Reading) -> bool {
        scanners(kinds).any(|scanner| self.next(scanner, kinds, text, 0, reading).is_some())
    }

    /// The text without secrets; `None` if it has none.
    #[inline]
    pub(crate) fn clean(&self, text: &str, reading: Reading, found: &mut Found) -> Option<String> {
        let kinds = self.possible_in(text.as_bytes(), reading.is_cut);
        if kinds.is_empty() {
            return None;
        }
        let mut clean = self.clean_of(kinds, text, reading, found)?;
        // What has been put in place may have brought together what was apart.
        for _ in 1..MOST_ROUNDS {
            match self.clean_of(self.possible_in(clean.as_bytes(), reading.is_cut), &clean, reading, found) {
                Some(cleaner) => clean = cleaner,
                None => break,
            }
        }
        Some(clean)
    }

    /// May there be secrets in any part of this list, between what cannot be in a part: commas and equals signs?
    pub(crate) fn may_find_in_list(&self, list: &[u8]) -> bool {
        let signs = Signs::of(list);
        signs.has(QUOTE | BLANK | AT | CAPITAL_J)
            || signs.digits >= cards::FEWEST_DIGITS
            || api_keys::next(list, 0, false).is_some()
    }

    /// What a text may have in it of what is looked for.
    #[inline(always)]
    fn possible_in(&self, bytes: &[u8], is_cut: bool) -> Secrets {
        if bytes.len() < FEWEST_BYTES {
            return Secrets::NONE;
        }
        let signs = Signs::of(bytes);
        if !signs.are_there()
            && signs.digits < cards::FEWEST_DIGITS
            && bytes.len() < api_keys::FEWEST_BYTES
            && !is_cut
        {
            return Secrets::NONE;
        }
        possible(signs, bytes.len(), is_cut).and(self.kinds)
    }

    fn clean_of(&self, kinds: Secrets, text: &str, reading: Reading, found: &mut Found) -> Option<String> {
        let mut work = Work { text, clean: None, found };
        for scanner in scanners(kinds) {
            let by = if scanner == Secret::UserInfo { user_info::REPLACEMENT } else { REDACTED };
            work.replace_all(by, |bytes, from| self.next(scanner, kinds, bytes, from, reading));
        }
        work.clean
    }

    /// The next secret in these bytes, from a place on, that a scanner finds of these kinds.
    fn next(
        &self,
        scanner: Secret,
        kinds: Secrets,
        bytes: &[u8],
        from: usize,
        reading: Reading,
    ) -> Option<(Range<usize>, Secret)> {
        let Reading { form, is_cut } = reading;
        let found = match scanner {
            Secret::PrivateKey => private_keys::next(bytes, from),
            Secret::Jwt => jwts::next(bytes, from, is_cut),
            Secret::Credentials => credentials::next(bytes, from),
            Secret::ApiKey => api_keys::next(bytes, from, is_cut),
            Secret::UserInfo => user_info::next(bytes, from, is_cut),
            Secret::Email => emails::next(bytes, from),
            Secret::Card => cards::next(bytes, from, is_cut),
            _ => return pairs::next(bytes, from, &self.names, form, kinds),
        };
        Some((found?, scanner))
    }
}

/// Those that look for any of these kinds.
fn scanners(kinds: Secrets) -> impl Iterator<Item = Secret> {
    let kinds = kinds.with_if(kinds.has(Secret::Assignment), Secret::Query);
    ORDER.into_iter().filter(move |scanner| kinds.has(*scanner))
}

/// What a text with such signs may have in it. Of one whose end may be missing, a part of what tells a secret is
/// enough.
#[inline]
fn possible(signs: Signs, length: usize, is_cut: bool) -> Secrets {
    let fewest_digits = if is_cut { cards::FEWEST_OF_CUT } else { cards::FEWEST_DIGITS };
    let is_long = |fewest| (length >= fewest) | is_cut;
    Secrets::NONE
        .with_if(signs.has(BLANK) & is_long(private_keys::FEWEST_BYTES), Secret::PrivateKey)
        .with_if(signs.has(CAPITAL_J) & is_long(jwts::FEWEST_BYTES), Secret::Jwt)
        .with_if(signs.has(BLANK), Secret::Credentials)
        .with_if(is_long(api_keys::FEWEST_BYTES), Secret::ApiKey)
        .with_if(signs.has(AT) | is_cut, Secret::UserInfo)
        .with_if(signs.has(AT), Secret::Email)
        .with_if(signs.digits >= fewest_digits, Secret::Card)
        .with_if(signs.has(EQUALS), Secret::Query)
        // A colon alone separates nothing: on one side of it or the other there is a quote.
        .with_if(signs.has(EQUALS | QUOTE), Secret::Assignment)
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
