//! Starting spans (floor 4): as children, or where a trace enters this process.

use super::{
    ended::Trace,
    engine::{Engine, Shared},
    live::Live,
    local::{self, begin_silent, with},
};
use crate::{
    context::{Context, SpanContext, TraceFlags, TraceState},
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
    otherwise: Option<Context>,
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

/// Starts the first span of a trace in this process, under a caller's or on its own.
pub(super) fn root(
    engine: &Arc<Engine>,
    context: Option<Context>,
    name: Cow<'static, str>,
    kind: SpanKind,
    mut details: Option<Box<Details>>,
) -> Option<Box<Live>> {
    let ticks = engine.timeline.ticks();
    let context = context.unwrap_or_default();
    let NewTrace { trace, parent, additions } =
        new_trace(engine, context, ticks, &name, kind, details.as_deref())?;
    if let Some(additions) = additions.filter(|_| trace.recording) {
        let details = details.get_or_insert_with(|| local::take_buffer(&engine.recycler));
        for (key, value) in additions.attributes {
            details.push_attribute(key, value, &engine.limits);
        }
    }
    let begun = with(|local| local.begin_first(engine, trace, parent))?;
    Some(finished_start(begun, name, kind, details))
}

/// A trace as it enters this process.
struct NewTrace {
    trace: Trace,
    /// The caller's span.
    parent: Option<SpanId>,
    /// Among them what the sampler says of the first span.
    additions: Option<Box<Additions>>,
}

/// `None` on a thread that belongs to a tracer.
#[inline(always)]
fn new_trace(
    engine: &Engine,
    context: Context,
    ticks: u64,
    name: &str,
    kind: SpanKind,
    details: Option<&Details>,
) -> Option<NewTrace> {
    let Context { span: mut parent, request_id, baggage } = context;
    let unix_millis = || engine.timeline.unix_nanos(ticks) / 1_000_000;
    let is_off = engine.is_closed();
    let (trace_id, request, first_span, serial) = with(|local| {
        if local.is_suppressed() {
            return None;
        }
        let trace_id = match &parent {
            Some(parent) => parent.trace_id(),
            None => local.trace_id(engine, unix_millis()),
        };
        // For a request that has none.
        let request = match &parent {
            Some(_) if request_id.is_none() => local.trace_id(engine, unix_millis()),
            _ => trace_id,
        };
        let first_span = match &parent {
            // Without a span of ours, the next service's caller is this one's.
            Some(parent) if is_off => parent.span_id(),
            _ => local.span_id(engine),
        };
        Some((trace_id, request, first_span, local.rng().serial()))
    })
    .flatten()?;
    let caller_flags = parent.as_ref().map_or(TraceFlags::RANDOM, SpanContext::flags);
    let Decided { is_recording, is_sampled, weight, trace_state, additions } = if is_off {
        as_received(parent.as_mut())
    } else {
        decide(engine, parent.as_mut(), trace_id, name, kind, details)
    };
    let trace = Trace {
        serial,
        trace_id,
        first_span,
        first_start: ticks,
        flags: if is_off { caller_flags } else { caller_flags.with_sampled(is_sampled) },
        weight,
        recording: is_recording,
        trace_state,
        request_id: request_id.unwrap_or_else(|| RequestId::from_trace_id(request)),
        baggage,
    };
    Some(NewTrace { trace, parent: parent.map(|parent| parent.span_id()), additions })
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
