//! Traces assembled from spans (floor 3).
//!
//! Takes records of any number of services, in any order, and says how they hang together. What does
//! not fit stays visible: a span whose parent is not here is a tree of its own, a circle is cut, and
//! a span delivered twice counts once. Nothing recurses: a chain of a hundred thousand spans is a
//! trace like any other. Memory and time grow with the records alone.

use crate::{
    ids::{SpanId, TraceId},
    record::SpanRecord,
};
use std::{
    cmp::Reverse,
    collections::{HashMap, HashSet},
    time::Duration,
};

/// One trace: its spans as trees.
///
/// ```
/// use throughline::{SpanContext, SpanRecord, TraceFlags, analysis::Trace};
///
/// let root = SpanContext::new("4bf92f3577b34da6a3ce929d0e0e4736".parse()?, "0000000000000001".parse()?, TraceFlags::SAMPLED);
/// let leaf = SpanContext::new(root.trace_id(), "0000000000000002".parse()?, TraceFlags::SAMPLED);
/// let records = [
///     ("stock", SpanRecord::new(&leaf, "reserve", 2_000, 7_000).with_parent(root.span_id(), true)),
///     ("orders", SpanRecord::new(&root, "order", 1_000, 9_000)),
/// ];
///
/// let traces = Trace::assemble(records.iter().map(|(service, span)| (*service, span)));
/// let root = traces[0].roots().next().unwrap();
/// assert_eq!(root.span().name(), "order");
/// assert_eq!(root.children().next().unwrap().service(), "stock");
/// # Ok::<(), throughline::ParseIdError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Trace<'a> {
    id: TraceId,
    /// In the order of their starts; all indices below point in here.
    entries: Vec<Entry<'a>>,
    roots: Vec<usize>,
    duplicates: usize,
}

#[derive(Clone, Debug)]
struct Entry<'a> {
    service: &'a str,
    span: &'a SpanRecord,
    place: Place,
    depth: usize,
    parent: Option<usize>,
    first_child: Option<usize>,
    next_sibling: Option<usize>,
}

/// Where a span stands in its trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Place {
    /// It has no parent: the trace began with it.
    Root,
    /// It stands below its parent.
    Child,
    /// Its parent belongs to another process whose records are not here.
    RemoteParent,
    /// Its parent belongs to its own process, and yet is not here: not ended, not sampled, or lost.
    MissingParent,
    /// Its parents form a circle, which is cut above it.
    Cycle,
}

/// A span and its place in a [`Trace`].
#[derive(Clone, Copy, Debug)]
pub struct Node<'t, 'a> {
    trace: &'t Trace<'a>,
    entry: &'t Entry<'a>,
    index: usize,
}

impl<'a> Trace<'a> {
    /// The traces these records belong to, earliest start first. Each record comes with the name of
    /// its service.
    pub fn assemble(records: impl IntoIterator<Item = (&'a str, &'a SpanRecord)>) -> Vec<Self> {
        let mut by_trace: HashMap<TraceId, Vec<(&'a str, &'a SpanRecord)>> = HashMap::new();
        for (service, span) in records {
            by_trace.entry(span.trace_id()).or_default().push((service, span));
        }
        let mut traces: Vec<_> = by_trace.into_iter().map(|(id, spans)| Self::link(id, spans)).collect();
        traces.sort_by_key(|trace| (trace.start_unix_nanos(), trace.id));
        traces
    }

    fn link(id: TraceId, mut spans: Vec<(&'a str, &'a SpanRecord)>) -> Self {
        let delivered = spans.len();
        let mut known = HashSet::with_capacity(delivered);
        spans.retain(|(_, span)| known.insert(span.span_id()));
        let duplicates = delivered - spans.len();

        // Of two that start together the longer one comes first: it may well contain the other.
        spans.sort_by_key(|(_, span)| {
            (span.start_unix_nanos(), Reverse(span.end_unix_nanos()), span.span_id())
        });
        let positions: HashMap<SpanId, usize> =
            spans.iter().enumerate().map(|(index, (_, span))| (span.span_id(), index)).collect();
        let mut entries: Vec<_> = spans
            .into_iter()
            .map(|(service, span)| {
                let parent = span.parent_span_id().and_then(|parent| positions.get(&parent).copied());
                let place = match (span.parent_span_id(), parent) {
                    (None, _) => Place::Root,
                    (Some(_), Some(_)) => Place::Child,
                    (Some(_), None) if span.parent_is_remote() => Place::RemoteParent,
                    (Some(_), None) => Place::MissingParent,
                };
                Entry { service, span, place, depth: 0, parent, first_child: None, next_sibling: None }
            })
            .collect();
        cut_cycles(&mut entries);
        let roots = hang_children(&mut entries);
        let mut trace = Self { id, entries, roots, duplicates };
        trace.measure_depths();
        trace
    }

    fn measure_depths(&mut self) {
        let parents_first: Vec<_> = self.nodes().map(|node| (node.index, node.entry.parent)).collect();
        for (index, parent) in parents_first {
            let above = parent.and_then(|parent| self.entries.get(parent)).map(|entry| entry.depth + 1);
            if let Some((entry, depth)) = self.entries.get_mut(index).zip(above) {
                entry.depth = depth;
            }
        }
    }

    /// The trace's id.
    pub const fn id(&self) -> TraceId {
        self.id
    }

