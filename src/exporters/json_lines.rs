//! One JSON object a line (floor 4).
//!
//! A line is always a line: what could end one, drive a terminal or reorder a text is escaped. A
//! batch is written in one call; a write that failed midway is continued, not repeated.

use super::{exported::WrittenLine, output::Output};
use crate::{
    export::{Decision, ExportError, Exporter},
    record::Batch,
};
use serde::Serialize;
use std::{
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
    time::Duration,
};

/// Writes each span as one line of JSON, as [`ExportedSpan`](super::ExportedSpan) has it.
///
/// Written text is handed to the operating system before `export` returns; it is not synced to the
/// disk. A file is only ever appended to, so a log rotation that copies and truncates it works.
///
/// If a write fails midway, what it has taken stays taken: when the pipeline tries the batch again,
/// writing goes on at the next byte, so that no line is torn and none comes twice. If the pipeline
/// gives the batch up instead, its torn line is ended, and the next batch starts on a new one. If the
/// failure is final, spans whose lines are complete count as delivered, and the others as refused.
///
/// ```
/// use throughline::exporters::JsonLines;
///
/// let to_stdout = JsonLines::stdout();
/// let to_file = JsonLines::file(std::env::temp_dir().join("spans.jsonl"))?;
/// let to_anything = JsonLines::to(std::io::sink());
/// # Ok::<(), throughline::exporters::OpenFileError>(())
/// ```
#[derive(Debug)]
pub struct JsonLines {
    output: Output,
    /// The batch at hand; the memory goes back and forth between here and the output.
    text: Vec<u8>,
}

/// A file that could not be opened for appending.
#[derive(Debug, thiserror::Error)]
#[error("cannot open {} for appending", path.display())]
pub struct OpenFileError {
    path: PathBuf,
    source: io::Error,
}

impl JsonLines {
    /// Lines on standard output.
    pub fn stdout() -> Self {
        Self::to(io::stdout())
    }

    /// Lines at the end of a file, which is created if there is none. The directory must be there.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened.
    pub fn file(path: impl AsRef<Path>) -> Result<Self, OpenFileError> {
        let path = path.as_ref();
        let file = File::options().create(true).append(true).open(path);
        file.map(Self::to).map_err(|source| OpenFileError { path: path.to_owned(), source })
    }

    /// Lines to any writer. It is given a batch at a time and flushed after each, so it needs no buffer
    /// of its own.
    pub fn to(writer: impl Write + Send + 'static) -> Self {
        Self { output: Output::new(writer), text: Vec::new() }
    }

    /// Puts the batch into the output, unless it is there already, partly written.
    fn load(&mut self, batch: &Batch) -> Result<(), serde_json::Error> {
        self.text.clear();
        for span in batch.spans() {
            let mut serializer = serde_json::Serializer::with_formatter(&mut self.text, OneLine);
            WrittenLine::new(batch.resource(), span).serialize(&mut serializer)?;
            self.text.push(b'\n');
        }
        let (unsent, written) = self.output.unsent();
        // The same bytes are the same batch, tried again.
        if unsent.strip_prefix(b"\n").unwrap_or(unsent) == self.text {
            return Ok(());
        }
        let is_within_line = match unsent.split_at_checked(written).and_then(|(sent, _)| sent.last()) {
            Some(last) => *last != b'\n',
            // Not even the line feed below has been written the last time.
            None => unsent.starts_with(b"\n"),
        };
        if is_within_line {
            self.text.insert(0, b'\n');
        }
        self.text = self.output.load(std::mem::take(&mut self.text));
        Ok(())
    }

    /// What a failed write means for the batch.
    fn failure(&self, batch: &Batch, error: io::Error) -> ExportError {
        let failure = ExportError::from(error);
        let (unsent, written) = self.output.unsent();
        let ended_before = usize::from(unsent.starts_with(b"\n"));
        let line_feeds = unsent.iter().take(written).filter(|byte| **byte == b'\n').count();
        match (failure.decision(), line_feeds.saturating_sub(ended_before)) {
            (Decision::Permanent, complete @ 1..) => {
                let rejected = batch.len().saturating_sub(complete);
                ExportError::partial(rejected, "writing failed midway").with_source(failure)
            }
            _ => failure,
        }
    }
}

impl Exporter for JsonLines {
    fn name(&self) -> &str {
        "json_lines"
    }

    fn export(&mut self, batch: &Batch) -> Result<(), ExportError> {
        if batch.is_empty() {
            return Ok(());
        }
        self.load(batch)
            .map_err(|error| ExportError::permanent("a span has no JSON form").with_source(error))?;
        self.output.send().map_err(|error| self.failure(batch, error))
    }

    /// Leaves a batch that is partly written to its retry.
    fn flush(&mut self, _within: Duration) -> Result<(), ExportError> {
        Ok(self.output.flush()?)
    }
}

/// Compact JSON that is one line to everybody: to those who count U+2028 or U+0085 as line ends, and
/// to terminals.
struct OneLine;

impl serde_json::ser::Formatter for OneLine {
    /// Called with pieces that need no escape by JSON's own rules [RFC 8259, 7].
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, piece: &str) -> io::Result<()> {
        let mut rest = piece;
        while let Some((at, c)) = rest.char_indices().find(|(_, c)| acts_on_its_surroundings(*c)) {
            let (before, from) = rest.split_at(at);
            writer.write_all(before.as_bytes())?;
            write!(writer, "\\u{:04x}", u32::from(c))?;
            rest = from.strip_prefix(c).unwrap_or_default();
        }
        writer.write_all(rest.as_bytes())
    }
}

/// Controls beyond ASCII's first 32, separators, and the marks that reorder text: all within 16 bits.
const fn acts_on_its_surroundings(c: char) -> bool {
    matches!(
        c,
        '\u{7f}'..='\u{9f}'
            | '\u{61c}'
            | '\u{200e}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
    )
}
