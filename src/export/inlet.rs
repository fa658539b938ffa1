//! Where the collector puts finished spans (floor 3): the queue of one exporter, or whatever several
//! exporters share. The engine knows no more of them than this.

use super::{AbortHandle, Completion, ExporterStats, Queue, QueueLimits, RetryPolicy, attempt::Sender};
use crate::{
    diagnostics::Diagnostics,
    record::{Chunk, Resource},
};
use std::{path::PathBuf, sync::Arc, time::Instant};

/// Called by whoever collects, which never waits: no method blocks on a disk or an exporter.
pub(crate) trait Inlet: Send + Sync {
    /// Takes a chunk; false if it had to be dropped, which has been counted. `more` is to come at once.
    fn push(&self, chunk: &Arc<Chunk>, more: bool) -> bool;

    /// Behind all that has been pushed: the completion is arrived at by each exporter.
    fn push_flush(&self, completion: Arc<Completion>, deadline: Instant);

    /// As a flush, and the last there is.
    fn push_shutdown(&self, completion: Arc<Completion>, deadline: Instant);

    /// The shutdown's time is over: what is in memory only is lost, and the books are closed.
    fn abandon(&self);

    /// How many exporters it has.
    fn exporters(&self) -> usize;

    /// Each exporter's books, with its place among all of the tracer's.
    fn stats(&self) -> Vec<(usize, ExporterStats)>;

    /// Has what is pushed to leave memory as soon as it can?
    fn is_urgent(&self) -> bool {
        false
    }
}

/// What finished spans are kept in on their way to the exporters that share it.
pub(crate) trait Shelter: Send + Sync {
    /// What belongs to the delivery of this name: in which directory, and under which name there.
    fn place_of(&self, name: &str) -> (PathBuf, String);

    /// Starts nothing yet: what has to run is in the tasks.
    fn open(&self, destinations: Vec<Destination>, terms: &Terms) -> (Arc<dyn Inlet>, Vec<Task>);
}

/// An exporter in its place among the tracer's.
pub(crate) struct Destination {
    pub(crate) place: usize,
    pub(crate) name: String,
    pub(crate) sender: Sender,
}

/// What holds for all exporters of a tracer.
pub(crate) struct Terms {
    pub(crate) resource: Arc<Resource>,
    pub(crate) retry: RetryPolicy,
    pub(crate) limits: QueueLimits,
    pub(crate) diagnostics: Arc<Diagnostics>,
}

/// A thread to be started.
pub(crate) struct Task {
    pub(crate) name: &'static str,
    pub(crate) body: Box<dyn FnOnce() + Send>,
}

/// A queue of one exporter.
pub(crate) struct Single {
    pub(crate) place: usize,
    pub(crate) queue: Arc<Queue>,
    pub(crate) abort: Option<AbortHandle>,
}

impl Inlet for Single {
    fn push(&self, chunk: &Arc<Chunk>, more: bool) -> bool {
        self.queue.push(chunk, more)
    }

    fn push_flush(&self, completion: Arc<Completion>, deadline: Instant) {
        self.queue.push_flush(completion, deadline);
    }

    fn push_shutdown(&self, completion: Arc<Completion>, deadline: Instant) {
        self.queue.push_shutdown(completion, deadline);
    }

    fn abandon(&self) {
        self.queue.abandon();
        self.abort.iter().for_each(AbortHandle::abort);
    }

    fn exporters(&self) -> usize {
        1
    }

    fn stats(&self) -> Vec<(usize, ExporterStats)> {
        vec![(self.place, self.queue.stats())]
    }
}