    /// How many spans.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Are there none? Never so for a trace that was assembled.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many spans were delivered more than once, and left out here.
    pub const fn duplicates(&self) -> usize {
        self.duplicates
    }

    /// Is each span here whose process has sent a child of it? What a service whose records are not
    /// among these has seen is not asked for.
    pub fn is_complete(&self) -> bool {
        !self.entries.iter().any(|entry| matches!(entry.place, Place::MissingParent | Place::Cycle))
    }

    /// When its first span started, in UTC Unix nanoseconds.
    pub fn start_unix_nanos(&self) -> u64 {
        self.entries.first().map_or(0, |entry| entry.span.start_unix_nanos())
    }

    /// When its last span ended, in UTC Unix nanoseconds.
    pub fn end_unix_nanos(&self) -> u64 {
        self.entries.iter().map(|entry| entry.span.end_unix_nanos()).max().unwrap_or(0)
    }

    /// From its first start to its last end, by the clocks of the services that took part.
    pub fn duration(&self) -> Duration {
        Duration::from_nanos(self.end_unix_nanos().saturating_sub(self.start_unix_nanos()))
    }

    /// The services' names, each once, in the order in which they come in.
    pub fn services(&self) -> Vec<&'a str> {
        let mut known = HashSet::new();
        self.entries.iter().map(|entry| entry.service).filter(|service| known.insert(*service)).collect()
    }

    /// The spans that stand below no other, in the order of their starts.
    pub fn roots(&self) -> impl Iterator<Item = Node<'_, 'a>> + Clone {
        self.roots.iter().filter_map(|&index| self.node(index))
    }

    /// All spans, each one before those below it: the order in which a tree is printed.
    pub fn nodes(&self) -> impl Iterator<Item = Node<'_, 'a>> + Clone {
        self.roots().flat_map(Node::subtree)
    }

    fn node(&self, index: usize) -> Option<Node<'_, 'a>> {
        self.entries.get(index).map(|entry| Node { trace: self, entry, index })
    }
}

impl<'t, 'a> Node<'t, 'a> {
    /// The name of the service the span belongs to.
    pub const fn service(self) -> &'a str {
        self.entry.service
    }

    /// The span.
    pub const fn span(self) -> &'a SpanRecord {
        self.entry.span
    }

    /// Where it stands.
    pub const fn place(self) -> Place {
        self.entry.place
    }

    /// How many spans stand above it.
    pub const fn depth(self) -> usize {
        self.entry.depth
    }

    /// The span above it.
    pub fn parent(self) -> Option<Self> {
        self.at(self.entry.parent)
    }

    /// The next of its parent's children; `None` for the last, and for a root.
    pub fn next_sibling(self) -> Option<Self> {
        self.at(self.entry.next_sibling)
    }

    /// The spans right below it, in the order of their starts.
    pub fn children(self) -> impl Iterator<Item = Self> + Clone {
        std::iter::successors(self.at(self.entry.first_child), |node| node.next_sibling())
    }

    /// The span and all below it, each one before those below it.
    pub fn subtree(self) -> impl Iterator<Item = Self> + Clone {
        std::iter::successors(Some(self), move |node| {
            if let Some(child) = node.at(node.entry.first_child) {
                return Some(child);
            }
            let mut done = *node;
            while done.index != self.index {
                if let Some(sibling) = done.next_sibling() {
                    return Some(sibling);
                }
                done = done.parent()?;
            }
            None
        })
    }

    fn at(self, index: Option<usize>) -> Option<Self> {
        index.and_then(|index| self.trace.node(index))
    }
}

/// Cuts each circle of parents above its earliest span.
fn cut_cycles(entries: &mut [Entry<'_>]) {
    // For each entry the way up on which it was first passed, named by where that way began.
    let mut passed_on = vec![None; entries.len()];
    for begin in 0..entries.len() {
        let mut way: Vec<usize> = Vec::new();
        let mut next = Some(begin);
        while let Some(index) = next {
            match passed_on.get_mut(index) {
                Some(new @ None) => *new = Some(begin),
                Some(Some(earlier)) if *earlier == begin => {
                    // The way has come back to where it was: from there on it is the circle. Entries
                    // are in the order of their starts, so the smallest index is the earliest.
                    let circle = way.iter().copied().skip_while(|passed| *passed != index);
                    if let Some(cut) = circle.min().and_then(|earliest| entries.get_mut(earliest)) {
                        cut.parent = None;
                        cut.place = Place::Cycle;
                    }
                    break;
                }
                _ => break,
            }
            way.push(index);
            next = entries.get(index).and_then(|entry| entry.parent);
        }
    }
}

/// Puts each entry into its parent's list of children, and returns those without a parent.
fn hang_children(entries: &mut [Entry<'_>]) -> Vec<usize> {
    let mut roots = Vec::new();
    // From the last to the first, each one put in front: the lists end up in the order of the starts.
    for index in (0..entries.len()).rev() {
        let Some(parent) = entries.get(index).and_then(|entry| entry.parent) else {
            roots.push(index);
            continue;
        };
        let next = entries.get_mut(parent).and_then(|parent| parent.first_child.replace(index));
        if let Some(entry) = entries.get_mut(index) {
            entry.next_sibling = next;
        }
    }
    roots.reverse();
    roots
}
