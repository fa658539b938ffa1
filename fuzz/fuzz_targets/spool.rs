//! Any bytes as what a process left in its spool: a segment, a cursor, a record. Whatever they are, reading
//! them ends, and takes memory in proportion to their length. And spans made of them, which are written, damaged
//! as they say, and read: only those are lost that the damage has touched.
//!
//! `fuzz/run 60 spool`
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let spans = throughline::export::read_any(bytes);
    // Two readings, and no span is shorter than its ids.
    assert!(spans <= 2 * bytes.len() / 24);
    throughline::export::write_damage_read(bytes);
});
