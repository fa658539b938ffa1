//! tracestate [W3C Trace Context Level 2, tracestate, limits].

use proptest::prelude::*;
use throughline::context::{MAX_HEADER_LINES, TraceState, TraceStateError};

fn parse(value: &str) -> Result<TraceState, TraceStateError> {
    TraceState::from_lines([value])
}

/// `count` members of these lengths each, keys `a0`, `a1`, …
fn list(count: usize, member_bytes: usize) -> String {
    let member = |number| {
        let key = format!("a{number}=");
        format!("{key}{}", "v".repeat(member_bytes - key.len()))
    };
    (0..count).map(member).collect::<Vec<_>>().join(",")
}

#[test]
fn accepted() {
    let long_key = "k".repeat(256);
    let long_value = "v".repeat(256);
    for (lines, expected) in [
        (&["foo=1"][..], "foo=1"),
        (&["congo=t61rcWkgMzE,rojo=00f067aa0ba902b7"], "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7"),
        // Lines are joined in order.
        (&["foo=1", "bar=2,baz=3"], "foo=1,bar=2,baz=3"),
        // Empty members are legal, and blanks around members.
        (&["foo=1,,bar=2"], "foo=1,bar=2"),
        (&[",foo=1,"], "foo=1"),
        (&["foo=1, \t ,bar=2"], "foo=1,bar=2"),
        (&["foo=1 \t,\t bar=2 "], "foo=1,bar=2"),
        (&["", "foo=1", " "], "foo=1"),
        (&[""], ""),
        (&[" ,\t,"], ""),
        (&[], ""),
        // Keys.
        (&["0=1"], "0=1"),
        (&["foo@=1"], "foo@=1"),
        (&["a@@b=1"], "a@@b=1"),
        (&["0@1=1"], "0@1=1"),
        (&["a_-*/@9=1"], "a_-*/@9=1"),
        (&[&*format!("{long_key}=1")], &*format!("{long_key}=1")),
        // Values: leading spaces are kept.
        (&["foo=  1"], "foo=  1"),
        (&["foo=a b"], "foo=a b"),
        (&["foo=!\"#$%&'()*+-./:;<>?@[\\]^_`{|}~"], "foo=!\"#$%&'()*+-./:;<>?@[\\]^_`{|}~"),
        (&[&*format!("foo={long_value}")], &*format!("foo={long_value}")),
        // Of members with the same key one is kept, the first.
        (&["foo=1,foo=1"], "foo=1"),
        (&["foo=1,bar=2,foo=3"], "foo=1,bar=2"),
        (&["foo=1", "foo=2"], "foo=1"),
        // OpenTelemetry's own member.
        (&["ot=th:8;rv:0123456789abcd"], "ot=th:8;rv:0123456789abcd"),
    ] {
        let state = TraceState::from_lines(lines).unwrap_or_else(|error| panic!("{lines:?}: {error}"));
        assert_eq!(state.to_string(), expected, "{lines:?}");
        assert_eq!(state.to_header(), expected, "{lines:?}");
        assert_eq!(state.is_empty(), expected.is_empty(), "{lines:?}");
        assert_eq!(state.is_empty(), state == TraceState::EMPTY, "{lines:?}");
    }
}

#[test]
fn refused_as_a_whole() {
    use TraceStateError::{Key, NoValue, Value};
    let long_key = format!("{}=1", "k".repeat(257));
    let long_value = format!("foo={}", "v".repeat(257));
    for (member, error) in [
        ("foo=bar=baz", Value),
        ("foo=,bar=3", Value),
        ("foo=", Value),
        ("foo= ", Value),
        ("foo=\t", Value),
        ("@foo=1", Key),
        ("_foo=1", Key),
        ("FOO=1", Key),
        ("fooB=1", Key),
        ("foo =1", Key),
        ("foo bar=1", Key),
        ("foo.bar=1", Key),
        ("foo\t=1", Key),
        ("=1", Key),
        (&long_key, Key),
        (&long_value, Value),
        ("foo", NoValue),
        ("foo;bar", NoValue),
        ("foo=a\tb", Value),
        ("foo=a\u{7f}", Value),
        ("foo=é", Value),
        ("é=1", Key),
    ] {
        // Alone, after a good member, before one, and on a line of its own.
        assert_eq!(parse(member), Err(error), "{member}");
        assert_eq!(parse(&format!("ok=1,{member}")), Err(error), "{member}");
        assert_eq!(parse(&format!("{member},ok=1")), Err(error), "{member}");
        assert_eq!(TraceState::from_lines(["ok=1", member, "ok2=1"]), Err(error), "{member}");
    }
    assert_eq!(TraceState::from_lines([b"foo=\xff"]), Err(Value));
    assert_eq!(TraceState::from_lines([b"\xff=foo"]), Err(Key));
}

