//! A cursor (floor 3): what one exporter has been delivered out of one spool. Pure.
//!
//! ```text
//! magic "TLCURSOR" | count of ranges, then start and length of each, LEB128 | crc32c u32
//! ```
//!
//! A file that is damaged or missing says that nothing has been delivered: twice is better than never.

use super::{
    parts::{Reader, write_number},
    ranges::Ranges,
};

const MAGIC: [u8; 8] = *b"TLCURSOR";
/// Ranges kept in the file; what lies beyond them would be delivered again after a crash.
const MOST_RANGES: usize = 4096;

pub(super) fn write(done: &Ranges) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    write_number(done.iter().len().min(MOST_RANGES) as u64, &mut out);
    let mut before = 0;
    for range in done.iter().take(MOST_RANGES) {
        write_number(range.start - before, &mut out);
        write_number(range.end - range.start, &mut out);
        before = range.end;
    }
    let checksum = crc32c::crc32c(&out);
    out.extend(checksum.to_le_bytes());
    out
}

pub(super) fn read(bytes: &[u8]) -> Option<Ranges> {
    let (covered, checksum) = bytes.split_last_chunk()?;
    if crc32c::crc32c(covered) != u32::from_le_bytes(*checksum) {
        return None;
    }
    let mut reader = Reader(covered.strip_prefix(&MAGIC)?);
    let mut done = Ranges::default();
    let mut before = 0_u64;
    for _ in 0..reader.number()?.min(MOST_RANGES as u64) {
        let start = before.checked_add(reader.number()?)?;
        before = start.checked_add(reader.number()?)?;
        done.insert(start..before);
    }
    Some(done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_cursor_reads_back(ranges in proptest::collection::vec((any::<u32>(), 1..1000_u64), 0..50)) {
            let mut done = Ranges::default();
            ranges.into_iter().for_each(|(start, length)| done.insert(u64::from(start)..u64::from(start) + length));
            prop_assert_eq!(read(&write(&done)), Some(done));
        }

        #[test]
        fn a_damaged_cursor_says_nothing(at in any::<prop::sample::Index>(), bit in 0..8_u32) {
            let mut done = Ranges::default();
            done.insert(3..1000);
            let mut bytes = write(&done);
            let at = at.index(bytes.len());
            prop_assert_eq!(read(&bytes[..at]), None);
            bytes[at] ^= 1 << bit;
            prop_assert_eq!(read(&bytes), None);
        }
    }
}
