//! The contract kit: run on our own exporters, and on exporters that break the contract in one way each,
//! which it has to notice by the right case.
#![cfg(feature = "testing")]

#[path = "support/written.rs"]
mod written;

use std::{
    collections::HashSet,
    io::{self, Write},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
    time::Duration,
};
use throughline::{
    Batch, SpanId, Value,
    export::{ExportError, Exporter},
    exporters::{ColorChoice, Console, JsonLines, Memory},
    testing::{ContractFailure, ExporterContract},
};
use written::Written;

// Ours.

#[test]
fn memory_keeps_the_contract() {
    ExporterContract::new(|| {
        let memory = Memory::new();
        let delivered = memory.clone();
        (memory, move || delivered.spans().iter().map(|span| span.span_id()).collect())
    })
    .check();
}

#[test]
fn json_lines_keep_the_contract() {
    ExporterContract::new(|| {
        let written = Written::default();
        let lines = written.clone();
        let id = |line: &str| {
            let line: serde_json::Value = serde_json::from_str(line).expect("a line is a JSON value");
            line["span_id"].as_str().expect("a span id").parse().expect("16 hex digits")
        };
        (JsonLines::to(written), move || lines.text().lines().map(id).collect())
    })
    .failing(|| {
        let (written, calls) = (Written::default(), Arc::new(AtomicUsize::new(0)));
        let lines = written.clone();
        // A line that was torn and given up is none.
        let id = |line: &str| {
            let line: serde_json::Value = serde_json::from_str(line).ok()?;
            line["span_id"].as_str()?.parse().ok()
        };
        let stutters = Stutters(written, calls);
        (JsonLines::to(stutters), move || lines.text().lines().filter_map(id).collect())
    })
    .check();
}

/// Takes some bytes, and then none for once.
struct Stutters(Written, Arc<AtomicUsize>);

