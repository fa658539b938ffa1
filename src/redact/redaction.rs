//! What is redacted (floor 3): the settings.

use super::rule::Rule;
use crate::secrets::{Cleaner, Found, Names, Reading, Secret, Secrets};
use std::{borrow::Cow, fmt, sync::Arc};

/// Which secrets a tracer takes out of its spans, for
/// [`TracerBuilder::redaction`](crate::TracerBuilder::redaction).
///
/// The default is all kinds of [`Secret`] but e-mail addresses.
///
/// ```
/// use throughline::{Tracer, redact::{Redaction, Secret}};
///
/// let redaction = Redaction::default()
///     .with(Secret::Email)
///     .without(Secret::Card)
///     .deny_key("iban")
///     .allow_key("pagination.token")
///     .deny_query("ticket")
///     .deny_header("x-internal-note");
/// let tracer = Tracer::builder("orders").redaction(redaction).build()?;
/// # Ok::<(), throughline::BuildError>(())
/// ```
#[derive(Clone)]
#[must_use = "settings do nothing until a tracer is built with them"]
pub struct Redaction {
    pub(super) cleaner: Cleaner,
    pub(super) rules: Vec<(Cow<'static, str>, Arc<dyn Rule>)>,
}

impl Default for Redaction {
    fn default() -> Self {
        Self { cleaner: Cleaner { kinds: Secrets::USUAL, names: Names::USUAL }, rules: Vec::new() }
    }
}

impl Redaction {
    /// No redaction at all, not even of headers that carry credentials and not of URLs: whatever any code
    /// records reaches every exporter and backend as it is, and those who can read these can use it.
    ///
    /// Only what the layers of the [middleware](crate::middleware) know to be a secret themselves, they never
    /// record.
    ///
    /// For a tracer whose spans never leave a test. Where one kind of secret is in the way, switch that off
    /// with [`without`](Self::without).
    pub fn none() -> Self {
        let cleaner = Cleaner { kinds: Secrets::NONE, names: Names::USUAL };
        Self { cleaner, rules: Vec::new() }
    }

    /// The same, and this kind of secret.
    pub fn with(mut self, secret: Secret) -> Self {
        self.cleaner.kinds = self.cleaner.kinds.with(secret);
        self
    }

    /// The same, but for this kind of secret.
    pub fn without(mut self, secret: Secret) -> Self {
        self.cleaner.kinds = self.cleaner.kinds.without(secret);
        self
    }

    /// The same, and attributes with this in their key hold secrets: a word, such as `pin`, or several,
    /// such as `account.number`, that stand in the key as whole segments, in a row and in whatever case.
    /// Segments are what stands between `.`, `_`, `-` and the like, and what `camelCase` sets apart.
    ///
    /// The same words count as names in texts: `pin=1234`.
    pub fn deny_key(mut self, words: &str) -> Self {
        self.cleaner.names.deny_key(words);
        self
    }

    /// The same, but attributes of exactly this key, in whatever case, are left alone by all built-in rules.
    /// Headers that carry credentials stay redacted even so.
    pub fn allow_key(mut self, key: &str) -> Self {
        self.cleaner.names.allow_key(key);
        self
    }

    /// The same, and query parameters of this name, in whatever case, hold secrets.
    pub fn deny_query(mut self, name: &str) -> Self {
        self.cleaner.names.deny_query(name);
        self
    }

    /// The same, but query parameters of this name hold none.
    pub fn allow_query(mut self, name: &str) -> Self {
        self.cleaner.names.allow_query(name);
        self
    }

    /// The same, and headers of this name, in whatever case, hold secrets where they are recorded, and in texts:
    /// `x-internal-note: …`, to the line's end.
    pub fn deny_header(mut self, name: &str) -> Self {
        self.cleaner.names.deny_header(name);
        self
    }

    /// A text as it would be exported in an attribute of no special key: for what a program writes elsewhere,
    /// such as a log. Rules of one's own are not asked, and nothing is counted.
    ///
    /// Takes time in proportion to the text, and allocates only if it finds something.
    ///
    /// ```
    /// use throughline::redact::Redaction;
    ///
    /// let redaction = Redaction::default();
    /// assert_eq!(redaction.text("paid with 4111 1111 1111 1111"), "paid with REDACTED");
    /// assert_eq!(redaction.text("order 4111 1111 1111 1112"), "order 4111 1111 1111 1112");
    /// ```
    pub fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match self.cleaner.clean(text, Reading::TEXT, &mut Found::default()) {
            Some(clean) => Cow::Owned(clean),
            None => Cow::Borrowed(text),
        }
    }

    /// The same, and a rule of one's own, known by this name in
    /// [`Stats::redacted`](crate::export::Stats::redacted). Rules are asked in the order in which they were
    /// added, each about what the one before has left.
    pub fn rule(mut self, name: impl Into<Cow<'static, str>>, rule: impl Rule + 'static) -> Self {
        self.rules.push((name.into(), Arc::new(rule)));
        self
    }
}

impl fmt::Debug for Redaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = Secret::ALL.into_iter().filter(|kind| self.cleaner.kinds.has(*kind));
        f.debug_struct("Redaction")
            .field("secrets", &kinds.collect::<Vec<_>>())
            .field("rules", &self.rules.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
