//! A trace as a picture made of text (floor 3).
//!
//! Each span is one line: guides that show whose child it is, service and name, how it ended, how
//! long it took, and a bar that shows when. All bars of a trace share one time scale. What went wrong
//! is told in a line of its own below its span.

use super::{
    bar::Scale,
    row::{GAP, Row},
    style::{Paint, RenderOptions},
    text::{Line, columns},
    tree::{Node, Place, Trace},
    units,
    verdict::Verdict,
};
use crate::{
    record::{Outcome, Rfc3339},
    semconv,
};
use std::collections::HashMap;

/// Columns a level of the tree takes.
const STEP: usize = 2;
/// Before a span that should stand elsewhere.
const ASTRAY: &str = "?";
/// Fewer cells than these make no picture.
const LEAST_CELLS: usize = 12;
/// Sign and `cancelled`, the longest of our own words.
const LEAST_VERDICT: usize = 11;

impl Trace<'_> {
    /// The trace as text: a head, then the spans as trees. Ends with a line feed; no line is wider
    /// than the options' width.
    ///
    /// Signs: `✗` failed, `⊘` cancelled, `!` panicked, `?` its parent is missing. After the service:
    /// `→` calls the one named next, `←` answers, `⇢` sends a message, `⇠` handles one.
    ///
    /// Characters in names and messages that would act on a terminal are written out.
    pub fn render(&self, options: &RenderOptions) -> String {
        let mut out = String::new();
        head(self, options, &mut out);
        let hues: HashMap<_, _> =
            self.services().into_iter().enumerate().map(|(hue, name)| (name, hue)).collect();
        let rows: Vec<_> =
            self.nodes().take(options.max_spans).map(|node| Row::new(node, &hues, options)).collect();
        let picture = Picture::new(self, &rows, options);
        picture.scale_line(&mut out);
        for row in &rows {
            picture.span_line(row, &mut out);
            picture.message_line(row, &mut out);
        }
        if self.len() > rows.len() {
            let mut line = Line::new(options);
            line.put(&format!("and {} more spans", self.len() - rows.len()), Paint::Dim);
            line.finish(&mut out);
        }
        out
    }
}

/// What is true of the whole trace, on as many lines as it takes.
fn head(trace: &Trace<'_>, options: &RenderOptions, out: &mut String) {
    let spans = trace.nodes().map(Node::span);
    let cancelled = spans.clone().filter(|span| span.outcome() == Outcome::Cancelled).count();
    let bad = spans.clone().filter(|span| Verdict::of(span, options.ascii).paint == Paint::Bad).count();
    let nanos = trace.end_unix_nanos().saturating_sub(trace.start_unix_nanos());

    let mut facts = vec![
        (format!("trace {}", trace.id()), Paint::Strong),
        (counted(trace.services().len(), "service"), Paint::Plain),
        (counted(trace.len(), "span"), Paint::Plain),
    ];
    let states = [(bad - cancelled, "failed"), (cancelled, "cancelled")];
    facts
        .extend(states.iter().filter(|(n, _)| *n > 0).map(|(n, state)| (format!("{n} {state}"), Paint::Bad)));
    if !trace.is_complete() {
        facts.push(("incomplete".to_owned(), Paint::Warn));
    }
    facts.push((units::duration(nanos, options.ascii), Paint::Strong));
    facts.push((format!("{:.3}", Rfc3339(trace.start_unix_nanos())), Paint::Dim));
    let mut callers = trace.nodes().filter(|node| node.place() == Place::RemoteParent);
    if let Some(caller) = callers.find_map(|node| node.span().parent_span_id()) {
        facts.push((format!("called from span {caller}"), Paint::Plain));
    }
    if let Some(id) = spans.clone().find_map(|span| span.attribute(semconv::REQUEST_ID)) {
        facts.push((format!("request {id}"), Paint::Plain));
    }

    let comma = if options.ascii { ", " } else { " · " };
    let mut line = Line::new(options);
    for (position, (fact, paint)) in facts.iter().enumerate() {
        if position > 0 && line.room() < columns(comma, options.ascii) + columns(fact, options.ascii) {
            std::mem::replace(&mut line, Line::new(options)).finish(out);
            line.goto(GAP);
        } else if position > 0 {
            line.put(comma, Paint::Dim);
        }
        line.put(fact, *paint);
    }
    line.finish(out);
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// Where the parts of each line go.
struct Picture<'o> {
    options: &'o RenderOptions,
    /// The most levels of the tree that are drawn as guides.
    levels: usize,
    /// The column verdicts end before; guides, title and aside share with them what is left of it.
    verdict_end: usize,
    duration_end: usize,
    /// The column the bars begin at.
    bars: usize,
    scale: Scale,
}

