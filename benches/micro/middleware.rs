//! The layers around services in this process that do next to nothing: `handler` and `backend` are what
//! is to be subtracted.

use crate::{
    recorder::{Recorder, SAMPLE, SAMPLES},
    workloads::{http, ours},
};
use divan::Bencher;
use throughline::{Tracer, sampling::AlwaysOff};
use tower::{Layer, service_fn};

/// The handler and its call, without layers.
#[divan::bench(sample_size = SAMPLE, sample_count = SAMPLES)]
fn handler(bencher: Bencher) {
    let mut server = http::bare();
    let mut requests = http::Requests::new();
    bencher.bench_local(|| http::exchange(&mut server, requests.next()));
}

/// The same behind a server's layer.
#[divan::bench(sample_size = SAMPLE, sample_count = SAMPLES)]
fn server_layer(bencher: Bencher) {
    let recorder = Recorder::new();
    let mut server = ours::layer(&recorder.tracer).layer(http::bare());
    let mut requests = http::Requests::new();
    bencher
        .with_inputs(|| recorder.catch_up())
        .bench_local_values(|()| http::exchange(&mut server, requests.next()));
}

/// The handler without a layer, and its call behind a client's.
#[divan::bench(sample_size = SAMPLE, sample_count = SAMPLES)]
fn client_layer(bencher: Bencher) {
    let recorder = Recorder::new();
    let client = ours::client(&recorder.tracer);
    let mut server = service_fn(move |request| http::handle(request, client.clone()));
    let mut requests = http::Requests::new();
    bencher
        .with_inputs(|| recorder.catch_up())
        .bench_local_values(|()| http::exchange(&mut server, requests.next()));
}

#[divan::bench(sample_size = SAMPLE, sample_count = SAMPLES)]
fn both_layers(bencher: Bencher) {
    with_both(bencher, Recorder::new());
}

#[divan::bench(sample_size = SAMPLE, sample_count = SAMPLES)]
fn both_layers_unsampled(bencher: Bencher) {
    with_both(bencher, Recorder::sampling(AlwaysOff));
}

/// With a tracer that the environment has switched off.
#[divan::bench(sample_size = SAMPLE, sample_count = SAMPLES)]
fn both_layers_disabled(bencher: Bencher) {
    let tracer =
        Tracer::builder("micro").environment(|name| (name == "OTEL_SDK_DISABLED").then(|| "true".into()));
    let tracer = tracer.build().expect("a tracer");
    let (mut server, mut requests) = (ours::server(&tracer), http::Requests::new());
    bencher.bench_local(|| http::exchange(&mut server, requests.next()));
}

fn with_both(bencher: Bencher, recorder: Recorder) {
    let (mut server, mut requests) = (ours::server(&recorder.tracer), http::Requests::new());
    bencher
        .with_inputs(|| recorder.catch_up())
        .bench_local_values(|()| http::exchange(&mut server, requests.next()));
}
