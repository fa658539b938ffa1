//! baggage [W3C Baggage: definition, value, limits].

use proptest::prelude::*;
use std::borrow::Cow;
use throughline::{
    context::{Baggage, BaggageError, MAX_HEADER_LINES},
    propagation::baggage,
};

fn parse(value: &str) -> Result<Baggage, BaggageError> {
    baggage::parse([value])
}

fn encode(baggage: &Baggage) -> String {
    let encoded = baggage::encode(baggage);
    assert_eq!(encoded.left_out, 0);
    encoded.text
}

/// `count` members of `member_bytes` each, keys `k0`, `k1`, …
fn list(count: usize, member_bytes: usize) -> String {
    let member = |number| {
        let key = format!("k{number}=");
        format!("{key}{}", "v".repeat(member_bytes - key.len()))
    };
    (0..count).map(member).collect::<Vec<_>>().join(",")
}

#[test]
fn values_are_decoded_and_encoded_again() {
    for (header, value, emitted) in [
        ("k=v", "v", "k=v"),
        ("k=", "", "k="),
        // The value may contain `=`.
        ("k=a=b==", "a=b==", "k=a=b=="),
        ("k==", "=", "k=="),
        // White space around each part.
        (" \tk \t=\t v \t", "v", "k=v"),
        // Percent-encoded.
        ("k=caf%C3%A9", "café", "k=caf%C3%A9"),
        ("k=caf%c3%a9", "café", "k=caf%C3%A9"),
        ("k=%41%62", "Ab", "k=Ab"),
        ("k=a%20b%2Cc%3Bd%22e%5Cf", "a b,c;d\"e\\f", "k=a%20b%2Cc%3Bd%22e%5Cf"),
        ("k=%F0%9F%A6%80", "🦀", "k=%F0%9F%A6%80"),
        ("k=%00%0D%0A", "\0\r\n", "k=%00%0D%0A"),
        ("k=100%25", "100%", "k=100%25"),
        ("k=%2541", "%41", "k=%2541"),
        // A plus is a plus.
        ("k=a+b", "a+b", "k=a+b"),
        // A percent sign that nothing belongs to stands for itself.
        ("k=100%", "100%", "k=100%25"),
        ("k=%zz%4", "%zz%4", "k=%25zz%254"),
        ("k=%+1", "%+1", "k=%25+1"),
        // Bad UTF-8: alone, cut off, overlong, a surrogate, after good.
        ("k=%FF", "\u{fffd}", "k=%EF%BF%BD"),
        ("k=a%C3", "a\u{fffd}", "k=a%EF%BF%BD"),
        ("k=%C3x%A9", "\u{fffd}x\u{fffd}", "k=%EF%BF%BDx%EF%BF%BD"),
        ("k=%C0%AF", "\u{fffd}\u{fffd}", "k=%EF%BF%BD%EF%BF%BD"),
        ("k=%ED%A0%80", "\u{fffd}\u{fffd}\u{fffd}", "k=%EF%BF%BD%EF%BF%BD%EF%BF%BD"),
        ("k=%C3%A9%F0%9F", "é\u{fffd}", "k=%C3%A9%EF%BF%BD"),
        // All that may stand in a value as it is.
        (
            "k=!#$%&'()*+-./09:<=>?@AZ[]^_`az{|}~",
            "!#$%&'()*+-./09:<=>?@AZ[]^_`az{|}~",
            "k=!#$%25&'()*+-./09:<=>?@AZ[]^_`az{|}~",
        ),
    ] {
        let read = parse(header).unwrap_or_else(|error| panic!("{header}: {error}"));
        assert_eq!(read.get("k"), Some(value), "{header}");
        assert_eq!(encode(&read), emitted, "{header}");
        assert_eq!(parse(emitted).unwrap(), read, "{header}");
    }
}

#[test]
fn keys_are_tokens_and_not_decoded() {
    for key in ["k", "K", "0", "!#$%&'*+-.^_`|~", "a%20b", "%41"] {
        let read = parse(&format!("{key}=1")).unwrap_or_else(|error| panic!("{key}: {error}"));
        assert_eq!(read.iter().next().map(|entry| entry.key()), Some(key));
        assert_eq!(encode(&read), format!("{key}=1"));
    }
    let read = parse("k=1,K=2").unwrap();
    assert_eq!((read.get("k"), read.get("K")), (Some("1"), Some("2")), "case counts");
}

#[test]
fn lines_are_joined_in_order() {
    for (lines, emitted) in [
        (&["a=1", "b=2,c=3"][..], "a=1,b=2,c=3"),
        (&["a=1 , b=2"], "a=1,b=2"),
        (&[",a=1,, ,b=2,"], "a=1,b=2"),
        (&["", "a=1", " "], "a=1"),
        (&[], ""),
        (&[""], ""),
        // A later entry takes the place of an earlier one.
        (&["a=1,b=2,a=3"], "a=3,b=2"),
        (&["a=1;p", "a=2"], "a=2"),
    ] {
        let read = baggage::parse(lines).unwrap_or_else(|error| panic!("{lines:?}: {error}"));
        assert_eq!(encode(&read), emitted, "{lines:?}");
        assert_eq!(read.is_empty(), emitted.is_empty(), "{lines:?}");
    }
}

