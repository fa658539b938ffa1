//! No layers at all: what `http` costs by itself.

use crate::{subject::Subject, workload::Workload, workloads::http};

pub fn set_up(workload: Workload) -> Subject {
    let (mut server, request) = (http::bare(), http::request());
    Subject::new(workload, move || http::exchange(&mut server, request.clone()), || ())
}
