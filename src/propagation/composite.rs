//! Several formats as one (floor 2), and `OTEL_PROPAGATORS`, which names them.
//!
//! Knows nothing of what formats say. A name that is not understood is an error: a typo must not silently
//! cut traces apart.

use super::{
    b3::B3,
    baggage::W3cBaggage,
    datadog::Datadog,
    google_cloud::GoogleCloud,
    jaeger::Jaeger,
    ot_trace::OtTrace,
    propagator::{ExtractError, Getter, Propagator, Setter},
    trace_context::TraceContext,
    xray::XRay,
};
use crate::{context::Context, variables::InvalidVariable};
use std::{fmt, sync::Arc};

/// The variable of the environment that names formats.
pub const OTEL_PROPAGATORS: &str = "OTEL_PROPAGATORS";

const ACCEPTED: &str = "a list, separated by commas, of tracecontext, baggage, b3, b3multi, jaeger, xray, \
                        ottrace, datadog and gcp, or none";

/// Several [`Propagator`]s as one.
///
/// What is extracted, is in the order in which they were added: the first that finds the caller's span
/// wins, so a hop that speaks two formats is not taken apart. The request's id is the first one's that
/// finds it, too, whosever the span is. Baggage is put together from all: of two entries with one key the
/// first stands, and past the limits of [`Baggage`](crate::context::Baggage) no more are added.
///
/// All that inject do, in the same order.
///
/// The default is W3C Trace Context and W3C Baggage. A clone shares the formats.
///
/// ```
/// use throughline::{
///     Context,
///     propagation::{B3, Composite, Propagator, RequestIdHeader},
/// };
///
/// // Understands B3 as well, for the callers that have not moved yet.
/// let formats = Composite::default().with(RequestIdHeader::default()).extracting(B3::single());
///
/// let received = vec![("b3".to_owned(), b"80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1".to_vec())];
/// let mut context = Context::default();
/// formats.extract(&received, &mut context)?;
///
/// let mut sent = Vec::new();
/// formats.inject(&context, &mut sent);
/// let parent = b"00-80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-01".to_vec();
/// assert_eq!(sent, [("traceparent".to_owned(), parent)]);
/// # Ok::<(), throughline::propagation::ExtractError>(())
/// ```
#[derive(Clone)]
pub struct Composite {
    extracting: Vec<Arc<dyn Propagator>>,
    injecting: Vec<Arc<dyn Propagator>>,
    /// Just the formats of the default, which a caller may know a shorter way for.
    is_default: bool,
}

impl Composite {
    /// No format: extracts and injects nothing.
    pub const fn none() -> Self {
        Self { extracting: Vec::new(), injecting: Vec::new(), is_default: false }
    }

    /// The formats that `OTEL_PROPAGATORS` names; the [default](Self::default) ones if it is unset or
    /// empty.
    ///
    /// # Errors
    ///
    /// As [`from_names`](Self::from_names), and if the variable is not UTF-8.
    pub fn from_env() -> Result<Self, InvalidPropagators> {
        match std::env::var_os(OTEL_PROPAGATORS) {
            Some(names) => Self::from_names(names.to_str().ok_or(InvalidPropagators::NEW)?),
            None => Ok(Self::default()),
        }
    }

    /// The formats of a list as `OTEL_PROPAGATORS` has it, each once, in its order for extracting and for
    /// injecting.
    ///
    /// | name | format |
    /// |---|---|
    /// | `tracecontext`, `baggage` | [`TraceContext`], [`W3cBaggage`] |
    /// | `b3`, `b3multi` | [`B3::single`], [`B3::multi`]: both read either form |
    /// | `jaeger`, `xray`, `ottrace` | [`Jaeger`], [`XRay`], [`OtTrace`] |
    /// | `datadog`, `gcp` | [`Datadog`], [`GoogleCloud`]: names of ours, OpenTelemetry has none |
    /// | `none`, with nothing else | [`none`](Self::none) |
    ///
    /// Case does not count, nor do spaces around a name. An empty text is as if there were none.
    ///
    /// # Errors
    ///
    /// [`InvalidPropagators`] for another name, for a list without names, and for `none` among others.
    ///
    /// ```
    /// use throughline::propagation::Composite;
    ///
    /// let formats = Composite::from_names("tracecontext, baggage, b3multi")?;
    /// let error = Composite::from_names("tracecontext,b4").unwrap_err();
    /// assert_eq!(error.variable(), "OTEL_PROPAGATORS");
    /// # Ok::<(), throughline::propagation::InvalidPropagators>(())
    /// ```
    pub fn from_names(names: &str) -> Result<Self, InvalidPropagators> {
        if names.is_empty() {
            return Ok(Self::default());
        }
        let mut seen = Vec::new();
        let mut formats = Self::none();
        for name in names.split(',').map(|name| name.trim().to_ascii_lowercase()) {
            if seen.contains(&name) {
                continue;
            }
            formats = formats.with_named(&name).ok_or(InvalidPropagators::NEW)?;
            seen.push(name);
        }
        let says_none = seen.iter().any(|name| name == NONE);
        formats.is_default = seen == ["tracecontext", "baggage"];
        if says_none && seen.len() > 1 { Err(InvalidPropagators::NEW) } else { Ok(formats) }
    }