#[test]
fn at_most_32_members() {
    assert_eq!(parse(&list(32, 8)).unwrap().iter().count(), 32);
    assert_eq!(parse(&list(33, 8)), Err(TraceStateError::TooManyMembers));
    // Over several lines, and the same key again, make 33 all the same; empty members do not.
    let lines = [list(32, 8), "a0=other".to_owned()];
    assert_eq!(TraceState::from_lines(&lines), Err(TraceStateError::TooManyMembers));
    let lines = [list(32, 8), ",, ,".to_owned()];
    assert_eq!(TraceState::from_lines(&lines).unwrap().iter().count(), 32);
}

#[test]
fn at_most_8_kib_in_all_lines() {
    let limit = |bytes: usize| {
        let mut lines = vec![list(31, 256); 1];
        let last = format!("z={}", "v".repeat(100));
        let blanks = bytes - lines[0].len() - last.len();
        lines.push(last + &" ".repeat(blanks));
        lines
    };
    assert_eq!(TraceState::from_lines(&limit(8_192)).unwrap().iter().count(), 32);
    assert_eq!(TraceState::from_lines(&limit(8_193)), Err(TraceStateError::TooLong));
    // Counted first: what is wrong inside does not matter any more.
    assert_eq!(parse(&"@".repeat(8_193)), Err(TraceStateError::TooLong));
    assert_eq!(parse(&"@".repeat(8_192)), Err(TraceStateError::NoValue));
    // Lines without end.
    for lines in [MAX_HEADER_LINES + 1, 1 << 20] {
        let lines = vec![""; lines];
        assert_eq!(TraceState::from_lines(&lines), Err(TraceStateError::TooManyMembers));
    }
    assert_eq!(TraceState::from_lines([""; MAX_HEADER_LINES]), Ok(TraceState::EMPTY));
}

#[test]
fn at_least_512_characters_are_sent_whole() {
    let last = |bytes: usize| format!(",b={}", "v".repeat(bytes - 3));
    for text in [list(3, 127) + &last(129), list(1, 255) + &last(257), list(31, 15) + &last(17)] {
        assert_eq!(text.len(), 512);
        let state = parse(&text).unwrap();
        assert_eq!(state.to_header(), text);
        // No limit below 512 is taken.
        assert_eq!(state.to_header_within(0), text);
    }
}

#[test]
fn over_the_limit_long_members_go_first_and_then_from_the_right() {
    let long = |key: &str| format!("{key}={}", "v".repeat(127));
    let short = |key: &str| format!("{key}={}", "v".repeat(126));
    let join = |members: &[String]| members.join(",");

    // 129 characters are long, 128 are not; one is enough.
    let state = parse(&join(&[long("a"), short("b"), short("c"), short("d")])).unwrap();
    assert_eq!(state.to_string().len(), 516);
    assert_eq!(state.to_header(), join(&[short("b"), short("c"), short("d")]));

    // Of long ones the rightmost, and no more than it takes.
    let state = parse(&join(&[long("a"), short("b"), long("c"), short("d")])).unwrap();
    assert_eq!(state.to_header(), join(&[long("a"), short("b"), short("d")]));

    // No long ones left: from the right.
    let state = parse(&join(&[short("a"), short("b"), short("c"), short("d"), short("e")])).unwrap();
    assert_eq!(state.to_header(), join(&[short("a"), short("b"), short("c")]));

    // Both.
    let state = parse(&join(&[short("a"), short("b"), short("c"), long("l"), short("d")])).unwrap();
    assert_eq!(state.to_header(), join(&[short("a"), short("b"), short("c")]));

    // A limit of one's own: exactly that much is sent.
    let text = join(&[short("a"), short("b"), short("c"), short("d"), short("e")]);
    let state = parse(&text).unwrap();
    assert_eq!(state.to_header_within(text.len()), text);
    assert_eq!(state.to_header_within(text.len() - 1), text[..text.len() - 129]);

    // A single member can be over 512 characters.
    let state = parse(&format!("{}={}", "k".repeat(256), "v".repeat(256))).unwrap();
    assert_eq!(state.to_header(), "");
}

#[test]
fn an_own_entry_is_written_leftmost() {
    let mut state = parse("a=1,b=2").unwrap();
    let before = state.clone();
    state.insert("ot", "th:8").unwrap();
    assert_eq!(state.to_string(), "ot=th:8,a=1,b=2");
    state.insert("b", " 3").unwrap();
    assert_eq!(state.to_string(), "b= 3,ot=th:8,a=1");
    assert_eq!(before.to_string(), "a=1,b=2", "a clone is not written to");

    let mut state = TraceState::EMPTY;
    state.insert("a", "1").unwrap();
    assert_eq!(state.to_string(), "a=1");

    let mut state = parse(&list(32, 8)).unwrap();
    state.insert("new", "1").unwrap();
    assert_eq!(state.iter().count(), 32);
    assert_eq!(state.iter().next(), Some(("new", "1")));
    assert_eq!((state.get("a30"), state.get("a31")), (Some("vvvv"), None));
    state.insert("a5", "1").unwrap();
    assert_eq!(state.iter().count(), 32);
}

