//! The format of a segment file (floor 3). Pure: bytes in, records out; no byte of a file can make it panic
//! or take more than its share of time.
//!
//! ```text
//! header, twice:  magic "TLSPOOL" and a version byte | first u64 | created u64 | salt u32 | crc32c u32
//! then records:   length u32 | crc32c u32 | kind u8 | payload of that length
//! ```
//!
//! Integers are little-endian. A record's checksum begins with the segment's salt and covers length, kind
//! and payload. The payload of a span begins with its number in the segment: `first` plus that number is
//! its number in the spool, so that whoever skips a damaged record knows which are missing.
//!
//! Where a length is damaged the next record is found by looking for one: the salt, which nobody who could
//! send an attribute knows, is what keeps a text from passing for a record.

use super::codec::{self, Reader, write_number};
use crate::record::{Resource, SpanRecord};
use std::ops::Range;

const MAGIC: [u8; 8] = *b"TLSPOOL\x01";
const HEADER_COPY: usize = 32;
/// Bytes before the first record.
pub(super) const HEADER: usize = 2 * HEADER_COPY;
/// Bytes of a record before its payload.
const RECORD_HEAD: usize = 9;
/// The longest payload: four times what a span may hold by its limits.
const MOST_PAYLOAD: usize = 4 << 20;
/// Bytes to be checked in search of records behind damage, in one segment. A damaged file costs no more,
/// even one that was made to.
const MOST_SEARCH: usize = 64 << 20;

/// The kinds of records of this version.
const RESOURCE: u8 = 1;
const SPAN: u8 = 2;

/// What is known of a whole segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// The number of the segment's first span.
    pub(super) first: u64,
    /// When it was begun, in Unix nanoseconds by the wall clock.
    pub(super) created: u64,
    pub(super) salt: u32,
}

impl Header {
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        for _ in 0..2 {
            let start = out.len();
            out.extend(MAGIC);
            out.extend(self.first.to_le_bytes());
            out.extend(self.created.to_le_bytes());
            out.extend(self.salt.to_le_bytes());
            let checksum = crc32c::crc32c(out.get(start..).unwrap_or_default());
            out.extend(checksum.to_le_bytes());
        }
    }

    /// The header, from whichever copy is whole.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        bytes.chunks_exact(HEADER_COPY).take(2).find_map(|copy| {
            let (covered, checksum) = copy.split_last_chunk()?;
            if crc32c::crc32c(covered) != u32::from_le_bytes(*checksum) {
                return None;
            }
            let mut reader = Reader(covered.strip_prefix(&MAGIC)?);
            Some(Self {
                first: u64::from_le_bytes(reader.array()?),
                created: u64::from_le_bytes(reader.array()?),
                salt: u32::from_le_bytes(reader.array()?),
            })
        })
    }

    /// Appends a span's record. `number` counts from the first of the spool.
    pub(super) fn write_span(&self, number: u64, span: &SpanRecord, out: &mut Vec<u8>) {
        self.write_record(SPAN, out, |out| {
            write_number(number.saturating_sub(self.first), out);
            codec::write_span(span, out);
        });
    }

    /// Appends a record that says whose the spans are.
    pub(super) fn write_resource(&self, resource: &Resource, out: &mut Vec<u8>) {
        self.write_record(RESOURCE, out, |out| codec::write_resource(resource, out));
    }

    fn write_record(&self, kind: u8, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
        let start = out.len();
        out.extend([0; RECORD_HEAD - 1]);
        out.push(kind);
        write(out);
        let length = u32::try_from(out.len() - start - RECORD_HEAD).unwrap_or(u32::MAX);
        if length as usize > MOST_PAYLOAD {
            // What could not be read need not be written: its number will be missing.
            return out.truncate(start);
        }
        let checksum = self.checksum(length, out.get(start + RECORD_HEAD - 1..).unwrap_or_default());
        let head = [length.to_le_bytes(), checksum.to_le_bytes()];
        for (place, byte) in out.iter_mut().skip(start).zip(head.as_flattened()) {
            *place = *byte;
        }
    }

    fn checksum(&self, length: u32, kind_and_payload: &[u8]) -> u32 {
        crc32c::crc32c_append(crc32c::crc32c_append(self.salt, &length.to_le_bytes()), kind_and_payload)
    }
}