impl Write for Stutters {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.1.fetch_add(1, Ordering::Relaxed) {
            call if call % 2 == 1 => Err(io::ErrorKind::StorageFull.into()),
            call => self.0.write(&bytes[..bytes.len().min(1_000 * (call % 7) + 333)]),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn the_console_keeps_the_contract() {
    ExporterContract::new(|| {
        let written = Written::default();
        let trees = written.clone();
        let console = Console::to(written).color(ColorChoice::Never).width(2_000);
        (console, move || names_in(&trees.text()))
    })
    // Its spans are told by their names.
    .without("an empty name")
    .check();
}

/// The ids that spans are named by.
fn names_in(text: &str) -> Vec<SpanId> {
    let named = text.split("sample-").skip(1);
    named.filter_map(|rest| rest.get(..16)?.parse().ok()).collect()
}

// Wrong ones.

type Ids = Arc<Mutex<Vec<SpanId>>>;

/// Behaves, but for what the two closures make of it.
struct Wrong<E, F> {
    ids: Ids,
    export: E,
    flush: F,
}

impl<E, F> Exporter for Wrong<E, F>
where
    E: FnMut(&Batch, &mut Vec<SpanId>) -> Result<(), ExportError> + Send,
    F: FnMut(&mut Vec<SpanId>) -> Result<(), ExportError> + Send,
{
    fn name(&self) -> &str {
        "wrong"
    }

    fn export(&mut self, batch: &Batch) -> Result<(), ExportError> {
        (self.export)(batch, &mut self.ids.lock().unwrap())
    }

    fn flush(&mut self, _within: Duration) -> Result<(), ExportError> {
        (self.flush)(&mut self.ids.lock().unwrap())
    }
}

fn failures<E, F>(make: impl Fn() -> (E, F)) -> Vec<ContractFailure>
where
    E: FnMut(&Batch, &mut Vec<SpanId>) -> Result<(), ExportError> + Send + 'static,
    F: FnMut(&mut Vec<SpanId>) -> Result<(), ExportError> + Send + 'static,
{
    let make = || {
        let ids = Ids::default();
        let (export, flush) = make();
        (Wrong { ids: ids.clone(), export, flush }, move || ids.lock().unwrap().clone())
    };
    quick(ExporterContract::new(make))
}

/// The far end of a wrong exporter is as near as can be: nothing has to be waited for.
fn quick(contract: ExporterContract<'_>) -> Vec<ContractFailure> {
    contract.arrives_within(Duration::ZERO).flush_within(Duration::from_millis(50)).failures()
}

fn deliver(batch: &Batch, ids: &mut Vec<SpanId>) -> Result<(), ExportError> {
    ids.extend(batch.spans().map(|span| span.span_id()));
    Ok(())
}

fn nothing(_: &mut Vec<SpanId>) -> Result<(), ExportError> {
    Ok(())
}

#[track_caller]
fn assert_found(failures: &[ContractFailure], case: &str, what: &str) {
    let found = failures.iter().any(|failure| failure.case == case && failure.what.contains(what));
    assert!(found, "{case:?} with {what:?} is not among {failures:#?}");
}

/// Only these cases fail: an author is not sent looking in the wrong place.
#[track_caller]
fn assert_only(failures: &[ContractFailure], cases: &[&str]) {
    let found: Vec<_> = failures.iter().map(|failure| failure.case).collect();
    assert_eq!(found, cases, "{failures:#?}");
}

#[test]
fn a_right_one_passes() {
    assert_eq!(failures(|| (deliver, nothing)), []);
}

#[test]
fn a_lost_span_is_found() {
    let failures = failures(|| {
        let lose_the_last = |batch: &Batch, ids: &mut Vec<SpanId>| {
            deliver(batch, ids)?;
            ids.pop();
            Ok(())
        };
        (lose_the_last, nothing)
    });
    assert_found(&failures, "one span", "of 1 spans 1 did not arrive");
    assert_found(&failures, "a full batch", "of 512 spans 1 did not arrive");
}

#[test]
fn a_span_that_comes_twice_is_found() {
    let failures = failures(|| {
        let repeat_the_first = |batch: &Batch, ids: &mut Vec<SpanId>| {
            deliver(batch, ids)?;
            ids.extend(batch.spans().take(1).map(|span| span.span_id()));
            Ok(())
        };
        (repeat_the_first, nothing)
    });
    assert_found(&failures, "a full batch", "1 arrived more than once");
}

#[test]
fn a_span_that_nobody_sent_is_found() {
    let failures = failures(|| {
        let invent = |batch: &Batch, ids: &mut Vec<SpanId>| {
            ids.extend(SpanId::from_u64(1));
            deliver(batch, ids)
        };
        (invent, nothing)
    });
    assert_found(&failures, "one span", "1 arrived that were never sent");
}

#[test]
fn a_panic_on_nan_is_found_and_told_from_the_rest() {
    let failures = failures(|| {
        let dislike_nan = |batch: &Batch, ids: &mut Vec<SpanId>| {
            let numbers = batch.spans().flat_map(|span| span.attributes());
            let mut numbers = numbers.filter_map(|attribute| match attribute.value {
                Value::F64(number) => Some(number),
                _ => None,
            });
            assert!(!numbers.any(f64::is_nan), "NaN has no place in JSON");
            deliver(batch, ids)
        };
        (dislike_nan, nothing)
    });
    assert_found(&failures, "NaN and the infinities", "export panicked: NaN has no place in JSON");
    assert_only(&failures, &["NaN and the infinities"]);
}

/// The cases for a backend that fails; what each export is given, and what has arrived.
fn failures_when_failing(
    export: impl Fn(&Batch, &mut Vec<SpanId>, usize) -> Result<(), ExportError> + Copy + Send + 'static,
) -> Vec<ContractFailure> {
    let make = move |is_failing: bool| {
        let (ids, mut calls) = (Ids::default(), 0);
        let export = move |batch: &Batch, ids: &mut Vec<SpanId>| {
            calls += 1;
            if is_failing { export(batch, ids, calls) } else { deliver(batch, ids) }
        };
        (Wrong { ids: ids.clone(), export, flush: nothing }, move || ids.lock().unwrap().clone())
    };
    quick(ExporterContract::new(move || make(false)).failing(move || make(true)))
}

#[test]
fn what_is_said_of_a_failure_is_checked() {
    const AGAIN: &str = "a batch tried again";
    const BETWEEN: &str = "another batch before one is tried again";
    fn half(batch: &Batch, ids: &mut Vec<SpanId>) -> usize {
        let half = batch.len() / 2;
        ids.extend(batch.spans().take(half).map(|span| span.span_id()));
        half
    }
    let busy = || ExportError::retry("busy");
    assert_eq!(
        failures_when_failing(move |batch, ids, call| {
            if call % 2 == 0 { deliver(batch, ids) } else { Err(busy().with_settled(half(batch, ids), 0)) }
        }),
        []
    );

    let silent = failures_when_failing(move |batch, ids, call| {
        if call % 2 == 0 {
            return deliver(batch, ids);
        }
        half(batch, ids);
        Err(busy())
    });
    assert_found(&silent, AGAIN, "arrived more than once");
    assert_only(&silent, &[AGAIN, BETWEEN]);

    let boastful = failures_when_failing(move |batch, ids, call| {
        if call % 2 == 0 { deliver(batch, ids) } else { Err(busy().with_settled(half(batch, ids) + 1, 0)) }
    });
    assert_found(&boastful, AGAIN, "did not arrive");
    let never = failures_when_failing(|batch, ids, _| deliver(batch, ids));
    assert_found(&never, AGAIN, "the backend never failed");
    let always = failures_when_failing(move |_, _, _| Err(busy()));
    assert_found(&always, BETWEEN, "has not come through");
    let too_many = failures_when_failing(move |batch, _, _| Err(busy().with_settled(batch.len(), 1)));
    assert_found(&too_many, AGAIN, "of a batch of 1 spans 2 were settled");
}

#[test]
fn an_empty_batch_that_is_an_error_is_found() {
    let failures = failures(|| {
        let want_something = |batch: &Batch, ids: &mut Vec<SpanId>| {
            if batch.is_empty() {
                return Err(ExportError::permanent("nothing to send"));
            }
            deliver(batch, ids)
        };
        (want_something, nothing)
    });
    assert_found(&failures, "an empty batch", "export failed for good: nothing to send");
    assert_only(&failures, &["an empty batch"]);
}

#[test]
fn spans_told_apart_by_their_starts_are_found() {
    let failures = failures(|| {
        let mut seen = HashSet::new();
        let once_a_start = move |batch: &Batch, ids: &mut Vec<SpanId>| {
            let fresh = batch.spans().filter(|span| seen.insert(span.start_unix_nanos()));
            ids.extend(fresh.map(|span| span.span_id()));
            Ok(())
        };
        (once_a_start, nothing)
    });
    assert_found(&failures, "a full batch", "511 did not arrive");
}

#[test]
fn a_buffer_that_flush_forgets_is_found() {
    let failures = failures(|| {
        let (kept, buffer) = mpsc::channel();
        let keep_some = move |batch: &Batch, ids: &mut Vec<SpanId>| {
            for span in batch.spans() {
                kept.send(span.span_id()).expect("the buffer is there");
            }
            // Only a full buffer is written.
            let buffered: Vec<_> = buffer.try_iter().collect();
            match buffered.len() {
                100.. => ids.extend(buffered),
                _ => buffered.into_iter().for_each(|id| kept.send(id).expect("the buffer is there")),
            }
            Ok(())
        };
        (keep_some, nothing)
    });
    assert_found(&failures, "flush delivers", "of 10 spans 10 did not arrive");
    assert_found(&failures, "shutdown delivers", "of 10 spans 10 did not arrive");
}

#[test]
fn a_flush_that_takes_its_time_is_found() {
    let is_first = Arc::new(AtomicBool::new(true));
    let failures = failures(|| {
        let is_first = is_first.clone();
        let slow_once = move |_: &mut Vec<SpanId>| {
            if is_first.swap(false, Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(400));
            }
            Ok(())
        };
        (deliver, slow_once)
    });
    assert_found(&failures, "a constant name", "flush was given 50ms and took");
    assert_only(&failures, &["a constant name"]);
}

#[test]
fn a_call_that_never_comes_back_is_found() {
    let (held, hold) = mpsc::channel::<()>();
    let hold = Arc::new(Mutex::new(hold));
    let make = || {
        let (ids, hold) = (Ids::default(), hold.clone());
        // Until the test is over.
        let hang = move |_: &mut Vec<SpanId>| {
            let _over = hold.lock().unwrap().recv();
            Ok(())
        };
        (Wrong { ids: ids.clone(), export: deliver, flush: hang }, Vec::new)
    };
    let failures = quick(ExporterContract::new(make).hung_after(Duration::from_millis(20)));
    assert_found(&failures, "one span", "flush has not come back after 20ms");
    drop(held);
}

/// Panics when it is dropped, as a client that blocks on a runtime in its destructor does.
struct PanicsOnDrop(Memory);

impl Exporter for PanicsOnDrop {
    fn name(&self) -> &str {
        "panics on drop"
    }

