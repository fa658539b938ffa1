//! A layer's settings, for all its threads (floor 5).
//!
//! An exchange refers to them until it is over. A count that several processors change passes between them at each
//! request, which costs more than all else that an exchange needs of memory; so a thread's exchanges refer to a copy
//! that only few other threads use.
//!
//! Bound: [`COPIES`], each made when it is first used.

use super::settings::Settings;
use std::{
    fmt,
    ops::Deref,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
};

const COPIES: usize = 16;

static THREADS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static NUMBER: usize = THREADS.fetch_add(1, Ordering::Relaxed);
}

pub(super) struct Common {
    settings: Settings,
    copies: [OnceLock<Arc<Settings>>; COPIES],
}

impl Common {
    pub(super) const fn new(settings: Settings) -> Self {
        Self { settings, copies: [const { OnceLock::new() }; COPIES] }
    }

    /// To be referred to by an exchange that begins on this thread.
    #[inline]
    pub(super) fn of_thread(&self) -> Arc<Settings> {
        match self.copies.get(NUMBER.with(|number| *number) % COPIES) {
            Some(copy) => copy.get_or_init(|| Arc::new(self.settings.clone())).clone(),
            None => Arc::new(self.settings.clone()),
        }
    }

    /// Changes them for what comes.
    pub(super) fn change(&mut self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.settings);
        self.copies = [const { OnceLock::new() }; COPIES];
    }
}

impl Deref for Common {
    type Target = Settings;

    #[inline]
    fn deref(&self) -> &Settings {
        &self.settings
    }
}

impl Clone for Common {
    fn clone(&self) -> Self {
        Self::new(self.settings.clone())
    }
}

impl fmt::Debug for Common {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.settings.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::Tracer;
    use std::thread;

    #[test]
    fn a_thread_has_one_copy_and_what_is_changed_is_changed_in_all() {
        let tracer = Tracer::builder("orders").environment(|_| None).build().unwrap();
        let mut common = Common::new(Settings::new(&tracer));
        let first = common.of_thread();
        assert!(Arc::ptr_eq(&first, &common.of_thread()));
        let of_others: Vec<_> = (0..2 * COPIES)
            .map(|_| thread::scope(|scope| scope.spawn(|| common.of_thread()).join().unwrap()))
            .collect();
        let mut copies: Vec<_> = of_others.iter().map(Arc::as_ptr).collect();
        copies.sort_unstable();
        copies.dedup();
        assert!((2..=COPIES).contains(&copies.len()), "{}", copies.len());
        assert!(!first.headers.server_timing);
        common.change(|settings| settings.headers.server_timing = true);
        assert!(common.headers.server_timing && common.of_thread().headers.server_timing);
    }
}
