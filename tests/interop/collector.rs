//! What the OpenTelemetry Collector has received, as its file exporter writes it.

use crate::{otlp_json, seen::Seen, servers::setting};

/// What has come so far of a trace.
pub fn trace(id: &str) -> Vec<Seen> {
    let text = std::fs::read_to_string(format!("{}/collector.jsonl", setting("DIR"))).unwrap();
    // The last line may be in the making.
    let complete = text.rsplit_once('\n').map_or("", |(complete, _)| complete);
    let requests = complete.lines().filter(|line| line.contains(id));
    let spans = requests.flat_map(|line| otlp_json::spans(&serde_json::from_str(line).unwrap()));
    spans.filter(|span| span.trace_id == id).collect()
}