#[test]
fn an_entry_that_breaks_the_rules_changes_nothing() {
    let long = "v".repeat(257);
    let mut state = parse("a=1").unwrap();
    for (key, value, error) in [
        ("", "1", TraceStateError::Key),
        ("A", "1", TraceStateError::Key),
        ("a,b", "1", TraceStateError::Key),
        ("a", "", TraceStateError::Value),
        ("a", "1,b=2", TraceStateError::Value),
        ("a", "1=2", TraceStateError::Value),
        ("a", "1 ", TraceStateError::Value),
        ("a", "1\r\nx: y", TraceStateError::Value),
        ("a", &long, TraceStateError::Value),
    ] {
        assert_eq!(state.insert(key, value), Err(error), "{key}={value}");
    }
    assert_eq!(state.to_string(), "a=1");
}

#[test]
fn members_are_found_and_removed() {
    let mut state = parse("a=1,ab= 2,abc=3").unwrap();
    assert_eq!(state.get("a"), Some("1"));
    assert_eq!(state.get("ab"), Some(" 2"));
    assert_eq!(state.get("b"), None);
    assert_eq!(state.get(""), None);
    assert_eq!(state.get("a=1"), None);
    assert_eq!(state.iter().collect::<Vec<_>>(), [("a", "1"), ("ab", " 2"), ("abc", "3")]);
    assert!(state.remove("ab"));
    assert!(!state.remove("ab"));
    assert_eq!(state.to_string(), "a=1,abc=3");
    assert!(state.remove("a") && state.remove("abc"));
    assert_eq!(state, TraceState::EMPTY);
    assert!(!state.remove("a"));
}

#[test]
fn is_stored_as_the_header() {
    let state = parse("a=1,b=\"2\"").unwrap();
    let json = serde_json::to_string(&state).unwrap();
    assert_eq!(json, r#""a=1,b=\"2\"""#);
    assert_eq!(serde_json::from_str::<TraceState>(&json).unwrap(), state);
    assert_eq!(serde_json::to_string(&TraceState::EMPTY).unwrap(), r#""""#);
    assert_eq!(serde_json::from_str::<TraceState>(r#""""#).unwrap(), TraceState::EMPTY);
    assert!(serde_json::from_str::<TraceState>(r#""FOO=1""#).is_err());

    // The longest list there can be comes back, though no header may be so long.
    let mut longest = TraceState::EMPTY;
    for number in 0..32 {
        longest.insert(&format!("{number:k>256}"), &"v".repeat(256)).unwrap();
    }
    assert!(longest.to_string().len() > 16_000);
    assert_eq!(longest.to_string().parse(), Ok(longest));
}

fn member() -> impl Strategy<Value = (String, String)> {
    ("[a-z0-9][a-z0-9_*/@-]{0,20}", "[ -+\\--<>-~]{0,20}[!-+\\--<>-~]")
}

proptest! {
    #[test]
    fn what_is_emitted_is_accepted(
        members in prop::collection::vec(member(), 0..40),
        limit in 0..2_000_usize,
    ) {
        let mut state = TraceState::EMPTY;
        for (key, value) in &members {
            state.insert(key, value).unwrap();
            prop_assert_eq!(state.iter().next(), Some((&**key, &**value)));
        }
        let text = state.to_string();
        prop_assert_eq!(text.parse::<TraceState>(), Ok(state.clone()));
        prop_assert_eq!(TraceState::from_lines([&text]), Ok(state.clone()));
        prop_assert_eq!(TraceState::from_lines(text.split(',').collect::<Vec<_>>().as_slice()), Ok(state.clone()));

        let sent = state.to_header_within(limit);
        prop_assert!(sent.len() <= limit.max(512));
        let received: TraceState = sent.parse().unwrap();
        let mut all = state.iter();
        prop_assert!(received.iter().all(|member| all.any(|other| other == member)), "whole members, in order");
    }

    #[test]
    fn one_bad_byte_spoils_the_list(
        members in prop::collection::vec(member(), 1..10),
        place in any::<prop::sample::Index>(),
        byte in prop_oneof![0..0x20_u8, 0x7f..=0xff_u8],
    ) {
        let list: Vec<_> = members.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let mut line = list.join(",").into_bytes();
        line.insert(place.index(line.len()), byte);
        // A tab may stand around a member.
        prop_assume!(byte != b'\t');
        prop_assert!(TraceState::from_lines([&line]).is_err());
    }
}
