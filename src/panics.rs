//! Panics of code that is not ours (floor 0): what calls such code goes on.

use std::{
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// What the call returns, unless it panics. All that may panic belongs into it, the drop of what is not returned
/// included.
pub(crate) fn caught<T>(call: impl FnOnce() -> T) -> Option<T> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(returned) => Some(returned),
        Err(thrown) => {
            // What was thrown may throw in turn when it goes, and so may that: it stays.
            if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(thrown))) {
                mem::forget(again);
            }
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::panic_any;

    /// Panics when it is dropped, with something that does, too.
    struct Bomb(u32);

    impl Drop for Bomb {
        fn drop(&mut self) {
            if self.0 > 0 {
                panic_any(Bomb(self.0 - 1));
            }
        }
    }

    #[test]
    fn what_is_thrown_may_throw_in_turn() {
        assert_eq!(caught(|| 7), Some(7));
        for bombs in 0..5 {
            assert_eq!(caught(|| panic_any(Bomb(bombs))), None::<()>);
        }
    }
}
