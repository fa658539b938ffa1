//! Cleaning texts (floor 0): the scanners in their order, and what stands in a secret's place.

use super::{
    Found, Names, REDACTED, Secret, Secrets, api_keys, asides, cards, credentials, emails, jwts,
    pairs::{self, Form, Traits},
    plain::is_plain,
    private_keys,
    signs::{AT, BLANK, CAPITAL, EQUALS, FRAME, MARK, RARE, Signs},
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

/// The two scanners for names with their values, each of which finds both of these kinds.
///
/// Scanners take their turns in the order of [`Secret::ALL`]. What ends a scanner's secret may be part of another's:
/// those that span spaces and separators come before names with their values, which end there; user info comes
/// before e-mail addresses, which its end looks like.
const PAIRS: Secret = Secret::Query;
const ASIDES: Secret = Secret::Assignment;

/// What is shorter has no room for a name, a sign and a value.
const FEWEST_BYTES: usize = 3;
/// So often a text is cleaned at most. Nearly always, the second time finds nothing.
const MOST_ROUNDS: usize = 4;

impl Cleaner {
    /// Has the text any secrets?
    #[inline(always)]
    pub(crate) fn finds_in(&self, text: &[u8], reading: Reading) -> bool {
        (reading.is_cut || !is_plain(text)) && self.finds_any(text, reading)
    }

    #[inline(never)]
    fn finds_any(&self, text: &[u8], reading: Reading) -> bool {
        let work = self.work_for(text, reading.is_cut);
        work.scanners.iter().any(|scanner| self.next(scanner, work, text, 0, reading).is_some())
    }

    /// The text without secrets; `None` if it has none.
    #[inline]
    pub(crate) fn clean(&self, text: &str, reading: Reading, found: &mut Found) -> Option<String> {
        if !reading.is_cut && is_plain(text.as_bytes()) {
            return None;
        }
        self.clean_by(|text| self.work_for(text, reading.is_cut), text, reading, found)
    }

    /// As [`clean`](Self::clean), by the `work` that is said to be for the text and for what becomes of it.
    fn clean_by(
        &self,
        work: impl Fn(&[u8]) -> Work,
        text: &str,
        reading: Reading,
        found: &mut Found,
    ) -> Option<String> {
        let mut clean = self.clean_of(work(text.as_bytes()), text, reading, found)?;
        // What has been put in place may have brought together what was apart.
        for _ in 1..MOST_ROUNDS {
            match self.clean_of(work(clean.as_bytes()), &clean, reading, found) {
                Some(cleaner) => clean = cleaner,
                None => break,
            }
        }
        Some(clean)
    }

    /// May there be secrets in any part of this list, between what cannot be in a part: commas and equals signs?
    pub(crate) fn may_find_in_list(&self, list: &[u8]) -> bool {
        let signs = Signs::of(list);
        signs.has(FRAME | BLANK | AT | CAPITAL | RARE)
            || signs.digits >= cards::FEWEST_DIGITS
            || api_keys::next(list, 0, false).is_some()
    }

    /// What there is to do about this text.
    #[inline]
    fn work_for(&self, bytes: &[u8], is_cut: bool) -> Work {
        if bytes.len() < FEWEST_BYTES && !is_cut {
            return Work { scanners: Secrets::NONE, traits: Traits::default() };
        }
        let Work { scanners, traits } = Work::by(Signs::of(bytes), bytes.len(), is_cut);
        Work { scanners: scanners.and(self.scanners()), traits }
    }

    /// Those that look in texts for what is looked for.
    #[inline]
    const fn scanners(&self) -> Secrets {
        let names = self.kinds.has(Secret::Query) | self.kinds.has(Secret::Assignment);
        let in_texts = self.kinds.without(Secret::Header).without(Secret::Key);
        in_texts.with_if(names, PAIRS).with_if(names, ASIDES)
    }

    fn clean_of(&self, work: Work, text: &str, reading: Reading, found: &mut Found) -> Option<String> {
        let mut draft = Draft { text, clean: None, found };
        for scanner in work.scanners.iter() {
            let by = if scanner == Secret::UserInfo { user_info::REPLACEMENT } else { REDACTED };
            draft.replace_all(by, |bytes, from| self.next(scanner, work, bytes, from, reading));
        }
        draft.clean
    }

    /// The next secret in these bytes, from a place on, that a scanner finds.
    #[inline(always)]
    fn next(
        &self,
        scanner: Secret,
        work: Work,
        bytes: &[u8],
        from: usize,
        reading: Reading,
    ) -> Option<(Range<usize>, Secret)> {
        let Reading { form, is_cut } = reading;
        let found = match scanner {
            Secret::PrivateKey => private_keys::next(bytes, from),
            Secret::Jwt => jwts::next(bytes, from, is_cut),
            Secret::Credentials => credentials::next(bytes, from, is_cut),
            Secret::ApiKey => api_keys::next(bytes, from, is_cut),
            Secret::UserInfo => user_info::next(bytes, from, is_cut),
            Secret::Email => emails::next(bytes, from, is_cut),
            Secret::Card => cards::next(bytes, from, is_cut),
            PAIRS => return pairs::next(bytes, from, work.traits, &self.names, form, self.kinds),
            _ => return asides::next(bytes, from, &self.names, form, self.kinds),
        };
        Some((found?, scanner))
    }
}

/// What there is to do about a text.
#[derive(Clone, Copy)]
struct Work {
    scanners: Secrets,
    traits: Traits,
}

impl Work {
    /// What a text with such signs needs. Of one whose end may be missing, a part of what tells a secret is enough.
    #[inline]
    fn by(signs: Signs, length: usize, is_cut: bool) -> Self {
        let fewest_digits = if is_cut { cards::FEWEST_OF_CUT } else { cards::FEWEST_DIGITS };
        let is_long = |fewest| (length >= fewest) | is_cut;
        let is_of_block = signs.has(MARK) & signs.has(BLANK | RARE);
        // A colon alone separates nothing: beside it or before its name there is a frame or a blank. The same is
        // behind an option.
        let has_colons = signs.has(MARK) & signs.has(FRAME | BLANK);
        let scanners = Secrets::NONE
            .with_if(is_of_block & (length >= private_keys::FEWEST_BYTES), Secret::PrivateKey)
            .with_if(signs.has(CAPITAL) & is_long(jwts::FEWEST_BYTES), Secret::Jwt)
            .with_if(signs.has(BLANK | RARE), Secret::Credentials)
            .with_if(is_long(api_keys::FEWEST_BYTES), Secret::ApiKey)
            .with_if(signs.has(AT | RARE) | is_cut, Secret::UserInfo)
            .with_if(signs.has(AT), Secret::Email)
            .with_if(signs.digits >= fewest_digits, Secret::Card)
            .with_if(signs.has(EQUALS) | has_colons, PAIRS)
            .with_if(signs.has(RARE) | has_colons, ASIDES);
        Self { scanners, traits: Traits { has_colons, is_encoded: signs.has(RARE) } }
    }
}

/// A text under way.
struct Draft<'t, 'f> {
    text: &'t str,
    /// Once something has been replaced.
    clean: Option<String>,
    found: &'f mut Found,
}

impl Draft<'_, '_> {
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

#[cfg(test)]
mod tests {
    use super::{Cleaner, Found, Names, Reading, Secret, Secrets, Traits, Work};
    use proptest::prelude::*;

    /// What scanners look at, whole and in parts, and what the first test looks at.
    const PIECES: &str = "password|Password|token|key|code|DB_PASS|x-api-key|Cookie|--password|pwd|REDACTED|\
        =|:|: | = |=>|:=|%3D|%3A|%253D|\"|'|`|\\|\\\"|\\\\\\\"|\\n|&|&amp;|\\u0026|?|#|;|,|.|%3F|%26|%22|%20|%0A|%|+|\
        \u{20}|\t|\n|\r|\u{b}|\u{c}|{|}|[|]|(|)|<|>|</|<password>|</password>|Some(|Secret { |-|--|-----BEGIN|-----END|\
        PRIVATE KEY|-----|://|//|\\/\\/|%2F%2F|@|%40|/|eyJ|eyA|ewoJ|ew0K|eyJhbGciOiJIUzI1NiJ9|Bearer|basic|\
        YWRhOnMzY3JldA==|4111|4111111111111111|41111|11111111111|u64|ghp_|sk-|AKIA|IOSFODNN7EXAMPLE|h.example|\
        ada|s3cret|REDACTED:REDACTED|<password>a</password>|--password a1|//a:b|%2F%2Fa:b%40h|password: a1|{pwd:a1}|\
        \u{a0}|é";

    fn text() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            9 => prop::sample::select(PIECES.split('|').collect::<Vec<_>>()).prop_map(str::to_owned),
            1 => "[ -~]{1,3}",
        ];
        prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
    }

    fn cleaner() -> impl Strategy<Value = Cleaner> {
        let all = Secrets::USUAL.with(Secret::Email);
        let kinds = prop_oneof![
            Just(all),
            prop::sample::select(Secret::ALL.to_vec()).prop_map(|kind| Secrets::NONE.with(kind)),
            prop::sample::select(Secret::ALL.to_vec()).prop_map(move |kind| all.without(kind)),
        ];
        kinds.prop_map(|kinds| Cleaner { kinds, names: Names::USUAL })
    }

    impl Cleaner {
        /// As [`clean`](Self::clean), all scanners looking at every text.
        fn clean_ungated(&self, text: &str, reading: Reading, found: &mut Found) -> Option<String> {
            self.clean_by(
                |_| Work { scanners: self.scanners(), traits: Traits { has_colons: true, is_encoded: true } },
                text,
                reading,
                found,
            )
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn the_first_test_hides_nothing_from_the_scanners(
            text in text(),
            cleaner in cleaner(),
            reading in prop::sample::select(vec![Reading::TEXT, Reading::URL, Reading::QUERY]),
            is_cut: bool,
        ) {
            let reading = Reading { is_cut, ..reading };
            let [mut found, mut found_ungated] = [Found::default(); 2];
            let clean = cleaner.clean(&text, reading, &mut found);
            prop_assert_eq!(&clean, &cleaner.clean_ungated(&text, reading, &mut found_ungated));
            prop_assert_eq!(found, found_ungated);
            prop_assert_eq!(cleaner.finds_in(text.as_bytes(), reading), clean.is_some());
        }

        #[test]
        fn nor_what_is_in_a_list(parts in prop::collection::vec(text(), 1..4), cleaner in cleaner()) {
            // As tracestates are: in no part a comma or an equals sign.
            let list = parts.join(",");
            let finds = |part: &str| cleaner.clean_ungated(part, Reading::TEXT, &mut Found::default()).is_some();
            let is_found = list.split([',', '=']).any(finds);
            prop_assert!(!is_found || cleaner.may_find_in_list(list.as_bytes()), "{}", list);
        }
    }
}
