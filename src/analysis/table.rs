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
    Column { head: "cancelled", number: |row, _| row.cancelled.to_string(), is_bad: true, dispensable: 5 },
    Column { head: "p50", number: |row, ascii| duration(row.p50, ascii), is_bad: false, dispensable: 0 },
    Column { head: "p95", number: |row, ascii| duration(row.p95, ascii), is_bad: false, dispensable: 4 },
    Column { head: "p99", number: |row, ascii| duration(row.p99, ascii), is_bad: false, dispensable: 3 },
    Column { head: "max", number: |row, ascii| duration(row.max, ascii), is_bad: false, dispensable: 6 },
    Column { head: "total", number: |row, ascii| duration(row.total, ascii), is_bad: false, dispensable: 7 },
];

/// A column that is drawn.
struct Shown {
    column: &'static Column,
    numbers: Vec<String>,
    width: usize,
    dispensable: u8,
}

impl Performance {
    /// The operations as a table. Ends with a line feed; no line is wider than the options' width.
    ///
    /// Where room is short, columns go: one without a number other than zero, the total, the maximum,
    /// then the others, and the median last. Where spans stand for others that were sampled away, a last line
    /// says that the numbers are estimates, and from how many spans.
    pub fn render(&self, options: &RenderOptions) -> String {
        let titles = titles(self.operations());
        let wanted = titles.iter().map(|title| title.columns(options.ascii)).max().unwrap_or(0);
        let least = wanted.min(LEAST_TITLE.max(options.width / 3));
        let shown = columns_that_fit(self.operations(), options.width.saturating_sub(least), options.ascii);
        let numbers: usize = shown.iter().map(|shown| GAP + shown.width).sum();
        let title_end = wanted.max("operation".len()).min(options.width.saturating_sub(numbers));

        let mut out = String::new();
        let mut line = Line::new(options);
        line.put_within(title_end, "operation", Paint::Dim);
        put_row(&mut line, title_end, &shown, |shown| (shown.column.head, Paint::Dim));
        line.finish(&mut out);
        for (row, title) in titles.iter().enumerate() {
            let mut line = Line::new(options);
            title.put(title_end, &mut line);
            put_row(&mut line, title_end, &shown, |shown| {
                let number = shown.numbers.get(row).map_or("", String::as_str);
                let paint = match (shown.column.is_bad, number) {
                    (true, "0") => Paint::Dim,
                    (true, _) => Paint::Bad,
                    (false, _) => Paint::Plain,
                };
                (number, paint)
            });
            line.finish(&mut out);
        }
        if let Some(note) = estimate(self.operations()) {
            let mut line = Line::new(options);
            line.put_within(options.width, &note, Paint::Dim);
            line.finish(&mut out);
        }
        out
    }
}

/// What is to be known of the numbers where spans have been sampled away.
fn estimate(operations: &[Operation]) -> Option<String> {
    let is_estimated = operations.iter().any(|operation| operation.requests != operation.spans);
    let spans: usize = operations.iter().map(|operation| operation.spans).sum();
    is_estimated.then(|| format!("estimated from {spans} spans that were kept"))
}

/// Puts one text into each column, to the right of the title.
fn put_row<'s>(
    line: &mut Line<'_>,
    title_end: usize,
    shown: &'s [Shown],
    text: impl Fn(&'s Shown) -> (&'s str, Paint),
) {
    let mut end = title_end;
    for column in shown {
        end += GAP + column.width;
        let (text, paint) = text(column);
        line.put_right(end, text, paint);
    }
}

/// The columns that `room` holds, gaps included.
fn columns_that_fit(operations: &[Operation], room: usize, ascii: bool) -> Vec<Shown> {
    const EMPTY: u8 = 100;

    let measure = |column: &'static Column| {
        let numbers: Vec<_> = operations.iter().map(|row| (column.number)(row, ascii)).collect();
        let width = numbers.iter().map(|number| columns(number, ascii)).max().unwrap_or(0);
        let is_empty = numbers.iter().all(|number| number == "0");
        let dispensable = if is_empty { EMPTY } else { column.dispensable };
        Shown { column, numbers, width: width.max(column.head.len()), dispensable }
    };
    let mut shown: Vec<_> = COLUMNS.iter().map(measure).collect();
    while shown.iter().map(|shown| GAP + shown.width).sum::<usize>() > room {
        let Some(most) = shown.iter().map(|shown| shown.dispensable).max() else { break };
        shown.retain(|shown| shown.dispensable != most);
    }
    shown
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

fn duration(duration: Duration, ascii: bool) -> String {
    units::duration(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX), ascii)
}
