//! Text on its way to a writer (floor 4): what a failed write has left behind can be continued at
//! the very byte.

use std::{
    fmt,
    io::{self, ErrorKind, Write},
};

/// Memory kept for the next text; one huge batch must not stay forever.
const KEPT_BYTES: usize = 1 << 20;

/// A writer, and the text it is to be given.
pub(super) struct Output {
    writer: Box<dyn Write + Send>,
    text: Vec<u8>,
    /// How much of the text the writer has taken.
    written: usize,
}

impl Output {
    pub(super) fn new(writer: impl Write + Send + 'static) -> Self {
        Self { writer: Box::new(writer), text: Vec::new(), written: 0 }
    }

    /// The text that has not been sent whole, and how much of it has. Empty after a success.
    pub(super) fn unsent(&self) -> (&[u8], usize) {
        (&self.text, self.written)
    }

    /// Replaces the text, of which the first bytes have been written. Returns the old one's memory, emptied.
    pub(super) fn load(&mut self, text: Vec<u8>, written: usize) -> Vec<u8> {
        self.written = written;
        let mut old = std::mem::replace(&mut self.text, text);
        old.clear();
        old.shrink_to(KEPT_BYTES);
        old
    }

    pub(super) fn append(&mut self, text: &str) {
        self.text.extend_from_slice(text.as_bytes());
    }

    /// Forgets the first bytes, which have been written.
    pub(super) fn forget(&mut self, bytes: usize) {
        let bytes = bytes.min(self.written);
        self.text.drain(..bytes);
        self.written -= bytes;
    }

    /// Gives up what is left.
    pub(super) fn clear(&mut self) {
        self.written = 0;
        self.text.clear();
        self.text.shrink_to(KEPT_BYTES);
    }

    /// Writes what has not been written, in one call where the writer takes it all. After an error the
    /// next call goes on where this one stopped.
    pub(super) fn send(&mut self) -> io::Result<()> {
        while let Some(rest) = self.text.get(self.written..).filter(|rest| !rest.is_empty()) {
            match self.writer.write(rest) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(taken) => self.written += taken.min(rest.len()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.writer.flush()?;
        self.clear();
        Ok(())
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output").field("unsent_bytes", &(self.text.len() - self.written)).finish()
    }
}
