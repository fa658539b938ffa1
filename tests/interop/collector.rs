//! What the OpenTelemetry Collector has received, as its file exporter writes it.

use crate::{otlp_json, seen::Seen, servers::setting};
use std::fs;

/// What has come so far of a trace.
pub fn trace(id: &str) -> Vec<Seen> {
    let text = text_in(&setting("DIR"));
    let requests = text.lines().filter(|line| line.contains(id));
    let spans = requests.flat_map(|line| otlp_json::spans(&serde_json::from_str(line).unwrap()));
    spans.filter(|span| span.trace_id == id).collect()
}

/// What has come so far to the Collector of this folder. What was being written when it was killed is left out.
pub fn all_in(folder: &str) -> Vec<Seen> {
    let text = text_in(folder);
    let requests = text.lines().filter_map(|line| serde_json::from_str(line).ok());
    requests.flat_map(|request| otlp_json::spans(&request)).collect()
}

/// Complete lines: the last one may be in the making. There is no file before the first.
fn text_in(folder: &str) -> String {
    let mut text = fs::read_to_string(format!("{folder}/collector.jsonl")).unwrap_or_default();
    text.truncate(text.rfind('\n').map_or(0, |end| end + 1));
    text
}
