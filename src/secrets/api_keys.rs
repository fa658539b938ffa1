//! Keys that say by how they begin whose they are (floor 0).

use super::bytes::{at, before, part, position, run};
use std::ops::Range;

/// How keys begin, and the fewest characters that follow: as their providers publish them for
/// scanners like this one.
const KEYS: [(&str, usize); 34] = [
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

/// The next key.
pub(super) fn next(bytes: &[u8], from: usize, is_cut: bool) -> Option<Range<usize>> {
    let mut from = from;
    loop {
        let start = position(bytes, from, is_first)?;
        from = start + 1;
        if !is_second(at(bytes, start), at(bytes, from)) || before(bytes, start).is_ascii_alphanumeric() {
            continue;
        }
        let rest = part(bytes, start..bytes.len());
        let Some((begin, fewest)) = KEYS.iter().find(|(begin, _)| rest.starts_with(begin.as_bytes())) else {
            continue;
        };
        let end = run(bytes, start + begin.len(), is_key_byte);
        let follow = end - start - begin.len();
        if follow >= *fewest || (is_cut && end == bytes.len() && follow >= FEWEST_OF_CUT) {
            return Some(start..end);
        }
        // No key begins within what might have been one.
        from = end;
    }
}

const fn is_first(byte: u8) -> bool {
    matches!(byte, b'A' | b'G' | b'S' | b'd' | b'g' | b'h' | b'n' | b'p' | b'r' | b's' | b'w' | b'x' | b'y')
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

const fn is_key_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}
