//! The formats of a tracer or a layer (floor 2): the default ones by a way of their own, or any others.

use super::{
    composite::Composite,
    propagator::{ExtractError, Getter, Propagator, Setter},
};
use crate::context::Context;
use std::{any::Any, fmt, sync::Arc};

/// Formats, shared by all who clone them.
#[derive(Clone)]
pub(crate) struct Formats {
    all: Arc<dyn Propagator>,
    are_default: bool,
}

impl Formats {
    pub(crate) fn new<P: Propagator + 'static>(formats: P) -> Self {
        let composite = (&formats as &dyn Any).downcast_ref::<Composite>();
        Self { are_default: composite.is_some_and(Composite::is_default), all: Arc::new(formats) }
    }

    /// Are they W3C Trace Context and W3C Baggage? Who knows his carrier then needs no dynamic calls.
    #[cfg_attr(not(any(feature = "client", feature = "server")), expect(dead_code))]
    pub(crate) const fn are_default(&self) -> bool {
        self.are_default
    }
}

impl Default for Formats {
    fn default() -> Self {
        Self::new(Composite::default())
    }
}

impl Propagator for Formats {
    fn extract(&self, carrier: &dyn Getter, context: &mut Context) -> Result<(), ExtractError> {
        self.all.extract(carrier, context)
    }

    fn inject(&self, context: &Context, carrier: &mut dyn Setter) {
        self.all.inject(context, carrier);
    }

    fn fields(&self) -> Vec<&str> {
        self.all.fields()
    }
}

/// They may not say themselves what they are.
impl fmt::Debug for Formats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Formats").field("are_default", &self.are_default).finish_non_exhaustive()
    }
}
