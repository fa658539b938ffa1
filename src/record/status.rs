//! How a span ended, and what it says of its success (floor 2).

use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// What a span says of its success [OpenTelemetry trace API, set status].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "code")]
#[non_exhaustive]
pub enum Status {
    /// Nothing was said; read as success.
    #[default]
    Unset,
    /// Success, by the application's own word. Never set by the middleware.
    Ok,
    /// Failure.
    Error {
        /// What a person should know of it; empty where the attributes say it all.
        #[serde(default, skip_serializing_if = "str::is_empty")]
        description: Cow<'static, str>,
    },
}

impl Status {
    /// A failure with a description.
    pub fn error(description: impl Into<Cow<'static, str>>) -> Self {
        Self::Error { description: description.into() }
    }

    /// What a person should know of a failure; empty if there is nothing, or no failure.
    pub fn description(&self) -> &str {
        match self {
            Self::Error { description } => description,
            Self::Unset | Self::Ok => "",
        }
    }

    /// Is it a failure?
    pub const fn is_error(&self) -> bool {
        matches!(self, Self::Error { .. })
    }
}

/// How a span came to its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Outcome {
    /// The work ran to its end, well or not: see [`Status`].
    #[default]
    Completed,
    /// The work was dropped before its end: a future or a body nobody waited for any longer.
    Cancelled,
    /// The work panicked; the status is an error.
    Panicked,
}

impl Outcome {
    /// The outcome in lowercase, such as `cancelled`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
            Self::Panicked => "panicked",
        }
    }
}
