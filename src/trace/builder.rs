//! Building a tracer (floor 4).

use super::{
    collector::Collector,
    config::Config,
    engine::{Engine, OFF, Parts},
    gatherer::Gathering,
    outlet::Outlet,
    tracer::Tracer,
    voice::{Voice, spawn},
};
use crate::{
    clock::Clock,
    diagnostics::{Diagnostic, Diagnostics},
    export::{Assembly, Delivery, RetryPolicy, SameName, Terms, assemble},
    ids::IdSource,
    propagation::{Formats, Propagator},
    record::Resource,
    redact::{Redaction, Redactor, Rules},
    sampling::{
        Sampler,
        tail::{Tail, TailSampler},
    },
    semconv,
    value::Value,
    variables::{InvalidVariable, Variables},
};
use std::{
    borrow::Cow,
    ffi::OsString,
    io,
    sync::{Arc, Weak, mpsc},
    time::Duration,
};

/// A setting made in code, applied over the environment's.
type Setting = Box<dyn FnOnce(&mut Config) + Send>;

/// Why a tracer could not be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A variable of the environment does not say what it should.
    #[error(transparent)]
    Environment(#[from] InvalidVariable),
    /// The service has no name: give one to [`Tracer::builder`] or set `OTEL_SERVICE_NAME`.
    #[error("the service has no name: pass one to Tracer::builder or set OTEL_SERVICE_NAME")]
    NoServiceName,
    /// Two exporters behind one spool have one name.
    #[error(transparent)]
    SameName(#[from] SameName),
    /// The system would not start one of the tracer's threads.
    #[error("a thread of the tracer could not be started")]
    Thread(#[source] io::Error),
}

/// Settings of a [`Tracer`] to be.
///
/// What is set here wins over the `OTEL_*` variables, and these over the defaults.
#[must_use = "a builder does nothing until `build`"]
pub struct TracerBuilder {
    settings: Vec<Setting>,
    deliveries: Vec<Delivery>,
    variables: Variables,
    drop_within: Duration,
}

impl Tracer {
    /// Settings for a tracer of the service of this name.
    pub fn builder(service_name: impl Into<Cow<'static, str>>) -> TracerBuilder {
        TracerBuilder::new(Some(service_name.into()))
    }

    /// Settings for a tracer whose service is named by `OTEL_SERVICE_NAME` or by `service.name` in
    /// `OTEL_RESOURCE_ATTRIBUTES`.
    pub fn from_env() -> TracerBuilder {
        TracerBuilder::new(None)
    }
}

impl TracerBuilder {
    pub(super) fn new(service_name: Option<Cow<'static, str>>) -> Self {
        let builder = Self {
            settings: Vec::new(),
            deliveries: Vec::new(),
            variables: Variables::of_process(),
            drop_within: Duration::from_secs(2),
        };
        match service_name {
            Some(name) => builder.resource_attribute(semconv::SERVICE_NAME, Value::Str(name)),
            None => builder,
        }
    }

    fn setting(mut self, setting: impl FnOnce(&mut Config) + Send + 'static) -> Self {
        self.settings.push(Box::new(setting));
        self
    }

    /// Adds an exporter, with a queue and a thread of its own; a [`Delivery`] says more of it. Without any,
    /// spans are counted and go nowhere.
    pub fn exporter(mut self, exporter: impl Into<Delivery>) -> Self {
        self.deliveries.push(exporter.into());
        self
    }

    /// Says something of the whole process, such as `service.version`.
    pub fn resource_attribute(
        self,
        key: impl Into<Cow<'static, str>>,
        value: impl Into<Value<'static>>,
    ) -> Self {
        let (key, value) = (key.into(), value.into());
        self.setting(move |config| config.resource.set(key, value))
    }

    /// Decides which traces are recorded: see [`sampling`](crate::sampling). Default: follow the caller,
    /// record all that begin here.
    ///
    /// `OTEL_TRACES_SAMPLER` names `always_on`, `always_off`, `traceidratio` and each of them behind
    /// `parentbased_`; `OTEL_TRACES_SAMPLER_ARG` is the ratio, 1 if unset. `jaeger_remote`,
    /// `parentbased_jaeger_remote` and `xray` are refused: their rates come from a server that has to be
    /// asked again and again.
    pub fn sampler(self, sampler: impl Sampler + 'static) -> Self {
        self.setting(move |config| config.sampler = Box::new(sampler))
    }

    /// Decides at its end whether a trace is exported: see [`sampling::tail`](crate::sampling::tail). Default:
    /// whatever the [`sampler`](Self::sampler) sampled is.
    pub fn tail_sampler(self, sampler: TailSampler) -> Self {
        self.setting(move |config| config.tail = Some(sampler))
    }

    /// Where the time comes from. Default: [`Clock::system`].
    pub fn clock(self, clock: Clock) -> Self {
        self.setting(move |config| config.clock = clock)
    }

    /// Where ids come from. Default: a random generator on each thread.
    pub fn ids(self, ids: IdSource) -> Self {
        self.setting(move |config| config.ids = ids)
    }

    /// The formats in which requests carry their context from process to process: what the layers of
    /// [`middleware`](crate::middleware) read and write unless they are told otherwise, and what
    /// [`Tracer::propagator`] is. Default: what `OTEL_PROPAGATORS` names, else W3C Trace Context and W3C
    /// Baggage.
    pub fn propagator(self, formats: impl Propagator + 'static) -> Self {
        let formats = Formats::new(formats);
        self.setting(move |config| config.exchanges.formats = formats)
    }

    /// The most attributes, events and links of a span, each. Default 128. More are dropped and
    /// counted in the record.
    pub fn max_items(self, attributes: usize, events: usize, links: usize) -> Self {
        self.setting(move |config| {
            config.limits.attributes = attributes;
            config.limits.events = events;
            config.limits.links = links;
        })
    }

    /// The most bytes of a text value; longer ones are cut between characters. Default 16 KiB.
    pub fn max_value_bytes(self, bytes: usize) -> Self {
        self.setting(move |config| config.limits.value_bytes = bytes)
    }

    /// The most attributes of an event, and of a link. Default 128 each. More are dropped and counted in
    /// the event or link.
    pub fn max_item_attributes(self, per_event: usize, per_link: usize) -> Self {
        self.setting(move |config| {
            config.limits.attributes_per_event = per_event;
            config.limits.attributes_per_link = per_link;
        })
    }

    /// The most bytes of a name, of a span or an event, and of a key; longer ones are cut between
    /// characters. Default 1 KiB.
    pub fn max_name_bytes(self, bytes: usize) -> Self {
        self.setting(move |config| config.limits.name_bytes = bytes)
    }

    /// The most bytes of a span's texts, lists, events and links together. Default 1 MiB. What does not fit
    /// is dropped and counted in the record.
    pub fn max_span_bytes(self, bytes: usize) -> Self {
        self.setting(move |config| config.limits.span_bytes = bytes)
    }

    /// What is taken out of spans before any exporter sees them. Default: all kinds of secrets that can be
    /// told by their names or shapes, but e-mail addresses; see [`redact`](crate::redact).
    pub fn redaction(self, redaction: Redaction) -> Self {
        self.setting(move |config| config.redaction = redaction)
    }

    /// The most spans that may wait in the threads' buffers, beyond the 255 each thread may always
    /// hold. A trace takes the place of one span, ahead of those of its spans that end one after another on a
    /// thread. Default 98,304: 6 MiB.
    pub fn max_buffered_spans(self, spans: usize) -> Self {
        self.setting(move |config| config.buffer_spans = spans)
    }

    /// The most spans and bytes in front of each exporter, those on their way included. Default
    /// 65,536 spans, 64 MiB. What does not fit is dropped and counted.
    pub fn max_queued(self, spans: usize, bytes: usize) -> Self {
        self.setting(move |config| {
            config.queue.spans = spans.max(1);
            config.queue.bytes = bytes;
        })
    }

    /// The most spans handed to an exporter at once. Default 512.
    pub fn max_batch_spans(self, spans: usize) -> Self {
        self.setting(move |config| config.queue.batch_spans = spans.max(1))
    }

    /// The longest a finished span waits for others to share its batch. Default 1 s.
    pub fn batch_delay(self, delay: Duration) -> Self {
        self.setting(move |config| config.queue.batch_delay = delay)
    }

    /// How failed batches are tried again.
    pub fn retry(self, retry: RetryPolicy) -> Self {
        self.setting(move |config| config.retry = retry)
    }

    /// How long the drop of the last handle may take to deliver what is left. Default 2 s.
    pub fn drop_within(mut self, within: Duration) -> Self {
        self.drop_within = within;
        self
    }

    /// Receives what the library has to say about itself, each kind at most once in 30 s. Default: a
    /// line on standard error. Called on a thread of its own: one that blocks keeps only itself from hearing
    /// more.
    pub fn diagnostics(self, listener: impl Fn(Diagnostic) + Send + Sync + 'static) -> Self {
        self.setting(move |config| config.diagnostics = Some(Box::new(listener)))
    }

    /// Reads variables from here instead of from the process's environment.
    pub fn environment(mut self, variables: impl Fn(&str) -> Option<OsString> + Send + 'static) -> Self {
        self.variables = Variables(Box::new(variables));
        self
    }

    /// Starts the tracer: one thread that collects, and one for each exporter.
    ///
    /// With `OTEL_SDK_DISABLED=true` the tracer starts no thread and records nothing; what comes with a
    /// request is still handed on, unchanged.
    ///
    /// # Errors
    ///
    /// See [`BuildError`].
    pub fn build(self) -> Result<Tracer, BuildError> {
        let mut config = Config::new();
        describe_process(&mut config);
        config.read(&self.variables)?;
        for setting in self.settings {
            setting(&mut config);
        }
        if config.resource.service_name().is_empty() {
            return Err(BuildError::NoServiceName);
        }
        let exchanges = std::mem::take(&mut config.exchanges);
        let parts = parts(&mut config);
        let (engine, gathering) = match config.disabled || OFF {
            true => (Arc::new(Engine::passive(config, parts)), Weak::new()),
            false => start(config, parts, self.deliveries)?,
        };
        Ok(Tracer::new(engine, gathering, self.drop_within, exchanges))
    }
}

fn describe_process(config: &mut Config) {
    let mut set = |key: &'static str, value: Value<'static>| config.resource.set(key.into(), value);
    set(semconv::TELEMETRY_SDK_NAME, env!("CARGO_PKG_NAME").into());
    set(semconv::TELEMETRY_SDK_LANGUAGE, "rust".into());
    set(semconv::TELEMETRY_SDK_VERSION, env!("CARGO_PKG_VERSION").into());
    set(semconv::PROCESS_PID, std::process::id().into());
    let executable = std::env::current_exe().ok();
    if let Some(name) = executable.as_deref().and_then(|path| path.file_name()?.to_str()) {
        set(semconv::PROCESS_EXECUTABLE_NAME, name.to_owned().into());
    }
}

/// What the engine shares with the exporters' side.
fn parts(config: &mut Config) -> Parts {
    let redaction = Arc::new(Rules::new(std::mem::take(&mut config.redaction)));
    let mut resource = std::mem::replace(&mut config.resource, Resource::new(""));
    Redactor::new(redaction.clone(), config.limits.clone()).apply_to_resource(&mut resource);
    Parts {
        resource: Arc::new(resource),
        redaction,
        diagnostics: Arc::new(Diagnostics::new()),
        inlets: Vec::new(),
        tail: None,
    }
}

/// Starts the threads. Those already running end by themselves if a later one cannot be started.
fn start(
    mut config: Config,
    mut parts: Parts,
    deliveries: Vec<Delivery>,
) -> Result<(Arc<Engine>, Weak<Gathering>), BuildError> {
    let (inbox, received) = mpsc::channel();
    let voice = Voice::new(config.diagnostics.take());
    let terms = Terms {
        resource: parts.resource.clone(),
        retry: config.retry.clone(),
        limits: config.queue,
        diagnostics: parts.diagnostics.clone(),
    };
    let Assembly { inlets, tasks } = assemble(deliveries, &terms)?;
    parts.inlets = inlets;
    let tail = config.tail.take().map(Tail::new);
    parts.tail = tail.as_ref().map(|tail| tail.counters().clone());
    let engine = Arc::new(Engine::new(config, parts, inbox));
    let start = |name: &str, body: Box<dyn FnOnce() + Send>| {
        spawn(name, body).inspect_err(|_| engine.cancel()).map_err(BuildError::Thread)
    };
    for task in tasks {
        start(task.name, task.body)?;
    }
    let outlet = Outlet::new(engine.clone(), &terms.limits);
    let gathering = Arc::new(Gathering::new(engine.clone(), received, tail, outlet));
    let weak = Arc::downgrade(&gathering);
    let collector = Collector::new(engine.clone(), gathering, voice);
    let collector = start("tl-collector", Box::new(move || collector.run()))?;
    engine.depot.bell.hang(collector.thread().clone());
    Ok((engine, weak))
}
