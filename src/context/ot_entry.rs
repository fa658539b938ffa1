//! OpenTelemetry's own entry in a tracestate (floor 1): `ot=th:…;rv:…`, read and rewritten.
//!
//! Knows the two keys that sampling has, and keeps all others as they are. A `th` or `rv` that is
//! malformed, or there twice, counts as not there and is left out when the entry is rewritten
//! [OpenTelemetry, TraceState Handling].

use super::{
    threshold::{Threshold, parse_randomness},
    tracestate::TraceState,
};
use std::fmt::Write;

const KEY: &str = "ot";
const THRESHOLD: &str = "th";
const RANDOMNESS: &str = "rv";
/// The most characters of the entry's value.
const MAX_VALUE: usize = 256;

impl TraceState {
    /// Looked for in every trace that comes with a tracestate.
    fn ot_entry(&self) -> Option<&str> {
        self.value_after(b"ot=")
    }

    /// With which threshold the trace has been kept so far, if that is known: `th`.
    pub fn sampling_threshold(&self) -> Option<Threshold> {
        unique(self.ot_entry()?, THRESHOLD)?.parse().ok()
    }

    /// The random bits by which the trace is sampled, where the trace id's are not to be used: `rv`.
    pub(crate) fn explicit_randomness(&self) -> Option<u64> {
        parse_randomness(unique(self.ot_entry()?, RANDOMNESS)?)
    }

    /// Writes the threshold, or takes it away. The entry moves to the left if it changes. One that would
    /// get longer than a tracestate's value may be stays without a threshold.
    pub(crate) fn set_sampling_threshold(&mut self, threshold: Option<Threshold>) {
        let entry = self.ot_entry().unwrap_or_default();
        let has_threshold = members(entry).any(|(key, _)| key == THRESHOLD);
        if !has_threshold && threshold.is_none()
            || threshold.is_some() && threshold == self.sampling_threshold()
        {
            return;
        }
        let others = members(entry)
            .filter(|(key, value)| is_kept(entry, key, value))
            .fold(String::new(), |text, (key, value)| text + ";" + key + ":" + value);
        let mut text = String::new();
        if let Some(threshold) = threshold {
            // Writing to a text cannot fail.
            let _written = write!(text, "{THRESHOLD}:{threshold}");
        }
        if text.len() + others.len() > MAX_VALUE {
            text.clear();
        }
        text.push_str(&others);
        // What is left of an entry that was within its bound is within it; an empty one is refused.
        if self.insert(KEY, text.trim_start_matches(';')).is_err() {
            self.remove(KEY);
        }
    }
}

/// The well-formed `key:value` pairs of the entry.
fn members(entry: &str) -> impl Iterator<Item = (&str, &str)> {
    entry.split(';').filter_map(|member| member.split_once(':'))
}

/// The value of a key that is there once.
fn unique<'a>(entry: &'a str, key: &str) -> Option<&'a str> {
    let mut values = members(entry).filter(|(known, _)| *known == key).map(|(_, value)| value);
    values.next().filter(|_| values.next().is_none())
}

/// Stays a pair in an entry that is rewritten? An `rv` is never changed, but a malformed one is none.
fn is_kept(entry: &str, key: &str, value: &str) -> bool {
    match key {
        THRESHOLD => false,
        RANDOMNESS => unique(entry, RANDOMNESS).and_then(parse_randomness).is_some(),
        _ => is_key(key) && value.bytes().all(is_value_byte),
    }
}

