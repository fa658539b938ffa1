//! A tracer's settings and the `OTEL_*` variables that give them (floor 4).
//!
//! Code wins over the environment, the environment over the defaults. A variable that is set but not
//! understood is an error that names it: a typo must not silently switch tracing off.

use crate::{
    clock::Clock,
    diagnostics::Listener,
    export::{QueueLimits, RetryPolicy},
    ids::IdSource,
    propagation::{Composite, Formats, InvalidPropagators, OTEL_PROPAGATORS},
    record::{Limits, Resource},
    redact::Redaction,
    sampling::{AlwaysOff, AlwaysOn, ParentBased, Ratio, Sampler, tail::TailSampler},
    semconv,
    variables::{InvalidVariable, Variables, percent_decode},
};
use std::time::Duration;

/// All that an engine is built from.
pub(super) struct Config {
    pub(super) resource: Resource,
    pub(super) sampler: Box<dyn Sampler>,
    pub(super) tail: Option<TailSampler>,
    pub(super) clock: Clock,
    pub(super) ids: IdSource,
    pub(super) limits: Limits,
    pub(super) redaction: Redaction,
    pub(super) queue: QueueLimits,
    pub(super) retry: RetryPolicy,
    pub(super) buffer_spans: usize,
    pub(super) buffer_bytes: usize,
    pub(super) disabled: bool,
    pub(super) diagnostics: Option<Listener>,
    pub(super) exchanges: Exchanges,
}

/// What the middleware goes by where it is not told otherwise.
#[derive(Default)]
pub(super) struct Exchanges {
    pub(super) formats: Formats,
    /// The request methods that are recorded by name, separated by commas.
    pub(super) known_methods: Option<String>,
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
            redaction: Redaction::default(),
            queue: QueueLimits {
                spans: 65_536,
                bytes: 64 << 20,
                batch_spans: 512,
                batch_delay: Duration::from_secs(1),
            },
            retry: RetryPolicy::default(),
            buffer_spans: 98_304,
            buffer_bytes: 64 << 20,
            disabled: false,
            diagnostics: None,
            exchanges: Exchanges::default(),
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
        self.read_exchanges(variables)
    }

    fn read_exchanges(&mut self, variables: &Variables) -> Result<(), InvalidVariable> {
        const METHODS: &str = "OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS";
        let unreadable = || InvalidVariable::from(InvalidPropagators::NEW);
        if let Some(names) = variables.text(OTEL_PROPAGATORS, unreadable)? {
            self.exchanges.formats = Formats::new(Composite::from_names(&names)?);
        }
        let error = || InvalidVariable::new(METHODS, "request methods, separated by commas");
        self.exchanges.known_methods = variables.text(METHODS, error)?;
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
        let per_item = variables.whole_number("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT")?;
        set(&mut limits.attributes_per_event, per_item);
        let per_item = variables.whole_number("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT")?;
        set(&mut limits.attributes_per_link, per_item);
        Ok(())
    }
}

const DEFAULT_LIMITS: Limits = Limits {
    attributes: 128,
    events: 128,
    links: 128,
    attributes_per_event: 128,
    attributes_per_link: 128,
    value_bytes: 16 << 10,
    name_bytes: 1 << 10,
    span_bytes: 1 << 20,
};

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
