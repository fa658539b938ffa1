//! Starting spans (floor 4): as children, or where a trace enters this process.

use super::{
    ended::Trace,
    engine::{Engine, Shared},
    live::Live,
    local::{self, begin_silent, with},
};
use crate::{
    context::{Baggage, Context, SpanContext, TraceFlags, TraceState},
    ids::{RequestId, SpanId, TraceId},
    record::{Details, SpanKind, Weight, cut_at, cut_name},
    sampling::{Additions, Decided, SamplingParameters},
    value::Attribute,
};
use std::{borrow::Cow, sync::Arc};

/// Starts a child of the current span, if there is one. Its name need not be moved.
#[inline]
pub(super) fn named(name: &'static str) -> Option<Box<Live>> {
    match begin_silent() {
        None => named_any(name),
        begun => begun,
    }
}

#[inline(never)]
fn named_any(name: &'static str) -> Option<Box<Live>> {
    match with(|local| local.begin_usual_child(name)).flatten() {
        Some(mut live) => {
            live.begin_now();
            Some(live)
        }
        None => named_anyhow(name),
    }
}

#[inline(never)]
fn named_anyhow(name: &'static str) -> Option<Box<Live>> {
    let begun = with(|local| local.begin_child_of_top(None)).flatten()?;
    Some(finished_start(begun, name.into(), SpanKind::Internal, None))
}

/// Starts a child of the current span if that is this tracer's, else the first span of a trace, which
/// may have come from elsewhere.
pub(super) fn span(
    engine: &Arc<Engine>,
    otherwise: Option<&mut Context>,
    name: Cow<'static, str>,
    kind: SpanKind,
    details: Option<Box<Details>>,
) -> Option<Box<Live>> {
    match with(|local| local.begin_child_of_top(Some(engine.id))).flatten() {
        Some(begun) => Some(finished_start(begun, name, kind, details)),
        None => root(engine, otherwise, name, kind, details),
    }
}

/// Gives a span that has begun all the rest.
#[inline]
fn finished_start(
    mut live: Box<Live>,
    name: Cow<'static, str>,
    kind: SpanKind,
    mut details: Option<Box<Details>>,
) -> Box<Live> {
    let Some(shared) = live.recorded() else {
        return live;
    };
    let engine = &shared.engine;
    let name = match name {
        Cow::Borrowed(name) => Some(limited(name, engine.limits.name_bytes)),
        made => {
            let details = details.get_or_insert_with(|| local::take_buffer(&engine.recycler));
            details.name = Some(cut_name(made, engine.limits.name_bytes));
            None
        }
    };
    if details.is_some() {
        live.details.set(details);
    }
    live.name = name;
    live.kind = kind;
    if !live.is_first {
        live.begin_now();
    }
    live
}