fn is_key(key: &str) -> bool {
    key.starts_with(|first: char| first.is_ascii_lowercase())
        && key.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

const fn is_value_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(state: &str, threshold: Option<&str>) -> String {
        let mut state: TraceState = state.parse().unwrap();
        state.set_sampling_threshold(threshold.map(|text| text.parse().unwrap()));
        state.to_string()
    }

    #[test]
    fn thresholds_and_randomness_are_read() {
        let read = |state: &str| {
            let state: TraceState = state.parse().unwrap();
            let threshold = state.sampling_threshold().map(|threshold| threshold.to_string());
            (threshold, state.explicit_randomness())
        };
        let th = |text: &str| Some(text.to_owned());
        let rv = Some(0x74_79cf_b506_891d);
        assert_eq!(read("ot=th:c"), (th("c"), None));
        assert_eq!(read("a=1,ot=rv:7479cfb506891d;th:0,b=2"), (th("0"), rv));
        assert_eq!(read("ot=p:8;th:c00;x:y"), (th("c"), None));
        // Malformed, or twice: not there. The other key is not affected.
        for state in
            ["ot=th:C", "ot=th:", "ot=th", "ot=th:c;th:c", "ot=th:0123456789abcde", "x=1", "ot=xth:c"]
        {
            assert_eq!(read(state), (None, None), "{state}");
        }
        assert_eq!(read("ot=th:zz;rv:7479cfb506891d"), (None, rv));
        assert_eq!(read("ot=th:c;rv:7479CFB506891D"), (th("c"), None));
        assert_eq!(read("ot=th:c;rv:7479cfb506891d;rv:7479cfb506891d"), (th("c"), None));
    }

    #[test]
    fn a_threshold_is_written_and_taken_away() {
        for (state, threshold, written) in [
            ("", Some("c"), "ot=th:c"),
            ("", None, ""),
            ("a=1", Some("c"), "ot=th:c,a=1"),
            ("a=1,ot=th:8", Some("c"), "ot=th:c,a=1"),
            ("a=1,ot=th:8", None, "a=1"),
            ("a=1,ot=p:8;th:8;rv:7479cfb506891d", Some("c"), "ot=th:c;p:8;rv:7479cfb506891d,a=1"),
            ("a=1,ot=p:8;th:8", None, "ot=p:8,a=1"),
            // Nothing to change: nothing moves.
            ("a=1,ot=th:c", Some("c"), "a=1,ot=th:c"),
            ("a=1,ot=p:8", None, "a=1,ot=p:8"),
            // What is malformed goes when the entry is rewritten.
            ("ot=th:zz", None, ""),
            ("ot=junk;th:8;rv:7;P:1;k:a b;ok:A.b_c-", Some("c"), "ot=th:c;ok:A.b_c-"),
            ("ot=th:8;th:8", Some("c"), "ot=th:c"),
        ] {
            assert_eq!(rewritten(state, threshold), written, "{state}");
        }
    }

    #[test]
    fn the_limits_of_a_tracestate_are_kept() {
        let full = |length: usize| format!("ot=k:{}", "v".repeat(length - 2));
        assert!(full(251).len() - 3 == 251);
        assert_eq!(rewritten(&full(251), Some("c")), format!("ot=th:c;{}", &full(251)[3..]));
        assert_eq!(rewritten(&full(252), Some("c")), full(252), "257 characters would be too many");
        let members: Vec<_> = (0..32).map(|n| format!("k{n}=v")).collect();
        let with_ot = rewritten(&members.join(","), Some("c"));
        assert_eq!(with_ot.split(',').count(), 32, "the rightmost goes");
        assert!(with_ot.starts_with("ot=th:c,k0=v") && with_ot.ends_with("k30=v"));
    }

    proptest::proptest! {
        /// Whatever stands in the entry: what is written is read, the list stays well-formed, others stay.
        #[test]
        fn any_entry_survives(entry in "[ -+\\--<>-~]{0,255}[!-+\\--<>-~]", threshold in "[0-9a-f]{1,14}") {
            let mut state: TraceState = format!("a=1,ot={entry},b=2").parse().unwrap();
            let randomness = state.explicit_randomness();
            let threshold: Threshold = threshold.parse().unwrap();
            state.set_sampling_threshold(Some(threshold));
            proptest::prop_assert_eq!(state.explicit_randomness(), randomness);
            proptest::prop_assert!(matches!(state.sampling_threshold(), None | Some(_)));
            if entry.len() < 200 {
                proptest::prop_assert_eq!(state.sampling_threshold(), Some(threshold));
            }
            proptest::prop_assert_eq!((state.get("a"), state.get("b")), (Some("1"), Some("2")));
            proptest::prop_assert_eq!(state.to_string().parse(), Ok(state.clone()));
            state.set_sampling_threshold(None);
            proptest::prop_assert_eq!(state.sampling_threshold(), None);
            proptest::prop_assert_eq!(state.explicit_randomness(), randomness);
        }
    }
}