/// What a segment has been found to hold.
#[derive(Debug)]
pub(super) enum Item<'a> {
    Resource(Resource),
    /// The span of this number of the spool; to be [decoded](read_span).
    Span(u64, &'a [u8]),
    /// A record, or several, that cannot be read.
    Damaged,
}

/// Reads what a [`Item::Span`] has.
pub(super) fn read_span(payload: &[u8]) -> Option<SpanRecord> {
    codec::read_span(payload)
}

/// Walks through the records, from the first to the end or to a tail that was not written whole.
pub(super) struct Records<'a> {
    header: Header,
    bytes: &'a [u8],
    at: usize,
    search_left: usize,
}

/// A record that has been checked.
struct Checked<'a> {
    kind: u8,
    payload: &'a [u8],
    end: usize,
}

impl<'a> Records<'a> {
    /// `bytes` begin where a record begins.
    pub(super) const fn new(header: Header, bytes: &'a [u8]) -> Self {
        Self { header, bytes, at: 0, search_left: MOST_SEARCH }
    }

    /// How many bytes have been gone through: what is behind them is torn, or to come.
    pub(super) const fn position(&self) -> usize {
        self.at
    }

    /// The record at `at`, if there is a whole one.
    fn record_at(&mut self, at: usize) -> Option<Checked<'a>> {
        let rest = self.bytes.get(at..)?;
        let mut reader = Reader(rest);
        let length = u32::from_le_bytes(reader.array()?);
        let checksum = u32::from_le_bytes(reader.array()?);
        let kind_and_payload = reader.0.get(..length as usize + 1)?;
        let (kind, payload) = kind_and_payload.split_first()?;
        if payload.is_empty() || payload.len() > MOST_PAYLOAD || !matches!(*kind, RESOURCE | SPAN) {
            return None;
        }
        self.search_left = self.search_left.saturating_sub(payload.len());
        let is_whole = self.header.checksum(length, kind_and_payload) == checksum;
        is_whole.then_some(Checked { kind: *kind, payload, end: at + RECORD_HEAD + payload.len() })
    }

    /// Where the next whole record begins behind one that is not, if there is any.
    fn find_behind(&mut self, at: usize) -> Option<usize> {
        let stated = self.bytes.get(at..).and_then(|rest| Reader(rest).array()).map(u32::from_le_bytes);
        let stated_end = stated.map(|length| at.saturating_add(RECORD_HEAD + length as usize));
        // Usually it is the payload that is damaged.
        if let Some(end) = stated_end.filter(|end| *end == self.bytes.len() || self.record_at(*end).is_some())
        {
            return Some(end);
        }
        let last = self.bytes.len().saturating_sub(RECORD_HEAD);
        (at + 1..=last).find(|candidate| self.search_left > 0 && self.record_at(*candidate).is_some())
    }

    fn item(&self, record: &Checked<'a>) -> Option<Item<'a>> {
        if record.kind == RESOURCE {
            return codec::read_resource(record.payload).map(Item::Resource);
        }
        let mut reader = Reader(record.payload);
        let number = self.header.first.checked_add(reader.number()?)?;
        Some(Item::Span(number, reader.0))
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Item<'a>;

    fn next(&mut self) -> Option<Item<'a>> {
        if let Some(record) = self.record_at(self.at) {
            self.at = record.end;
            return Some(self.item(&record).unwrap_or(Item::Damaged));
        }
        // A tail in which no record begins any more is torn: it was never whole.
        self.at = self.find_behind(self.at)?;
        Some(Item::Damaged)
    }
}

/// What a segment that somebody else left behind holds.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) resource: Option<Resource>,
    /// The numbers from the first to the last span that is there.
    pub(super) spans: Range<u64>,
    /// Where the last whole record ends.
    pub(super) length: usize,
    /// Damaged records whose number no later one tells.
    pub(super) damaged_at_end: u64,
}

/// Goes through a whole file.
pub(super) fn survey(header: Header, file: &[u8]) -> Contents {
    let mut contents = Contents { spans: header.first..header.first, ..Contents::default() };
    let mut records = Records::new(header, file.get(HEADER..).unwrap_or_default());
    while let Some(item) = records.next() {
        match item {
            Item::Resource(resource) => contents.resource = Some(resource),
            Item::Span(number, _) => {
                contents.spans.end = contents.spans.end.max(number.saturating_add(1));
                contents.damaged_at_end = 0;
            }
            Item::Damaged => contents.damaged_at_end += 1,
        }
        contents.length = HEADER + records.position();
    }
    contents
}
