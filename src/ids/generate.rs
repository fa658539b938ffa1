//! Minting ids (floor 0): a generator on each thread, or the user's own.

use super::{SpanId, TraceId};
use rand::{RngExt, SeedableRng, rngs::SmallRng};
use std::{fmt, num::NonZeroU64, num::NonZeroU128, sync::Arc};

/// Makes ids: implement it for ids that follow a rule of one's own, or repeat in a test.
///
/// Called on the thread that starts the span; it should be quick and must not block.
pub trait IdGenerator: Send + Sync {
    /// The id of a trace that starts at `unix_millis` (UTC). The last seven bytes should be random:
    /// samplers and the W3C random flag rely on it.
    fn trace_id(&self, unix_millis: u64) -> TraceId;

    /// The id of a span.
    fn span_id(&self) -> SpanId;
}

/// Where a tracer's ids come from.
///
/// The default is a generator on each thread, seeded by the operating system: no lock, no shared
/// state, about a nanosecond an id.
#[derive(Clone, Default)]
pub struct IdSource(pub(crate) Option<Arc<dyn IdGenerator>>);

impl IdSource {
    /// Ids from the user's own generator.
    pub fn custom(generator: impl IdGenerator + 'static) -> Self {
        Self(Some(Arc::new(generator)))
    }
}

impl fmt::Debug for IdSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "IdSource(custom)" } else { "IdSource(random)" })
    }
}

/// One thread's random numbers. Ids are public, so the generator need not resist prediction.
pub(crate) struct ThreadRng {
    of_traces: SmallRng,
    /// SplitMix64's state: half the work, and enough for ids that need only differ within a trace.
    of_spans: u64,
}

impl ThreadRng {
    pub(crate) fn new() -> Self {
        // Where the system refuses random bytes (an exhausted sandbox), the thread's own address and
        // the time still tell threads and processes apart; refusing to trace would be worse.
        let rng = SmallRng::try_from_rng(&mut rand::rngs::SysRng)
            .unwrap_or_else(|_| SmallRng::seed_from_u64(fallback_seed()));
        Self::seeded(rng)
    }

    fn seeded(mut rng: SmallRng) -> Self {
        let of_spans = rng.random();
        Self { of_traces: rng, of_spans }
    }

    pub(crate) fn u64(&mut self) -> u64 {
        self.of_traces.random()
    }

    #[inline]
    pub(crate) fn span_id(&mut self) -> SpanId {
        SpanId::from_nonzero(self.serial())
    }

    /// A number that this thread has not given before, and that no other has but by chance.
    #[inline]
    pub(crate) fn serial(&mut self) -> NonZeroU64 {
        loop {
            self.of_spans = self.of_spans.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (self.of_spans ^ self.of_spans >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
            // None comes twice before all others have.
            if let Some(serial) = NonZeroU64::new(mixed ^ mixed >> 31) {
                return serial;
            }
        }
    }
}

fn fallback_seed() -> u64 {
    let local = 0_u8;
    let nanos = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| since.as_nanos() as u64);
    nanos ^ (&raw const local as u64).rotate_left(32) ^ u64::from(std::process::id())
}

/// A UUIDv7: 48 bits of milliseconds, version, 12 random bits, variant, 62 random bits
/// [RFC 9562, 5.7].
pub(crate) fn mint_trace_id(unix_millis: u64, rng: &mut ThreadRng) -> TraceId {
    const VERSION_7: u128 = 0x7 << 76;
    const VARIANT: u128 = 0b10 << 62;
    let time = u128::from(unix_millis & 0xffff_ffff_ffff) << 80;
    let random_a = u128::from(rng.u64() & 0xfff) << 64;
    let random_b = u128::from(rng.u64() >> 2);
    // The version bits make it non-zero; `MIN` only satisfies the type.
    let bits = NonZeroU128::new(time | VERSION_7 | random_a | VARIANT | random_b);
    TraceId::from_nonzero(bits.unwrap_or(NonZeroU128::MIN))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn a_minted_id_is_a_uuid_of_version_7() {
        let mut rng = ThreadRng::new();
        for millis in [0, 1, 1_700_000_000_000, 0xffff_ffff_ffff] {
            let uuid = mint_trace_id(millis, &mut rng).as_uuid();
            assert_eq!(uuid.get_version(), Some(uuid::Version::SortRand));
            assert_eq!(uuid.get_variant(), uuid::Variant::RFC4122);
            assert_eq!(uuid.as_u128() >> 80, u128::from(millis));
        }
    }

    #[test]
    fn a_time_beyond_48_bits_leaves_the_other_fields_alone() {
        let uuid = mint_trace_id(u64::MAX, &mut ThreadRng::new()).as_uuid();
        assert_eq!(uuid.get_version(), Some(uuid::Version::SortRand));
        assert_eq!(uuid.get_variant(), uuid::Variant::RFC4122);
    }

    #[test]
    fn every_other_bit_is_random() {
        let mut rng = ThreadRng::new();
        let (mut ones, mut zeros) = (0, 0);
        for _ in 0..1_000 {
            let bits = mint_trace_id(0, &mut rng).as_u128();
            ones |= bits;
            zeros |= !bits;
        }
        let random = ((1_u128 << 80) - 1) & !(0xf << 76 | 0b11 << 62);
        assert_eq!(ones & zeros, random);
    }

    #[test]
    fn ids_of_one_millisecond_differ_within_and_between_threads() {
        let mint = || {
            let mut rng = ThreadRng::new();
            (0..10_000).map(|_| (mint_trace_id(1, &mut rng), rng.span_id())).collect::<Vec<_>>()
        };
        let threads: Vec<_> = (0..4).map(|_| std::thread::spawn(mint)).collect();
        let ids: Vec<_> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        assert_eq!(ids.iter().map(|(trace, _)| trace).collect::<HashSet<_>>().len(), ids.len());
        assert_eq!(ids.iter().map(|(_, span)| span).collect::<HashSet<_>>().len(), ids.len());
    }

    #[test]
    fn later_ids_sort_later() {
        let mut rng = ThreadRng::new();
        let ids: Vec<_> = (0..100).map(|millis| mint_trace_id(millis, &mut rng)).collect();
        assert!(ids.is_sorted());
        assert!(ids.iter().map(|id| id.as_uuid().to_string()).is_sorted());
    }
}
