//! What the fuzz target calls (floor 3): reading any bytes, and writing, damaging and reading spans made of them.

use super::{
    codec, cursor,
    segment::{HEADER, Header, Item, LEAST_SPAN, Records, read_span, survey},
};
use crate::{
    context::{SpanContext, TraceFlags},
    ids::{SpanId, TraceId},
    record::{Resource, SpanRecord, Status},
};
use std::collections::BTreeMap;

/// Reads any bytes as a segment and as a cursor, as a process does that takes over what another left; how many
/// spans there are.
pub fn read_any(bytes: &[u8]) -> usize {
    // Most inputs have no whole header: they are read behind one as well.
    let known = Header { first: 7, created: 0, salt: 0 };
    let found = [Header::read(bytes), Some(known)].into_iter().flatten().map(|header| {
        let contents = survey(header, bytes);
        let most = (bytes.len() / LEAST_SPAN) as u64;
        assert!(contents.length <= bytes.len() && contents.spans.end - contents.spans.start <= most + 1);
        let rest = bytes.get(HEADER..).unwrap_or_default();
        let spans = Records::new(header, rest).filter_map(|item| match item {
            Item::Span(number, payload) => {
                assert!(
                    contents.spans.contains(&number) || number - header.first > most || number == u64::MAX
                );
                read_span(payload)
            }
            Item::Resource(_) | Item::Damaged => None,
        });
        spans.count()
    });
    let _either_way = (cursor::read(bytes), codec::read_span(bytes), codec::read_resource(bytes));
    found.sum()
}

/// Writes a segment of spans that are made of `bytes`, damages it as they say, and checks that all spans are read back
/// whose records the damage has left alone, as they were, and no others.
pub fn write_damage_read(bytes: &[u8]) {
    // The salt hangs on all of the input, so that none can be found with a checksum that fits its damage.
    let header = Header { first: 1000, created: 0, salt: crc32c::crc32c(bytes) };
    let mut input = Input(bytes);
    let mut file = Vec::new();
    header.write(&mut file);
    header.write_resource(&Resource::new(input.text()), &mut file);
    let mut records = BTreeMap::new();
    for number in 1000..1000 + u64::from(input.byte() % 12) {
        let (span, start, mut payload) = (input.span(number), file.len(), Vec::new());
        header.write_span(number, &span, &mut file);
        codec::write_span(&span, &mut payload);
        records.insert(number, (start..file.len(), payload));
    }
    let whole = file.clone();
    for _ in 0..input.byte() % 5 {
        input.damage(&mut file);
    }
    records.retain(|_, (record, _)| file.get(record.clone()) == whole.get(record.clone()));
    let rest = file.get(HEADER..).unwrap_or_default();
    for item in Records::new(header, rest) {
        if let Item::Span(number, payload) = item {
            let mut read = Vec::new();
            codec::write_span(&read_span(payload).expect("a whole record"), &mut read);
            let (_, written) = records.remove(&number).expect("a record that was not touched, once");
            assert_eq!(read, written);
        }
    }
    assert!(records.is_empty(), "lost without having been touched: {:?}", records.keys());
    let contents = survey(header, &file);
    assert!(contents.spans.start == 1000 && contents.length <= file.len());
}

/// Bytes to make things of; when there are no more, zeros.
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    fn number(&mut self) -> u64 {
        u64::from_le_bytes(std::array::from_fn(|_| self.byte()))
    }

    fn text(&mut self) -> String {
        let length = usize::from(self.byte()).min(self.0.len());
        let (text, rest) = self.0.split_at(length);
        self.0 = rest;
        String::from_utf8_lossy(text).into_owned()
    }

    fn span(&mut self, number: u64) -> SpanRecord {
        let (trace, id) = (TraceId::from_u128(u128::from(number)), SpanId::from_u64(self.number() | 1));
        let (trace, id) = (trace.expect("not zero"), id.expect("not zero"));
        let context = SpanContext::new(trace, id, TraceFlags::from_bits(self.byte()));
        let mut span = SpanRecord::new(&context, self.text(), self.number(), self.number());
        for _ in 0..self.byte() % 4 {
            span = match self.byte() % 5 {
                0 => span.with_attribute(self.text(), self.text()),
                1 => span.with_attribute(self.text(), self.number() as i64),
                2 => span.with_attribute(self.text(), f64::from_bits(self.number())),
                3 => span.with_event(self.text(), self.number(), &[("key", self.text().into())]),
                _ => span.with_status(Status::error(self.text())),
            };
        }
        span
    }

    /// Overwrites a part behind the header, takes one out, or cuts the file there.
    fn damage(&mut self, file: &mut Vec<u8>) {
        let behind = file.len().saturating_sub(HEADER);
        if behind == 0 {
            return;
        }
        let at = HEADER + self.number() as usize % behind;
        let end = (at + usize::from(self.byte())).min(file.len());
        match self.byte() % 4 {
            0 => file.truncate(at),
            1 => file[at..end].fill(self.byte()),
            _ => file[at..end].iter_mut().for_each(|byte| *byte = self.byte()),
        }
    }
}