/// A name, cut if it is too long.
#[inline(always)]
fn limited(name: &'static str, bytes: usize) -> &'static str {
    if name.len() <= bytes { name } else { cut_at(name, bytes) }
}

/// Starts a child of a span that need not be current.
pub(super) fn child_of(
    shared: &Arc<Shared>,
    parent: SpanId,
    name: Cow<'static, str>,
    kind: SpanKind,
    details: Option<Box<Details>>,
) -> Option<Box<Live>> {
    let begun =
        with(|local| (!local.is_suppressed()).then(|| local.begin_child(shared, parent))).flatten()?;
    Some(finished_start(begun, name, kind, details))
}

/// Starts the first span of a trace in this process, under a caller's or on its own. What the context has is taken out
/// of it.
pub(super) fn root(
    engine: &Arc<Engine>,
    context: Option<&mut Context>,
    name: Cow<'static, str>,
    kind: SpanKind,
    mut details: Option<Box<Details>>,
) -> Option<Box<Live>> {
    let ticks = engine.timeline.ticks();
    // Nothing begins on a thread that belongs to a tracer.
    let last = with(|local| (!local.is_suppressed()).then(|| local.take_last_trace())).flatten()?;
    let mut shared = last.unwrap_or_else(|| Arc::new(Shared::new(engine, Trace::blank())));
    if Arc::get_mut(&mut shared).is_none() {
        shared = Arc::new(Shared::new(engine, Trace::blank()));
    }
    let trace = Arc::get_mut(&mut shared)?.vacate(engine);
    let Besides { parent, additions } =
        fill_in(engine, trace, context, ticks, &name, kind, details.as_deref())?;
    if let Some(additions) = additions.filter(|_| shared.recording) {
        let details = details.get_or_insert_with(|| local::take_buffer(&engine.recycler));
        for (key, value) in additions.attributes {
            details.push_attribute(key, value, &engine.limits);
        }
    }
    let begun = with(|local| local.begin_first(shared, parent))?;
    Some(finished_start(begun, name, kind, details))
}

/// What there is of a trace beside what its spans share.
struct Besides {
    /// The caller's span.
    parent: Option<SpanId>,
    /// Among them what the sampler says of the first span.
    additions: Option<Box<Additions>>,
}

/// Makes a trace the one that enters this process now.
#[inline(always)]
fn fill_in(
    engine: &Engine,
    trace: &mut Trace,
    context: Option<&mut Context>,
    ticks: u64,
    name: &str,
    kind: SpanKind,
    details: Option<&Details>,
) -> Option<Besides> {
    let (mut parent, request_id, baggage) = match context {
        Some(Context { span, request_id, baggage }) => {
            (span.as_mut(), request_id.take(), std::mem::take(baggage))
        }
        None => (None, None, Baggage::EMPTY),
    };
    let unix_millis = || engine.timeline.unix_nanos(ticks) / 1_000_000;
    let is_off = engine.is_closed();
    with(|local| {
        trace.trace_id = match &parent {
            Some(parent) => parent.trace_id(),
            None => local.trace_id(engine, unix_millis()),
        };
        trace.request_id = match (request_id, &parent) {
            (Some(id), _) => id,
            // For a request that has none.
            (None, Some(_)) => RequestId::from_trace_id(local.trace_id(engine, unix_millis())),
            (None, None) => RequestId::from_trace_id(trace.trace_id),
        };
        trace.first_span = match &parent {
            // Without a span of ours, the next service's caller is this one's.
            Some(parent) if is_off => parent.span_id(),
            _ => local.span_id(engine),
        };
        trace.serial = local.rng().serial();
    })?;
    trace.baggage = baggage;
    trace.first_start = ticks;
    let caller_flags = parent.as_ref().map_or(TraceFlags::RANDOM, |parent| parent.flags());
    let Decided { is_recording, is_sampled, weight, trace_state, additions } = if is_off {
        as_received(parent.as_deref_mut())
    } else {
        decide(engine, parent.as_deref_mut(), trace.trace_id, name, kind, details)
    };
    trace.flags = if is_off { caller_flags } else { caller_flags.with_sampled(is_sampled) };
    trace.weight = weight;
    trace.recording = is_recording;
    trace.trace_state = trace_state;
    Some(Besides { parent: parent.map(|parent| parent.span_id()), additions })
}

/// Its last use in the caller's context: all spans here will share it.
fn take_trace_state(parent: Option<&mut SpanContext>) -> TraceState {
    parent.map(SpanContext::take_trace_state).unwrap_or_default()
}

/// A tracer that is off hands on what it received.
fn as_received(parent: Option<&mut SpanContext>) -> Decided {
    Decided {
        is_recording: false,
        is_sampled: false,
        weight: Weight::ONE,
        trace_state: take_trace_state(parent),
        additions: None,
    }
}

fn decide(
    engine: &Engine,
    parent: Option<&mut SpanContext>,
    trace_id: TraceId,
    name: &str,
    kind: SpanKind,
    details: Option<&Details>,
) -> Decided {
    let attributes: Vec<Attribute<'_>> = match details {
        Some(details) if engine.samples_by_attributes => details.attributes().collect(),
        _ => Vec::new(),
    };
    let parameters = SamplingParameters::new(trace_id, name, kind).with_attributes(&attributes);
    let parameters = match &parent {
        Some(parent) => parameters.with_parent(parent),
        None => parameters,
    };
    let result = engine.sampler.should_sample(&parameters);
    result.decide(take_trace_state(parent), engine.has_tail_sampler())
}
