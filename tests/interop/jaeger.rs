//! What Jaeger answers to those who ask for a trace.

use crate::{
    otlp_json,
    seen::Seen,
    servers::{ask, setting},
};

/// What there is of a trace so far, by version 3 of the query API, which answers in OTLP: with nanoseconds.
pub async fn trace(id: &str) -> Vec<Seen> {
    trace_at(&format!("http://{}", setting("JAEGER_QUERY")), id).await
}

/// The same, of the server at this URL.
pub async fn trace_at(server: &str, id: &str) -> Vec<Seen> {
    let answer = ask(&format!("{server}/api/v3/traces/{id}"), &[]).await;
    let mut spans = answer.map_or(Vec::new(), |answer| otlp_json::spans(&answer["result"]));
    for span in &mut spans {
        // Jaeger's own notes, such as that a parent is missing.
        span.attributes.remove("@jaeger@warnings");
        // Jaeger sorts events by their names.
        span.events.sort_by_key(|event| event.unix_nanos);
    }
    spans
}
