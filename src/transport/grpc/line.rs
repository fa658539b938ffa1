//! One connection after the other (floor 3), each kept for as many calls as it lasts.

use super::{
    call::{Head, Lost, alongside, call},
    failure::CallFailure,
    route::{Pipe, Route},
    state::Reply,
};
use crate::transport::client::Failure;
use bytes::Bytes;
use h2::client::SendRequest;
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    task::yield_now,
    time::{Instant, timeout},
};

/// No server's headers that make sense are longer.
const MOST_HEADER_BYTES: u32 = 64 << 10;

pub(super) struct Line {
    pub(super) plan: Plan,
    connection: Option<Connection>,
}

/// What is the same in every call.
pub(super) struct Plan {
    pub(super) route: Route,
    pub(super) head: Head,
    pub(super) timeout: Duration,
}

/// A connection on which one call is made at a time.
pub(super) struct Connection {
    sender: SendRequest<Bytes>,
    upkeep: Upkeep,
}

/// Reads and writes frames. Never ready; `None` when the connection is closed.
struct Upkeep(Option<h2::client::Connection<Box<dyn Pipe>, Bytes>>);

impl Future for Upkeep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.0.as_mut().is_some_and(|connection| Pin::new(connection).poll(context).is_ready()) {
            self.0 = None;
        }
        Poll::Pending
    }
}

impl Line {
    pub(super) const fn new(plan: Plan) -> Self {
        Self { plan, connection: None }
    }

    /// A connection whose call came to nothing is not used again: one that hangs would cost every later call
    /// its timeout, too.
    pub(super) async fn call(&mut self, message: Bytes) -> Result<Reply, CallFailure> {
        let exchange = self.plan.exchange(self.connection.take(), message);
        let exchange = timeout(self.plan.timeout, exchange).await;
        let (reply, connection) = exchange.unwrap_or(Err(Failure::TimedOut.into()))?;
        self.connection = Some(connection);
        Ok(reply)
    }

    pub(super) fn hang_up(&mut self) {
        self.connection = None;
    }
}

impl Plan {
    /// What a kept connection loses is sent once more, on a new one, as the pipeline would do a moment later: the
    /// server may have closed it at any time since the last call.
    async fn exchange(
        &self,
        kept: Option<Connection>,
        message: Bytes,
    ) -> Result<(Reply, Connection), CallFailure> {
        let started = Instant::now();
        if let Some(mut connection) = kept
            && connection.is_open().await
        {
            match self.try_on(&mut connection, message.clone(), started).await {
                Ok(reply) => return Ok((reply, connection)),
                Err(Lost::Answer(failure)) => return Err(failure),
                Err(Lost::Connection(_)) => {}
            }
        }
        let mut connection = Connection::open(self.route.connect().await?).await?;
        match self.try_on(&mut connection, message, started).await {
            Ok(reply) => Ok((reply, connection)),
            Err(Lost::Answer(failure) | Lost::Connection(failure)) => Err(failure),
        }
    }

    async fn try_on(
        &self,
        connection: &mut Connection,
        message: Bytes,
        started: Instant,
    ) -> Result<Reply, Lost> {
        let left = self.timeout.saturating_sub(started.elapsed());
        let Connection { sender, upkeep } = connection;
        alongside(upkeep, call(sender.clone(), &self.head, message, left)).await
    }
}

impl Connection {
    async fn open(pipe: Box<dyn Pipe>) -> Result<Self, CallFailure> {
        let mut builder = h2::client::Builder::new();
        builder.enable_push(false).max_header_list_size(MOST_HEADER_BYTES);
        let (sender, connection) = builder.handshake(pipe).await?;
        Ok(Self { sender, upkeep: Upkeep(Some(connection)) })
    }

    /// Catches up with what has come since the last call, such as that the server goes.
    async fn is_open(&mut self) -> bool {
        // One turn of the reactor, which says what can be read.
        alongside(&mut self.upkeep, yield_now()).await;
        self.upkeep.0.is_some()
    }
}
