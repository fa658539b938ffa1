//! Spans that wait for their tree to be whole (floor 4). Bounded by spans, traces and age; what is
//! over comes out early.

use crate::{
    analysis::{Node, Trace},
    exporters::ExportedSpan,
    ids::{SpanId, TraceId},
    record::Batch,
};
use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

#[derive(Debug)]
pub(super) struct Pending {
    pub(super) max_spans: usize,
    pub(super) max_traces: usize,
    pub(super) max_age: Duration,
    traces: HashMap<TraceId, Waiting>,
    /// How many spans wait in all traces.
    spans: usize,
    /// How many traces have ever waited: orders those that do.
    arrivals: u64,
}

/// The spans of one trace.
#[derive(Debug)]
struct Waiting {
    arrival: u64,
    since: Instant,
    spans: Vec<ExportedSpan>,
}

impl Default for Pending {
    fn default() -> Self {
        Self {
            max_spans: 8_192,
            max_traces: 1_024,
            max_age: Duration::from_secs(60),
            traces: HashMap::new(),
            spans: 0,
            arrivals: 0,
        }
    }
}

impl Pending {
    /// Takes the spans in. Returns those whose time has come, a list for each trace: the whole batch
    /// is looked at first, so that a child which follows its parent in it is not late.
    pub(super) fn add(&mut self, batch: &Batch) -> Vec<Vec<ExportedSpan>> {
        let now = Instant::now();
        // In the order in which they ended, each once.
        let (mut begun, mut known) = (Vec::new(), HashSet::new());
        for span in batch.spans() {
            if span.is_local_root() && known.insert(span.trace_id()) {
                begun.push(span.trace_id());
            }
            let waiting = self.traces.entry(span.trace_id()).or_insert_with(|| {
                self.arrivals += 1;
                Waiting { arrival: self.arrivals, since: now, spans: Vec::new() }
            });
            let resource = batch.resource().clone();
            waiting.spans.push(ExportedSpan { resource, span: span.clone() });
            self.spans += 1;
        }
        let mut out: Vec<_> = begun.into_iter().filter_map(|trace| self.take_whole(trace)).collect();
        self.evict(now, &mut out);
        out
    }

    /// Takes out everything, the trace that came first first.
    pub(super) fn take_all(&mut self) -> Vec<Vec<ExportedSpan>> {
        self.spans = 0;
        let mut all: Vec<_> = std::mem::take(&mut self.traces).into_values().collect();
        all.sort_by_key(|waiting| waiting.arrival);
        all.into_iter().map(|waiting| waiting.spans).collect()
    }

    /// Takes out of a trace the trees that are whole: those of spans that began it here. Others, of
    /// which the beginning has not ended yet, stay.
    fn take_whole(&mut self, trace: TraceId) -> Option<Vec<ExportedSpan>> {
        let waiting = self.traces.remove(&trace)?;
        let whole: HashSet<SpanId> = Trace::assemble(waiting.spans.iter().map(ExportedSpan::as_pair))
            .iter()
            .flat_map(Trace::roots)
            .filter(|root| root.span().is_local_root())
            .flat_map(Node::subtree)
            .map(|node| node.span().span_id())
            .collect();
        let is_whole = |record: &ExportedSpan| whole.contains(&record.span.span_id());
        let (out, rest): (Vec<_>, Vec<_>) = waiting.spans.into_iter().partition(is_whole);
        self.spans -= out.len();
        if !rest.is_empty() {
            self.traces.insert(trace, Waiting { spans: rest, ..waiting });
        }
        (!out.is_empty()).then_some(out)
    }

    fn evict(&mut self, now: Instant, out: &mut Vec<Vec<ExportedSpan>>) {
        while let Some((trace, waiting)) = self.traces.iter().min_by_key(|(_, waiting)| waiting.arrival) {
            let is_over = self.spans > self.max_spans || self.traces.len() > self.max_traces;
            if !is_over && now.duration_since(waiting.since) <= self.max_age {
                return;
            }
            let trace = *trace;
            if let Some(waiting) = self.traces.remove(&trace) {
                self.spans -= waiting.spans.len();
                out.push(waiting.spans);
            }
        }
    }
}
