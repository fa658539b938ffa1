//! A process that is forked off has the tracer's memory and none of its threads.

use super::support::{LONG, Script, assert_balanced, builder, end_spans};
use std::{
    fs::{self, OpenOptions},
    io::Write,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};
use throughline::{Batch, Tracer};

/// Runs `body` in a forked process and waits for its end, but not for ever; its exit code.
fn forked(body: impl FnOnce() -> bool) -> i32 {
    // SAFETY: of the parent's threads only this one goes on in the child. What it does there is what this
    // test is about: it takes no lock that another thread may have held, and ends without running what is
    // registered for the end of a process.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "no process could be forked off");
    if child == 0 {
        let code = i32::from(!body());
        // SAFETY: takes a number and does not come back.
        unsafe { libc::_exit(code) };
    }
    let deadline = Instant::now() + LONG;
    loop {
        let mut status = 0;
        // SAFETY: the status is written to, and nothing else; the child is this process's own.
        match unsafe { libc::waitpid(child, &raw mut status, libc::WNOHANG) } {
            0 if Instant::now() < deadline => thread::sleep(Duration::from_millis(1)),
            0 => {
                // SAFETY: the child has not been waited for, so that its number is not another process's.
                unsafe { libc::kill(child, libc::SIGKILL) };
                panic!("the forked process hangs");
            }
            _ => return if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { -1 },
        }
    }
}

/// What a process does that was forked off from one with a tracer.
fn go_on_in_child(tracer: &Tracer) -> bool {
    let started = Instant::now();
    end_spans(tracer, 1_000);
    let reports = [tracer.flush(LONG), tracer.shutdown(LONG)];
    let says_so = reports
        .iter()
        .all(|report| report.forked && report.timed_out && !report.is_complete() && !report.is_lossless());
    let last = tracer.clone();
    drop(last);
    says_so && tracer.stats().ended == 0 && started.elapsed() < LONG / 2
}

#[test]
fn a_forked_process_neither_hangs_nor_sends_what_is_its_parent_s() {
    let path = std::env::temp_dir().join(format!("throughline-fork-{}", std::process::id()));
    let mut file = OpenOptions::new().create(true).append(true).open(&path).unwrap();
    let exporter = Script(move |batch: &Batch| {
        let lines: String = batch.spans().map(|span| format!("{}\n", span.span_id())).collect();
        file.write_all(lines.as_bytes()).unwrap();
        Ok(())
    });
    let tracer = builder().exporter(exporter).build().unwrap();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        // So that locks are held at the fork.
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                assert_balanced(&tracer.stats());
                let _report = tracer.flush(Duration::ZERO);
            }
        });
        for _ in 0..30 {
            end_spans(&tracer, 100);
            assert_eq!(forked(|| go_on_in_child(&tracer)), 0);
        }
        is_over.store(true, Ordering::Relaxed);
    });
    let report = tracer.shutdown(LONG);
    assert!(report.is_complete() && !report.forked, "{report:#?}");
    assert_eq!(report.stats.exported(), 3_000);
    let sent = fs::read_to_string(&path).unwrap();
    fs::remove_file(&path).unwrap();
    let mut ids: Vec<_> = sent.lines().collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((sent.lines().count(), ids.len()), (3_000, 3_000));
}
