//! Functions that are not async and end with an async block, as `#[async_trait]` writes them.

use crate::{Traced, attributes, block_on};
use async_trait::async_trait;
use std::{
    fmt::{Debug, Error},
    pin::Pin,
};
use throughline::{Outcome, Status, Tracer, instrument};
use tokio::task::yield_now;

#[async_trait]
trait Worker: Sync {
    async fn work(&self, job: String, (left, right): (u8, u8), password: &str) -> Result<usize, Error>;

    #[instrument(fields(worker = "default"))]
    async fn rest(&self, mut rounds: u8) -> u8 {
        while rounds > 0 {
            yield_now().await;
            rounds -= 1;
        }
        rounds
    }
}

struct Local {
    tracer: Tracer,
    name: &'static str,
}

#[async_trait]
impl Worker for Local {
    #[instrument(skip(left), fields(name = self.name, %self.name), tracer = self.tracer, kind = "client", err)]
    async fn work(&self, job: String, (left, right): (u8, u8), password: &str) -> Result<usize, Error> {
        self.rest(2).await;
        let length = usize::from(left + right) + password.len();
        if job.is_empty() { Err(Error) } else { Ok(job.len() + length) }
    }
}

#[test]
fn async_trait_methods_are_instrumented_over_the_whole_future() {
    let traced = Traced::new();
    let local = Local { tracer: traced.tracer.clone(), name: "w1" };
    let worker: &dyn Worker = &local;
    drop(worker.rest(1));
    assert_eq!(traced.spans(), []);
    assert_eq!(block_on(worker.work("job".into(), (1, 2), "pw")), Ok(8));
    assert_eq!(block_on(worker.work(String::new(), (1, 2), "pw")), Err(Error));
    assert_eq!(traced.names(), ["rest", "work", "rest", "work"]);
    let spans = traced.spans();
    assert_eq!(attributes(&spans[0]), ["rounds=2", "worker=default"]);
    assert_eq!(attributes(&spans[1]), ["job=job", "password=REDACTED", "name=w1", "self.name=w1"]);
    assert_eq!(spans[0].parent_span_id(), Some(spans[1].span_id()));
    assert_eq!(spans[1].status(), &Status::Unset);
    assert!(spans[3].status().is_error());
}

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

#[instrument]
fn boxed(depth: u32) -> Boxed<'static, u32> {
    Box::pin(async move { if depth == 0 { 0 } else { boxed(depth - 1).await + 1 } })
}

#[instrument]
fn opaque<'a>(text: &'a str, other: &str) -> impl Future<Output = usize> + Send + use<'a> {
    assert!(other.is_empty());
    async move {
        yield_now().await;
        text.len()
    }
}

/// Nothing of `text` may outlive the call, nor may `list` be there twice.
#[instrument]
fn prepared(text: &str, list: Vec<u8>, count: usize) -> impl Future<Output = usize> + 'static + use<> {
    let text = text.to_owned();
    let first = list;
    async move { text.len() + first.len() + count }
}

#[test]
fn a_returned_async_block_is_the_work() {
    let traced = Traced::new();
    assert_eq!(block_on(boxed(1)), 1);
    assert_eq!(block_on(opaque("abc", "")), 3);
    assert_eq!(block_on(prepared("abc", vec![0], 1)), 5);
    assert_eq!(traced.names(), ["boxed", "boxed", "opaque", "prepared"]);
    let spans = traced.spans();
    assert_eq!(spans[0].parent_span_id(), Some(spans[1].span_id()));
    assert_eq!(attributes(&spans[1]), ["depth=1"]);
    assert_eq!(attributes(&spans[2]), ["text=abc"]);
    assert_eq!(attributes(&spans[3]), ["count=1"]);
}

#[instrument(err(Debug))]
fn fails<T>(error: T) -> Boxed<'static, Result<(), T>>
where
    T: Debug + Send + 'static,
{
    std::boxed::Box::pin(async move {
        yield_now().await;
        Err(error)
    })
}

#[test]
fn its_error_is_recorded() {
    let traced = Traced::new();
    assert_eq!(block_on(fails("no")), Err("no"));
    let span = traced.span();
    assert_eq!(span.outcome(), Outcome::Completed);
    assert_eq!(span.status(), &Status::error("\"no\""));
}

#[instrument]
fn elsewhere(future: impl Future<Output = u8> + Debug) -> impl Future<Output = u8> {
    future
}

#[test]
fn any_other_future_is_a_result_like_any_other() {
    let traced = Traced::new();
    let future = elsewhere(std::future::ready(1));
    assert_eq!(traced.names(), ["elsewhere"]);
    assert_eq!(block_on(future), 1);
}
