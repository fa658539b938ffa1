//! Secrets in URLs and headers (floor 3): keys stay, values go, before anything is recorded.
//!
//! Nothing is allocated where nothing is found.

use std::borrow::Cow;

/// What stands in a secret's place.
pub(crate) const REDACTED: &str = "REDACTED";

/// Query keys whose values are secrets, in lowercase: those of the semantic conventions (`url.full`,
/// `url.query`), and the usual names besides.
const SECRET_KEYS: [&str; 22] = [
    "x-amz-signature",
    "x-amz-credential",
    "x-amz-security-token",
    "x-goog-signature",
    "sig",
    "awsaccesskeyid",
    "signature",
    "token",
    "access_token",
    "refresh_token",
    "id_token",
    "api_key",
    "apikey",
    "key",
    "password",
    "passwd",
    "secret",
    "client_secret",
    "code",
    "auth",
    "session",
    "authorization",
];

/// Headers whose values are secrets, in lowercase: those that carry credentials by their specification
/// [RFC 9110, 11; RFC 6265], and the usual names besides.
const SECRET_HEADERS: [&str; 12] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
    "x-api-key",
    "api-key",
    "x-auth-token",
    "x-csrf-token",
    "x-xsrf-token",
    "x-amz-security-token",
    "x-goog-api-key",
    "x-vault-token",
];

/// Must this header's value never be recorded? Names are in lowercase.
pub(crate) fn is_secret_header(name: &str) -> bool {
    SECRET_HEADERS.contains(&name)
}

/// A query string, without its `?`, whose secret values are replaced.
pub(crate) fn query(query: &str) -> Cow<'_, str> {
    if !query.split('&').any(is_secret_pair) {
        return Cow::Borrowed(query);
    }
    let mut clean = String::with_capacity(query.len());
    for (position, pair) in query.split('&').enumerate() {
        if position > 0 {
            clean.push('&');
        }
        match pair.split_once('=') {
            Some((key, _)) if is_secret_pair(pair) => {
                clean.push_str(key);
                clean.push('=');
                clean.push_str(REDACTED);
            }
            _ => clean.push_str(pair),
        }
    }
    Cow::Owned(clean)
}

/// A URL whose user info and secret query values are replaced.
pub(crate) fn url(url: &str) -> Cow<'_, str> {
    let (before_query, after) = match url.split_once('?') {
        Some((before, after)) => (before, Some(after)),
        None => (url, None),
    };
    let (query_part, fragment) = match after.map(|after| after.split_once('#').unwrap_or((after, ""))) {
        Some((query_part, fragment)) => (Some(query_part), fragment),
        None => (None, ""),
    };
    let clean_query = query_part.map(query);
    let authority = user_info(before_query);
    if authority.is_none() && !matches!(clean_query, Some(Cow::Owned(_))) {
        return Cow::Borrowed(url);
    }
    let mut clean = String::with_capacity(url.len() + REDACTED.len());
    match authority {
        Some((scheme, rest)) => {
            clean.extend([scheme, REDACTED, ":", REDACTED, "@", rest]);
        }
        None => clean.push_str(before_query),
    }
    if let Some(query_part) = clean_query {
        clean.push('?');
        clean.push_str(&query_part);
        if !fragment.is_empty() {
            clean.push('#');
            clean.push_str(fragment);
        }
    }
    Cow::Owned(clean)
}

/// A text, such as an error's message, in which every URL is cleaned as by [`url`].
pub(crate) fn text(text: &str) -> Cow<'_, str> {
    const SCHEME_END: &str = "://";
    if !text.contains(SCHEME_END) {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(SCHEME_END) {
        let end = after.find(is_url_end).unwrap_or(after.len());
        let (url_rest, following) = after.split_at(end);
        clean.push_str(before);
        clean.push_str(&url(&[SCHEME_END, url_rest].concat()));
        rest = following;
    }
    clean.push_str(rest);
    Cow::Owned(clean)
}

/// Splits a URL with user info into what stands before and behind that.
fn user_info(url: &str) -> Option<(&str, &str)> {
    let authority_start = url.find("://")? + 3;
    let (scheme, rest) = url.split_at_checked(authority_start)?;
    let authority_end = rest.find(['/', '#']).unwrap_or(rest.len());
    let at = rest.get(..authority_end)?.rfind('@')?;
    Some((scheme, rest.get(at + 1..)?))
}

/// Where a URL in running text ends.
fn is_url_end(character: char) -> bool {
    character.is_whitespace() || matches!(character, '"' | '\'' | '<' | '>' | '(' | ')' | '`')
}

fn is_secret_pair(pair: &str) -> bool {
    pair.split_once('=').is_some_and(|(key, value)| !value.is_empty() && is_secret_key(key))
}

fn is_secret_key(key: &str) -> bool {
    if !key.contains('%') {
        return SECRET_KEYS.iter().any(|secret| secret.eq_ignore_ascii_case(key));
    }
    // A server decodes keys before it compares them, so `%74oken` is `token` to it.
    let mut decoded = String::with_capacity(key.len());
    let mut rest = key;
    while let Some((before, after)) = rest.split_once('%') {
        decoded.push_str(before);
        let byte = after.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match byte {
            Some(byte) => decoded.push(char::from(byte)),
            None => decoded.push('%'),
        }
        rest = if byte.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    decoded.push_str(rest);
    SECRET_KEYS.iter().any(|secret| secret.eq_ignore_ascii_case(&decoded))
}

#[cfg(test)]
mod tests {
    use super::{query, text, url};
    use std::borrow::Cow;

    #[test]
    fn secret_query_values_are_replaced_and_keys_kept() {
        assert_eq!(query("page=2&Token=s3cret&sig=abc&q="), "page=2&Token=REDACTED&sig=REDACTED&q=");
        assert_eq!(query("%74oken=s3cret"), "%74oken=REDACTED");
        assert!(matches!(query("page=2&tokens=3&sort"), Cow::Borrowed(_)));
    }

    #[test]
    fn user_info_is_replaced() {
        assert_eq!(
            url("https://ada:pa@ss@shop.example:8443/a?b=1#c"),
            "https://REDACTED:REDACTED@shop.example:8443/a?b=1#c"
        );
        assert_eq!(url("http://shop.example/a@b?code=7#top"), "http://shop.example/a@b?code=REDACTED#top");
        assert!(matches!(url("http://shop.example/a?b=1"), Cow::Borrowed(_)));
    }

    #[test]
    fn urls_in_a_message_are_cleaned() {
        assert_eq!(
            text("error sending request for url (http://u:p@h/x?token=1): refused, see https://h/?key=2"),
            "error sending request for url (http://REDACTED:REDACTED@h/x?token=REDACTED): refused, \
             see https://h/?key=REDACTED"
        );
        assert!(matches!(text("connection refused"), Cow::Borrowed(_)));
    }
}