#[test]
fn refused_as_a_whole() {
    use BaggageError::{Key, NoValue, Value};
    for (member, error) in [
        ("k", NoValue),
        ("k;p=1", NoValue),
        ("=v", Key),
        (" =v", Key),
        ("a b=v", Key),
        ("a\tb=v", Key),
        ("a/b=v", Key),
        ("a\"=v", Key),
        ("(a)=v", Key),
        ("é=v", Key),
        ("a\0=v", Key),
        ("k=a b", Value),
        ("k=\"v\"", Value),
        ("k=a\\b", Value),
        ("k=é", Value),
        ("k=a\tb", Value),
        ("k=\u{7f}", Value),
        ("k=\0", Value),
        // Properties.
        ("k=v;", Key),
        ("k=v;;p", Key),
        ("k=v; ;p", Key),
        ("k=v;=1", Key),
        ("k=v;a b", Key),
        ("k=v;p=a b", Value),
        ("k=v;p=\"a\"", Value),
        ("k=v;p=é", Value),
    ] {
        assert_eq!(parse(member), Err(error), "{member}");
        assert_eq!(parse(&format!("ok=1,{member}")), Err(error), "{member}");
        assert_eq!(parse(&format!("{member},ok=1")), Err(error), "{member}");
        assert_eq!(baggage::parse(["ok=1", member]), Err(error), "{member}");
    }
    assert_eq!(baggage::parse([b"k=\xff"]), Err(Value));
    assert_eq!(baggage::parse([b"\xff=v"]), Err(Key));
}

#[test]
fn properties_are_kept_and_encoded() {
    let read = parse("k=v ; p ; q=1\t; q = a%2Cb%20c ;r= ;s==,l=2").unwrap();
    let entry = read.entry("k").unwrap();
    assert_eq!((entry.key(), entry.value()), ("k", "v"));
    let some = |value| Some(Cow::Borrowed(value));
    assert_eq!(
        entry.properties().collect::<Vec<_>>(),
        [("p", None), ("q", some("1")), ("q", some("a,b c")), ("r", some("")), ("s", some("=")),]
    );
    assert_eq!(encode(&read), "k=v;p;q=1;q=a%2Cb%20c;r=;s==,l=2");
    assert_eq!(read.entry("l").unwrap().properties().count(), 0);
}

#[test]
fn no_value_or_property_can_smuggle_a_member() {
    let mut baggage = Baggage::EMPTY.with("k", "v,admin=1;p=2").unwrap();
    let properties = [("p", Some("1,admin=1")), ("q", Some("\r\nx-evil: 1")), ("r", None)];
    baggage.insert_with_properties("l", "é", &properties).unwrap();
    let text = encode(&baggage);
    assert_eq!(text, "k=v%2Cadmin=1%3Bp=2,l=%C3%A9;p=1%2Cadmin=1;q=%0D%0Ax-evil:%201;r");
    assert_eq!(parse(&text).unwrap(), baggage);

    for key in ["", "a b", "a,b", "a=b", "a;b", "é", "a\n"] {
        assert_eq!(baggage.insert(key, "v"), Err(BaggageError::Key), "{key:?}");
        let with_property = baggage.insert_with_properties("k", "v", &[(key, None)]);
        assert_eq!(with_property, Err(BaggageError::Key), "{key:?}");
    }
    assert_eq!(encode(&baggage), text);
}

#[test]
fn at_most_64_members() {
    let full = parse(&list(64, 6)).unwrap();
    assert_eq!(full.len(), 64);
    assert_eq!(parse(&list(65, 6)), Err(BaggageError::TooManyEntries));
    // Over several lines, and a key that comes again counts.
    assert_eq!(baggage::parse(&[list(64, 6), "k0=1".to_owned()]), Err(BaggageError::TooManyEntries));
    assert_eq!(baggage::parse(&[list(64, 6), ",,".to_owned()]).unwrap().len(), 64);

    assert_eq!(full.clone().with("another", "1"), Err(BaggageError::TooManyEntries));
    let replaced = full.with("k63", "new").unwrap();
    assert_eq!((replaced.len(), replaced.get("k63")), (64, Some("new")));
}