    fn with_named(self, name: &str) -> Option<Self> {
        Some(match name {
            "tracecontext" => self.with(TraceContext::default()),
            "baggage" => self.with(W3cBaggage),
            "b3" => self.with(B3::single()),
            "b3multi" => self.with(B3::multi()),
            "jaeger" => self.with(Jaeger),
            "xray" => self.with(XRay),
            "ottrace" => self.with(OtTrace),
            "datadog" => self.with(Datadog),
            "gcp" => self.with(GoogleCloud),
            NONE => self,
            _ => return None,
        })
    }

    /// The same formats, and then this one, to extract and to inject.
    #[must_use]
    pub fn with(mut self, format: impl Propagator + 'static) -> Self {
        let format: Arc<dyn Propagator> = Arc::new(format);
        self.extracting.push(format.clone());
        self.injecting.push(format);
        self.is_default = false;
        self
    }

    /// The same formats, and then this one, to extract only.
    #[must_use]
    pub fn extracting(mut self, format: impl Propagator + 'static) -> Self {
        self.extracting.push(Arc::new(format));
        self.is_default = false;
        self
    }

    /// The same formats, and then this one, to inject only.
    #[must_use]
    pub fn injecting(mut self, format: impl Propagator + 'static) -> Self {
        self.injecting.push(Arc::new(format));
        self.is_default = false;
        self
    }

    /// Each format sees a blank context: what the others have found is not for it to look at. The first
    /// needs no other than the one that all is put together in.
    fn extract_into_blank(&self, carrier: &dyn Getter, found: &mut Context) -> Result<(), ExtractError> {
        let Some((first, others)) = self.extracting.split_first() else {
            return Ok(());
        };
        let mut refused = first.extract(carrier, found);
        for format in others {
            let mut read = Context::default();
            refused = refused.and(format.extract(carrier, &mut read));
            if found.span.is_none() && read.span.is_some() {
                found.span = read.span.take();
            }
            if found.request_id.is_none() && read.request_id.is_some() {
                found.request_id = read.request_id.take();
            }
            if !read.baggage.is_empty() {
                found.baggage.fill_from(read.baggage);
            }
        }
        refused
    }

    pub(super) const fn is_default(&self) -> bool {
        self.is_default
    }
}

const NONE: &str = "none";

/// Has nothing been found yet?
const fn is_blank(context: &Context) -> bool {
    context.span.is_none() && context.request_id.is_none() && context.baggage.is_empty()
}

impl Default for Composite {
    fn default() -> Self {
        Self { is_default: true, ..Self::none().with(TraceContext::default()).with(W3cBaggage) }
    }
}

impl Propagator for Composite {
    /// Asks all formats, also when the span is found: baggage and the request's id may be another's. The
    /// error is the first one's that has one.
    fn extract(&self, carrier: &dyn Getter, context: &mut Context) -> Result<(), ExtractError> {
        if is_blank(context) {
            return self.extract_into_blank(carrier, context);
        }
        let mut found = Context::default();
        let refused = self.extract_into_blank(carrier, &mut found);
        let Context { span, request_id, baggage } = found;
        context.span = span.or(context.span.take());
        context.request_id = request_id.or(context.request_id.take());
        if !baggage.is_empty() {
            context.baggage = baggage;
        }
        refused
    }

    fn inject(&self, context: &Context, carrier: &mut dyn Setter) {
        for format in &self.injecting {
            format.inject(context, carrier);
        }
    }
}

/// How many formats there are: they themselves may not say what they are.
impl fmt::Debug for Composite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Composite")
            .field("extracting", &self.extracting.len())
            .field("injecting", &self.injecting.len())
            .finish()
    }
}

/// `OTEL_PROPAGATORS` does not say what it should.
///
/// The text names the variable and what it accepts, never its value: that may be a secret in the
/// wrong place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the environment variable {OTEL_PROPAGATORS} has to be {ACCEPTED}")]
pub struct InvalidPropagators(());

impl InvalidPropagators {
    pub(crate) const NEW: Self = Self(());

    /// The variable's name.
    pub const fn variable(&self) -> &'static str {
        OTEL_PROPAGATORS
    }

    /// What it accepts.
    pub const fn accepts(&self) -> &'static str {
        ACCEPTED
    }
}

impl From<InvalidPropagators> for InvalidVariable {
    fn from(error: InvalidPropagators) -> Self {
        Self::new(error.variable(), error.accepts())
    }
}
