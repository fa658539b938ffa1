//! An exporter of one's own: a line of text per span, sent over TCP to whoever listens.
//!
//! `cargo run --example custom_exporter` starts a listener, sends it a small trace, and prints what came.
//! `cargo run --example custom_exporter --features testing` also runs the contract kit on the exporter,
//! which is what your own tests should do.

use std::{
    io::{self, BufRead, BufReader, ErrorKind, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::mpsc::{self, Receiver},
    thread,
    time::Duration,
};
use throughline::{
    Batch, Resource, Span, SpanRecord, Tracer,
    export::{ExportError, Exporter},
};

/// Writes `service trace span duration name` for each span.
///
/// It connects when there is something to send and connects again after a failure. It does not retry,
/// queue or count: the pipeline does, by what the errors here say.
///
/// Bare TCP has no answer, so "delivered" means here that the system has taken the bytes; a protocol
/// that acknowledges would be waited for in `export`.
struct Lines {
    address: SocketAddr,
    connection: Option<TcpStream>,
    /// The batch as text, and how much of it the peer has taken: a retry must not send that again.
    text: Vec<u8>,
    sent: usize,
}

/// No call may hang for longer than this on a peer that does not answer.
const TIMEOUT: Duration = Duration::from_secs(2);

impl Lines {
    fn to(address: SocketAddr) -> Self {
        Self { address, connection: None, text: Vec::new(), sent: 0 }
    }

    fn send(&mut self) -> io::Result<()> {
        if self.connection.is_none() {
            let connection = TcpStream::connect_timeout(&self.address, TIMEOUT)?;
            connection.set_write_timeout(Some(TIMEOUT))?;
            self.connection = Some(connection);
        }
        let Some(connection) = &mut self.connection else { return Ok(()) };
        while let Some(rest) = self.text.get(self.sent..).filter(|rest| !rest.is_empty()) {
            match connection.write(rest) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(taken) => self.sent += taken,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl Exporter for Lines {
    fn name(&self) -> &str {
        "lines"
    }

    fn export(&mut self, batch: &Batch) -> Result<(), ExportError> {
        let text: String = batch.spans().map(|span| line(batch.resource(), span)).collect();
        // The same text is the same batch once more: go on where the last attempt stopped.
        if self.text != text.as_bytes() {
            (self.text, self.sent) = (text.into_bytes(), 0);
        }
        match self.send() {
            Ok(()) => {
                self.text.clear();
                Ok(())
            }
            Err(error) => {
                self.connection = None;
                // On a new connection a torn line would be read as one: start again at the line's beginning.
                self.sent =
                    self.text[..self.sent].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
                Err(decide(error))
            }
        }
    }
}

/// Will it pass? That is all the pipeline asks.
fn decide(error: io::Error) -> ExportError {
    match error.kind() {
        ErrorKind::PermissionDenied | ErrorKind::AddrNotAvailable | ErrorKind::InvalidInput => {
            ExportError::permanent("this address will never take spans").with_source(error)
        }
        // Nobody there, gone amid the batch, too slow: all of it may pass.
        _ => ExportError::retry("the receiver cannot be reached").with_source(error),
    }
}

/// One line, whatever the name contains: `Debug` escapes line feeds and control characters.
fn line(resource: &Resource, span: &SpanRecord) -> String {
    let (trace, id, took) = (span.trace_id(), span.span_id(), span.duration());
    format!("{:?} {trace} {id} {took:?} {:?}\n", resource.service_name(), span.name())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (address, lines) = listen()?;
    let tracer = Tracer::builder("orders").exporter(Lines::to(address)).build()?;
    tracer.span("order").in_scope(|| {
        let _stock = Span::new("reserve stock").entered();
        thread::sleep(Duration::from_millis(3));
    });
    let report = tracer.shutdown(Duration::from_secs(5));
    println!("{report}");
    if !report.is_complete() {
        return Err("spans were lost".into());
    }
    for _ in 0..report.stats.exported() {
        print!("{}", lines.recv_timeout(TIMEOUT)?);
    }

    #[cfg(feature = "testing")]
    check_contract();
    Ok(())
}

/// Receives lines on a port of its own, from any number of connections.
fn listen() -> io::Result<(SocketAddr, Receiver<String>)> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let address = listener.local_addr()?;
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            let mut reader = BufReader::new(connection);
            let mut line = String::new();
            // A line without its end is what a broken connection has left of one.
            while reader.read_line(&mut line).is_ok() && line.ends_with('\n') {
                if sender.send(std::mem::take(&mut line)).is_err() {
                    return;
                }
            }
        }
    });
    Ok((address, lines))
}

/// The kit makes an exporter with a far end for each of its cases, and asks what has arrived there.
#[cfg(feature = "testing")]
fn check_contract() {
    use throughline::{SpanId, testing::ExporterContract};

    let id_of =
        |line: String| -> Option<SpanId> { line.split_once("\" ")?.1.split(' ').nth(1)?.parse().ok() };
    ExporterContract::new(|| {
        let (address, lines) = listen().expect("a port on the loopback");
        let mut arrived = Vec::new();
        let delivered = move || {
            arrived.extend(lines.try_iter().filter_map(id_of));
            arrived.clone()
        };
        (Lines::to(address), delivered)
    })
    .check();
    println!("the exporter keeps the contract");
}