#[test]
fn at_most_8192_bytes_in_all_lines() {
    let text = format!("k={}", "v".repeat(8_190));
    let full = parse(&text).unwrap();
    assert_eq!(encode(&full), text);
    assert_eq!(parse(&format!("{text}v")), Err(BaggageError::TooLong));
    // White space counts; lines count together.
    assert_eq!(parse(&format!(" {text}")), Err(BaggageError::TooLong));
    let half = format!("k={}", "v".repeat(4_094));
    let other = format!("l={}", "v".repeat(4_094));
    assert_eq!(baggage::parse([&half, &other]).unwrap().len(), 2);
    assert_eq!(baggage::parse([&half, &other, "m"]), Err(BaggageError::TooLong));
    // Lines without end.
    for lines in [MAX_HEADER_LINES + 1, 1 << 20] {
        assert_eq!(baggage::parse(vec![""; lines].as_slice()), Err(BaggageError::TooManyEntries));
    }
    let each_its_line: Vec<_> = (0..MAX_HEADER_LINES).map(|number| format!("k{number}=v")).collect();
    assert_eq!(baggage::parse(&each_its_line).unwrap().len(), 64);

    // What is set must be within the limit once it is encoded.
    assert_eq!(full.clone().with("l", ""), Err(BaggageError::TooLong));
    assert_eq!(Baggage::EMPTY.with("k", &"v".repeat(8_191)), Err(BaggageError::TooLong));
    assert!(Baggage::EMPTY.with("k", &"é".repeat(1_365)).is_ok());
    assert_eq!(Baggage::EMPTY.with("k", &"é".repeat(1_366)), Err(BaggageError::TooLong));
}

#[test]
fn a_member_is_never_sent_in_part() {
    // Good when it came, too long once bad UTF-8 is replaced and encoded.
    let header = format!("a={},b=1,c={}", "v".repeat(5_000), "%FF".repeat(1_000));
    let read = parse(&header).unwrap();
    assert_eq!(read.len(), 3);
    let encoded = baggage::encode(&read);
    assert_eq!(encoded.text, format!("a={},b=1", "v".repeat(5_000)));
    assert_eq!(encoded.left_out, 1);
    // Nothing can be added, but what is too much can be taken away.
    assert_eq!(read.clone().with("d", "1"), Err(BaggageError::TooLong));
    let mut read = read;
    assert!(read.remove("b"));
    assert_eq!((read.len(), baggage::encode(&read).left_out), (2, 1));
    assert!(read.remove("c"));
    assert_eq!(baggage::encode(&read).left_out, 0);
}

#[test]
fn entries_are_set_and_removed() {
    let first = Baggage::EMPTY.with("a", "1").unwrap().with("b", "2").unwrap();
    let mut second = first.clone();
    second.insert("a", "3").unwrap();
    assert_eq!(encode(&second), "a=3,b=2", "the order stays");
    assert_eq!(encode(&first), "a=1,b=2", "a clone is not written to");
    assert!(second.remove("a"));
    assert!(!second.remove("a"));
    assert_eq!((second.len(), second.get("a")), (1, None));
    assert!(second.remove("b"));
    assert_eq!(second, Baggage::EMPTY);
    assert_eq!(second, Baggage::default());

    // An entry set anew has none of the old one's properties.
    let mut third = parse("a=1;p").unwrap();
    third.insert("a", "1").unwrap();
    assert_eq!(encode(&third), "a=1");
}

#[test]
fn debug_shows_no_value() {
    let read = parse("user=canary;p=canary").unwrap();
    let entry = read.entry("user").unwrap();
    assert_eq!(format!("{read:?}"), r#"{"user"}"#);
    assert!(!format!("{entry:?}").contains("canary"));
    assert!(!format!("{:?}", baggage::encode(&read)).contains("canary"));
}

proptest! {
    #[test]
    fn what_is_set_comes_back(
        entries in prop::collection::vec(("[!#-'*+.^-z|~-]{1,8}", any::<String>(), prop::option::of(any::<String>())), 0..40)
    ) {
        let mut baggage = Baggage::EMPTY;
        let mut expected: Vec<(String, String)> = Vec::new();
        for (key, value, property) in entries {
            match baggage.insert_with_properties(&key, &value, &[("p", property.as_deref())]) {
                Ok(()) => match expected.iter_mut().find(|(other, _)| *other == key) {
                    Some((_, slot)) => *slot = value,
                    None => expected.push((key, value)),
                },
                Err(error) => prop_assert_eq!(error, BaggageError::TooLong),
            }
        }
        let text = encode(&baggage);
        prop_assert!(text.len() <= 8_192);
        prop_assert!(text.bytes().all(|byte| matches!(byte, 0x21..=0x7e) && byte != b'"' && byte != b'\\'));
        let read = parse(&text).unwrap();
        prop_assert_eq!(&read, &baggage);
        let read: Vec<_> = read.iter().map(|entry| (entry.key().to_owned(), entry.value().to_owned())).collect();
        prop_assert_eq!(read, expected);
    }

    #[test]
    fn what_was_received_is_stable_once_emitted(line in "([a-c]=[!#-+\\--:<-\\[\\]-~]{0,8}(%[0-9a-fA-F]{2}){0,3}(;p(=%?[a-f0-9]{0,3})?)?,?){0,6}") {
        if let Ok(read) = parse(&line) {
            let text = encode(&read);
            let again = parse(&text).unwrap();
            prop_assert_eq!(&again, &read);
            prop_assert_eq!(encode(&again), text);
        }
    }
}
