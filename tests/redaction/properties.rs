//! What holds for every text.

use crate::exported;
use proptest::prelude::*;
use throughline::{
    Status,
    redact::{Field, Redaction, Secret, Verdict},
};

/// Pieces that scanners look at, and some that they do not.
fn piece() -> impl Strategy<Value = String> {
    let telling = [
        "password",
        "token",
        "key",
        "=",
        ":",
        "\"",
        "'",
        "\\",
        "\\\"",
        "&",
        "?",
        "#",
        ";",
        " ",
        "  ",
        "\t",
        "\n",
        ".",
        ",",
        "-",
        "--",
        "-----BEGIN ",
        "-----END ",
        "PRIVATE KEY",
        "-----",
        "://",
        "//",
        "@",
        "/",
        "eyJ",
        "eyJhbGciOiJIUzI1NiJ9",
        "Bearer ",
        "basic ",
        "YWRhOnMzY3JldA==",
        "4111",
        "1111",
        "4111111111111111",
        "3",
        "ghp_",
        "AKIA",
        "IOSFODNN7EXAMPLE",
        "shop.example",
        "ada",
        "s3cret",
        "REDACTED",
        "REDACTED:REDACTED",
        "%74",
        "%",
        "[",
        "]",
        "{",
        "}",
        "(",
        ")",
        "Some(",
        "=>",
        "é",
        "\u{2028}",
        "\0",
        "http",
        "*",
        "null",
        "<",
        ">",
        "`",
    ];
    prop_oneof![
        8 => prop::sample::select(telling.to_vec()).prop_map(str::to_owned),
        1 => "[a-zA-Z0-9]{1,20}",
        1 => ".{0,10}",
    ]
}

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(piece(), 0..24).prop_map(|pieces| pieces.concat())
}

/// Secrets of every shape, all of which have this in them.
const CANARY: &str = "C4N4RY";

fn secret() -> impl Strategy<Value = (Secret, String)> {
    let shapes = [
        (Secret::PrivateKey, "-----BEGIN PRIVATE KEY-----\nMIIEC4N4RY=\n-----END PRIVATE KEY-----"),
        (Secret::PrivateKey, "-----BEGIN PRIVATE KEY-----\\nMIIEC4N4RY=\\n-----END PRIVATE KEY-----"),
        (Secret::Jwt, "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJDNE4.C4N4RY"),
        (Secret::Jwt, "eyJhbGciOiJIUzI1NiJ9.C4N4RY.c2ln"),
        (Secret::Credentials, "Bearer s3cretC4N4RY"),
        (Secret::Credentials, "Authorization: Bearer C4N4RY"),
        (Secret::ApiKey, "ghp_aaaaaaaaaaaaaaaaaaaaaaaaaaaaC4N4RY"),
        (Secret::ApiKey, "AKIAAAAAAAAAAAC4N4RY"),
        (Secret::UserInfo, "https://ada:C4N4RY@shop.example/"),
        (Secret::UserInfo, "postgres://C4N4RY:x@db:5432/shop"),
        (Secret::Email, "C4N4RY@shop.example"),
        (Secret::Query, "https://shop.example/?page=1&token=C4N4RY&sort=name"),
        (Secret::Query, "/callback?%63ode=C4N4RY"),
        (Secret::Assignment, "password=C4N4RY"),
        (Secret::Assignment, "{\"password\":\"a C4N4RY\"}"),
        (Secret::Assignment, "Login { password: \"C4N4RY\" }"),
    ];
    prop::sample::select(shapes.to_vec()).prop_map(|(kind, shape)| (kind, shape.to_owned()))
}

/// Words of prose, of which none hides what comes behind.
fn prose() -> impl Strategy<Value = String> {
    let words = [
        "see",
        "größe",
        "(a)",
        "7",
        "4111",
        "-",
        "ok:",
        "x=1",
        "\"quoted\"",
        "https://h/?a=b",
        "a@b",
        "1.5",
        "\n",
    ];
    prop::collection::vec(prop::sample::select(words.to_vec()), 0..8).prop_map(|words| words.join(" "))
}

