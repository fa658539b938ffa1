//! Performance as an aligned table (floor 3).

use super::{
    performance::{Operation, Performance},
    style::{Paint, RenderOptions},
    text::{Line, columns},
    title::Title,
    units,
};
use std::{collections::HashMap, time::Duration};

/// Columns between a table's columns.
const GAP: usize = 2;
/// An operation's title gets at least these and a third of the width, before columns of numbers go.
const LEAST_TITLE: usize = 20;

/// A column of numbers.
struct Column {
    head: &'static str,
    number: fn(&Operation, bool) -> String,
    /// Is a number other than zero bad news?
    is_bad: bool,
    /// The higher, the sooner it goes where room is short.
    dispensable: u8,
}

const COLUMNS: [Column; 8] = [
    Column { head: "requests", number: |row, _| row.requests.to_string(), is_bad: false, dispensable: 1 },
    Column { head: "errors", number: |row, _| row.errors.to_string(), is_bad: true, dispensable: 2 },
    Column { head: "cancelled", number: |row, _| row.cancelled.to_string(), is_bad: true, dispensable: 6 },
    Column { head: "p50", number: |row, ascii| duration(row.p50, ascii), is_bad: false, dispensable: 0 },
    Column { head: "p95", number: |row, ascii| duration(row.p95, ascii), is_bad: false, dispensable: 4 },
    Column { head: "p99", number: |row, ascii| duration(row.p99, ascii), is_bad: false, dispensable: 3 },
    Column { head: "max", number: |row, ascii| duration(row.max, ascii), is_bad: false, dispensable: 5 },
    Column { head: "total", number: |row, ascii| duration(row.total, ascii), is_bad: false, dispensable: 7 },
];

impl Performance {
    /// The operations as a table. Ends with a line feed; no line is wider than the options' width.
    /// Where room is short, columns go: the total first, then what was cancelled, then the maximum.
    pub fn render(&self, options: &RenderOptions) -> String {
        let titles = titles(self.operations());
        let wanted = titles.iter().map(|title| title.columns(options.ascii)).max().unwrap_or(0);
        let mut shown = measure(self.operations(), options.ascii);
        let mut room = options.width;
        while let Some(most) = shown.iter().map(|(column, _)| column.dispensable).max() {
            let numbers: usize = shown.iter().map(|(_, width)| GAP + width).sum();
            room = options.width.saturating_sub(numbers);
            if room >= wanted.min(LEAST_TITLE.max(options.width / 3)) {
                break;
            }
            shown.retain(|(column, _)| column.dispensable != most);
            room = options.width;
        }
        let title_end = wanted.max("operation".len()).min(room);

        let mut out = String::new();
        let mut line = Line::new(options);
        line.put_within(title_end, "operation", Paint::Dim);
        let mut end = title_end;
        for (column, width) in &shown {
            end += GAP + width;
            line.put_right(end, column.head, Paint::Dim);
        }
        line.finish(&mut out);
        for (title, operation) in titles.iter().zip(self.operations()) {
            let mut line = Line::new(options);
            title.put(title_end, &mut line);
            let mut end = title_end;
            for (column, width) in &shown {
                end += GAP + width;
                let number = (column.number)(operation, options.ascii);
                let paint = match (column.is_bad, number.as_str()) {
                    (true, "0") => Paint::Dim,
                    (true, _) => Paint::Bad,
                    (false, _) => Paint::Plain,
                };
                line.put_right(end, &number, paint);
            }
            line.finish(&mut out);
        }
        out
    }
}

fn titles(operations: &[Operation]) -> Vec<Title<'_>> {
    let mut hues = HashMap::new();
    for operation in operations {
        let next = hues.len();
        hues.entry(operation.service.as_str()).or_insert(next);
    }
    let paint = |service: &str| hues.get(service).copied().map_or(Paint::Dim, Paint::Service);
    let titles = operations.iter().map(|operation| Title {
        service: (&operation.service, paint(&operation.service)),
        kind: operation.kind,
        callee: operation.callee.as_ref().map(|callee| (callee.clone(), paint(callee))),
        name: &operation.name,
    });
    titles.collect()
}

/// The columns and their widths.
fn measure(operations: &[Operation], ascii: bool) -> Vec<(&'static Column, usize)> {
    let width = |column: &Column| {
        let numbers = operations.iter().map(|operation| columns(&(column.number)(operation, ascii), ascii));
        numbers.max().unwrap_or(0).max(column.head.len())
    };
    COLUMNS.iter().map(|column| (column, width(column))).collect()
}

fn duration(duration: Duration, ascii: bool) -> String {
    units::duration(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX), ascii)
}
