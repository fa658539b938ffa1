//! A batch's way to a server (floor 4): as many requests as its size needs, and what becomes of each.
//!
//! A request that failed and may pass stops the batch. The error says what the requests before it have settled, so
//! that the pipeline comes back with the rest alone.

use crate::{
    export::{AbortHandle, Decision, ExportError},
    record::{Batch, Resource, SpanRecord},
    transport::{Answer, Client},
};
use std::fmt;

/// The body of a request, as a backend wants it.
pub(super) trait Body {
    fn content_type(&self) -> &'static str;

    /// Starts over, for spans of this service.
    fn begin(&mut self, resource: &Resource);

    fn push(&mut self, span: &SpanRecord);

    /// How long it is at most, if it ends here.
    fn len(&self) -> usize;

    /// Takes back all that was pushed since the body had this length.
    fn truncate(&mut self, len: usize);

    fn finish(&mut self) -> &[u8];

    /// Gives memory back that a usual request does not need.
    fn shrink(&mut self);

    /// How many of the spans were refused by a server that answered with a success; or why that was no
    /// answer of such a backend.
    fn rejected(&self, answer: &Answer) -> Result<usize, &'static str>;
}

/// Takes one request to the server.
pub(super) trait Carrier<B>: fmt::Debug + Send {
    /// How many of the request's spans the server has refused.
    fn carry(&mut self, body: &mut B) -> Result<usize, ExportError>;

    /// Ends the request under way, and fails all others.
    fn abort_handle(&self) -> AbortHandle;
}

/// Sends batches in requests of at most so many bytes, or of one span.
pub(super) struct Courier<B> {
    carrier: Box<dyn Carrier<B>>,
    body: B,
    most_bytes: usize,
}

impl<B: Body> Courier<B> {
    pub(super) const fn new(carrier: Box<dyn Carrier<B>>, body: B, most_bytes: usize) -> Self {
        Self { carrier, body, most_bytes }
    }

    pub(super) fn deliver(&mut self, batch: &Batch) -> Result<(), ExportError> {
        let (mut delivered, mut rejected, mut refusal) = (0, 0, None);
        loop {
            let count = self.load(batch, delivered + rejected);
            if count == 0 {
                break;
            }
            match self.carrier.carry(&mut self.body) {
                Ok(refused) => {
                    let refused = refused.min(count);
                    (delivered, rejected) = (delivered + count - refused, rejected + refused);
                }
                Err(error) if matches!(error.decision(), Decision::Retry { .. }) => {
                    return Err(error.with_settled(delivered, rejected));
                }
                Err(error) => {
                    rejected += count;
                    refusal = Some(error);
                }
            }
        }
        self.body.shrink();
        verdict(batch.len(), rejected, refusal)
    }

    pub(super) fn abort_handle(&self) -> AbortHandle {
        self.carrier.abort_handle()
    }

    /// Puts the spans from this one on into the body, as far as they fit; how many there are.
    fn load(&mut self, batch: &Batch, from: usize) -> usize {
        self.body.begin(batch.resource());
        let mut count = 0;
        for span in batch.spans().skip(from) {
            let before = self.body.len();
            self.body.push(span);
            if count > 0 && self.body.len() > self.most_bytes {
                self.body.truncate(before);
                break;
            }
            count += 1;
        }
        count
    }
}

/// By HTTP.
impl<B: Body> Carrier<B> for Client {
    fn carry(&mut self, body: &mut B) -> Result<usize, ExportError> {
        let content_type = body.content_type();
        let answer = self.post(content_type, body.finish()).map_err(|failure| {
            let error = if failure.may_pass() { ExportError::retry } else { ExportError::permanent };
            error("sending spans failed").with_source(failure)
        })?;
        if answer.is_success() {
            return body.rejected(&answer).map_err(ExportError::permanent);
        }
        Err(refused(&answer))
    }

    fn abort_handle(&self) -> AbortHandle {
        AbortHandle::new(self.closer())
    }
}

impl<B> fmt::Debug for Courier<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Courier")
            .field("carrier", &self.carrier)
            .field("most_bytes", &self.most_bytes)
            .finish_non_exhaustive()
    }
}

fn verdict(spans: usize, rejected: usize, refusal: Option<ExportError>) -> Result<(), ExportError> {
    match (rejected, refusal) {
        (0, _) => Ok(()),
        (rejected, Some(error)) if rejected >= spans => Err(error),
        (rejected, Some(error)) => {
            Err(ExportError::partial(rejected, "the server refused a part of the spans").with_source(error))
        }
        (rejected, None) => Err(ExportError::partial(rejected, "the server kept only a part of the spans")),
    }
}

/// What a status that is no success means [OTLP 1.9, failures; Zipkin's API says no more].
fn refused(answer: &Answer) -> ExportError {
    let status = answer.status;
    let may_pass = matches!(status, 429 | 502 | 503 | 504);
    let message = match status {
        300..=399 => "the server redirects, and no redirect is followed: send to where it points",
        401 | 403 => "the server does not accept the credentials: see the headers and the client certificate",
        404 | 405 => "the server takes no spans at this address: see the endpoint's path",
        413 => "the server takes no request as large as this: lower max_request_bytes",
        429 | 503 => "the server is busy",
        502 | 504 => "the server behind the gateway did not answer",
        _ => "the server refused the spans",
    };
    let message = format!("{message} (status {status})");
    match answer.retry_after {
        _ if !may_pass => ExportError::permanent(message),
        Some(delay) => ExportError::retry(message).after(delay),
        None => ExportError::retry(message),
    }
}
