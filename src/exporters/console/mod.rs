//! Traces on a terminal, as trees (floor 4).
//!
//! Spans wait until their service's part of the trace is whole; then it is printed. Waiting is
//! bounded, and what has waited too long is printed as far as it is known: nothing disappears here.

mod pending;
mod terminal;

pub use terminal::ColorChoice;

use super::{ExportedSpan, output::Output};
use crate::{
    analysis::{RenderOptions, Trace},
    export::{Decision, ExportError, Exporter},
    record::Batch,
};
use pending::Pending;
use std::{
    io::{self, Write},
    time::Duration,
};
use terminal::Stream;

/// Prints each trace as a tree as soon as the span that began it in this process has ended.
///
/// Meant to be read while one develops. A span that ends after the one that began the trace, such as
/// a task left behind, is printed later and says so.
///
/// Spans wait for their tree: at most 8,192 of them, in at most 1,024 traces, for at most 60 seconds,
/// unless set otherwise. Beyond that the oldest trace is printed as an incomplete one; its age is
/// looked at whenever spans come in.
///
/// ```
/// use throughline::exporters::{ColorChoice, Console};
///
/// let console = Console::stderr().color(ColorChoice::Never).width(120);
/// ```
#[derive(Debug)]
pub struct Console {
    output: Output,
    stream: Stream,
    color: ColorChoice,
    width: Option<u16>,
    ascii: Option<bool>,
    pending: Pending,
}

impl Console {
    /// Traces on standard output.
    pub fn stdout() -> Self {
        Self::new(io::stdout(), Stream::Stdout)
    }

    /// Traces on standard error.
    pub fn stderr() -> Self {
        Self::new(io::stderr(), Stream::Stderr)
    }

    /// Traces to any writer, which is taken for no terminal. It is given whole trees, and flushed after
    /// them.
    pub fn to(writer: impl Write + Send + 'static) -> Self {
        Self::new(writer, Stream::Other)
    }

    fn new(writer: impl Write + Send + 'static, stream: Stream) -> Self {
        Self {
            output: Output::new(writer),
            stream,
            color: ColorChoice::Auto,
            width: None,
            ascii: None,
            pending: Pending::default(),
        }
    }

    /// Whether there are colours. Default: [`ColorChoice::Auto`].
    #[must_use]
    pub fn color(mut self, choice: ColorChoice) -> Self {
        self.color = choice;
        self
    }

    /// The columns there are. Default, and with `None`: the terminal's at that time, else what
    /// `COLUMNS` says, else 100.
    #[must_use]
    pub fn width(mut self, columns: impl Into<Option<u16>>) -> Self {
        self.width = columns.into();
        self
    }

    /// Whether nothing but ASCII is printed. Default, and with `None`: only if `LC_ALL`, `LC_CTYPE` or
    /// `LANG` names a character set other than UTF-8.
    #[must_use]
    pub fn ascii(mut self, ascii: impl Into<Option<bool>>) -> Self {
        self.ascii = ascii.into();
        self
    }

    /// How many spans may wait for their trees. Default: 8,192.
    #[must_use]
    pub fn max_waiting_spans(mut self, spans: usize) -> Self {
        self.pending.max_spans = spans;
        self
    }

    /// How many traces may wait. Default: 1,024.
    #[must_use]
    pub fn max_waiting_traces(mut self, traces: usize) -> Self {
        self.pending.max_traces = traces;
        self
    }

    /// How long a trace may wait. Default: 60 seconds.
    #[must_use]
    pub fn max_waiting_time(mut self, time: Duration) -> Self {
        self.pending.max_age = time;
        self
    }

    fn print(&mut self, trees: &[Vec<ExportedSpan>]) {
        if trees.is_empty() {
            return;
        }
        let options = self.render_options();
        for spans in trees {
            for trace in Trace::assemble(spans.iter().map(ExportedSpan::as_pair)) {
                self.output.append(&trace.render(&options));
                self.output.append("\n");
            }
        }
    }

    fn render_options(&self) -> RenderOptions {
        let variable = |name: &str| std::env::var_os(name);
        RenderOptions::new()
            .width(self.width.unwrap_or_else(|| terminal::width(self.stream, variable)))
            .colors(terminal::wants_colors(self.color, self.stream.is_terminal(), variable))
            .ascii(self.ascii.unwrap_or_else(|| !terminal::takes_utf8(variable)))
    }
}

impl Exporter for Console {
    fn name(&self) -> &str {
        "console"
    }

    fn export(&mut self, batch: &Batch) -> Result<(), ExportError> {
        // While earlier trees cannot be written, the batch is not taken: it can be tried again without
        // a span coming twice.
        self.output.send()?;
        let trees = self.pending.add(batch);
        self.print(&trees);
        match self.output.send().map_err(ExportError::from) {
            // The batch is taken. What is left to be written waits for the next call.
            Err(failure) if failure.decision() != Decision::Permanent => Ok(()),
            done => {
                self.output.clear();
                done
            }
        }
    }

    /// Prints all that waits, whole or not. A terminal cannot be hurried: it takes the time it takes.
    fn flush(&mut self, _within: Duration) -> Result<(), ExportError> {
        let trees = self.pending.take_all();
        self.print(&trees);
        Ok(self.output.send()?)
    }
}
