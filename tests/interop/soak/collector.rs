//! What the Collector says of itself.

use std::{
    env, fs,
    io::{Read, Write},
    net::TcpStream,
};

pub fn setting(name: &str) -> String {
    env::var(format!("INTEROP_{name}")).expect("see tests/interop/run")
}

pub fn pid() -> u32 {
    let file = format!("{}/collector.pid", setting("DIR"));
    fs::read_to_string(file).unwrap().trim().parse().unwrap()
}

/// Spans that its receivers have taken; none is counted until the first has come.
pub fn accepted_spans() -> u64 {
    let address = setting("COLLECTOR_METRICS");
    let mut connection = TcpStream::connect(&address).unwrap();
    write!(connection, "GET /metrics HTTP/1.0\r\nHost: {address}\r\n\r\n").unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    let count = |line: &str| {
        let (_, count) = line.strip_prefix("otelcol_receiver_accepted_spans")?.rsplit_once(' ')?;
        count.trim().parse::<f64>().ok()
    };
    answer.lines().filter_map(count).sum::<f64>() as u64
}
