//! The words by which secrets are told (floor 0): in the names of attributes and query parameters, in lowercase.
//!
//! Names hold none of them, nearly always: [`may_be_in`] says so from a name's triples of letters.

/// A word that stands for a secret wherever it is a name's segment.
const SECRET_WORDS: [&str; 31] = [
    "password",
    "passwd",
    "pwd",
    "passphrase",
    "passcode",
    "secret",
    "secrets",
    "token",
    "authtoken",
    "accesstoken",
    "refreshtoken",
    "apitoken",
    "authorization",
    "credential",
    "credentials",
    "apikey",
    "accesskey",
    "accountkey",
    "secretkey",
    "privatekey",
    "cookie",
    "cookies",
    "jwt",
    "jsessionid",
    "phpsessid",
    "csrf",
    "xsrf",
    "cardnumber",
    "cvv",
    "cvc",
    "ssn",
];

/// Two words that do so in a row.
const SECRET_PAIRS: [(&str, &str); 6] = [
    ("api", "key"),
    ("access", "key"),
    ("account", "key"),
    ("private", "key"),
    ("encryption", "key"),
    ("card", "number"),
];

/// A name that ends with such a word says something about the secret, not the secret itself.
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

/// A word of more bytes is on none of the lists above.
pub(super) const MOST_WORD_BYTES: usize = 16;

/// Query parameters whose values are secrets: those of the semantic conventions (`url.full`,
/// `url.query`), and the usual names besides.
const SECRET_PARAMETERS: [&str; 38] = [
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

pub(super) fn is_secret_word(word: &[u8]) -> bool {
    is_among(&SECRET_WORDS, word)
}

pub(super) fn are_secret_words(first: &[u8], second: &[u8]) -> bool {
    SECRET_PAIRS.iter().any(|pair| (pair.0.as_bytes(), pair.1.as_bytes()) == (first, second))
}

pub(super) fn is_about(word: &[u8]) -> bool {
    is_among(&ABOUT, word)
}

pub(super) fn is_secret_parameter(name: &[u8]) -> bool {
    is_among(&SECRET_PARAMETERS, name)
}

fn is_among(words: &[&str], word: &[u8]) -> bool {
    words.iter().any(|known| known.as_bytes() == word)
}

/// May any of the words for secrets, pairs and parameters stand in this name, in whatever case? False for nearly
/// all names in which none does.
pub(super) fn may_be_in(name: &[u8]) -> bool {
    let mut triple = 0;
    name.iter().any(|byte| {
        triple = follow(triple, *byte);
        has(&TRIPLES, triple)
    })
}

/// The last three bytes by five bits each, which are the same for capitals.
#[inline(always)]
const fn follow(triple: u16, byte: u8) -> u16 {
    (triple << 5 | (byte & 31) as u16) & 0x7FFF
}

/// A set of triples: a bit for each of the values of a hash.
type Triples = [u64; 64];

/// The first triple of each word and parameter, and of each pair's second word.
static TRIPLES: Triples = {
    let mut triples = [0; 64];
    add_all(&mut triples, &SECRET_WORDS);
    add_all(&mut triples, &SECRET_PARAMETERS);
    let mut pairs: &[(&str, &str)] = &SECRET_PAIRS;
    while let [(_, second), rest @ ..] = pairs {
        add_all(&mut triples, &[*second]);
        pairs = rest;
    }
    triples
};

#[expect(clippy::indexing_slicing, clippy::panic, reason = "it is the compiler that would stop")]
const fn add_all(triples: &mut Triples, mut words: &[&str]) {
    while let [word, rest @ ..] = words {
        let [first, second, third, ..] = word.as_bytes() else {
            panic!("a word has three letters");
        };
        let (place, bit) = place(follow(follow(follow(0, *first), *second), *third));
        triples[place] |= 1 << bit;
        words = rest;
    }
}

#[inline(always)]
fn has(triples: &Triples, triple: u16) -> bool {
    let (place, bit) = place(triple);
    triples.get(place).is_some_and(|bits| bits >> bit & 1 == 1)
}

#[inline(always)]
const fn place(triple: u16) -> (usize, u32) {
    let hash = triple.wrapping_mul(0x9E37) >> 4;
    ((hash >> 6) as usize, (hash & 63) as u32)
}

#[cfg(test)]
mod tests {
    use super::{SECRET_PAIRS, SECRET_PARAMETERS, SECRET_WORDS, may_be_in};

    #[test]
    fn no_word_is_missed_wherever_it_stands() {
        let pairs = SECRET_PAIRS.map(|(first, second)| format!("{first}_{second}"));
        let words = SECRET_WORDS.iter().chain(&SECRET_PARAMETERS).map(|word| (*word).to_owned());
        for word in words.chain(pairs) {
            for name in [&word, &word.to_uppercase(), &format!("a.{word}"), &format!("user[{word}]-1")] {
                assert!(may_be_in(name.as_bytes()), "{name}");
            }
        }
    }

    #[test]
    fn usual_names_are_known_to_have_none() {
        let usual = "page sort expand warehouse limit offset filter user.id order.id http.route url.path";
        let seen = usual.split(' ').filter(|name| may_be_in(name.as_bytes()));
        assert_eq!(seen.collect::<Vec<_>>(), Vec::<&str>::new());
    }
}
