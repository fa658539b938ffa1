//! An axum server on the loopback interface, with and without layers, under load from another process.
//!
//! The handler makes a call, through the client's layer, to a backend in the same process. Server and load
//! share the machine's processors, so that whatever a layer takes is missing elsewhere.

use super::{load::LASTING, numbers};
use crate::{
    peers,
    statistics::median,
    turns::{Turns, program, spawn},
    workload::Peer,
    workloads::http,
};
use axum::{Router, extract::Request, response::Response, routing::get};
use bytes::Bytes;
use http_body::Body;
use std::{
    convert::Infallible,
    fmt::Debug,
    io::{self, BufRead, BufReader, Read},
    process::Stdio,
};
use tokio::{net::TcpListener, runtime};
use tower::Service;

const PEERS: [Peer; 5] = [Peer::Bare, Peer::Throughline, Peer::Fastrace, Peer::OpenTelemetry, Peer::Tracing];

/// A router, and what to do when the load is over.
pub struct App {
    pub router: Router,
    pub finish: Box<dyn FnOnce() -> Result<(), String>>,
}

/// The routes, whose handler calls the backend through this client.
pub fn router<C, B>(client: C) -> Router
where
    C: Service<http::Outgoing, Response = Response<B>, Error = Infallible, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static,
    B: Body<Data = Bytes, Error: Debug> + Send,
{
    let handler = move |request: Request| async move {
        let Ok(answer) = http::handle(request, client).await;
        answer
    };
    Router::new().route(http::ROUTE, get(handler))
}

/// The process: prints its port and serves until its standard input ends.
///
/// # Errors
///
/// If it cannot serve, or a span is lost.
pub fn run(peer: Peer) -> Result<(), String> {
    let app = match peer {
        Peer::Bare => peers::bare::app(),
        Peer::Throughline => peers::throughline::app(),
        Peer::Fastrace => peers::fastrace::app(),
        Peer::OpenTelemetry => peers::opentelemetry::app(),
        Peer::Tracing => peers::tracing::app(),
    };
    let runtime = runtime::Builder::new_multi_thread().enable_all().build().map_err(said)?;
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).map_err(said)?;
    println!("{}", listener.local_addr().map_err(said)?.port());
    runtime.spawn(async move { axum::serve(listener, app.router).await });
    io::stdin().read_to_end(&mut Vec::new()).map_err(said)?;
    drop(runtime);
    (app.finish)()
}

fn said(error: io::Error) -> String {
    error.to_string()
}

/// A table of all.
pub fn compare(runs: usize, turns: &mut Turns) -> Result<String, String> {
    let mut measured: Vec<Vec<[f64; 3]>> = vec![Vec::new(); PEERS.len()];
    for run in 0..runs {
        eprintln!("turn {} of {runs}: a server under load", run + 1);
        let turn = turns.quietest(|| {
            let mut outcomes = vec![[0.0; 3]; PEERS.len()];
            for index in 0..PEERS.len() {
                let index = (run + index) % PEERS.len();
                outcomes[index] = under_load(PEERS[index])?;
            }
            Ok(outcomes)
        })?;
        measured.iter_mut().zip(turn).for_each(|(all, outcome)| all.push(outcome));
    }
    let mut table = format!(
        "## an axum server on loopback, keep-alive, {} s a run\n\n\
         | | requests a second | × bare | p50, µs | p99, µs | × bare |\n|---|---:|---:|---:|---:|---:|\n",
        LASTING.as_secs(),
    );
    for (peer, series) in PEERS.iter().zip(&measured) {
        let column = |index: usize| median(series.iter().map(|run| run[index]));
        let ratio = |index: usize| {
            median(series.iter().zip(&measured[0]).map(|(run, bare)| run[index] / bare[index]))
        };
        table += &format!(
            "| {} | {:.0} | {:.3} | {:.0} | {:.0} | {:.3} |\n",
            peer.name(),
            column(0),
            ratio(0),
            column(1),
            column(2),
            ratio(2),
        );
    }
    Ok(table)
}

/// Requests a second, and two percentiles of their times, of one server in a process of its own.
fn under_load(peer: Peer) -> Result<[f64; 3], String> {
    let mut server = program(&["serve", peer.name()].map(String::from))?
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(said)?;
    let mut port = String::new();
    let output = server.stdout.take().ok_or("no output")?;
    BufReader::new(output).read_line(&mut port).map_err(said)?;
    let outcome = spawn(&["load", port.trim()].map(String::from));
    drop(server.stdin.take());
    let status = server.wait().map_err(said)?;
    if !status.success() {
        return Err(format!("the server with {} has failed", peer.name()));
    }
    numbers(&outcome?)
}