    fn export(&mut self, batch: &Batch) -> Result<(), ExportError> {
        self.0.export(batch)
    }
}

impl Drop for PanicsOnDrop {
    fn drop(&mut self) {
        panic!("no runtime here");
    }
}

#[test]
fn a_panic_in_drop_is_found() {
    let failures = quick(ExporterContract::new(|| {
        let memory = Memory::new();
        let delivered = memory.clone();
        (PanicsOnDrop(memory), move || delivered.spans().iter().map(|span| span.span_id()).collect())
    }));
    assert_found(&failures, "one span", "drop panicked: no runtime here");
}

struct NamedAfterItsWork {
    name: String,
}

impl Exporter for NamedAfterItsWork {
    fn name(&self) -> &str {
        &self.name
    }

    fn export(&mut self, _: &Batch) -> Result<(), ExportError> {
        self.name.push('!');
        Ok(())
    }
}

#[test]
fn a_name_that_is_empty_or_changes_is_found() {
    let with = |name: &str| {
        let name = name.to_owned();
        let make = move || (NamedAfterItsWork { name: name.clone() }, Vec::new);
        quick(ExporterContract::new(make))
    };
    assert_found(&with(""), "a constant name", "the name is \"\"");
    assert_found(&with("a\n"), "a constant name", "the name is \"a\\n\"");
    assert_found(&with("a"), "a constant name", "the name was \"a\" and became \"a!\"");
}

#[test]
fn the_message_names_every_case_that_fails() {
    let contract = ExporterContract::new(|| (Memory::with_limit(0), Vec::new)).arrives_within(Duration::ZERO);
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| contract.check())).unwrap_err();
    let message = panic.downcast_ref::<String>().expect("a message");
    assert!(
        message.contains("\n  one span: export refused 1 spans: the memory exporter is full"),
        "{message}"
    );
    assert!(message.contains("\n  flush delivers: export refused 10 spans"), "{message}");
}

#[test]
#[should_panic(expected = "the contract has no case \"an empty nmae\"")]
fn a_case_left_out_has_to_exist() {
    let _ = ExporterContract::new(|| (Memory::new(), Vec::new)).without("an empty nmae");
}
