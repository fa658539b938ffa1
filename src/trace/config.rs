//! A tracer's settings and the `OTEL_*` variables that give them (floor 4).
//!
//! Code wins over the environment, the environment over the defaults. A variable that is set but not
//! understood is an error that names it: a typo must not silently switch tracing off.

use crate::{
    clock::Clock,
    diagnostics::Listener,
    export::{QueueLimits, RetryPolicy},
    ids::IdSource,
    record::{Limits, Resource},
    sampling::{AlwaysOff, AlwaysOn, ParentBased, Ratio, Sampler, tail::TailSampler},
    semconv,
};
use std::{ffi::OsString, time::Duration};

/// All that an engine is built from.
pub(super) struct Config {
    pub(super) resource: Resource,
    pub(super) sampler: Box<dyn Sampler>,
    pub(super) tail: Option<TailSampler>,
    pub(super) clock: Clock,
    pub(super) ids: IdSource,
    pub(super) limits: Limits,
    pub(super) queue: QueueLimits,
    pub(super) retry: RetryPolicy,
    pub(super) buffer_spans: usize,
    pub(super) buffer_bytes: usize,
    pub(super) disabled: bool,
    pub(super) diagnostics: Option<Listener>,
}

impl Config {
    pub(super) fn new() -> Self {
        Self {
            resource: Resource::new(""),
            sampler: Box::new(ParentBased::new(AlwaysOn)),
            tail: None,
            clock: Clock::system(),
            ids: IdSource::default(),
            limits: DEFAULT_LIMITS,
            queue: QueueLimits {
                spans: 65_536,
                bytes: 64 << 20,
                batch_spans: 512,
                batch_delay: Duration::from_secs(1),
            },
            retry: RetryPolicy::default(),
            buffer_spans: 65_536,
            buffer_bytes: 64 << 20,
            disabled: false,
            diagnostics: None,
        }
    }

    /// Takes over what the environment says.
    pub(super) fn read(&mut self, variables: &Variables) -> Result<(), InvalidVariable> {
        self.disabled = variables.flag("OTEL_SDK_DISABLED")?.unwrap_or(false);
        self.read_resource(variables)?;
        self.read_sampler(variables)?;
        self.read_limits(variables)?;
        let milliseconds = |name| {
            variables
                .whole_number(name)
                .map(|number| number.map(|number| Duration::from_millis(number as u64)))
        };
        set(&mut self.queue.batch_delay, milliseconds("OTEL_BSP_SCHEDULE_DELAY")?);
        set(&mut self.queue.spans, variables.positive("OTEL_BSP_MAX_QUEUE_SIZE")?);
        set(&mut self.queue.batch_spans, variables.positive("OTEL_BSP_MAX_EXPORT_BATCH_SIZE")?);
        Ok(())
    }

    fn read_resource(&mut self, variables: &Variables) -> Result<(), InvalidVariable> {
        const ATTRIBUTES: &str = "OTEL_RESOURCE_ATTRIBUTES";
        let error =
            || InvalidVariable::new(ATTRIBUTES, "key=value pairs, separated by commas, percent-encoded");
        let pairs = variables.text(ATTRIBUTES, error)?.unwrap_or_default();
        for pair in pairs.split(',').filter(|pair| !pair.trim().is_empty()) {
            let (key, value) = pair.split_once('=').ok_or_else(error)?;
            let value = percent_decode(value.trim()).ok_or_else(error)?;
            if key.trim().is_empty() {
                return Err(error());
            }
            self.resource.set(key.trim().to_owned().into(), value.into());
        }
        let name_error = || InvalidVariable::new("OTEL_SERVICE_NAME", "a UTF-8 text");
        if let Some(name) = variables.text("OTEL_SERVICE_NAME", name_error)? {
            self.resource.set(semconv::SERVICE_NAME.into(), name.into());
        }
        Ok(())
    }

    fn read_sampler(&mut self, variables: &Variables) -> Result<(), InvalidVariable> {
        const NAMES: &str = "one of always_on, always_off, traceidratio, parentbased_always_on, \
                             parentbased_always_off, parentbased_traceidratio; jaeger_remote, \
                             parentbased_jaeger_remote and xray would ask a server, which this library does not";
        let error = || InvalidVariable::new("OTEL_TRACES_SAMPLER", NAMES);
        let Some(name) = variables.text("OTEL_TRACES_SAMPLER", error)? else {
            return Ok(());
        };
        self.sampler = match name.as_str() {
            "always_on" => Box::new(AlwaysOn),
            "always_off" => Box::new(AlwaysOff),
            "traceidratio" => Box::new(sampling_ratio(variables)?),
            "parentbased_always_on" => Box::new(ParentBased::new(AlwaysOn)),
            "parentbased_always_off" => Box::new(ParentBased::new(AlwaysOff)),
            "parentbased_traceidratio" => Box::new(ParentBased::new(sampling_ratio(variables)?)),
            _ => return Err(error()),
        };
        Ok(())
    }

