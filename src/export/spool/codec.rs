//! Spans and resources as bytes (floor 3). Pure; the bytes may come from a damaged file: whatever they are,
//! reading them gives a record or `None`, and takes memory in proportion to their length.
//!
//! A format of its own rather than a general one: it keeps every bit of a number, it costs a span's texts
//! plus some forty bytes, and what it means is stated here and not by the derives of types that change.
//!
//! Integers are little-endian where they are fixed, and LEB128 where they are short; texts and lists begin
//! with their length. A later version of the format has other [kinds of records](super::segment).

use super::parts::{Reader, write_attributes, write_number, write_text, write_trace_state};
use crate::{
    context::{TraceFlags, TraceState},
    ids::{SpanId, TraceId},
    record::{Details, LinkTarget, Outcome, Resource, SpanKind, SpanRecord, Status, Weight},
};

const HAS_PARENT: u8 = 1;
const PARENT_IS_REMOTE: u8 = 1 << 1;
const HAS_DETAILS: u8 = 1 << 2;
const HAS_WEIGHT: u8 = 1 << 3;
const IS_RECORDED_ANYWAY: u8 = 1 << 4;
/// Bits that no version has given a meaning.
const UNKNOWN: u8 = !0 << 5;

/// Appends a span.
pub(super) fn write_span(span: &SpanRecord, out: &mut Vec<u8>) {
    let has_details = span.details.is_some() || !span.trace_state.is_empty();
    let has_weight = span.weight.count() != 1.0;
    out.push(
        if span.parent_span_id.is_some() { HAS_PARENT } else { 0 }
            | if span.parent_is_remote { PARENT_IS_REMOTE } else { 0 }
            | if has_details { HAS_DETAILS } else { 0 }
            | if has_weight { HAS_WEIGHT } else { 0 }
            | if span.weight.is_recorded_anyway() { IS_RECORDED_ANYWAY } else { 0 },
    );
    out.push(kind_to_byte(span.kind));
    out.push(outcome_to_byte(span.outcome));
    out.push(span.flags.bits());
    out.extend(span.trace_id.to_bytes());
    out.extend(span.span_id.to_bytes());
    if let Some(parent) = span.parent_span_id {
        out.extend(parent.to_bytes());
    }
    out.extend(span.start.to_le_bytes());
    write_number(span.end.wrapping_sub(span.start), out);
    write_text(&span.name, out);
    if has_weight {
        out.extend(span.weight.count().to_le_bytes());
    }
    if has_details {
        write_details(span, out);
    }
}

/// A span that was written, and nothing behind it.
pub(super) fn read_span(bytes: &[u8]) -> Option<SpanRecord> {
    let mut reader = Reader(bytes);
    let [has, kind, outcome, flags] = reader.array()?;
    if has & UNKNOWN != 0 {
        return None;
    }
    let trace_id = TraceId::from_bytes(reader.array()?)?;
    let span_id = SpanId::from_bytes(reader.array()?)?;
    let parent_span_id = match has & HAS_PARENT {
        0 => None,
        _ => Some(SpanId::from_bytes(reader.array()?)?),
    };
    let start = u64::from_le_bytes(reader.array()?);
    let end = start.wrapping_add(reader.number()?);
    let name = reader.owned_text()?;
    let weight = match has & HAS_WEIGHT {
        0 => Weight::ONE,
        _ => Weight::new(f64::from_le_bytes(reader.array()?)),
    };
    let (details, trace_state) = match has & HAS_DETAILS {
        0 => (None, TraceState::EMPTY),
        _ => {
            let (details, trace_state) = read_details(&mut reader)?;
            (Some(Box::new(details)), trace_state)
        }
    };
    let span = SpanRecord {
        trace_id,
        span_id,
        parent_span_id,
        start,
        end,
        name,
        details,
        trace_state,
        kind: byte_to_kind(kind)?,
        outcome: byte_to_outcome(outcome)?,
        flags: TraceFlags::from_bits(flags),
        parent_is_remote: has & PARENT_IS_REMOTE != 0,
        weight: if has & IS_RECORDED_ANYWAY == 0 { weight } else { weight.recorded_anyway() },
        local_root: None,
    };
    reader.0.is_empty().then_some(span)
}

/// Appends a resource.
pub(super) fn write_resource(resource: &Resource, out: &mut Vec<u8>) {
    write_attributes(resource.attributes(), out);
}

/// A resource that was written, and nothing behind it.
pub(super) fn read_resource(bytes: &[u8]) -> Option<Resource> {
    let mut reader = Reader(bytes);
    let attributes = reader.attributes()?;
    reader.0.is_empty().then(|| Resource::from_attributes(attributes))
}

fn write_details(span: &SpanRecord, out: &mut Vec<u8>) {
    match span.status() {
        Status::Unset => out.push(0),
        Status::Ok => out.push(1),
        Status::Error { description } => {
            out.push(2);
            write_text(description, out);
        }
    }
    write_trace_state(span.trace_state(), out);
    for dropped in [span.dropped_attributes(), span.dropped_events(), span.dropped_links()] {
        write_number(dropped.into(), out);
    }
    write_attributes(span.attributes(), out);
    write_number(span.events().len() as u64, out);
    for event in span.events() {
        write_text(event.name, out);
        out.extend(event.unix_nanos.to_le_bytes());
        write_number(event.dropped_attributes.into(), out);
        write_attributes(event.attributes(), out);
    }
    write_number(span.links().len() as u64, out);
    for link in span.links() {
        out.extend(link.trace_id().to_bytes());
        out.extend(link.span_id().to_bytes());
        out.push(link.flags().bits());
        write_trace_state(link.trace_state(), out);
        write_number(link.dropped_attributes.into(), out);
        write_attributes(link.attributes(), out);
    }
}

