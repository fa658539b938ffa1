//! `google.rpc.RetryInfo` (floor 4): how long a gRPC server wants to be left alone [OTLP 1.9, throttling].

use super::wire::{Field, Fields, Malformed};
use std::time::Duration;

/// The longest delay taken from a server; the pipeline's own cap is shorter.
const LONGEST: Duration = Duration::from_secs(60 * 60);

/// What the `RetryInfo` in a `google.rpc.Status` says: no time, if it names none or one that makes no sense.
/// `None`, if there is no `RetryInfo`.
pub(super) fn delay(status: &[u8]) -> Option<Duration> {
    read_status(status).ok().flatten()
}

fn read_status(status: &[u8]) -> Result<Option<Duration>, Malformed> {
    let mut fields = Fields(status);
    while let Some(field) = fields.next()? {
        if let Field::Bytes(3, detail) = field
            && let Some(delay) = read_detail(detail)?
        {
            return Ok(Some(delay));
        }
    }
    Ok(None)
}

/// Reads a `google.protobuf.Any`.
fn read_detail(detail: &[u8]) -> Result<Option<Duration>, Malformed> {
    const NAME: &[u8] = b"/google.rpc.RetryInfo";
    let (mut fields, mut is_retry_info, mut info) = (Fields(detail), false, &[][..]);
    while let Some(field) = fields.next()? {
        match field {
            Field::Bytes(1, url) => is_retry_info = url.ends_with(NAME),
            Field::Bytes(2, value) => info = value,
            _ => {}
        }
    }
    if is_retry_info { read_retry_info(info).map(Some) } else { Ok(None) }
}

fn read_retry_info(info: &[u8]) -> Result<Duration, Malformed> {
    let (mut fields, mut delay) = (Fields(info), Duration::ZERO);
    while let Some(field) = fields.next()? {
        if let Field::Bytes(1, duration) = field {
            delay = read_duration(duration)?;
        }
    }
    Ok(delay)
}

/// Reads a `google.protobuf.Duration`. A negative one is no time.
fn read_duration(message: &[u8]) -> Result<Duration, Malformed> {
    let (mut fields, mut seconds, mut nanos) = (Fields(message), 0, 0);
    while let Some(field) = fields.next()? {
        match field {
            Field::Varint(1, value) => seconds = value as i64,
            Field::Varint(2, value) => nanos = value as i32,
            _ => {}
        }
    }
    let delay = u64::try_from(seconds).ok().zip(u32::try_from(nanos).ok());
    let delay = delay.map_or(Duration::ZERO, |(seconds, nanos)| {
        Duration::from_secs(seconds).saturating_add(Duration::from_nanos(nanos.into()))
    });
    Ok(delay.min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use prost::Message;

    // As googleapis' files describe them.

    #[derive(Message)]
    struct Status {
        #[prost(int32, tag = "1")]
        code: i32,
        #[prost(string, tag = "2")]
        message: String,
        #[prost(message, repeated, tag = "3")]
        details: Vec<Any>,
    }

    #[derive(Message)]
    struct Any {
        #[prost(string, tag = "1")]
        type_url: String,
        #[prost(bytes, tag = "2")]
        value: Vec<u8>,
    }

    #[derive(Message)]
    struct RetryInfo {
        #[prost(message, optional, tag = "1")]
        retry_delay: Option<Delay>,
    }

    #[derive(Message)]
    struct Delay {
        #[prost(int64, tag = "1")]
        seconds: i64,
        #[prost(int32, tag = "2")]
        nanos: i32,
    }

    fn status(details: Vec<(&str, Option<Delay>)>) -> Vec<u8> {
        let any = |(name, retry_delay)| Any {
            type_url: format!("type.googleapis.com/{name}"),
            value: RetryInfo { retry_delay }.encode_to_vec(),
        };
        let details = details.into_iter().map(any).collect();
        Status { code: 8, message: "busy".to_owned(), details }.encode_to_vec()
    }

    #[test]
    fn a_delay_is_found_among_other_details_and_capped() {
        const NAME: &str = "google.rpc.RetryInfo";
        let of = |seconds, nanos| delay(&status(vec![(NAME, Some(Delay { seconds, nanos }))]));
        assert_eq!(of(3, 500_000_000), Some(Duration::from_millis(3_500)));
        assert_eq!(of(i64::MAX, i32::MAX), Some(LONGEST));
        for nothing in [(0, 0), (-1, 0), (0, -1), (i64::MIN, 7)] {
            assert_eq!(of(nothing.0, nothing.1), Some(Duration::ZERO), "{nothing:?}");
        }
        assert_eq!(delay(&status(vec![(NAME, None)])), Some(Duration::ZERO));
        let other = || ("google.rpc.DebugInfo", Some(Delay { seconds: 7, nanos: 0 }));
        assert_eq!(delay(&status(vec![other()])), None);
        let both = status(vec![other(), (NAME, Some(Delay { seconds: 1, nanos: 0 }))]);
        assert_eq!(delay(&both), Some(Duration::from_secs(1)));
        assert_eq!(delay(&[]), None);
    }

    proptest! {
        #[test]
        fn what_anybody_writes_is_a_bounded_delay_or_none(status: Vec<u8>) {
            prop_assert!(delay(&status).is_none_or(|delay| delay <= LONGEST));
        }
    }
}
