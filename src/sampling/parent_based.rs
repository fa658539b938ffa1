//! As the caller does (floor 3).

use super::{
    parameters::SamplingParameters,
    result::{Chance, SamplingResult},
    sampler::Sampler,
};
use crate::context::{SpanContext, Threshold};
use std::fmt;

/// Follows the caller's decision, and asks another sampler where there is no caller, or one who has left the
/// decision open ([`TraceFlags::DEFERRED`](crate::TraceFlags::DEFERRED))
/// [OpenTelemetry trace SDK, ParentBased].
///
/// | caller | asked | default |
/// |---|---|---|
/// | none, or one who left it open | [`new`](Self::new)'s | |
/// | another process, sampled | [`remote_sampled`](Self::remote_sampled) | sample |
/// | another process, not sampled | [`remote_not_sampled`](Self::remote_not_sampled) | drop |
/// | a span of another tracer in this process, sampled | [`local_sampled`](Self::local_sampled) | sample |
/// | such a span, not sampled | [`local_not_sampled`](Self::local_not_sampled) | drop |
///
/// A trace for debugging ([`TraceFlags::DEBUG`](crate::TraceFlags::DEBUG)) counts as sampled: where a branch
/// was set for that it is asked, so that the flag is no way around a limit, and what it samples stays for
/// debugging. The flag does not come from callers that are not trusted, which is up to the server layer's
/// policy; its default trusts all.
///
/// The caller's threshold goes on with what is sampled because the caller did, as long as it agrees with
/// what the caller did. Where it says none, what a branch samples stands for as many traces as that branch
/// says, as if the caller had sampled all; as that is not known, no threshold goes on.
#[derive(Default)]
pub struct ParentBased<S> {
    root: S,
    branches: Branches,
}

/// By whether the caller sampled.
#[derive(Default)]
struct Branches {
    remote: Pair,
    local: Pair,
}

/// `None` is the default: as the caller.
#[derive(Default)]
struct Pair {
    sampled: Option<Box<dyn Sampler>>,
    not_sampled: Option<Box<dyn Sampler>>,
}

impl<S: Sampler> ParentBased<S> {
    /// Follows the caller; asks `root` for traces that begin here.
    pub const fn new(root: S) -> Self {
        const AS_THE_CALLER: Pair = Pair { sampled: None, not_sampled: None };
        Self { root, branches: Branches { remote: AS_THE_CALLER, local: AS_THE_CALLER } }
    }

    /// Asks this sampler where a caller in another process sampled. What it decides by a threshold or a rate
    /// comes on top of what the caller decided.
    #[must_use]
    pub fn remote_sampled(mut self, sampler: impl Sampler + 'static) -> Self {
        self.branches.remote.sampled = Some(Box::new(sampler));
        self
    }

    /// Asks this sampler where a caller in another process did not sample.
    #[must_use]
    pub fn remote_not_sampled(mut self, sampler: impl Sampler + 'static) -> Self {
        self.branches.remote.not_sampled = Some(Box::new(sampler));
        self
    }

    /// As [`remote_sampled`](Self::remote_sampled), under a span of another tracer in this process.
    #[must_use]
    pub fn local_sampled(mut self, sampler: impl Sampler + 'static) -> Self {
        self.branches.local.sampled = Some(Box::new(sampler));
        self
    }

    /// As [`remote_not_sampled`](Self::remote_not_sampled), under a span of another tracer in this process.
    #[must_use]
    pub fn local_not_sampled(mut self, sampler: impl Sampler + 'static) -> Self {
        self.branches.local.not_sampled = Some(Box::new(sampler));
        self
    }
}

impl Branches {
    fn ask(&self, parent: &SpanContext, parameters: &SamplingParameters<'_>) -> SamplingResult {
        let pair = if parent.is_remote() { &self.remote } else { &self.local };
        let mut result = if parent.is_sampled() {
            let result =
                pair.sampled.as_ref().map_or(SamplingResult::always(), |on| on.should_sample(parameters));
            // One for debugging is here for that, whatever its caller's threshold says.
            let is_asked_for = parent.flags().is_debug();
            if is_asked_for { result } else { under_sampled(parent, result, parameters) }
        } else {
            pair.not_sampled.as_ref().map_or(SamplingResult::never(), |off| off.should_sample(parameters))
        };
        result.recorded_anyway |= pair.always_records();
        result
    }

    fn all(&self) -> impl Iterator<Item = &dyn Sampler> {
        [&self.remote, &self.local]
            .into_iter()
            .flat_map(|pair| [&pair.sampled, &pair.not_sampled])
            .filter_map(Option::as_deref)
    }
}

impl Pair {
    /// Is a trace recorded whatever the caller did? By default, not if the caller did not.
    fn always_records(&self) -> bool {
        self.sampled.as_ref().is_none_or(|sampler| sampler.always_records())
            && self.not_sampled.as_ref().is_some_and(|sampler| sampler.always_records())
    }
}

/// The chance that a trace passes here, where it has passed at the caller's first
/// [OpenTelemetry, Probability Sampling, parent-based threshold].
fn under_sampled(
    parent: &SpanContext,
    mut result: SamplingResult,
    parameters: &SamplingParameters<'_>,
) -> SamplingResult {
    let received = parent.trace_state().sampling_threshold();
    let parent = received.filter(|threshold| threshold.keeps(parameters.randomness()));
    result.chance = match (result.chance, parent) {
        // The same random bits have to reach both.
        (Chance::Threshold(own), Some(parent)) => Chance::Threshold(own.max(parent)),
        (Chance::Count(own), Some(parent)) => Chance::Count(own * parent.adjusted_count()),
        (Chance::Count(own), None) => Chance::Count(own),
        // The weight as if the caller had sampled all, like everywhere; a threshold would claim to know.
        (Chance::Threshold(Threshold::ALWAYS), None) | (Chance::Unknown, _) => Chance::Unknown,
        (Chance::Threshold(own), None) => Chance::Count(own.adjusted_count()),
    };
    result.keeps_trace_state = result.is_sampled() && result.threshold() == received;
    result
}

impl<S: Sampler> Sampler for ParentBased<S> {
    fn should_sample(&self, parameters: &SamplingParameters<'_>) -> SamplingResult {
        match parameters.parent {
            Some(parent) if !parent.flags().is_deferred() => self.branches.ask(parent, parameters),
            _ => self.root.should_sample(parameters),
        }
    }

    fn wants_attributes(&self) -> bool {
        self.root.wants_attributes() || self.branches.all().any(Sampler::wants_attributes)
    }

    fn always_records(&self) -> bool {
        let Branches { remote, local } = &self.branches;
        self.root.always_records() && remote.always_records() && local.always_records()
    }
}

impl<S: fmt::Debug> fmt::Debug for ParentBased<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParentBased").field("root", &self.root).finish_non_exhaustive()
    }
}
