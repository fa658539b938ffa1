//! Baggage (floor 1).
//!
//! STUB
/// Baggage
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Baggage(());
/// Entry
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaggageEntry(());
/// Error
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed")]
pub struct BaggageError;
