//! X-Request-ID and X-Service-Name: exactly one line each.

use proptest::prelude::*;
use throughline::{
    InvalidRequestId,
    propagation::{
        LineError, request_id,
        service_name::{self, InvalidServiceName},
    },
};

const NO_LINES: [&[u8]; 0] = [];

#[test]
fn a_request_id_leaves_as_it_came() {
    let longest = "x".repeat(128);
    for id in [
        "a",
        "0190a5c0-8b7e-7c3a-9f10-3a1b2c3d4e5f",
        // Not in the form this crate writes, so kept as they are.
        "0190A5C0-8B7E-7C3A-9F10-3A1B2C3D4E5F",
        "0190a5c08b7e7c3a9f103a1b2c3d4e5f",
        "00000000-0000-0000-0000-000000000000",
        "-----------------------------------a",
        "AZaz09._~+/=:@-",
        "Root=1-67891233-abcdef012345678912345678",
        &longest,
    ] {
        let read = request_id::parse([id]).unwrap_or_else(|error| panic!("{id}: {error}"));
        assert_eq!(read.to_string(), id);
        assert_eq!(read.encode(&mut [0; 36]), id);
    }
}

#[test]
fn any_other_request_id_is_refused_and_never_trimmed() {
    let too_long = "x".repeat(129);
    for id in [
        "", " ", " a", "a ", "\ta", "a b", "a,b", "a;b", "a\"b", "a%20b", "a#b", "{a}", "<a>", "a\\b",
        "a\r\nb", "a\0", "\u{e9}", "a\u{7f}", "$a", "!a", "(a)", "a*", "a|b", &too_long,
    ] {
        assert_eq!(request_id::parse([id]), Err(LineError::Malformed(InvalidRequestId)), "{id:?}");
    }
    assert_eq!(request_id::parse([b"a\xff"]), Err(LineError::Malformed(InvalidRequestId)));
    assert_eq!(request_id::parse(NO_LINES), Err(LineError::Missing));
    assert_eq!(request_id::parse(["a", "a"]), Err(LineError::Repeated));
    assert_eq!(request_id::parse(["a", ""]), Err(LineError::Repeated));
    assert_eq!(request_id::parse(["", "a"]), Err(LineError::Repeated));
}

#[test]
fn every_byte_of_a_request_id_is_decided() {
    for byte in 0..=u8::MAX {
        let is_allowed = byte.is_ascii_alphanumeric() || b"._~+/=:@-".contains(&byte);
        assert_eq!(request_id::parse([&[b'a', byte]]).is_ok(), is_allowed, "{byte:#x}");
    }
}

#[test]
fn a_service_name_is_one_line_of_printable_ascii() {
    let longest = "x".repeat(255);
    for (line, name) in [
        ("orders", "orders"),
        (" orders\t", "orders"),
        ("Order Service (eu-1)", "Order Service (eu-1)"),
        ("x", "x"),
        ("!~", "!~"),
        (&longest, &longest),
    ] {
        assert_eq!(service_name::parse([line]), Ok(name), "{line}");
    }
    let too_long = "x".repeat(256);
    for line in ["", " ", "\t", "a,b", "a\tb", "a\r\nb", "a\0", "a\u{7f}", "caf\u{e9}", &too_long] {
        assert_eq!(service_name::parse([line]), Err(LineError::Malformed(InvalidServiceName)), "{line:?}");
    }
    assert_eq!(service_name::parse([b"a\xff"]), Err(LineError::Malformed(InvalidServiceName)));
    assert_eq!(service_name::parse(NO_LINES), Err(LineError::Missing));
    assert_eq!(service_name::parse(["orders", "orders"]), Err(LineError::Repeated));
}

#[test]
fn a_service_name_to_send_is_not_trimmed() {
    assert_eq!(service_name::check(b"orders"), Ok("orders"));
    for name in [&b" orders"[..], b"orders ", b" ", b"", b"\torders"] {
        assert_eq!(service_name::check(name), Err(InvalidServiceName), "{name:?}");
    }
}

proptest! {
    #[test]
    fn a_request_id_comes_back(id in "[A-Za-z0-9._~+/=:@-]{1,128}") {
        prop_assert_eq!(request_id::parse([&id]).unwrap().to_string(), id);
    }

    #[test]
    fn a_service_name_that_is_sent_is_taken(name in "[ -~]{0,256}") {
        match service_name::check(name.as_bytes()) {
            Ok(checked) => prop_assert_eq!(service_name::parse([checked]), Ok(&*name)),
            Err(error) => {
                let is_long = name.len() > 255;
                prop_assert!(name.is_empty() || is_long || name.trim() != name || name.contains(','), "{}: {}", name, error);
            }
        }
    }
}
