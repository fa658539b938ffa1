//! What a comparison has found, and the file it is kept in: a line a peer and workload, its fields
//! separated by tabs.

use crate::workload::{Peer, Workload};
use std::{fs, path::Path};

/// One peer's medians on one workload; per span, or per request above those of no layers at all.
#[derive(Clone, Debug)]
pub struct Row {
    pub workload: Workload,
    pub peer: Peer,
    /// Nanoseconds at the caller, and of processor time.
    pub caller: f64,
    pub cpu: f64,
    /// The quartiles of both.
    pub caller_quartiles: (f64, f64),
    pub cpu_quartiles: (f64, f64),
    /// The medians of the ratios to the reference in the same turn.
    pub caller_ratio: f64,
    pub cpu_ratio: f64,
    pub allocations: f64,
    pub allocated_bytes: f64,
    /// Microseconds.
    pub flush: f64,
    pub delivered_percent: f64,
    pub runs: usize,
}

pub fn write(file: &Path, rows: &[Row]) -> Result<(), String> {
    let mut text = String::from(
        "workload\tpeer\tcaller_ns\tcaller_q1\tcaller_q3\tcpu_ns\tcpu_q1\tcpu_q3\tcaller_ratio\tcpu_ratio\
         \tallocations\tbytes\tflush_us\tdelivered_percent\truns\n",
    );
    for row in rows {
        let numbers = [
            row.caller,
            row.caller_quartiles.0,
            row.caller_quartiles.1,
            row.cpu,
            row.cpu_quartiles.0,
            row.cpu_quartiles.1,
            row.caller_ratio,
            row.cpu_ratio,
            row.allocations,
            row.allocated_bytes,
            row.flush,
            row.delivered_percent,
            row.runs as f64,
        ];
        let numbers: Vec<String> = numbers.iter().map(|number| format!("{number:.3}")).collect();
        text += &format!("{}\t{}\t{}\n", row.workload.name(), row.peer.name(), numbers.join("\t"));
    }
    fs::write(file, text).map_err(|error| format!("{}: {error}", file.display()))
}

pub fn read(file: &Path) -> Result<Vec<Row>, String> {
    let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    text.lines().skip(1).map(|line| row(line).ok_or_else(|| format!("not a result: {line}"))).collect()
}

fn row(line: &str) -> Option<Row> {
    let mut fields = line.split('\t');
    let (workload, peer) = (fields.next()?, fields.next()?);
    let workload = Workload::ALL.into_iter().find(|known| known.name() == workload)?;
    let peer = Peer::ALL.into_iter().find(|known| known.name() == peer)?;
    let mut number = || fields.next()?.parse::<f64>().ok();
    Some(Row {
        workload,
        peer,
        caller: number()?,
        caller_quartiles: (number()?, number()?),
        cpu: number()?,
        cpu_quartiles: (number()?, number()?),
        caller_ratio: number()?,
        cpu_ratio: number()?,
        allocations: number()?,
        allocated_bytes: number()?,
        flush: number()?,
        delivered_percent: number()?,
        runs: number()? as usize,
    })
}
