//! The memory and the console exporter.

mod support;

use std::{
    io::{self, ErrorKind, Write},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use support::{context, declined_order, span};
use throughline::{
    Batch, Resource, SpanKind, SpanRecord,
    analysis::{RenderOptions, Trace},
    export::{Decision, Exporter},
    exporters::{ColorChoice, Console, Memory},
};

const SOON: Duration = Duration::from_secs(1);

fn batch(spans: Vec<SpanRecord>) -> Batch {
    Batch::new(Arc::new(Resource::new("orders")), spans)
}

fn numbered(count: u64) -> Batch {
    batch((1..=count).map(|id| span(id, 0, SpanKind::Internal, "work", 0, id)).collect())
}

#[test]
fn clones_of_a_memory_share_what_they_keep() {
    let memory = Memory::new();
    memory.clone().export(&numbered(3)).unwrap();
    assert_eq!(memory.len(), 3);
    assert_eq!(memory.spans()[2].span_id().as_u64(), 3);
    assert_eq!(memory.records()[0].service(), "orders");
    assert_eq!(memory.take().len(), 3);
    assert!(memory.is_empty());
}

#[test]
fn a_full_memory_says_how_many_spans_it_refused() {
    let memory = Memory::with_limit(4);
    let mut exporter = memory.clone();
    exporter.export(&numbered(3)).unwrap();
    let refused = |exporter: &mut Memory| exporter.export(&numbered(3)).unwrap_err().decision();
    assert_eq!(refused(&mut exporter), Decision::Partial { rejected: 2 });
    assert_eq!(refused(&mut exporter), Decision::Partial { rejected: 3 });
    assert_eq!(memory.take().len(), 4);
    exporter.export(&numbered(3)).unwrap();
}

/// A writer that can be told to fail.
#[derive(Clone, Default)]
struct Screen {
    text: Arc<Mutex<String>>,
    is_stuck: Arc<AtomicBool>,
    is_gone: Arc<AtomicBool>,
}

impl Screen {
    /// What has been printed since the last call.
    fn take(&self) -> String {
        std::mem::take(&mut self.text.lock().unwrap())
    }
}

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_gone.load(Ordering::SeqCst) {
            return Err(ErrorKind::BrokenPipe.into());
        }
        if self.is_stuck.load(Ordering::SeqCst) {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.text.lock().unwrap().push_str(std::str::from_utf8(bytes).unwrap());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn console() -> (Screen, Console) {
    let screen = Screen::default();
    (screen.clone(), Console::to(screen).color(ColorChoice::Never).width(100).ascii(false))
}

fn render(spans: &[SpanRecord]) -> String {
    let traces = Trace::assemble(spans.iter().map(|span| ("orders", span)));
    traces.iter().map(|trace| trace.render(&RenderOptions::new()) + "\n").collect()
}

fn order() -> Vec<SpanRecord> {
    declined_order().into_iter().filter(|(service, _)| *service == "orders").map(|(_, span)| span).collect()
}

#[test]
fn a_trace_is_printed_when_the_span_that_began_it_here_has_ended() {
    let (screen, mut console) = console();
    let mut spans = order();
    let server = spans.remove(0);
    for span in &spans {
        console.export(&batch(vec![span.clone()])).unwrap();
    }
    assert_eq!(screen.take(), "");
    console.export(&batch(vec![server.clone()])).unwrap();
    spans.push(server);
    assert_eq!(screen.take(), render(&spans));
    console.flush(SOON).unwrap();
    assert_eq!(screen.take(), "");
}

#[test]
fn children_may_follow_their_parent_within_a_batch() {
    let (screen, mut console) = console();
    console.export(&batch(order())).unwrap();
    assert_eq!(screen.take(), render(&order()));
}

#[test]
fn one_of_two_requests_in_a_trace_does_not_take_the_others_spans_along() {
    let (screen, mut console) = console();
    let first =
        [span(5, 4, SpanKind::Internal, "first child", 1, 2), span(4, 3, SpanKind::Server, "first", 0, 3)];
    let second =
        [span(7, 6, SpanKind::Internal, "second child", 2, 3), span(6, 2, SpanKind::Server, "second", 1, 4)];
    console.export(&batch(vec![second[0].clone()])).unwrap();
    console.export(&batch(first.to_vec())).unwrap();
    assert_eq!(screen.take(), render(&first));
    console.export(&batch(vec![second[1].clone()])).unwrap();
    assert_eq!(screen.take(), render(&second));
}

#[test]
fn a_late_child_is_printed_by_a_flush() {
    let (screen, mut console) = console();
    console.export(&batch(order())).unwrap();
    screen.take();
    let late = span(99, 4, SpanKind::Internal, "left behind", 500, 900);
    console.export(&batch(vec![late.clone()])).unwrap();
    assert_eq!(screen.take(), "");
    console.flush(SOON).unwrap();
    let printed = screen.take();
    assert_eq!(printed, render(&[late]));
    assert!(printed.contains("incomplete"), "{printed}");
}

/// A span of a trace of its own, whose parent never comes.
fn stray(trace: u64) -> SpanRecord {
    let context = context(&format!("{trace:032x}"), 1);
    SpanRecord::new(&context, "stray", trace, trace + 1)
        .with_parent("0000000000000002".parse().unwrap(), false)
}

#[test]
fn too_many_traces_push_the_oldest_out() {
    let (screen, console) = console();
    let mut console = console.max_waiting_traces(2);
    console.export(&batch(vec![stray(7), stray(8)])).unwrap();
    assert_eq!(screen.take(), "");
    console.export(&batch(vec![stray(9)])).unwrap();
    assert_eq!(screen.take(), render(&[stray(7)]));
    console.shutdown(SOON).unwrap();
    assert_eq!(screen.take(), render(&[stray(8), stray(9)]));
}

#[test]
fn too_many_spans_push_the_oldest_trace_out() {
    let (screen, console) = console();
    let mut console = console.max_waiting_spans(3);
    let child = |id| span(id, 1, SpanKind::Internal, "child", id, id + 1);
    console.export(&batch(vec![stray(7), child(2), child(3)])).unwrap();
    assert_eq!(screen.take(), "");
    console.export(&batch(vec![child(4)])).unwrap();
    assert_eq!(screen.take(), render(&[stray(7)]));
    console.export(&batch(vec![child(5)])).unwrap();
    assert_eq!(screen.take(), render(&[child(2), child(3), child(4), child(5)]));
}

#[test]
fn a_trace_that_has_waited_too_long_is_printed() {
    let (screen, console) = console();
    let mut console = console.max_waiting_time(Duration::ZERO);
    console.export(&batch(vec![stray(7)])).unwrap();
    screen.take();
    console.export(&batch(vec![stray(8)])).unwrap();
    assert_eq!(screen.take(), render(&[stray(7)]));
}

#[test]
fn what_a_stuck_terminal_does_not_take_is_printed_later_and_once() {
    let (screen, mut console) = console();
    let later = span(50, 0, SpanKind::Server, "later", 0, 9);
    screen.is_stuck.store(true, Ordering::SeqCst);
    // Taken, though not printed yet.
    console.export(&batch(order())).unwrap();
    // Not taken, so that it can be tried again.
    let refused = console.export(&batch(vec![later.clone()])).unwrap_err();
    assert_eq!(refused.decision(), Decision::Retry { after: None });
    console.flush(SOON).unwrap_err();

    screen.is_stuck.store(false, Ordering::SeqCst);
    console.export(&batch(vec![later.clone()])).unwrap();
    assert_eq!(screen.take(), render(&order()) + &render(&[later]));
}

#[test]
fn a_terminal_that_is_gone_is_a_final_failure() {
    let (screen, mut console) = console();
    screen.is_gone.store(true, Ordering::SeqCst);
    assert_eq!(console.export(&batch(order())).unwrap_err().decision(), Decision::Permanent);
}

#[test]
fn colors_and_characters_are_as_chosen() {
    for (choice, ascii) in
        [(ColorChoice::Always, false), (ColorChoice::Never, true), (ColorChoice::Auto, true)]
    {
        let (screen, console) = console();
        console.color(choice).ascii(ascii).export(&batch(order())).unwrap();
        let printed = screen.take();
        // A writer is no terminal; the environment of a test may still ask for colours.
        if choice != ColorChoice::Auto {
            assert_eq!(printed.contains('\x1b'), choice == ColorChoice::Always);
        }
        assert_eq!(printed.is_ascii(), ascii);
    }
}
