//! Names whose values are secrets (floor 0): of attributes, of query parameters, of headers.
//!
//! An attribute's key is a secret's if one of the words of a list stands in it as a whole segment:
//! `db.password`, `userPassword` and `user-password` are, `password_count` and `passwords` are not. So is a
//! query parameter's name, or if it is on a list of its own, decoded, in whatever case.

use super::bytes::{at, part};

/// Words, or several in a row, that stand for secrets wherever they are a key's segment.
const WORDS: [&[&str]; 37] = [
    &["password"],
    &["passwd"],
    &["pwd"],
    &["passphrase"],
    &["passcode"],
    &["secret"],
    &["secrets"],
    &["token"],
    &["authtoken"],
    &["accesstoken"],
    &["refreshtoken"],
    &["apitoken"],
    &["authorization"],
    &["credential"],
    &["credentials"],
    &["api", "key"],
    &["apikey"],
    &["access", "key"],
    &["accesskey"],
    &["account", "key"],
    &["accountkey"],
    &["secretkey"],
    &["private", "key"],
    &["privatekey"],
    &["encryption", "key"],
    &["cookie"],
    &["cookies"],
    &["jwt"],
    &["jsessionid"],
    &["phpsessid"],
    &["csrf"],
    &["xsrf"],
    &["card", "number"],
    &["cardnumber"],
    &["cvv"],
    &["cvc"],
    &["ssn"],
];

/// A key that ends with one of these says something about the secret, not the secret itself.
const ABOUT: [&str; 22] = [
    "count",
    "length",
    "len",
    "size",
    "type",
    "kind",
    "name",
    "id",
    "enabled",
    "present",
    "valid",
    "status",
    "state",
    "expires",
    "expiry",
    "expiration",
    "at",
    "ttl",
    "age",
    "policy",
    "limit",
    "usage",
];

/// Query parameters whose values are secrets: those of the semantic conventions (`url.full`,
/// `url.query`), and the usual names besides.
const QUERY: [&str; 38] = [
    "x-amz-signature",
    "x-amz-credential",
    "x-amz-security-token",
    "x-goog-signature",
    "x-goog-credential",
    "sig",
    "awsaccesskeyid",
    "signature",
    "token",
    "access_token",
    "refresh_token",
    "id_token",
    "auth_token",
    "id_token_hint",
    "api_key",
    "api-key",
    "apikey",
    "x-api-key",
    "key",
    "password",
    "passwd",
    "pwd",
    "secret",
    "client_secret",
    "client_assertion",
    "assertion",
    "samlresponse",
    "code",
    "code_verifier",
    "device_code",
    "auth",
    "authorization",
    "session",
    "session_id",
    "sessionid",
    "sid",
    "jsessionid",
    "otp",
];

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

/// More than this is no name that is looked for.
const MOST_QUERY_BYTES: usize = 64;

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
        let mut segments = Segments::of(key);
        let mut is_found = false;
        let mut last = &b""[..];
        while !segments.rest.is_empty() {
            // What a setting has added is meant as it is, whatever the key ends with.
            if self.words.iter().any(|words| segments.start_with(words)) {
                return true;
            }
            is_found = is_found || WORDS.iter().any(|words| segments.start_with(words));
            last = segments.next().unwrap_or_default();
        }
        is_found && !ABOUT.iter().any(|about| last.eq_ignore_ascii_case(about.as_bytes()))
    }

    /// Does a query parameter of this name, still encoded, hold a secret?
    pub(crate) fn is_secret_query(&self, encoded: &[u8]) -> bool {
        let mut buffer = [0; MOST_QUERY_BYTES];
        let Some(name) = decode(encoded, &mut buffer) else {
            return false;
        };
        let is_in = |list: &[String], name: &[u8]| list.iter().any(|known| known.as_bytes() == name);
        if is_in(&self.allowed_queries, name) {
            return false;
        }
        let is_secret =
            |name: &[u8]| QUERY.iter().any(|known| known.as_bytes() == name) || is_in(&self.queries, name);
        is_secret(name)
            || is_secret(innermost(name))
            || self.is_secret_key(encoded)
            || self.is_secret_key(name)
    }
}

/// `password` of `user[password]` and of `user.password`.
fn innermost(name: &[u8]) -> &[u8] {
    let name = name.strip_suffix(b"]").unwrap_or(name);
    let start = name.iter().rposition(|byte| matches!(byte, b'[' | b'.')).map_or(0, |before| before + 1);
    part(name, start..name.len())
}

/// Undoes percent-encoding, in lowercase: a server decodes names before it compares them. `None` if
/// it does not fit.
fn decode<'b>(name: &[u8], buffer: &'b mut [u8; MOST_QUERY_BYTES]) -> Option<&'b [u8]> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let mut length = 0;
    let mut position = 0;
    while position < name.len() {
        let escape = digit(at(name, position + 1)).zip(digit(at(name, position + 2)));
        let (byte, width) = match (at(name, position), escape) {
            (b'%', Some((high, low))) => ((high << 4 | low) as u8, 3),
            (byte, _) => (byte, 1),
        };
        *buffer.get_mut(length)? = byte.to_ascii_lowercase();
        length += 1;
        position += width;
    }
    buffer.get(..length)
}

fn lowercase(segment: &[u8]) -> String {
    String::from_utf8_lossy(segment).to_ascii_lowercase()
}

/// The words of a key: what stands between dots, hyphens and the like, and what `camelCase` sets apart.
#[derive(Clone, Copy)]
struct Segments<'a> {
    /// Begins with a word.
    rest: &'a [u8],
}

impl<'a> Segments<'a> {
    fn of(key: &'a [u8]) -> Self {
        Self { rest: from_word(key) }
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
        let end = word_end(self.rest);
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

fn word_end(key: &[u8]) -> usize {
    let mut end = 0;
    while end < key.len() && is_word(at(key, end)) {
        let (this, next, after) = (at(key, end), at(key, end + 1), at(key, end + 2));
        end += 1;
        let begins_camel = !this.is_ascii_uppercase() && next.is_ascii_uppercase();
        let ends_acronym =
            this.is_ascii_uppercase() && next.is_ascii_uppercase() && after.is_ascii_lowercase();
        if begins_camel || ends_acronym {
            break;
        }
    }
    end
}
