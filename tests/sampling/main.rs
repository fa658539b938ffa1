//! Samplers, from the first decision to what the exporters get and the books say.
#![cfg(feature = "testing")]

mod flood;
mod head;
mod parent_based;
mod rate_limited;
mod ratio;
mod rules;
mod support;
mod tail;
mod tail_bounds;
mod tail_threads;
