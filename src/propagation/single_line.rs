//! Headers of exactly one line (floor 2).

use super::propagator::Reason;
use crate::context::Lines;
use std::ops::ControlFlow::{Break, Continue};

/// Why a header of which there must be exactly one line was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineError<E> {
    /// There is none.
    #[error("the header is missing")]
    Missing,
    /// There are several, and no telling which is right.
    #[error("the header has more than one line")]
    Repeated,
    /// There is one, which does not keep the rules.
    #[error("{0}")]
    Malformed(E),
}

impl<E> LineError<E> {
    /// The reason to count; a missing header is none.
    pub(crate) const fn reason(&self) -> Option<Reason> {
        match self {
            Self::Missing => None,
            Self::Repeated => Some(Reason::Repeated),
            Self::Malformed(_) => Some(Reason::Malformed),
        }
    }
}

/// The one line of a header. Looks at no more than two.
pub(crate) fn single_line<'a, E>(lines: impl Lines<'a>) -> Result<&'a [u8], LineError<E>> {
    let mut first = None;
    let walk = lines.walk(|line| match first.replace(line) {
        None => Continue(()),
        Some(_) => Break(()),
    });
    if walk.is_break() {
        return Err(LineError::Repeated);
    }
    first.ok_or(LineError::Missing)
}
