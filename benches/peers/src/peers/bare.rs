//! No layers at all: what `http` costs by itself.

use crate::{http, subject::Subject, workload::Workload};
use tower::service_fn;

pub fn set_up(workload: Workload) -> Subject {
    let client = service_fn(http::backend);
    let mut server = service_fn(move |request| http::handle(request, client));
    let request = http::request();
    Subject::new(workload, move || http::exchange(&mut server, request.clone()), || ())
}
