//! `async fn`, free, in types and in traits.

use crate::{Traced, attributes, block_on};
use std::{
    fmt::{Debug, Display},
    future::pending,
    pin::pin,
    sync::Mutex,
    task,
};
use throughline::{Outcome, Span, SpanId, instrument};
use tokio::task::yield_now;

fn current() -> Option<SpanId> {
    Span::current().context().map(|context| context.span_id())
}

#[instrument]
async fn sleepy(rounds: u32) -> Vec<Option<SpanId>> {
    let mut seen = vec![current()];
    for _ in 0..rounds {
        yield_now().await;
        seen.push(current());
    }
    seen
}

#[test]
fn the_span_is_current_at_every_poll_and_only_then() {
    let traced = Traced::new();
    let seen = block_on(async {
        let seen = sleepy(2).await;
        assert_eq!(current(), None);
        seen
    });
    let span = traced.span();
    assert_eq!(seen, [Some(span.span_id()); 3]);
    assert_eq!(span.outcome(), Outcome::Completed);
    assert_eq!(attributes(&span), ["rounds=2"]);
}

#[test]
fn futures_that_take_turns_keep_their_own_spans() {
    let traced = Traced::new();
    let (one, two) = block_on(async { tokio::join!(sleepy(3), sleepy(3)) });
    let mut ids: Vec<_> = traced.spans().iter().map(|span| Some(span.span_id())).collect();
    ids.sort_by_key(|id| *id != one[0]);
    assert_eq!((one, two), (vec![ids[0]; 4], vec![ids[1]; 4]));
}

#[test]
fn the_span_starts_at_the_first_poll() {
    let traced = Traced::new();
    drop(sleepy(1));
    assert_eq!(traced.spans(), []);

    let mut context = task::Context::from_waker(task::Waker::noop());
    let mut future = pin!(waits());
    assert!(future.as_mut().poll(&mut context).is_pending());
    assert_eq!(traced.spans(), []);
}

#[instrument]
async fn waits() {
    pending().await
}

#[test]
fn a_future_that_is_dropped_halfway_was_cancelled() {
    let traced = Traced::new();
    let mut context = task::Context::from_waker(task::Waker::noop());
    let mut future = Box::pin(waits());
    assert!(future.as_mut().poll(&mut context).is_pending());
    drop(future);
    assert_eq!(traced.span().outcome(), Outcome::Cancelled);
}

#[instrument]
async fn never() -> ! {
    yield_now().await;
    panic!("on purpose")
}

#[instrument]
async fn forever() -> ! {
    loop {
        yield_now().await;
    }
}

#[test]
fn a_future_that_never_returns_may_panic() {
    let traced = Traced::new();
    let result = std::panic::catch_unwind(|| block_on(async { never().await }));
    assert!(result.is_err());
    assert_eq!(traced.span().outcome(), Outcome::Panicked);
    drop(forever());
}

fn send<F: Future + Send>(future: F) -> F {
    future
}

#[instrument(err)]
async fn borrows<'a>(text: &'a str, list: &mut Vec<&'a str>) -> Result<&'a str, std::fmt::Error> {
    yield_now().await;
    list.push(text);
    Ok(text)
}

#[instrument]
async fn coerces(large: bool) -> Box<dyn Display + Send> {
    if large {
        return Box::new("large");
    }
    Box::new(1)
}

#[instrument]
async fn infers(text: &str) -> Option<impl Iterator<Item = u8> + Send + use<>> {
    let number = text.parse().ok()?;
    Some(0..number)
}

#[instrument]
async fn opaque(text: impl AsRef<str> + Debug + Send) -> impl Display + Send {
    text.as_ref().len()
}

#[instrument]
async fn hands_out_a_future() -> impl Future<Output = u8> {
    async { 1 }
}

#[instrument]
async fn mutates(mut list: Vec<u8>, (mut first, _): (u8, u8)) -> Vec<u8> {
    first += 1;
    list.push(first);
    list
}

#[instrument(err)]
async fn countdown(from: u32) -> Result<u32, String> {
    if from == 0 { Ok(0) } else { Ok(Box::pin(countdown(from - 1)).await? + 1) }
}

#[test]
fn recursion_nests() {
    let traced = Traced::new();
    assert_eq!(block_on(send(countdown(2))), Ok(2));
    let spans = traced.spans();
    assert!(spans.windows(2).all(|pair| pair[0].parent_span_id() == Some(pair[1].span_id())));
    assert_eq!(spans.len(), 3);
}

#[test]
fn types_and_borrows_are_those_of_the_plain_function() {
    let traced = Traced::new();
    let mut list = Vec::new();
    block_on(async {
        assert_eq!(send(borrows("a", &mut list)).await, Ok("a"));
        assert_eq!(send(coerces(true)).await.to_string(), "large");
        assert_eq!(send(coerces(false)).await.to_string(), "1");
        assert_eq!(send(infers("2")).await.into_iter().flatten().count(), 2);
        assert_eq!(send(opaque("abc")).await.to_string(), "3");
        assert_eq!(send(mutates(Vec::new(), (1, 2))).await, [2]);
        assert_eq!(hands_out_a_future().await.await, 1);
    });
    assert_eq!(list, ["a"]);
    assert_eq!(traced.spans().len(), 7);
}

#[derive(Debug)]
struct Store(Mutex<Vec<u32>>);

trait Load {
    async fn load(&self, index: usize) -> Option<u32>;

    #[instrument]
    async fn load_first(&self) -> Option<u32> {
        self.load(0).await
    }
}

impl Load for Store {
    #[instrument]
    async fn load(&self, index: usize) -> Option<u32> {
        yield_now().await;
        let numbers = self.0.lock().ok()?;
        numbers.get(index).copied()
    }
}

impl Store {
    #[instrument]
    async fn push(&mut self, number: u32) -> &mut Self {
        self.0.get_mut().unwrap().push(number);
        self
    }

    #[instrument]
    async fn into_numbers(self) -> Vec<u32> {
        self.0.into_inner().unwrap()
    }
}

#[test]
fn methods_and_trait_methods_can_be_async() {
    let traced = Traced::new();
    let mut store = Store(Mutex::default());
    block_on(async {
        store.push(1).await.push(2).await;
        assert_eq!(store.load_first().await, Some(1));
        assert_eq!(store.into_numbers().await, [1, 2]);
    });
    assert_eq!(traced.names(), ["push", "push", "load", "load_first", "into_numbers"]);
    let spans = traced.spans();
    assert_eq!(spans[2].parent_span_id(), Some(spans[3].span_id()));
}
