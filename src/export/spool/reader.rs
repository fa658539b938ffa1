//! Reading a part of a segment back (floor 3), on the thread of the exporter that is to have it.

use super::{
    files,
    flights::append,
    segment::{HEADER, Item, Records, read_span},
    shelf::Wanted,
};
use crate::record::SpanRecord;
use std::{io, ops::Range, path::PathBuf};

/// Bytes of memory after which a batch that is read back is full.
const MOST_BATCH_BYTES: usize = 4 << 20;

/// Keeps the file it read last, so that reading one to its end in batches reads it once.
#[derive(Default)]
pub(super) struct Reader(Option<Cached>);

struct Cached {
    path: PathBuf,
    bytes: Vec<u8>,
    /// Where the record of this number, or one before it, begins.
    at: usize,
    number: u64,
}

/// What was read.
pub(super) struct Loaded {
    pub(super) spans: Vec<SpanRecord>,
    /// Their numbers.
    pub(super) found: Vec<Range<u64>>,
    /// The end of what has been looked at: there may be more in the part that was asked for.
    pub(super) end: u64,
}

impl Reader {
    /// The spans of the part that can be read.
    pub(super) fn read(&mut self, wanted: &Wanted) -> io::Result<Loaded> {
        let cached = match self.0.take() {
            Some(cached) if cached.serves(wanted) => self.0.insert(cached),
            _ => self.0.insert(Cached::load(wanted)?),
        };
        Ok(cached.read(wanted))
    }

    /// Frees what it keeps.
    pub(super) fn forget(&mut self) {
        self.0 = None;
    }
}

impl Cached {
    fn load(wanted: &Wanted) -> io::Result<Self> {
        let bytes = files::read(&wanted.segment.path, wanted.segment.bytes)?;
        let number = wanted.segment.spans.start;
        Ok(Self { path: wanted.segment.path.clone(), bytes, at: HEADER, number })
    }

    fn serves(&self, wanted: &Wanted) -> bool {
        self.path == wanted.segment.path
            && self.bytes.len() as u64 == wanted.segment.bytes
            && self.number <= wanted.range.start
    }

    fn read(&mut self, wanted: &Wanted) -> Loaded {
        let range = &wanted.range;
        let (mut spans, mut found, mut bytes) = (Vec::new(), Vec::new(), 0);
        let mut least = range.start;
        let mut records = Records::new(wanted.segment.header, self.bytes.get(self.at..).unwrap_or_default());
        let (next, end) = loop {
            let next = records.position();
            match records.next() {
                // Nothing more can be read: the rest of what was asked for is damaged, or the file's end is.
                None => break (next, range.end),
                Some(Item::Span(number, payload)) if number >= least => {
                    if number >= range.end || bytes >= MOST_BATCH_BYTES {
                        break (next, number.min(range.end));
                    }
                    least = number + 1;
                    if let Some(span) = read_span(payload) {
                        bytes += span.size_bytes();
                        spans.push(span);
                        append(&mut found, number..least);
                    }
                }
                Some(_) => {}
            }
        };
        self.at += next;
        self.number = end;
        Loaded { spans, found, end }
    }
}
