//! The load: connections that are kept alive and send one request after another.

use std::time::{Duration, Instant};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    runtime,
    task::JoinSet,
};

pub const LASTING: Duration = Duration::from_secs(3);
const CONNECTIONS: usize = 32;

const REQUEST: &[u8] = b"GET /orders/1234567?expand=lines HTTP/1.1\r\n\
    host: orders.example.com:8080\r\n\
    user-agent: gateway/2.4\r\n\
    accept: application/json\r\n\
    traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n\
    tracestate: vendor=00f067aa0ba902b7\r\n\
    x-request-id: 0197a6a0-5324-775a-8754-a93247016faa\r\n\
    x-service-name: gateway\r\n\r\n";

/// The process: prints the requests a second, and the median and the 99th percentile of their times in
/// microseconds.
///
/// # Errors
///
/// If a connection fails.
pub fn run(port: u16) -> Result<(), String> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
    // The first are warm-up.
    runtime.block_on(all(port, LASTING / 5))?;
    let mut times = runtime.block_on(all(port, LASTING))?;
    times.sort_unstable();
    let at = |share: f64| times[(share * (times.len() - 1) as f64) as usize].as_nanos() as f64 / 1e3;
    println!("{} {} {}", times.len() as f64 / LASTING.as_secs_f64(), at(0.5), at(0.99));
    Ok(())
}

async fn all(port: u16, lasting: Duration) -> Result<Vec<Duration>, String> {
    let until = Instant::now() + lasting;
    let mut connections = JoinSet::new();
    for _ in 0..CONNECTIONS {
        connections.spawn(one(port, until));
    }
    let mut times = Vec::new();
    for connection in connections.join_all().await {
        times.extend(connection.map_err(|error| error.to_string())?);
    }
    Ok(times)
}

async fn one(port: u16, until: Instant) -> std::io::Result<Vec<Duration>> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.set_nodelay(true)?;
    let (mut times, mut buffer) = (Vec::new(), vec![0; 4096]);
    loop {
        let start = Instant::now();
        if start >= until {
            return Ok(times);
        }
        stream.write_all(REQUEST).await?;
        let mut filled = 0;
        while !is_whole(&buffer[..filled]) {
            match stream.read(&mut buffer[filled..]).await? {
                0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
                read => filled += read,
            }
        }
        times.push(start.elapsed());
    }
}

/// Has all of the answer come? Its body is of a known length.
fn is_whole(answer: &[u8]) -> bool {
    let head = answer.windows(4).position(|window| window == b"\r\n\r\n");
    head.is_some_and(|head| answer.len() >= head + 4 + crate::workloads::http::ANSWER.len())
}