impl<'o> Picture<'o> {
    fn new(trace: &Trace<'_>, rows: &[Row<'_, '_>], options: &'o RenderOptions) -> Self {
        let ascii = options.ascii;
        let duration = rows.iter().map(|row| columns(&row.duration, ascii)).max().unwrap_or(0);
        let left = options.width.saturating_sub(GAP + duration + GAP);
        let levels = left / 3 / STEP;
        let wanted = rows.iter().map(|row| {
            let sign = if is_astray(row.node) { ASTRAY.len() + 1 } else { 0 };
            sign + row.node.depth().min(levels) * STEP + row.columns(ascii)
        });
        let wanted = wanted.max().unwrap_or(0);

        // The bars get a third of the width, and what the texts do not need.
        let least_cells = left / 3;
        let (verdict_end, cells) = if least_cells < LEAST_CELLS {
            (wanted.min(left + GAP), 0)
        } else {
            let texts = wanted.min(left - least_cells);
            (texts, left - texts)
        };
        let duration_end = verdict_end + GAP + duration;
        let start_unix_nanos = trace.start_unix_nanos();
        let nanos = trace.end_unix_nanos().saturating_sub(start_unix_nanos);
        let scale = Scale { start_unix_nanos, nanos, cells };
        Self { options, levels, verdict_end, duration_end, bars: duration_end + GAP, scale }
    }

    /// What the bars measure: start, half and end of the trace.
    fn scale_line(&self, out: &mut String) {
        const CELLS_FOR_THREE: usize = 24;

        if self.scale.cells == 0 || self.scale.nanos == 0 {
            return;
        }
        let mut line = Line::new(self.options);
        line.goto(self.bars);
        line.put("0", Paint::Dim);
        if self.scale.cells >= CELLS_FOR_THREE {
            let half = units::duration(self.scale.nanos / 2, self.options.ascii);
            line.goto(self.bars + self.scale.cells / 2 - columns(&half, self.options.ascii) / 2);
            line.put(&half, Paint::Dim);
        }
        let end = units::duration(self.scale.nanos, self.options.ascii);
        line.put_right(self.bars + self.scale.cells, &end, Paint::Dim);
        line.finish(out);
    }

    fn span_line(&self, row: &Row<'_, '_>, out: &mut String) {
        let ascii = self.options.ascii;
        let mut line = Line::new(self.options);
        self.guides_to(row.node, &mut line);

        // The verdict gets its third, and what the title does not need.
        let title = line.column() + row.title.columns(ascii) + GAP;
        let spare = self.verdict_end.saturating_sub(title);
        let room = (self.verdict_end / 3).max(LEAST_VERDICT).max(spare).min(self.verdict_end);
        let verdict = columns(&row.verdict, ascii).min(room);
        let title_end = self.verdict_end.saturating_sub(if verdict == 0 { 0 } else { verdict + GAP });

        row.title.put(title_end, &mut line);
        if !row.aside.is_empty() && line.column() + 2 * GAP < title_end {
            line.goto(line.column() + GAP);
            line.put_within(title_end - line.column(), &row.aside, Paint::Dim);
        }
        if verdict > 0 {
            line.goto(self.verdict_end - verdict);
            line.put_within(verdict, &row.verdict, row.paint);
        }
        line.put_right(self.duration_end, &row.duration, Paint::Plain);
        let span = row.node.span();
        let times = span.start_unix_nanos()..span.end_unix_nanos();
        self.scale.draw(&mut line, self.bars, times, row.ink);
        line.finish(out);
    }

    fn message_line(&self, row: &Row<'_, '_>, out: &mut String) {
        let Some(message) = &row.message else { return };
        let mut line = Line::new(self.options);
        self.guides_past(row.node, &mut line);
        line.put(message, Paint::Bad);
        line.finish(out);
    }

    /// The lines that lead from a span's ancestors to it.
    fn guides_to(&self, node: Node<'_, '_>, line: &mut Line<'_>) {
        if is_astray(node) {
            line.put(ASTRAY, Paint::Warn);
            line.goto(line.column() + 1);
        }
        if let Some(parent) = node.parent() {
            self.guides_past_parents(parent, line);
            let (fork, corner) = if self.options.ascii { ("|-", "`-") } else { ("├╴", "└╴") };
            line.put(if node.next_sibling().is_some() { fork } else { corner }, Paint::Dim);
        }
    }

    /// The lines that lead past what is written below a span, to its children and beyond.
    fn guides_past(&self, node: Node<'_, '_>, line: &mut Line<'_>) {
        self.guides_past_parents(node, line);
        let next = line.column() + GAP;
        if node.children().next().is_some() {
            line.put(self.through(), Paint::Dim);
        }
        line.goto(next);
    }

    /// The lines between which the children of `node` are hung up. Of a deep tree only the last
    /// levels are drawn, behind a sign that says so.
    fn guides_past_parents(&self, node: Node<'_, '_>, line: &mut Line<'_>) {
        let begin = line.column();
        let is_deep = node.depth() >= self.levels;
        if is_deep {
            line.put(if self.options.ascii { ".." } else { "⋯" }, Paint::Dim);
        }
        let drawn = node.depth().min(self.levels.saturating_sub(1));
        let hidden = usize::from(is_deep);
        let mut ways: Vec<_> = std::iter::successors(Some(node), |node| node.parent()).take(drawn).collect();
        ways.reverse();
        for (level, way) in ways.iter().enumerate().skip(hidden) {
            line.goto(begin + level * STEP);
            if way.next_sibling().is_some() {
                line.put(self.through(), Paint::Dim);
            }
        }
        line.goto(begin + drawn * STEP);
    }

    const fn through(&self) -> &'static str {
        if self.options.ascii { "|" } else { "│" }
    }
}

/// Should it stand below a parent that is not there?
fn is_astray(node: Node<'_, '_>) -> bool {
    matches!(node.place(), Place::MissingParent | Place::Cycle)
}
