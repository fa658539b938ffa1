//! A call and what became of it (floor 3), for callers that block.

use super::{call::PREFIX, end::End, failure::CallFailure, line::Line, state::Reply};
use crate::transport::client::{Failure, pack, unless_it_panics};
use bytes::Bytes;
use std::{fmt, future::Future, sync::Arc, thread};
use tokio::runtime::{Builder, Handle, Runtime};

/// Calls one method of one server and keeps the connection open in between.
pub(crate) struct GrpcClient {
    // Its connection goes before the runtime does.
    line: Line,
    /// Made by the first call: on the thread that needs it, and in the process that does.
    runtime: Option<Runtime>,
    end: Arc<End>,
}

impl GrpcClient {
    pub(super) fn new(line: Line) -> Self {
        Self { line, runtime: None, end: Arc::default() }
    }

    /// Ends the call under way, from any thread, and all others.
    pub(crate) fn closer(&self) -> impl Fn() + Send + Sync + use<> {
        let end = self.end.clone();
        move || end.announce()
    }

    /// Sends a message and waits for the answer, no longer than the timeout.
    pub(crate) fn call(&mut self, message: &[u8]) -> Result<Reply, CallFailure> {
        let framed = frame(message, self.line.plan.head.is_packed).ok_or(Failure::Broken)?;
        let runtime = match &mut self.runtime {
            Some(runtime) => runtime,
            none => none.insert(new_runtime().ok_or(CallFailure::NoRuntime)?),
        };
        let call = self.end.cuts_short(self.line.call(framed));
        unless_it_panics(|| run(runtime, call)).unwrap_or_else(|| {
            // In what state it left them, nobody says.
            self.let_go();
            Err(CallFailure::NoRuntime)
        })
    }

    fn let_go(&mut self) {
        self.line.hang_up();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Waits for no look-up of a name that hangs, and panics in no other runtime.
impl Drop for GrpcClient {
    fn drop(&mut self) {
        self.let_go();
    }
}

impl fmt::Debug for GrpcClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = &self.line.plan.head;
        let names: Vec<_> = head.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("GrpcClient")
            .field("endpoint", &format_args!("{}", head.uri))
            .field("headers", &names)
            .field("gzip", &head.is_packed)
            .finish_non_exhaustive()
    }
}

/// One look-up of a name at a time: that is the only thing for which there is another thread.
fn new_runtime() -> Option<Runtime> {
    Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(1)
        .thread_name("throughline-names")
        .build()
        .ok()
}

/// Where this thread runs another runtime's tasks, which the pipeline's never does, a helper runs this one:
/// no thread can run both.
fn run<T: Send>(
    runtime: &Runtime,
    future: impl Future<Output = Result<T, CallFailure>> + Send,
) -> Result<T, CallFailure> {
    if Handle::try_current().is_err() {
        return runtime.block_on(future);
    }
    thread::scope(|scope| {
        let helper = thread::Builder::new().spawn_scoped(scope, || runtime.block_on(future));
        let helper = helper.map_err(|_| CallFailure::NoRuntime)?;
        helper.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// The message behind its prefix, gzipped or as it is.
fn frame(message: &[u8], is_packed: bool) -> Option<Bytes> {
    let mut framed = Vec::with_capacity(PREFIX + if is_packed { message.len() / 4 } else { message.len() });
    framed.resize(PREFIX, 0);
    if is_packed {
        pack(message, &mut framed).ok()?;
    } else {
        framed.extend_from_slice(message);
    }
    let len = u32::try_from(framed.len() - PREFIX).ok()?.to_be_bytes();
    let [flag, prefix @ ..] = framed.first_chunk_mut::<PREFIX>()?;
    (*flag, *prefix) = (u8::from(is_packed), len);
    Some(framed.into())
}
