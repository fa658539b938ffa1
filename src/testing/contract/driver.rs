//! The thread an exporter under test is called on (floor 6): one for its whole life, as in the pipeline.

use crate::{
    export::{Decision, ExportError, Exporter},
    record::Batch,
};
use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::mpsc::{self, Receiver, RecvTimeoutError, Sender},
    thread,
    time::{Duration, Instant},
};

/// A call of one of the exporter's methods, or its end.
pub(super) enum Call {
    Name,
    Export(Batch),
    /// As `Export`, of a backend that may be away: an error that may pass is an answer.
    Attempt(Batch),
    Flush(Duration),
    Shutdown(Duration),
    Drop,
}

/// What a call that came back gave.
#[derive(Default)]
pub(super) struct Answer {
    /// The name, where that was asked.
    pub(super) text: String,
    /// How many spans were settled before a failure that may pass.
    pub(super) settled: Option<usize>,
    pub(super) took: Duration,
}

/// Calls an exporter on its thread, and does not wait for ever.
pub(super) struct Driver {
    calls: Sender<Call>,
    answers: Receiver<Result<Answer, String>>,
    hung_after: Duration,
}

impl Driver {
    pub(super) fn start(exporter: Box<dyn Exporter>, hung_after: Duration) -> Result<Self, String> {
        let (calls, asked) = mpsc::channel();
        let (answer, answers) = mpsc::channel();
        thread::Builder::new()
            .name("tl-contract".to_owned())
            .spawn(move || serve(exporter, &asked, &answer))
            .map_err(|error| format!("no thread could be started: {error}"))?;
        Ok(Self { calls, answers, hung_after })
    }

    /// One attempt to deliver a batch, which may fail for a while; how many of its spans, the first ones, are settled.
    /// `None` if all are.
    pub(super) fn attempt(&self, batch: Batch) -> Result<Option<usize>, String> {
        let answer = self.call(Call::Attempt(batch))?;
        Ok(answer.settled)
    }

    pub(super) fn call(&self, call: Call) -> Result<Answer, String> {
        let what = match &call {
            Call::Name => "name",
            Call::Export(_) | Call::Attempt(_) => "export",
            Call::Flush(_) => "flush",
            Call::Shutdown(_) => "shutdown",
            Call::Drop => "drop",
        };
        // A thread that has ended answers nothing, which is seen below.
        let _ended = self.calls.send(call);
        match self.answers.recv_timeout(self.hung_after) {
            Ok(answer) => answer.map_err(|error| format!("{what} {error}")),
            Err(RecvTimeoutError::Timeout) => {
                Err(format!("{what} has not come back after {:?}", self.hung_after))
            }
            Err(RecvTimeoutError::Disconnected) => Err(format!("{what} came after the exporter had gone")),
        }
    }
}

fn serve(exporter: Box<dyn Exporter>, calls: &Receiver<Call>, answers: &Sender<Result<Answer, String>>) {
    let mut exporter = Some(exporter);
    while let Ok(call) = calls.recv() {
        let started = Instant::now();
        let result = catch_unwind(AssertUnwindSafe(|| answer(&mut exporter, call)));
        let answer = match result {
            Ok(Ok(answer)) => Ok(Answer { took: started.elapsed(), ..answer }),
            Ok(Err(error)) => Err(in_words(&error)),
            Err(panic) => Err(format!("panicked: {}", message(&*panic))),
        };
        let is_over = exporter.is_none();
        if answers.send(answer).is_err() || is_over {
            break;
        }
    }
}

fn answer(exporter: &mut Option<Box<dyn Exporter>>, call: Call) -> Result<Answer, ExportError> {
    let mut answer = Answer::default();
    let Some(known) = exporter else {
        return Ok(answer);
    };
    match call {
        Call::Name => known.name().clone_into(&mut answer.text),
        Call::Export(batch) => known.export(&batch)?,
        Call::Attempt(batch) => match known.export(&batch) {
            Err(error) if matches!(error.decision(), Decision::Retry { .. }) => {
                answer.settled = Some(error.settled().spans());
            }
            done => done?,
        },
        Call::Flush(within) => known.flush(within)?,
        Call::Shutdown(within) => known.shutdown(within)?,
        Call::Drop => drop(exporter.take()),
    }
    Ok(answer)
}

fn in_words(error: &ExportError) -> String {
    match error.decision() {
        Decision::Retry { .. } => format!("asked for a retry: {error}"),
        Decision::Permanent => format!("failed for good: {error}"),
        Decision::Partial { rejected } => format!("refused {rejected} spans: {error}"),
    }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}
