//! A queue on disk in front of any exporter (floor 3): what a crash leaves is delivered by the next process.
//!
//! Each process has a directory of its own within the spool, locked as long as it lives. A thread writes
//! what ends there, in segments of 4 MiB, within 50 ms; each exporter delivers at its own pace, on its own
//! thread, and notes in a cursor how far it is. [`state`], [`next`] and [`flights`]
//! say which span is where and what is next; the files beside them touch the disk.

mod arrivals;
mod codec;
mod courier;
mod cursor;
mod files;
mod flights;
#[cfg(fuzzing)]
mod fuzzing;
mod home;
mod keeper;
mod line;
mod mark;
#[cfg(test)]
mod model;
mod next;
mod parts;
mod ranges;
mod reader;
#[cfg(test)]
mod samples;
mod segment;
mod settings;
mod shelf;
mod shelter;
mod state;
mod store;
mod unsynced;
mod writer;

#[cfg(fuzzing)]
pub use fuzzing::{read_any, write_damage_read};
pub use settings::Fsync;
pub use shelter::Spool;
