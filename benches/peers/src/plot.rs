//! The picture: a panel a workload, a row a peer, two bars each.

use crate::{
    report::nanos,
    results::{self, Row},
    workload::{Peer, Workload},
};
use std::{fmt::Write, fs, path::Path};

const WIDTH: f64 = 880.0;
const LEFT: f64 = 330.0;
const BARS: f64 = 400.0;
const ROW: f64 = 30.0;
const HEAD: f64 = 40.0;
const GAP: f64 = 18.0;

/// Draws saved results.
///
/// # Errors
///
/// If a file cannot be read or written.
pub fn plot(from: &Path, to: &Path) -> Result<(), String> {
    let rows = results::read(from)?;
    fs::write(to, draw(&rows)).map_err(|error| format!("{}: {error}", to.display()))
}

fn draw(rows: &[Row]) -> String {
    let mut panels = String::new();
    let mut y = 54.0;
    for workload in Workload::ALL {
        let rows: Vec<&Row> =
            rows.iter().filter(|row| row.workload == workload && row.peer != Peer::Bare).collect();
        if !rows.is_empty() {
            y = panel(&mut panels, workload, &rows, y) + GAP;
        }
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {y}\" width=\"{WIDTH}\" \
         height=\"{y}\" font-family=\"system-ui, sans-serif\" font-size=\"13\">\n{STYLE}\
         <rect class=\"ground\" width=\"100%\" height=\"100%\"/>\n\
         <g><rect class=\"caller\" x=\"16\" y=\"20\" width=\"12\" height=\"12\"/>\
         <text x=\"34\" y=\"30\">at the caller</text>\
         <rect class=\"cpu\" x=\"130\" y=\"20\" width=\"12\" height=\"12\"/>\
         <text x=\"148\" y=\"30\">processor time, all threads</text>\
         <text class=\"note\" x=\"340\" y=\"30\">nanoseconds, shorter is better; each panel has a scale of \
         its own</text></g>\n{panels}</svg>\n"
    )
}

/// Readable on light and on dark pages.
const STYLE: &str = "<style>
.ground { fill: #ffffff } text { fill: #1f2328 } .note { fill: #59636e }
.caller { fill: #6e7781 } .cpu { fill: #c4cad1 } .ours .caller { fill: #0969da } .ours .cpu { fill: #9ec7f7 }
@media (prefers-color-scheme: dark) {
.ground { fill: #0d1117 } text { fill: #e6edf3 } .note { fill: #9198a1 }
.caller { fill: #9198a1 } .cpu { fill: #484f58 } .ours .caller { fill: #4493f8 } .ours .cpu { fill: #1f4c85 }
}
</style>
";

/// Draws a panel from `y` on; where it ends.
fn panel(to: &mut String, workload: Workload, rows: &[&Row], mut y: f64) -> f64 {
    let most = rows.iter().flat_map(|row| [row.caller, row.cpu]).fold(0.0, f64::max);
    let per = if workload == Workload::Http { "added a request" } else { "a span" };
    let _ = writeln!(
        to,
        "<text x=\"16\" y=\"{}\" font-weight=\"600\">{} <tspan class=\"note\" font-weight=\"400\">ns \
         {per}</tspan></text>",
        y + 20.0,
        workload.name(),
    );
    y += HEAD - 8.0;
    for row in rows {
        let ours = if row.peer == Peer::Throughline { " class=\"ours\"" } else { "" };
        let (caller, cpu) = (BARS * row.caller.max(0.0) / most, BARS * row.cpu.max(0.0) / most);
        let _ = writeln!(
            to,
            "<g{ours}><text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\
             <rect class=\"caller\" x=\"{LEFT}\" y=\"{}\" width=\"{caller:.1}\" height=\"10\"/>\
             <rect class=\"cpu\" x=\"{LEFT}\" y=\"{}\" width=\"{cpu:.1}\" height=\"10\"/>\
             <text x=\"{:.1}\" y=\"{}\">{} · {}</text></g>",
            LEFT - 8.0,
            y + 16.0,
            title(row),
            y + 1.0,
            y + 12.0,
            LEFT + caller.max(cpu) + 8.0,
            y + 16.0,
            nanos(row.caller),
            nanos(row.cpu),
        );
        y += ROW;
    }
    y
}

fn title(row: &Row) -> &'static str {
    match (row.peer, row.workload) {
        (Peer::OpenTelemetry, Workload::Http) => "opentelemetry tower layer + client span",
        (peer, workload) => peer.title(workload),
    }
}
