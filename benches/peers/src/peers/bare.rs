//! No layers at all: what `http` costs by itself.

use crate::{
    conditions::{App, router},
    subject::Subject,
    workload::Workload,
    workloads::http,
};
use tower::service_fn;

pub fn set_up(workload: Workload) -> Subject {
    let (mut server, mut requests) = (http::bare(), http::Requests::new());
    Subject::new(workload, move || http::exchange(&mut server, requests.next()), || ())
}

pub fn app() -> App {
    App { router: router(service_fn(http::backend)), finish: Box::new(|| Ok(())) }
}
