//! What an OTLP server answers to a request that succeeded (floor 4) [OTLP 1.9, partial success]: how many
//! spans it refused. What it has to say about that is not looked at.

use super::wire::{Field, Fields, Malformed};
use serde::Deserialize;

/// Reads an `ExportTraceServiceResponse`.
pub(super) fn rejected_in_protobuf(body: &[u8]) -> Option<usize> {
    let read = || -> Result<usize, Malformed> {
        let (mut fields, mut rejected) = (Fields(body), 0);
        while let Some(field) = fields.next()? {
            if let Field::Bytes(1, partial) = field {
                rejected = rejected_spans(partial)?.unwrap_or(rejected);
            }
        }
        Ok(rejected)
    };
    read().ok()
}

/// Reads an `ExportTracePartialSuccess`. Of a number that comes twice the last counts.
fn rejected_spans(message: &[u8]) -> Result<Option<usize>, Malformed> {
    let (mut fields, mut rejected) = (Fields(message), None);
    while let Some(field) = fields.next()? {
        if let Field::Varint(1, number) = field {
            rejected = Some(count(number as i64));
        }
    }
    Ok(rejected)
}

/// As [`rejected_in_protobuf`], of JSON.
pub(super) fn rejected_in_json(body: &[u8]) -> Option<usize> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Response {
        #[serde(default)]
        partial_success: Option<PartialSuccess>,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct PartialSuccess {
        #[serde(default)]
        rejected_spans: Option<Int64>,
    }

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Int64 {
        Number(i64),
        Text(String),
    }

    // The reader would take a list for an object as well.
    let object = Some(body).filter(|body| body.trim_ascii_start().starts_with(b"{"))?;
    let response: Response = serde_json::from_slice(object).ok()?;
    match response.partial_success.and_then(|partial| partial.rejected_spans) {
        None => Some(0),
        Some(Int64::Number(number)) => Some(count(number)),
        Some(Int64::Text(text)) => text.parse().ok().map(count),
    }
}

/// A negative number makes no sense and stands for none.
fn count(rejected: i64) -> usize {
    usize::try_from(rejected).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry_proto::tonic::collector::trace::v1::{
        ExportTracePartialSuccess, ExportTraceServiceResponse,
    };
    use proptest::prelude::*;
    use prost::Message;

    #[test]
    fn json_is_read_as_anybody_may_write_it() {
        for (text, expected) in [
            ("{}", Some(0)),
            (r#"{"partialSuccess":null}"#, Some(0)),
            (r#"{"partialSuccess":{}}"#, Some(0)),
            (r#"{"partialSuccess":{"rejectedSpans":"7","errorMessage":"no"},"more":[1]}"#, Some(7)),
            (r#"{"partialSuccess":{"rejectedSpans":7}}"#, Some(7)),
            (r#"{"partialSuccess":{"rejectedSpans":-7}}"#, Some(0)),
            (r#"{"partialSuccess":{"rejectedSpans":"many"}}"#, None),
            (r#"{"partialSuccess":7}"#, None),
            ("", None),
            ("<html>", None),
            ("[]", None),
        ] {
            assert_eq!(rejected_in_json(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn deep_json_is_no_answer() {
        let text = format!(r#"{{"more":{}"#, "[".repeat(1_000_000));
        assert_eq!(rejected_in_json(text.as_bytes()), None);
    }

    proptest! {
        #[test]
        fn what_a_server_writes_is_read(rejected: i64, message: String, is_there: bool) {
            let partial = ExportTracePartialSuccess { rejected_spans: rejected, error_message: message };
            let response = ExportTraceServiceResponse { partial_success: is_there.then_some(partial) };
            let expected = if is_there { usize::try_from(rejected).unwrap_or(0) } else { 0 };
            prop_assert_eq!(rejected_in_protobuf(&response.encode_to_vec()), Some(expected));
            let json = serde_json::to_vec(&response).unwrap();
            prop_assert_eq!(rejected_in_json(&json), Some(expected));
        }

        #[test]
        fn what_anybody_writes_does_no_harm(body: Vec<u8>) {
            if let Ok(known) = ExportTraceServiceResponse::decode(body.as_slice()) {
                let rejected = known.partial_success.map_or(0, |partial| partial.rejected_spans);
                let read = rejected_in_protobuf(&body);
                // Groups, which nobody writes any more, are not read.
                prop_assert!(read.is_none() || read == Some(usize::try_from(rejected).unwrap_or(0)));
            }
            rejected_in_json(&body);
        }
    }
}