    fn read_limits(&mut self, variables: &Variables) -> Result<(), InvalidVariable> {
        let limits = &mut self.limits;
        // The span's own variables come second and win [OpenTelemetry, environment variables, limits].
        for name in ["OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT"] {
            set(&mut limits.value_bytes, variables.whole_number(name)?);
        }
        for name in ["OTEL_ATTRIBUTE_COUNT_LIMIT", "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT"] {
            set(&mut limits.attributes, variables.whole_number(name)?);
        }
        set(&mut limits.events, variables.whole_number("OTEL_SPAN_EVENT_COUNT_LIMIT")?);
        set(&mut limits.links, variables.whole_number("OTEL_SPAN_LINK_COUNT_LIMIT")?);
        for name in ["OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT"] {
            set(&mut limits.attributes_per_item, variables.whole_number(name)?);
        }
        Ok(())
    }
}

const DEFAULT_LIMITS: Limits = Limits {
    attributes: 128,
    events: 128,
    links: 128,
    attributes_per_item: 128,
    value_bytes: 16 << 10,
    name_bytes: 1 << 10,
    span_bytes: 1 << 20,
};

/// A variable of the environment that does not say what it should.
///
/// The text names the variable and what it accepts, never its value: that may be a secret in the
/// wrong place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the environment variable {variable} has to be {accepts}")]
pub struct InvalidVariable {
    variable: &'static str,
    accepts: &'static str,
}

impl InvalidVariable {
    const fn new(variable: &'static str, accepts: &'static str) -> Self {
        Self { variable, accepts }
    }

    /// The variable's name.
    pub const fn variable(&self) -> &'static str {
        self.variable
    }

    /// What it accepts.
    pub const fn accepts(&self) -> &'static str {
        self.accepts
    }
}

/// Where variables are read from.
pub(super) struct Variables(pub(super) Box<Lookup>);

type Lookup = dyn Fn(&str) -> Option<OsString> + Send;

impl Variables {
    pub(super) fn of_process() -> Self {
        Self(Box::new(|name| std::env::var_os(name)))
    }

    /// A variable's text; an empty one counts as unset [OpenTelemetry, environment variables].
    fn text(
        &self,
        name: &str,
        error: impl Fn() -> InvalidVariable,
    ) -> Result<Option<String>, InvalidVariable> {
        match (self.0)(name) {
            Some(value) if !value.is_empty() => value.into_string().map(Some).map_err(|_| error()),
            _ => Ok(None),
        }
    }

    fn flag(&self, name: &'static str) -> Result<Option<bool>, InvalidVariable> {
        let error = || InvalidVariable::new(name, "true or false");
        match self.text(name, error)?.map(|text| text.to_ascii_lowercase()).as_deref() {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(_) => Err(error()),
        }
    }

    fn whole_number(&self, name: &'static str) -> Result<Option<usize>, InvalidVariable> {
        let error = || InvalidVariable::new(name, "a whole number, 0 or more");
        self.text(name, error)?.map(|text| text.trim().parse().map_err(|_| error())).transpose()
    }

    fn positive(&self, name: &'static str) -> Result<Option<usize>, InvalidVariable> {
        match self.whole_number(name)? {
            Some(0) => Err(InvalidVariable::new(name, "a whole number, 1 or more")),
            number => Ok(number),
        }
    }
}

/// `OTEL_TRACES_SAMPLER_ARG` as a ratio; 1 if unset.
fn sampling_ratio(variables: &Variables) -> Result<Ratio, InvalidVariable> {
    let error = || InvalidVariable::new("OTEL_TRACES_SAMPLER_ARG", "a number from 0 to 1");
    let ratio = match variables.text("OTEL_TRACES_SAMPLER_ARG", error)? {
        Some(text) => text.trim().parse().map_err(|_| error())?,
        None => 1.0,
    };
    Ratio::new(ratio).map_err(|_| error())
}

fn set<T>(setting: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *setting = value;
    }
}

/// Undoes percent-encoding; `None` if a sequence is broken or the bytes are not UTF-8.
fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digit = |digit: Option<u8>| char::from(digit?).to_digit(16);
            let (high, low) = (digit(rest.next())?, digit(rest.next())?);
            bytes.push((high << 4 | low) as u8);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}
