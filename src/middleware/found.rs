//! The lines of one header as they were found (floor 5).

use crate::context::Lines;
use http::{HeaderMap, HeaderName, HeaderValue};
use std::ops::ControlFlow;

/// The lines of one header.
#[derive(Clone, Default)]
pub(super) enum Found<'a> {
    #[default]
    None,
    One(&'a HeaderValue),
    Many(&'a HeaderMap, &'a HeaderName),
}

impl<'a> Found<'a> {
    /// As the walk of one finds it, by a look-up.
    pub(super) fn look_up(headers: &'a HeaderMap, name: &'a HeaderName) -> Self {
        if headers.contains_key(name) { Self::Many(headers, name) } else { Self::None }
    }

    /// Adds a line that the walk has come to.
    #[inline]
    pub(super) fn add(&mut self, headers: &'a HeaderMap, name: &'a HeaderName, value: &'a HeaderValue) {
        *self = match self {
            Self::None => Self::One(value),
            _ => Self::Many(headers, name),
        };
    }

    pub(super) const fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// The first line.
    #[inline]
    pub(super) fn first(&self) -> Option<&'a HeaderValue> {
        match self {
            Self::None => None,
            Self::One(value) => Some(value),
            Self::Many(headers, name) => headers.get(*name),
        }
    }
}

impl<'a> Lines<'a> for Found<'a> {
    fn walk<B>(&self, mut each: impl FnMut(&'a [u8]) -> ControlFlow<B>) -> ControlFlow<B> {
        match self {
            Self::None => ControlFlow::Continue(()),
            Self::One(line) => each(line.as_bytes()),
            Self::Many(headers, name) => {
                headers.get_all(*name).into_iter().try_for_each(|line| each(line.as_bytes()))
            }
        }
    }
}
