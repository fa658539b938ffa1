//! The seam between formats and carriers (floor 2): object-safe on both sides.
//!
//! Knows no format and no carrier.

use crate::context::{Context, Lines};
use std::{
    fmt,
    ops::ControlFlow::{self, Break, Continue},
    sync::Arc,
};

/// A format: reads a context from a carrier's headers and writes it to another's.
///
/// Both sides do nothing about what they do not find, so several formats can be asked one after the
/// other; of two that find the same part, the later wins.
#[doc(alias = "TextMapPropagator")]
pub trait Propagator: Send + Sync {
    /// Takes over what the headers say. A part whose header is missing or refused stays as it was.
    ///
    /// # Errors
    ///
    /// The first header that was refused, for a counter. What the other headers of the format said
    /// has been taken over all the same.
    fn extract(&self, carrier: &dyn Getter, context: &mut Context) -> Result<(), ExtractError>;

    /// Sets the headers of the format. What the context has not is left alone.
    fn inject(&self, context: &Context, carrier: &mut dyn Setter);

    /// The names of the headers that [`inject`](Self::inject) may set or take away, in lowercase, each once:
    /// for who has to declare them beforehand, or clears a carrier that cannot take headers away
    /// [OpenTelemetry Propagators API, Fields].
    ///
    /// Names that have a key in them, `uberctx-*` and `ot-baggage-*`, are not known beforehand and not
    /// among them.
    fn fields(&self) -> Vec<&str>;
}

impl<P: Propagator + ?Sized> Propagator for Box<P> {
    fn extract(&self, carrier: &dyn Getter, context: &mut Context) -> Result<(), ExtractError> {
        (**self).extract(carrier, context)
    }

    fn inject(&self, context: &Context, carrier: &mut dyn Setter) {
        (**self).inject(context, carrier);
    }

    fn fields(&self) -> Vec<&str> {
        (**self).fields()
    }
}

impl<P: Propagator + ?Sized> Propagator for Arc<P> {
    fn extract(&self, carrier: &dyn Getter, context: &mut Context) -> Result<(), ExtractError> {
        (**self).extract(carrier, context)
    }

    fn inject(&self, context: &Context, carrier: &mut dyn Setter) {
        (**self).inject(context, carrier);
    }

    fn fields(&self) -> Vec<&str> {
        (**self).fields()
    }
}

/// Something headers can be read from.
///
/// ```
/// use std::ops::ControlFlow;
/// use throughline::propagation::Getter;
///
/// struct OneHeader {
///     name: &'static str,
///     value: Vec<u8>,
/// }
///
/// impl Getter for OneHeader {
///     fn lines<'a>(
///         &'a self,
///         name: &str,
///         each: &mut dyn FnMut(&'a [u8]) -> ControlFlow<()>,
///     ) -> ControlFlow<()> {
///         if self.name.eq_ignore_ascii_case(name) { each(&self.value) } else { ControlFlow::Continue(()) }
///     }
/// }
/// ```
#[doc(alias = "Extractor")]
pub trait Getter {
    /// Hands every line of the header `name` to `each`, in order, until that breaks off; returns what
    /// `each` returned last.
    ///
    /// `name` is in lowercase; where names are not, case does not count. A header is asked for more
    /// than once.
    fn lines<'a>(&'a self, name: &str, each: &mut dyn FnMut(&'a [u8]) -> ControlFlow<()>) -> ControlFlow<()>;

    /// Hands every line of every header to `each` with the header's name, in whatever case that is, until
    /// `each` breaks off; returns what it returned last.
    ///
    /// For the formats that have a key in a header's name: `uberctx-*` and `ot-baggage-*`. A carrier that
    /// cannot list what it has does without their baggage, which is the default. At most 1,024 lines are
    /// looked at.
    #[doc(alias = "keys")]
    fn all_lines<'a>(
        &'a self,
        each: &mut dyn FnMut(&'a str, &'a [u8]) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let _ = each;
        Continue(())
    }
}

/// Something headers can be written to.
#[doc(alias = "Injector")]
pub trait Setter {
    /// Makes `value` the only line of the header `name`, which is in lowercase. A carrier that is full
    /// leaves the header out; nothing may panic.
    fn set(&mut self, name: &str, value: &[u8]);

    /// Takes all lines of a header away.
    fn unset(&mut self, name: &str);
}

/// A header that was refused. Holds constant words only, never what the header said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{header}: {reason}")]
pub struct ExtractError {
    header: &'static str,
    reason: Reason,
}

impl ExtractError {
    /// A header of this name, refused for this reason.
    pub const fn new(header: &'static str, reason: Reason) -> Self {
        Self { header, reason }
    }

    /// The header's name as its format gives it, in lowercase: `uberctx-*` for one of several with a key in
    /// its name, and `x-request-id` for the request's id under any name.
    pub const fn header(&self) -> &'static str {
        self.header
    }

    /// Why it was refused.
    pub const fn reason(&self) -> Reason {
        self.reason
    }
}

/// Why a header is refused: few enough to count each. The functions of a format tell more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// It came more than once, and only one line can be right.
    Repeated,
    /// It has too many bytes.
    TooLong,
    /// It has too many members.
    TooMany,
    /// It does not keep the format's rules.
    Malformed,
}

impl Reason {
    /// The reason in a few words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Repeated => "more than one line",
            Self::TooLong => "too many bytes",
            Self::TooMany => "too many members",
            Self::Malformed => "malformed",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One header of a carrier, for the functions that read lines.
#[derive(Clone, Copy)]
pub(crate) struct Header<'a> {
    carrier: &'a dyn Getter,
    name: &'a str,
}

impl<'a> Header<'a> {
    pub(crate) const fn new(carrier: &'a dyn Getter, name: &'a str) -> Self {
        Self { carrier, name }
    }
}

impl<'a> Lines<'a> for Header<'a> {
    fn walk<B>(&self, mut each: impl FnMut(&'a [u8]) -> ControlFlow<B>) -> ControlFlow<B> {
        let mut outcome = Continue(());
        let _ = self.carrier.lines(self.name, &mut |line| go_on(&mut outcome, || each(line)));
        outcome
    }
}

/// Hands all lines of a carrier to `each`, with their headers' names.
pub(super) fn walk_all<'a, B>(
    carrier: &'a dyn Getter,
    mut each: impl FnMut(&'a str, &'a [u8]) -> ControlFlow<B>,
) -> ControlFlow<B> {
    let mut outcome = Continue(());
    let _ = carrier.all_lines(&mut |name, line| go_on(&mut outcome, || each(name, line)));
    outcome
}

/// A step of a walk. A carrier of somebody else's might go on after a break; `step` must not see that.
fn go_on<B>(outcome: &mut ControlFlow<B>, step: impl FnOnce() -> ControlFlow<B>) -> ControlFlow<()> {
    if outcome.is_continue() {
        *outcome = step();
    }
    if outcome.is_continue() { Continue(()) } else { Break(()) }
}
