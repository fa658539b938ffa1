//! Where the servers are, and what they are asked.

use http::{Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use serde_json::Value as Json;
use std::{
    env,
    fmt::Debug,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::time::{Instant, sleep};

/// Longer than any server takes; only a test that fails waits for it.
const PATIENCE: Duration = Duration::from_secs(20);

/// What `servers start` says in a variable: the host and port of a server, such as `JAEGER_QUERY`, or the folder,
/// `DIR`, in which they leave their files.
pub fn setting(name: &str) -> String {
    let name = format!("INTEROP_{name}");
    env::var(&name)
        .unwrap_or_else(|_| panic!("{name} is not set: run tests/interop/run, which starts the servers"))
}

/// A server's answer to GET with these headers, if that is JSON and a success.
pub async fn ask(url: &str, headers: &[(&str, &str)]) -> Option<Json> {
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
    let request =
        headers.iter().fold(Request::get(url), |request, (name, value)| request.header(*name, *value));
    read_json(client.request(request.body(Empty::new()).unwrap()).await.unwrap()).await
}

pub async fn read_json<B: Body<Error: Debug>>(answer: Response<B>) -> Option<Json> {
    let is_success = answer.status() == StatusCode::OK;
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    // Zipkin 3.6 counts two bytes too many for a U+2028 beside other characters beyond ASCII, and leaves them zero.
    let text = str::from_utf8(&body).unwrap().trim_end_matches('\0');
    is_success.then(|| serde_json::from_str(text).unwrap())
}

/// A trace id that no other test has, nor an earlier run against the same servers.
pub fn new_trace_id() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
    format!("{now:016x}{:016x}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Asks again and again until there is enough: a server has what it was sent a moment later.
pub async fn until<T>(is_enough: impl Fn(&T) -> bool, mut ask: impl AsyncFnMut() -> T) -> T
where
    T: Debug,
{
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = ask().await;
        if is_enough(&answer) {
            return answer;
        }
        assert!(Instant::now() < deadline, "no more than this has come: {answer:#?}");
        sleep(Duration::from_millis(50)).await;
    }
}
