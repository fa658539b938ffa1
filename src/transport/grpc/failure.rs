//! Why a call has no answer (floor 3).

use crate::transport::client::{Failure, io_failure};

/// Constant texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CallFailure {
    #[error(transparent)]
    Transport(#[from] Failure),
    #[error("the server does not speak HTTP/2, as gRPC does: see the endpoint's port")]
    NotHttp2,
    #[error("the answer is none of a gRPC server: see the endpoint")]
    NotGrpc,
    #[error("the system has no thread or no file handle left to send with")]
    NoRuntime,
}

impl CallFailure {
    /// May the same call succeed later?
    pub(crate) const fn may_pass(self) -> bool {
        match self {
            Self::Transport(failure) => failure.may_pass(),
            Self::NotHttp2 | Self::NoRuntime => true,
            Self::NotGrpc => false,
        }
    }
}

impl From<h2::Error> for CallFailure {
    fn from(error: h2::Error) -> Self {
        match error.get_io() {
            Some(error) => match io_failure(error) {
                Failure::Unreachable => Failure::Broken.into(),
                failure => failure.into(),
            },
            // What came in could not be read as HTTP/2.
            None if error.is_library() => Self::NotHttp2,
            None => Failure::Broken.into(),
        }
    }
}
