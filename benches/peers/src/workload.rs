//! What is run, by whom, and what must arrive.

use crate::workloads::CHILDREN;

/// One workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workload {
    /// A root and 100 children, each entered and ended, without attributes.
    Local100,
    /// A root with six attributes, two of them texts made at run time, and three children with two
    /// attributes and an event each.
    Request,
    /// As `Local100`, in traces that the sampler leaves out.
    Unsampled,
    /// As `Local100`, in a process where nothing is installed that would take the spans.
    NoTracer,
    /// A request through a server's layer, whose handler makes a call through a client's.
    Http,
}

/// Who runs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// Nothing: what the workload costs by itself.
    Bare,
    Throughline,
    Fastrace,
    OpenTelemetry,
    /// `tracing` with tracing-opentelemetry; without a tracer, `tracing` alone.
    Tracing,
}

impl Workload {
    pub const ALL: [Self; 5] = [Self::Local100, Self::Request, Self::Unsampled, Self::NoTracer, Self::Http];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Local100 => "local100",
            Self::Request => "request",
            Self::Unsampled => "unsampled",
            Self::NoTracer => "no tracer",
            Self::Http => "http",
        }
    }

    /// Traces, or requests, between two flushes. A flush costs the same for few spans as for many, and is
    /// part of the processor time: a trace of one or two spans must not be charged with a fortieth of it.
    pub const fn traces_a_round(self) -> usize {
        match self {
            Self::Http => 1_000,
            _ => 40,
        }
    }

    /// What times are divided by: how many spans, or requests, there are in a round.
    pub const fn units_a_round(self) -> usize {
        self.traces_a_round()
            * match self {
                Self::Local100 | Self::Unsampled | Self::NoTracer => CHILDREN + 1,
                Self::Request => 4,
                Self::Http => 1,
            }
    }

    /// How many spans of a round must reach the exporter: all that the peer makes.
    pub const fn spans_a_round(self, peer: Peer) -> usize {
        match self {
            Self::Local100 | Self::Request => self.units_a_round(),
            Self::Unsampled | Self::NoTracer => 0,
            Self::Http => {
                self.traces_a_round()
                    * match peer {
                        Peer::Bare => 0,
                        // Its client layer writes a header and makes no span.
                        Peer::Fastrace => 1,
                        Peer::Throughline | Peer::OpenTelemetry | Peer::Tracing => 2,
                    }
            }
        }
    }

    /// Who takes part. The first is what `http` is measured against, or the one of ours.
    pub const fn peers(self) -> &'static [Peer] {
        match self {
            Self::Http => {
                &[Peer::Bare, Peer::Throughline, Peer::Fastrace, Peer::OpenTelemetry, Peer::Tracing]
            }
            _ => &[Peer::Throughline, Peer::Fastrace, Peer::OpenTelemetry, Peer::Tracing],
        }
    }

    /// The peer that ratios are to.
    pub const fn reference(self) -> Peer {
        match self {
            Self::NoTracer => Peer::Tracing,
            _ => Peer::Fastrace,
        }
    }
}

impl Peer {
    pub const ALL: [Self; 5] =
        [Self::Bare, Self::Throughline, Self::Fastrace, Self::OpenTelemetry, Self::Tracing];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Throughline => "throughline",
            Self::Fastrace => "fastrace",
            Self::OpenTelemetry => "opentelemetry",
            Self::Tracing => "tracing",
        }
    }

    /// What exactly takes part in a workload.
    pub const fn title(self, workload: Workload) -> &'static str {
        match (self, workload) {
            (Self::Bare, _) => "neither layer",
            (Self::Throughline, _) => "throughline",
            (Self::Fastrace, Workload::Http) => "fastrace-tower",
            (Self::Fastrace, _) => "fastrace",
            (Self::OpenTelemetry, Workload::Http) => "opentelemetry-instrumentation-tower + client span",
            (Self::OpenTelemetry, _) => "opentelemetry",
            (Self::Tracing, Workload::NoTracer) => "tracing",
            (Self::Tracing, Workload::Http) => "tower-http + tracing-opentelemetry",
            (Self::Tracing, _) => "tracing-opentelemetry",
        }
    }

    /// The crates whose versions count, as they are called in the lock file.
    pub const fn crates(self) -> &'static [&'static str] {
        match self {
            Self::Bare => &[],
            Self::Throughline => &["throughline"],
            Self::Fastrace => &["fastrace", "fastrace-tower"],
            Self::OpenTelemetry => {
                &["opentelemetry", "opentelemetry_sdk", "opentelemetry-instrumentation-tower"]
            }
            Self::Tracing => &["tracing", "tracing-subscriber", "tracing-opentelemetry", "tower-http"],
        }
    }
}
