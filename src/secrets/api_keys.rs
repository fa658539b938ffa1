//! Keys that say by how they begin whose they are (floor 0).

use super::bytes::{Class, at, begins_word, part, run, run_back};
use std::ops::Range;

/// How keys begin, and the fewest characters that follow: as their providers publish them for
/// scanners like this one.
pub(super) const KEYS: [(&str, usize); 35] = [
    // Amazon Web Services
    ("AKIA", 16),
    ("ASIA", 16),
    // Google
    ("AIza", 30),
    ("ya29.", 20),
    ("GOCSPX-", 20),
    // GitHub, GitLab
    ("ghp_", 30),
    ("gho_", 30),
    ("ghu_", 30),
    ("ghs_", 30),
    ("ghr_", 30),
    ("github_pat_", 22),
    ("glpat-", 20),
    ("gldt-", 20),
    // Slack
    ("xoxb-", 16),
    ("xoxp-", 16),
    ("xoxa-", 16),
    ("xoxr-", 16),
    ("xoxs-", 16),
    ("xapp-", 16),
    // Stripe
    ("sk_live_", 16),
    ("sk_test_", 16),
    ("rk_live_", 16),
    ("rk_test_", 16),
    ("whsec_", 24),
    // Anthropic, OpenAI, Hugging Face
    ("sk-ant-", 20),
    ("sk-proj-", 20),
    ("sk-svcacct-", 20),
    ("hf_", 30),
    // npm, PyPI, Docker
    ("npm_", 30),
    ("pypi-", 40),
    ("dckr_pat_", 20),
    // SendGrid, Shopify, DigitalOcean, HashiCorp
    ("SG.", 40),
    ("shpat_", 32),
    ("dop_v1_", 40),
    ("hvs.", 20),
];
/// A text shorter than this has none.
pub(super) const FEWEST_BYTES: usize = 20;
/// At the end of a text that is cut, so much of a key is too much.
const FEWEST_OF_CUT: usize = 4;
/// The fewest characters behind a plain `sk-`, and so at the end of a text that is cut.
const FEWEST_OF_PLAIN: usize = 32;
const FEWEST_OF_PLAIN_CUT: usize = 8;

/// The next key. It lies in a run of bytes that keys are made of, up to that run's end, and no run that is too
/// short for a key is walked over more than halfway.
pub(super) fn next(bytes: &[u8], from: usize, is_cut: bool) -> Option<Range<usize>> {
    let is_key_byte = |byte| Class::Key.has(byte);
    // Where a run may begin.
    let mut from = from;
    while let Some(window) = bytes.get(from..from + FEWEST_BYTES) {
        if let Some(gap) = window.iter().rposition(|byte| !is_key_byte(*byte)) {
            from += gap + 1;
            continue;
        }
        let end = run(bytes, from + FEWEST_BYTES, is_key_byte);
        if let Some(start) = key_start(bytes, from..end, is_cut) {
            return Some(start..end);
        }
        from = end;
    }
    if !is_cut {
        return None;
    }
    let start = run_back(bytes, bytes.len(), bytes.len().saturating_sub(from), is_key_byte);
    key_start(bytes, start..bytes.len(), is_cut).map(|start| start..bytes.len())
}

/// Where in a run the first key begins.
fn key_start(bytes: &[u8], run: Range<usize>, is_cut: bool) -> Option<usize> {
    let is_cut = is_cut && run.end == bytes.len();
    let fewest = if is_cut { FEWEST_OF_CUT } else { FEWEST_BYTES };
    (run.start..(run.end + 1).saturating_sub(fewest)).find(|start| {
        is_second(at(bytes, *start), at(bytes, start + 1))
            && begins_word(bytes, *start)
            && is_key(part(bytes, *start..run.end), is_cut)
    })
}

fn is_key(bytes: &[u8], is_cut: bool) -> bool {
    KEYS.iter().any(|(begin, fewest)| {
        let fewest = if is_cut { FEWEST_OF_CUT } else { *fewest };
        bytes.strip_prefix(begin.as_bytes()).is_some_and(|follows| follows.len() >= fewest)
    }) || is_plain_openai_key(bytes, is_cut)
}

/// Their first keys say no more than `sk-`, with which names begin as well: letters and digits alone follow.
fn is_plain_openai_key(bytes: &[u8], is_cut: bool) -> bool {
    bytes.strip_prefix(b"sk-").is_some_and(|follows| {
        let fewest = if is_cut { FEWEST_OF_PLAIN_CUT } else { FEWEST_OF_PLAIN };
        let length = run(follows, 0, |byte| byte.is_ascii_alphanumeric());
        let has_all = |is: fn(&u8) -> bool| part(follows, 0..length).iter().any(is);
        length >= fewest && has_all(u8::is_ascii_uppercase) && has_all(u8::is_ascii_digit)
    })
}

/// Do any of the keys begin with these two? Nearly no word does.
const fn is_second(first: u8, second: u8) -> bool {
    matches!(
        (first, second),
        (b'A', b'K' | b'S' | b'I')
            | (b'G', b'O')
            | (b'S', b'G')
            | (b'd', b'c' | b'o')
            | (b'g', b'd' | b'h' | b'i' | b'l')
            | (b'h', b'f' | b'v')
            | (b'n', b'p')
            | (b'p', b'y')
            | (b'r' | b's', b'k')
            | (b's', b'h')
            | (b'w', b'h')
            | (b'x', b'a' | b'o')
            | (b'y', b'a')
    )
}

#[cfg(test)]
mod tests {
    use super::{Class, FEWEST_BYTES, KEYS, is_second};

    #[test]
    fn what_is_looked_for_before_a_key_is_part_of_each() {
        for (begin, fewest) in KEYS {
            let bytes = begin.as_bytes();
            assert!(
                is_second(bytes[0], bytes[1]) && bytes.iter().all(|byte| Class::Key.has(*byte)),
                "{begin}"
            );
            assert!(begin.len() + fewest >= FEWEST_BYTES, "{begin}");
        }
    }
}
