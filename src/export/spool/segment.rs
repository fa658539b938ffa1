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

use super::{
    codec,
    parts::{Reader, write_number},
};
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

/// No record of a span is shorter: it has the span's and the trace's ids.
pub(super) const LEAST_SPAN: usize = RECORD_HEAD + 24;

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

    /// Where the next whole record begins behind one that is not, if there is any. What the damaged one says of its
    /// length is not believed: it may lead past others.
    fn find_behind(&mut self, at: usize) -> Option<usize> {
        let last = self.bytes.len().saturating_sub(RECORD_HEAD);
        let next = (at + 1..=last).find(|next| self.search_left > 0 && self.record_at(*next).is_some());
        // One that ends where the file does was whole once, and is not just torn.
        let stated = self.bytes.get(at..).and_then(|rest| Reader(rest).array()).map(u32::from_le_bytes);
        let stated_end = stated.map(|length| at.saturating_add(RECORD_HEAD + length as usize));
        next.or(stated_end.filter(|end| *end == self.bytes.len()))
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
    let most = (file.len() / LEAST_SPAN) as u64;
    while let Some(item) = records.next() {
        match item {
            Item::Resource(resource) => contents.resource = Some(resource),
            // Whoever writes a number that stands for more spans than the file has room for has made it up.
            Item::Span(number, _) if number - header.first > most => contents.damaged_at_end += 1,
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

#[cfg(test)]
mod tests {
    use super::super::samples::{resource, usual_span};
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    const HEADER_OF_ALL: Header =
        Header { first: 1000, created: 1_795_273_445_123_456_789, salt: 0x5eed_1234 };

    /// A segment, and where each of its records ends; the resource's is the first.
    fn segment(spans: u64) -> (Vec<u8>, Vec<usize>) {
        let mut file = Vec::new();
        HEADER_OF_ALL.write(&mut file);
        assert_eq!(file.len(), HEADER);
        HEADER_OF_ALL.write_resource(&resource(), &mut file);
        let mut ends = vec![file.len()];
        for number in 0..spans {
            HEADER_OF_ALL.write_span(1000 + number, &usual_span(number), &mut file);
            ends.push(file.len());
        }
        (file, ends)
    }

    /// The spans that can be read, each checked to be what was written.
    fn readable(file: &[u8]) -> BTreeSet<u64> {
        let Some(header) = Header::read(file) else {
            return BTreeSet::new();
        };
        let items = Records::new(header, file.get(HEADER..).unwrap_or_default());
        let spans = items.filter_map(|item| match item {
            Item::Span(number, payload) => {
                assert_eq!(read_span(payload), Some(usual_span(number - 1000)));
                Some(number - 1000)
            }
            Item::Resource(read) => {
                assert_eq!(read, resource());
                None
            }
            Item::Damaged => None,
        });
        spans.collect()
    }

    #[test]
    fn a_segment_reads_back() {
        let (file, _) = segment(20);
        assert_eq!(readable(&file), (0..20).collect());
        let contents = survey(HEADER_OF_ALL, &file);
        assert_eq!((contents.spans, contents.length), (1000..1020, file.len()));
        assert_eq!((contents.resource, contents.damaged_at_end), (Some(resource()), 0));
    }

    /// The span whose record has this byte; `None` in the header and the resource.
    fn owner(ends: &[usize], at: usize) -> Option<u64> {
        let record = ends.iter().position(|end| at < *end).unwrap();
        record.checked_sub(1).map(|span| span as u64)
    }

    #[test]
    fn a_flipped_bit_costs_its_own_record_and_no_other() {
        let (file, ends) = segment(6);
        for at in 0..file.len() {
            for bit in 0..8 {
                let mut damaged = file.clone();
                damaged[at] ^= 1 << bit;
                let mut expected: BTreeSet<u64> = (0..6).collect();
                if let Some(owner) = owner(&ends, at) {
                    expected.remove(&owner);
                }
                assert_eq!(readable(&damaged), expected, "bit {bit} of byte {at}");
            }
        }
    }

    #[test]
    fn overwritten_bytes_cost_the_records_they_lie_in() {
        let (file, ends) = segment(6);
        for length in [2, 9, 40, 300] {
            for at in HEADER..file.len() {
                for byte in [0x00, 0xff] {
                    let mut damaged = file.clone();
                    let end = damaged.len().min(at + length);
                    damaged[at..end].fill(byte);
                    let touched = |number: &u64| {
                        (at..end).any(|at| owner(&ends, at) == Some(*number) && damaged[at] != file[at])
                    };
                    let expected = (0..6).filter(|number| !touched(number)).collect();
                    assert_eq!(readable(&damaged), expected, "{length} bytes from {at}");
                }
            }
        }
    }

    #[test]
    fn a_torn_tail_is_cut_wherever_it_is_torn() {
        let (file, ends) = segment(6);
        for length in 0..=file.len() {
            let whole = ends.iter().skip(1).filter(|end| **end <= length).count() as u64;
            assert_eq!(readable(&file[..length]), (0..whole).collect(), "{length} bytes");
            if length >= HEADER {
                let contents = survey(HEADER_OF_ALL, &file[..length]);
                let last_end = ends.iter().rev().find(|end| **end <= length).copied();
                assert_eq!(contents.length, last_end.unwrap_or(0));
                assert_eq!(contents.damaged_at_end, 0, "torn is not damaged");
            }
        }
    }

    /// As a power failure leaves them.
    #[test]
    fn zeros_behind_the_last_record_are_torn() {
        let (mut file, _) = segment(6);
        let length = file.len();
        file.resize(length + 4096, 0);
        let contents = survey(HEADER_OF_ALL, &file);
        assert_eq!((contents.spans, contents.length), (1000..1006, length));
    }

    #[test]
    fn either_copy_of_the_header_will_do() {
        let (file, _) = segment(1);
        for copy in [0..32, 32..64] {
            let mut damaged = file.clone();
            damaged[copy.clone()].fill(0xa5);
            assert_eq!(Header::read(&damaged), Some(HEADER_OF_ALL));
        }
        let mut damaged = file;
        damaged[..64].fill(0xa5);
        assert_eq!(Header::read(&damaged), None);
    }

    /// Wherever a damaged length leads: to the end of the file, or to a later record.
    #[test]
    fn a_length_that_lies_leads_past_nothing() {
        let (file, ends) = segment(6);
        let record = ends[1]..ends[2];
        for end in &ends[3..] {
            let mut damaged = file.clone();
            let length = (end - record.start - RECORD_HEAD) as u32;
            damaged[record.start..record.start + 4].copy_from_slice(&length.to_le_bytes());
            assert_eq!(readable(&damaged), BTreeSet::from([0, 2, 3, 4, 5]), "to {end}");
        }
    }

    /// A number that stands for more than there can be makes a reader's work no longer, and no sum overflow.
    #[test]
    fn a_number_that_was_made_up_is_not_believed() {
        let (mut file, _) = segment(3);
        for number in [1000 + (1 << 63), u64::MAX, 1000 + 5_000] {
            HEADER_OF_ALL.write_span(number, &usual_span(7), &mut file);
        }
        let contents = survey(HEADER_OF_ALL, &file);
        assert_eq!((contents.spans, contents.damaged_at_end), (1000..1003, 3));
    }

    /// Who sends an attribute that looks like a record gains nothing: the salt is missing.
    #[test]
    fn a_text_does_not_pass_for_a_record() {
        let forger = Header { salt: 0, ..HEADER_OF_ALL };
        let mut forged = Vec::new();
        forger.write_span(1001, &usual_span(77), &mut forged);
        let mut file = Vec::new();
        HEADER_OF_ALL.write(&mut file);
        let start = file.len();
        HEADER_OF_ALL.write_record(SPAN, &mut file, |out| out.extend(&forged));
        HEADER_OF_ALL.write_span(1005, &usual_span(5), &mut file);
        // The length of the record around it is damaged: what is in it is looked through.
        file[start + 1] ^= 0x10;
        assert_eq!(readable(&file), BTreeSet::from([5]));
    }

    /// A file that seems to begin a long record with every byte is not worth more than a bounded search.
    #[test]
    fn searching_behind_damage_has_an_end() {
        let mut file = Vec::new();
        HEADER_OF_ALL.write(&mut file);
        let plausible = [0x00, 0x00, 0x10, 0x00, 0x02, 0x02, 0x02, 0x02, 0x02];
        file.extend(plausible.iter().cycle().take(4 << 20));
        let started = std::time::Instant::now();
        assert!(survey(HEADER_OF_ALL, &file).spans.is_empty());
        assert!(started.elapsed() < std::time::Duration::from_secs(10), "{:?}", started.elapsed());
    }

    proptest! {
        #[test]
        fn no_file_is_a_panic(file in proptest::collection::vec(any::<u8>(), 0..2000)) {
            let _either_way = (Header::read(&file), survey(HEADER_OF_ALL, &file));
        }

        /// Cut anywhere, with anything in the place of any part.
        #[test]
        fn what_is_left_of_a_file_is_read(
            cut in any::<prop::sample::Index>(),
            at in any::<prop::sample::Index>(),
            bytes in proptest::collection::vec(any::<u8>(), 0..40),
        ) {
            let (mut file, ends) = segment(12);
            let at = HEADER + at.index(file.len() - HEADER);
            let end = file.len().min(at + bytes.len());
            let original = file.clone();
            file[at..end].copy_from_slice(&bytes[..end - at]);
            file.truncate(cut.index(file.len() + 1));
            let is_whole = |number: &u64| {
                let record = ends[*number as usize]..ends[*number as usize + 1];
                record.end <= file.len() && file[record.clone()] == original[record]
            };
            let expected: BTreeSet<u64> = if file.len() < 32 { BTreeSet::new() } else { (0..12).filter(is_whole).collect() };
            prop_assert_eq!(readable(&file), expected);
        }
    }
}
