//! One JSON object a line (floor 4).
//!
//! A line is always a line: what could end one, drive a terminal or reorder a text is escaped. A
//! batch is written in one call; lines that were written whole before a failure are settled, and the one that
//! was torn is continued, where it comes next.

use super::{exported::WrittenLine, output::Output};
use crate::{
    export::{ExportError, Exporter},
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
/// If a write fails midway, spans whose lines are complete count as delivered, and only the others come again, if
/// the failure may pass. If they come next, writing goes on at the byte where it stopped, so that no line is torn.
/// If other spans come first, as they may behind a spool, or the pipeline gives the batch up, the torn line is ended
/// where it cannot become theirs: a line that is no JSON object then stays behind, but none comes twice. If the
/// failure is final, the others count as refused.
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

    /// Puts the batch into the output; behind what the last one left, if that is how it begins.
    fn load(&mut self, batch: &Batch) -> Result<(), serde_json::Error> {
        self.text.clear();
        for span in batch.spans() {
            let mut serializer = serde_json::Serializer::with_formatter(&mut self.text, OneLine);
            WrittenLine::new(batch.resource(), span).serialize(&mut serializer)?;
            self.text.push(b'\n');
        }
        let (unsent, written) = self.output.unsent();
        let sent = unsent.get(..written).unwrap_or_default();
        let is_within_line = match sent.last() {
            Some(last) => *last != b'\n',
            // Not even the line feed below has been written the last time.
            None => unsent.starts_with(b"\n"),
        };
        let kept = if self.text.starts_with(sent) { written } else { 0 };
        if is_within_line && kept == 0 {
            self.text.insert(0, b'\n');
        }
        self.text = self.output.load(std::mem::take(&mut self.text), kept);
        Ok(())
    }

    /// What a failed write means for the batch: its complete lines are there for good. If all are, it is the writer's
    /// own buffer that could not be emptied, and who knows what is in it.
    fn failure(&mut self, error: io::Error) -> ExportError {
        let (unsent, written) = self.output.unsent();
        let sent = unsent.get(..written).unwrap_or_default();
        let ended_before = usize::from(sent.starts_with(b"\n"));
        let is_whole = written == unsent.len();
        let line_feeds = sent.iter().filter(|byte| **byte == b'\n').count();
        let last_end = sent.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        let (lines, bytes) = if is_whole { (0, ended_before) } else { (line_feeds - ended_before, last_end) };
        self.output.forget(bytes);
        ExportError::from(error).with_settled(lines, 0)
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
        self.output.send().map_err(|error| self.failure(error))
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
