//! What has been written, for a reader elsewhere.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

/// A writer whose clones all write to one place.
#[derive(Clone, Default)]
pub struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    pub fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap().clone()
    }

    #[allow(dead_code, reason = "not all that is written is text")]
    pub fn text(&self) -> String {
        String::from_utf8(self.bytes()).expect("text is in UTF-8")
    }
}

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
