//! Trace, span and request ids as texts, numbers and bytes.

use proptest::prelude::*;
use std::collections::HashSet;
use throughline::{InvalidRequestId, RequestId, SpanId, TraceId};

#[test]
fn a_trace_id_is_32_lowercase_hex_digits() {
    let text = "4bf92f3577b34da6a3ce929d0e0e4736";
    let id: TraceId = text.parse().unwrap();
    assert_eq!(id.as_u128(), 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736);
    assert_eq!((id.to_string(), format!("{id:?}")), (text.to_owned(), text.to_owned()));
    assert_eq!(id.to_hex(), *text.as_bytes().first_chunk().unwrap());
    assert_eq!(TraceId::from_bytes(id.to_bytes()), Some(id));
    assert_eq!(id.as_uuid().to_string(), "4bf92f35-77b3-4da6-a3ce-929d0e0e4736");

    for text in [
        "",
        "4bf92f3577b34da6a3ce929d0e0e473",
        "4bf92f3577b34da6a3ce929d0e0e47361",
        "4BF92F3577B34DA6A3CE929D0E0E4736",
        "+bf92f3577b34da6a3ce929d0e0e4736",
        "-bf92f3577b34da6a3ce929d0e0e4736",
        "0x492f3577b34da6a3ce929d0e0e4736",
        " bf92f3577b34da6a3ce929d0e0e4736",
        "4bf92f3577b34da6a3ce929d0e0e473g",
        "4bf92f35-77b3-4da6-a3ce-929d0e0e4736",
        "éééééééééééééééé",
        "00000000000000000000000000000000",
    ] {
        assert!(text.parse::<TraceId>().is_err(), "{text}");
    }
    assert_eq!(TraceId::from_u128(0), None);
}

#[test]
fn a_span_id_is_16_lowercase_hex_digits() {
    let text = "00f067aa0ba902b7";
    let id: SpanId = text.parse().unwrap();
    assert_eq!(id.as_u64(), 0x00f0_67aa_0ba9_02b7);
    assert_eq!((id.to_string(), format!("{id:?}")), (text.to_owned(), text.to_owned()));
    assert_eq!(id.to_hex(), *text.as_bytes().first_chunk().unwrap());
    assert_eq!(SpanId::from_bytes(id.to_bytes()), Some(id));

    for text in [
        "",
        "0f067aa0ba902b7",
        "000f067aa0ba902b7",
        "00F067AA0BA902B7",
        "+0f067aa0ba902b7",
        "00f067aa0ba902b ",
        "00f067aa0ba902bg",
        "éééééééé",
        "0000000000000000",
    ] {
        assert!(text.parse::<SpanId>().is_err(), "{text}");
    }
    assert_eq!(SpanId::from_u64(0), None);
}

#[test]
fn the_error_says_what_is_accepted() {
    let error = "x".parse::<TraceId>().unwrap_err();
    assert_eq!(error.to_string(), "expected 32 lowercase hex digits, not all of them zero");
    let error = "x".parse::<SpanId>().unwrap_err();
    assert_eq!(error.to_string(), "expected 16 lowercase hex digits, not all of them zero");
}

#[test]
fn a_request_id_is_kept_as_it_is_or_refused() {
    let longest = "~".repeat(128);
    for text in ["a", "order-7/eu", "AZaz09._~+/=:@-", "0190A5C0-8B7E-7C3A-9F10-3A1B2C3D4E5F", &longest] {
        let id: RequestId = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!((id.to_string(), format!("{id:?}")), (text.to_owned(), text.to_owned()));
        assert_eq!(id.as_uuid(), None, "{text}");
        assert_eq!(RequestId::from_bytes(text.as_bytes()), Ok(id));
    }
    let too_long = "~".repeat(129);
    for text in ["", " ", " a", "a ", "a b", "a,b", "a\tb", "a\n", "a\0", "é", "a%20", "\"a\"", &too_long] {
        assert_eq!(text.parse::<RequestId>(), Err(InvalidRequestId), "{text:?}");
    }
    assert_eq!(RequestId::from_bytes(b"\xff"), Err(InvalidRequestId));
}

#[test]
fn a_request_id_in_the_form_written_here_is_a_uuid() {
    let text = "0190a5c0-8b7e-7c3a-9f10-3a1b2c3d4e5f";
    let id: RequestId = text.parse().unwrap();
    assert_eq!(id.to_string(), text);
    assert_eq!(id.as_uuid().map(|uuid| uuid.to_string()).as_deref(), Some(text));
}

#[test]
fn request_id_and_trace_id_can_be_the_same_bits() {
    let trace: TraceId = "0190a5c08b7e7c3a9f103a1b2c3d4e5f".parse().unwrap();
    let id = RequestId::from_trace_id(trace);
    assert_eq!(id.to_string(), "0190a5c0-8b7e-7c3a-9f10-3a1b2c3d4e5f");
    assert_eq!(id.as_uuid(), Some(trace.as_uuid()));
    // As good as the same id that came from a header.
    let received: RequestId = "0190a5c0-8b7e-7c3a-9f10-3a1b2c3d4e5f".parse().unwrap();
    assert_eq!(id, received);
    assert_eq!(HashSet::from([id, received]).len(), 1);
}

#[test]
fn ids_are_stored_as_their_texts() {
    let trace: TraceId = "4bf92f3577b34da6a3ce929d0e0e4736".parse().unwrap();
    let span: SpanId = "00f067aa0ba902b7".parse().unwrap();
    let json = serde_json::to_string(&(trace, span)).unwrap();
    assert_eq!(json, r#"["4bf92f3577b34da6a3ce929d0e0e4736","00f067aa0ba902b7"]"#);
    assert_eq!(serde_json::from_str::<(TraceId, SpanId)>(&json).unwrap(), (trace, span));
    assert!(serde_json::from_str::<SpanId>(r#""0000000000000000""#).is_err());
}

proptest! {
    #[test]
    fn numbers_texts_and_bytes_agree(trace in 1..=u128::MAX, span in 1..=u64::MAX) {
        let id = TraceId::from_u128(trace).unwrap();
        prop_assert_eq!(id.to_string(), format!("{trace:032x}"));
        prop_assert_eq!(id.to_string().parse::<TraceId>(), Ok(id));
        prop_assert_eq!(id.to_hex().to_vec(), id.to_string().into_bytes());
        prop_assert_eq!(id.to_bytes(), trace.to_be_bytes());

        let id = SpanId::from_u64(span).unwrap();
        prop_assert_eq!(id.to_string(), format!("{span:016x}"));
        prop_assert_eq!(id.to_string().parse::<SpanId>(), Ok(id));
        prop_assert_eq!(id.to_hex().to_vec(), id.to_string().into_bytes());
        prop_assert_eq!(id.to_bytes(), span.to_be_bytes());
    }

    #[test]
    fn a_request_id_keeps_its_text(text in any::<String>()) {
        let is_valid = (1..=128).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._~+/=:@-".contains(&byte));
        match text.parse::<RequestId>() {
            Ok(id) => prop_assert!(is_valid && id.to_string() == text),
            Err(InvalidRequestId) => prop_assert!(!is_valid),
        }
    }

    #[test]
    fn uuid_shaped_request_ids_keep_their_text(text in "[0-9a-fA-F]{8}(-[0-9a-f]{4}){3}-[0-9a-fg]{12}") {
        prop_assert_eq!(text.parse::<RequestId>().unwrap().to_string(), text);
    }
}
