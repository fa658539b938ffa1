//! 50,000 spans a second for a while, through the whole pipeline to the real Collector: nothing is lost, and memory
//! does not grow. `tests/interop/run soak [SECONDS]` starts the Collector, which counts and throws away, and this.

mod collector;
mod load;
mod machine;

use load::Load;
use machine::{Cpu, resident_kib};
use std::{
    env,
    process::ExitCode,
    thread::sleep,
    time::{Duration, Instant},
};
use throughline::{Tracer, export::Report, exporters::Otlp};

const SPANS_A_SECOND: u64 = 50_000;
const DEFAULT_SECONDS: u64 = 20;
/// What is measured later is held against what these have taken.
const WARM_UP_SECONDS: usize = 5;
/// How much the process may grow after that. The system holds it up now and then, and what waits meanwhile takes
/// memory that the allocator keeps: this is about what half a second takes. A leak of 34 bytes a span shows in
/// 20 s, one of a byte in ten minutes.
const GROWTH_KIB: u64 = 32 << 10;

fn main() -> ExitCode {
    let seconds =
        env::args().nth(1).map_or(DEFAULT_SECONDS, |seconds| seconds.parse().expect("a number of seconds"));
    let otlp = Otlp::builder().endpoint(format!("http://{}", collector::setting("COLLECTOR_OTLP_HTTP")));
    let tracer = Tracer::builder("soak").exporter(otlp.build().unwrap()).build().unwrap();
    let accepted_before = collector::accepted_spans();
    let (cpu_before, collector_before) = (Cpu::of_self(), Cpu::of(collector::pid()));

    let begin = Instant::now();
    let load = Load::start(&tracer, SPANS_A_SECOND, Duration::from_secs(seconds));
    let resident = watch(&tracer, &load, begin, seconds);
    let sent = load.join();
    let took = begin.elapsed();
    let cpu = Cpu::of_self().since(&cpu_before);
    let report = tracer.shutdown(Duration::from_secs(30));

    println!("\n{sent} spans in {took:.1?}: {report}");
    cpu.print("this process", sent, took);
    cpu.print_threads("who made the spans", sent, took);
    Cpu::of(collector::pid()).since(&collector_before).print("the Collector", sent, took);
    let accepted = collector::accepted_spans() - accepted_before;
    let faults = [lost(&report, sent), refused(accepted, sent), late(took, seconds), grown(&resident)];
    for fault in faults.iter().flatten() {
        println!("FAILED: {fault}");
    }
    if faults.iter().all(Option::is_none) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Says how things are, some thirty times; the memory at each second.
fn watch(tracer: &Tracer, load: &Load, begin: Instant, seconds: u64) -> Vec<u64> {
    let step = (seconds as usize).div_ceil(30);
    let mut resident = Vec::new();
    println!("  second       ended    exported    on the way     RSS/KiB");
    while !load.is_over() {
        let next = begin + Duration::from_secs(resident.len() as u64 + 1);
        sleep(next.saturating_duration_since(Instant::now()));
        let (stats, kib) = (tracer.stats(), resident_kib());
        resident.push(kib);
        if resident.len().is_multiple_of(step) {
            let on_the_way = stats.ended - stats.exported() - stats.dropped_anywhere().total();
            println!(
                "{:8} {:11} {:11} {on_the_way:13} {kib:11}",
                resident.len(),
                stats.ended,
                stats.exported()
            );
        }
    }
    resident
}

fn lost(report: &Report, sent: u64) -> Option<String> {
    let stats = &report.stats;
    let is_all = report.is_complete() && stats.ended == sent && stats.exported() == sent && stats.open == 0;
    (!is_all).then(|| format!("{sent} spans were made, and these are the books: {stats:?}"))
}

fn refused(accepted: u64, sent: u64) -> Option<String> {
    (accepted != sent).then(|| format!("the Collector has {accepted} of {sent} spans"))
}

/// A machine that cannot make the spans in time shows nothing. The last of the seconds is waited for to its end.
fn late(took: Duration, seconds: u64) -> Option<String> {
    (took.as_secs() > seconds + 1).then(|| format!("{took:.1?} for the spans of {seconds} s"))
}

fn grown(resident: &[u64]) -> Option<String> {
    let (warm_up, rest) = resident.split_at_checked(WARM_UP_SECONDS)?;
    let (at_first, at_most) = (warm_up.iter().max()?, rest.iter().max()?);
    println!(
        "resident memory: at most {at_first} KiB in the first {WARM_UP_SECONDS} s, {at_most} KiB after that"
    );
    let since = resident.len() - resident.iter().position(|kib| kib == at_most)?;
    println!("it has not grown in the last {since} s");
    (*at_most > at_first + GROWTH_KIB).then(|| format!("that is more than {GROWTH_KIB} KiB more"))
}