fn all() -> Redaction {
    Redaction::default().with(Secret::Email)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn what_is_clean_stays_as_it_is(text in text()) {
        let once = all().text(&text).into_owned();
        prop_assert_eq!(all().text(&once), once.as_str(), "of {:?}", text);
    }

    #[test]
    fn a_secret_anywhere_in_a_text_does_not_survive(before in prose(), (kind, secret) in secret(), after in prose()) {
        let text = format!("{before} {secret} {after}");
        let clean = all().text(&text).into_owned();
        prop_assert!(!clean.contains(CANARY), "{kind:?}: {clean}");
        // What stands before stays: secrets begin where they begin.
        prop_assert!(clean.starts_with(&*all().text(&before)), "{clean}");
    }

    #[test]
    fn a_card_number_in_any_grouping(
        digits in "[2-68][0-9]{11,17}",
        group in prop::sample::select(vec![19_usize, 3, 4, 5, 6]),
        separator in prop::sample::select(vec![' ', '-']),
        before in prose(),
        after in "[a-z]{0,5}",
    ) {
        let number = format!("{digits}{}", check_digit(&digits));
        let groups: Vec<_> = number.as_bytes().chunks(group).map(|group| std::str::from_utf8(group).unwrap()).collect();
        // A last group that is too short is none.
        if groups.last().unwrap().len() < 3 {
            return Ok(());
        }
        let number = groups.join(&separator.to_string());
        let clean = all().text(&format!("{before} card {number} {after}")).into_owned();
        prop_assert!(!clean.contains(&number), "{clean}");
    }

    #[test]
    fn a_number_with_a_wrong_check_digit_stays(digits in "[2-68][0-9]{11,17}", off in 1_u32..10) {
        let number = format!("{digits}{}", (check_digit(&digits) + off) % 10);
        prop_assert_eq!(all().text(&number), number.as_str());
    }

    #[test]
    fn whatever_the_field_it_is_found(text in text(), place in 0..8_usize) {
        // A record with a secret is edited, one without is only looked at; with a rule of one's own, every
        // record is edited.
        let redacted = |redaction: Redaction| {
            let span = exported(redaction, |span| {
                span.set_attribute("first", 1);
                match place {
                    0 => span.set_name(text.clone()),
                    1 => span.set_attribute("text", &text),
                    2 => span.set_attribute("list", vec!["one", &text, "three"]),
                    3 => span.set_attribute(text.clone(), true),
                    4 => span.add_event(text.clone(), &[]),
                    5 => span.add_event("event", &[("text", text.as_str().into())]),
                    6 => span.add_link(&span.context().unwrap(), &[("text", text.as_str().into())]),
                    _ => span.set_status(Status::error(text.clone())),
                };
            });
            let attributes: Vec<_> = span
                .attributes()
                .chain(span.events().flat_map(|event| event.attributes()))
                .chain(span.links().flat_map(|link| link.attributes()))
                .map(|attribute| format!("{}={}", attribute.key, attribute.value))
                .collect();
            let events: Vec<_> = span.events().map(|event| event.name.to_owned()).collect();
            [span.name(), &attributes.join("; "), &events.join("; "), span.status().description()].join("\n")
        };
        let edited = redacted(all().rule("keep", |_: &Field<'_>| Verdict::Keep));
        prop_assert_eq!(&redacted(all()), &edited);
        prop_assert!(edited.contains(&*all().text(&text)), "{edited}");
    }

    /// What the layers write into a span without its being looked at.
    #[test]
    fn no_address_and_no_uuid_looks_like_a_secret(bits: u128, address: std::net::IpAddr) {
        let digits: String = format!("{bits:032x}").chars().map(|digit| if bits & 1 == 0 { digit } else {
            char::from(b'0' + digit as u8 % 10)
        }).collect();
        let uuid = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-");
        prop_assert_eq!(all().text(&uuid), uuid.as_str());
        let address = address.to_string();
        prop_assert_eq!(all().text(&address), address.as_str());
    }

    #[test]
    fn any_bytes_at_all(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let text = String::from_utf8_lossy(&bytes);
        let once = all().text(&text).into_owned();
        prop_assert_eq!(all().text(&once), once.as_str());
    }
}

/// By the table of the standard's annex, not as the library computes it.
fn check_digit(digits: &str) -> u32 {
    const DOUBLED: [u32; 10] = [0, 2, 4, 6, 8, 1, 3, 5, 7, 9];
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, byte)| {
            let digit = u32::from(byte - b'0');
            if place.is_multiple_of(2) { DOUBLED[digit as usize] } else { digit }
        })
        .sum();
    (10 - sum % 10) % 10
}
