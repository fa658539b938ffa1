//! A body that does what it is told, frame by frame.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body::{Body, Frame, SizeHint};
use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::time::{Sleep, sleep};

enum Step {
    Data(&'static str),
    Trailers(HeaderMap),
    Wait(Duration),
    Waiting(Pin<Box<Sleep>>),
    Run(Box<dyn FnOnce() + Send>),
    Fail(io::ErrorKind),
    Stay,
}

/// By default it knows neither its length nor that its last frame was the last, like most streams.
#[derive(Default)]
pub struct Script {
    steps: VecDeque<Step>,
    length: Option<u64>,
    knows_its_end: bool,
}

impl Script {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn chunks(chunks: &[&'static str]) -> Self {
        chunks.iter().fold(Self::new(), |script, chunk| script.data(chunk))
    }

    pub fn data(self, data: &'static str) -> Self {
        self.step(Step::Data(data))
    }

    pub fn trailer(self, name: &'static str, value: &'static str) -> Self {
        let trailers =
            HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_static(value))]);
        self.step(Step::Trailers(trailers))
    }

    pub fn wait(self, time: Duration) -> Self {
        self.step(Step::Wait(time))
    }

    /// Calls this while the body is polled.
    pub fn run(self, action: impl FnOnce() + Send + 'static) -> Self {
        self.step(Step::Run(Box::new(action)))
    }

    pub fn fail(self, kind: io::ErrorKind) -> Self {
        self.step(Step::Fail(kind))
    }

    /// Never ends.
    pub fn stay(self) -> Self {
        self.step(Step::Stay)
    }

    /// Tells its length by its size hint.
    pub fn length(mut self, length: u64) -> Self {
        self.length = Some(length);
        self
    }

    /// Says so after its last frame, instead of when it is polled again.
    pub fn knows_its_end(mut self) -> Self {
        self.knows_its_end = true;
        self
    }

    fn step(mut self, step: Step) -> Self {
        self.steps.push_back(step);
        self
    }
}

impl Body for Script {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        loop {
            if let Some(Step::Wait(time)) = self.steps.front() {
                let sleep = sleep(*time);
                self.steps[0] = Step::Waiting(Box::pin(sleep));
            }
            match self.steps.front_mut() {
                Some(Step::Waiting(sleep)) => ready!(sleep.as_mut().poll(context)),
                Some(Step::Stay) => return Poll::Pending,
                _ => {}
            }
            let Some(step) = self.steps.pop_front() else {
                return Poll::Ready(None);
            };
            let frame = match step {
                Step::Data(data) => {
                    if let Some(left) = &mut self.length {
                        *left -= data.len() as u64;
                    }
                    Frame::data(Bytes::from_static(data.as_bytes()))
                }
                Step::Trailers(trailers) => Frame::trailers(trailers),
                Step::Fail(kind) => return Poll::Ready(Some(Err(kind.into()))),
                Step::Run(action) => {
                    action();
                    continue;
                }
                Step::Wait(_) | Step::Waiting(_) | Step::Stay => continue,
            };
            return Poll::Ready(Some(Ok(frame)));
        }
    }

    fn is_end_stream(&self) -> bool {
        self.knows_its_end && self.steps.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        self.length.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
