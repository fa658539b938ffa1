//! What a tracer that has been shut down leaves of an exporter whose server hangs: neither thread nor socket.

use crate::server::{Request, answer, otlp, serve, wait_for_end};
use std::{
    io::Write,
    net::{SocketAddr, TcpStream},
    sync::{Mutex, mpsc},
    thread,
    time::{Duration, Instant},
};
use throughline::{
    Batch, Tracer,
    export::{AbortHandle, ExportError, Exporter},
    exporters::Zipkin,
};

const WITHIN: Duration = Duration::from_millis(100);
/// Far less than a request may take, and more than a busy machine takes for what is due at once.
const SOON: Duration = Duration::from_secs(4);

/// Tells of its exporter's drop, which is the last thing its thread does.
struct Watched(Box<dyn Exporter>, mpsc::Sender<()>);

impl Drop for Watched {
    fn drop(&mut self) {
        // What it holds goes first, the socket among it.
        self.0 = Box::new(throughline::exporters::Memory::new());
        let _test_is_over = self.1.send(());
    }
}

impl Exporter for Watched {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn export(&mut self, batch: &Batch) -> Result<(), ExportError> {
        self.0.export(batch)
    }

    fn abort_handle(&self) -> Option<AbortHandle> {
        self.0.abort_handle()
    }
}

/// Ends spans, waits until the server has what it wants of the request, and shuts the tracer down.
#[track_caller]
fn expect_no_trace(
    what: &str,
    connect: impl FnOnce(SocketAddr) -> Box<dyn Exporter>,
    behave: impl Fn(&mut TcpStream) + Send + Sync + 'static,
) {
    let ((hangs, is_hung), (ended, has_ended)) = (mpsc::channel(), mpsc::channel());
    let (hangs, ended) = (Mutex::new(hangs), Mutex::new(ended));
    let (address, _) = serve(move |mut stream, _| {
        behave(&mut stream);
        let _test_is_over = hangs.lock().unwrap().send(());
        wait_for_end(&mut stream);
        let _test_is_over = ended.lock().unwrap().send(());
    });
    let (dropped, is_dropped) = mpsc::channel();
    let builder =
        Tracer::builder("orders").environment(|_| None).diagnostics(|_| ()).batch_delay(Duration::ZERO);
    let tracer = builder.exporter(Watched(connect(address), dropped)).build().unwrap();
    (0..10).for_each(|_| drop(tracer.span("order")));
    is_hung.recv_timeout(SOON).unwrap_or_else(|_| panic!("{what}: no request"));
    let started = Instant::now();
    let report = tracer.shutdown(WITHIN);
    assert!(started.elapsed() < WITHIN + SOON / 4, "{what}: {:?}", started.elapsed());
    is_dropped.recv_timeout(SOON).unwrap_or_else(|_| panic!("{what}: the exporter's thread lives on"));
    has_ended.recv_timeout(SOON).unwrap_or_else(|_| panic!("{what}: the socket lives on"));
    assert!(started.elapsed() < SOON, "{what}: {:?}", started.elapsed());
    let exporter = &report.stats.exporters[0];
    assert_eq!((exporter.exported, exporter.pending, exporter.dropped.total()), (0, 0, 10), "{what}");
    // The books are closed: what the exporter said when it was cut short changes nothing.
    assert_eq!(tracer.stats().exporters[0].dropped, exporter.dropped, "{what}");
}

fn by_http(address: SocketAddr) -> Box<dyn Exporter> {
    Box::new(otlp(address).build().unwrap())
}

fn by_grpc(address: SocketAddr) -> Box<dyn Exporter> {
    Box::new(otlp(address).grpc().build().unwrap())
}

fn to_zipkin(address: SocketAddr) -> Box<dyn Exporter> {
    let url = format!("http://{address}/api/v2/spans");
    Box::new(Zipkin::builder().environment(|_| None).endpoint(url).build().unwrap())
}

#[test]
fn a_request_that_nobody_answers_ends_with_the_tracer() {
    for (what, connect) in
        [("OTLP", by_http as fn(SocketAddr) -> Box<dyn Exporter>), ("gRPC", by_grpc), ("Zipkin", to_zipkin)]
    {
        expect_no_trace(what, connect, |_| ());
    }
}

#[test]
fn an_answer_that_does_not_end_ends_with_the_tracer() {
    expect_no_trace("half an answer", by_http, |stream| {
        let _request = Request::read(stream);
        let whole = answer(200, &["Content-Type: application/x-protobuf"], &[0; 100]);
        stream.write_all(&whole[..whole.len() - 50]).unwrap();
    });
    expect_no_trace("byte by byte", by_http, |stream| {
        let _request = Request::read(stream);
        let mut stream = stream.try_clone().unwrap();
        thread::spawn(move || {
            while stream.write_all(b"H").is_ok() {
                thread::sleep(Duration::from_millis(50));
            }
        });
    });
}

#[test]
fn a_handshake_that_hangs_ends_with_the_tracer() {
    let connect = |address| -> Box<dyn Exporter> {
        Box::new(crate::server::otlp_at(&format!("https://{address}")).build().unwrap())
    };
    expect_no_trace("TLS", connect, |_| ());
    let connect = |address| -> Box<dyn Exporter> {
        Box::new(crate::server::otlp_at(&format!("https://{address}")).grpc().build().unwrap())
    };
    expect_no_trace("TLS below gRPC", connect, |_| ());
}
