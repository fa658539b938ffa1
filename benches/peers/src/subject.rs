//! A peer that is ready to run one workload.

use crate::{
    peers,
    workload::{Peer, Workload},
};

/// A round of a workload, and the flush behind it.
pub struct Subject {
    one: Box<dyn FnMut()>,
    round: Box<dyn FnMut()>,
    flush: Box<dyn FnMut()>,
}

impl Subject {
    /// Of one trace, or request, and of what delivers all that has ended.
    pub fn new(
        workload: Workload,
        trace: impl FnMut() + Clone + 'static,
        flush: impl FnMut() + 'static,
    ) -> Self {
        let mut again = trace.clone();
        Self {
            one: Box::new(trace),
            // The loop is compiled together with the trace.
            round: Box::new(move || (0..workload.traces_a_round()).for_each(|_| again())),
            flush: Box::new(flush),
        }
    }

    /// Sets up a peer as its documentation has it, in this process, for good.
    pub fn set_up(peer: Peer, workload: Workload) -> Self {
        match peer {
            Peer::Bare => peers::bare::set_up(workload),
            Peer::Throughline => peers::throughline::set_up(workload),
            Peer::Fastrace => peers::fastrace::set_up(workload),
            Peer::OpenTelemetry => peers::opentelemetry::set_up(workload),
            Peer::Tracing => peers::tracing::set_up(workload),
        }
    }

    /// One trace, or request.
    pub fn one(&mut self) {
        (self.one)();
    }

    /// As many as come between two flushes.
    pub fn round(&mut self) {
        (self.round)();
    }

    /// Returns when all that has ended has been delivered.
    pub fn flush(&mut self) {
        (self.flush)();
    }
}