fn read_details(reader: &mut Reader<'_>) -> Option<(Details, TraceState)> {
    let mut details = Details::new();
    let [status] = reader.array()?;
    details.status = match status {
        0 => Status::Unset,
        1 => Status::Ok,
        2 => Status::Error { description: reader.owned_text()? },
        _ => return None,
    };
    let trace_state = reader.trace_state()?;
    details.dropped_attributes = reader.small_number()?;
    details.dropped_events = reader.small_number()?;
    details.dropped_links = reader.small_number()?;
    details.restore_attributes(reader.attributes()?);
    for _ in 0..reader.count()? {
        let name = reader.owned_text()?;
        let unix_nanos = u64::from_le_bytes(reader.array()?);
        let dropped_attributes = reader.small_number()?;
        details.restore_event(name, unix_nanos, &reader.attributes()?, dropped_attributes);
    }
    for _ in 0..reader.count()? {
        let target = LinkTarget {
            trace_id: TraceId::from_bytes(reader.array()?)?,
            span_id: SpanId::from_bytes(reader.array()?)?,
            flags: TraceFlags::from_bits(u8::from_le_bytes(reader.array()?)),
            trace_state: reader.trace_state()?,
        };
        let dropped_attributes = reader.small_number()?;
        details.restore_link(target, &reader.attributes()?, dropped_attributes);
    }
    Some((details, trace_state))
}

const fn kind_to_byte(kind: SpanKind) -> u8 {
    match kind {
        SpanKind::Internal => 0,
        SpanKind::Server => 1,
        SpanKind::Client => 2,
        SpanKind::Producer => 3,
        SpanKind::Consumer => 4,
    }
}

const fn byte_to_kind(byte: u8) -> Option<SpanKind> {
    Some(match byte {
        0 => SpanKind::Internal,
        1 => SpanKind::Server,
        2 => SpanKind::Client,
        3 => SpanKind::Producer,
        4 => SpanKind::Consumer,
        _ => return None,
    })
}

const fn outcome_to_byte(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Completed => 0,
        Outcome::Cancelled => 1,
        Outcome::Panicked => 2,
    }
}

const fn byte_to_outcome(byte: u8) -> Option<Outcome> {
    Some(match byte {
        0 => Outcome::Completed,
        1 => Outcome::Cancelled,
        2 => Outcome::Panicked,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::samples::{resource, span, usual_span};
    use super::*;
    use proptest::prelude::*;

    fn written(span: &SpanRecord) -> Vec<u8> {
        let mut bytes = Vec::new();
        write_span(span, &mut bytes);
        bytes
    }

    proptest! {
        /// Compared as bytes too, as two that are not a number are never equal.
        #[test]
        fn a_span_reads_back(span in span()) {
            let bytes = written(&span);
            let read = read_span(&bytes).unwrap();
            prop_assert_eq!(&written(&read), &bytes);
            let json = |span: &SpanRecord| serde_json::to_string(span).unwrap();
            prop_assert_eq!(json(&read), json(&span));
        }

        #[test]
        fn a_part_of_a_span_is_none(span in span(), at in any::<prop::sample::Index>()) {
            let mut bytes = written(&span);
            prop_assert!(read_span(&bytes[..at.index(bytes.len())]).is_none());
            bytes.push(0);
            prop_assert!(read_span(&bytes).is_none(), "nor is what has something behind it");
        }

        /// Also where the checksum does not stand before it.
        #[test]
        fn no_bytes_are_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _either_way = (read_span(&bytes), read_resource(&bytes));
        }

        #[test]
        fn no_damage_is_a_panic(span in span(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let mut bytes = written(&span);
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let _either_way = read_span(&bytes);
        }

        #[test]
        fn a_number_reads_back(number in any::<u64>()) {
            let mut bytes = Vec::new();
            write_number(number, &mut bytes);
            prop_assert_eq!(Reader(&bytes).number(), Some(number));
        }
    }

    #[test]
    fn a_resource_reads_back() {
        let mut bytes = Vec::new();
        write_resource(&resource(), &mut bytes);
        assert_eq!(read_resource(&bytes), Some(resource()));
        assert_eq!(read_resource(&bytes[..bytes.len() - 1]), None);
    }

    #[test]
    fn a_count_that_lies_reserves_nothing() {
        for count in [u64::MAX, u64::MAX / 2, 1 << 40, 1000] {
            let mut bytes = Vec::new();
            write_number(count, &mut bytes);
            assert_eq!(read_resource(&bytes), None);
        }
        assert_eq!(Reader(&[0xff; 10]).number(), None, "more than 64 bits");
    }

    #[test]
    fn a_usual_span_is_small() {
        let span = usual_span(3);
        let texts = 16 + 25 + 8 + 7 + 8 + 4 + 4;
        let bytes = written(&span).len();
        assert!(bytes <= texts + 80, "{bytes} bytes, of which {texts} are texts");
    }
}
