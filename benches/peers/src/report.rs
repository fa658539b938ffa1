//! The tables, in Markdown.

use crate::{
    machine,
    results::Row,
    workload::{Peer, Workload},
};

/// All tables: a workload's numbers, what its spans carry, the versions.
pub fn report(rows: &[Row], carried: &[(Workload, Peer, String)]) -> String {
    let mut text = String::new();
    for workload in Workload::ALL {
        let rows: Vec<&Row> = rows.iter().filter(|row| row.workload == workload).collect();
        if rows.is_empty() {
            continue;
        }
        text += &numbers(workload, &rows);
        for (_, peer, spans) in carried.iter().filter(|(of, _, spans)| *of == workload && !spans.is_empty()) {
            text += &format!("\n{}:\n\n", peer.title(workload));
            text += &distinct(spans);
        }
        text.push('\n');
    }
    text += "versions: ";
    let crates: Vec<String> = Peer::ALL
        .iter()
        .flat_map(|peer| peer.crates())
        .map(|name| format!("{name} {}", machine::version(name)))
        .collect();
    text + &crates.join(", ") + "\n"
}

fn numbers(workload: Workload, rows: &[&Row]) -> String {
    let added = if workload == Workload::Http { "added a request" } else { "a span" };
    let reference = workload.reference().title(workload);
    let mut text = format!(
        "## {}\n\n\
         | {added} | caller, ns | × {reference} | CPU, ns | × {reference} | allocations | bytes | flush, µs \
         | delivered |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|\n",
        workload.name(),
    );
    for row in rows {
        text += &format!(
            "| {} | {} ({}–{}) | {} | {} ({}–{}) | {} | {} | {} | {} | {} |\n",
            row.peer.title(workload),
            nanos(row.caller),
            nanos(row.caller_quartiles.0),
            nanos(row.caller_quartiles.1),
            ratio(row.caller_ratio),
            nanos(row.cpu),
            nanos(row.cpu_quartiles.0),
            nanos(row.cpu_quartiles.1),
            ratio(row.cpu_ratio),
            ratio(row.allocations),
            nanos(row.allocated_bytes),
            nanos(row.flush),
            if row.delivered_percent.is_nan() {
                "–".into()
            } else {
                format!("{} %", row.delivered_percent)
            },
        );
    }
    text
}

/// Three digits, as far as they say something.
pub fn nanos(value: f64) -> String {
    if value.abs() >= 100.0 { format!("{value:.0}") } else { format!("{value:.1}") }
}

fn ratio(value: f64) -> String {
    if value.is_nan() { "–".into() } else { format!("{value:.2}") }
}

/// The lines as a list, each once, with how often it came.
fn distinct(lines: &str) -> String {
    let mut counted: Vec<(&str, usize)> = Vec::new();
    for line in lines.lines() {
        match counted.iter_mut().find(|(known, _)| *known == line) {
            Some((_, count)) => *count += 1,
            None => counted.push((line, 1)),
        }
    }
    counted.iter().map(|(line, count)| format!("- {count} × {line}\n")).collect()
}
