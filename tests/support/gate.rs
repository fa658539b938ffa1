//! A door that an exporter stands before until it is opened.

use std::sync::{Arc, Condvar, Mutex};

/// Stays closed until it is opened once.
#[derive(Clone)]
pub struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    pub fn closed() -> Self {
        Self(Arc::new((Mutex::new(false), Condvar::new())))
    }

    pub fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    pub fn pass(&self) {
        let (is_open, changed) = &*self.0;
        let _open = changed.wait_while(is_open.lock().unwrap(), |is_open| !*is_open).unwrap();
    }

    /// A handle that opens the gate when it is dropped, also by a failed assertion.
    pub fn opened_at_the_end(&self) -> impl Drop + use<> {
        struct Opens(Gate);
        impl Drop for Opens {
            fn drop(&mut self) {
                self.0.open();
            }
        }
        Opens(self.clone())
    }
}
