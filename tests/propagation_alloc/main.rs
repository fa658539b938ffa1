//! What reading headers allocates. A binary of its own, for the counting allocator.

mod formats;
#[cfg(all(feature = "client", feature = "server"))]
mod layers;
mod times;

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    hint::black_box,
    sync::atomic::{AtomicIsize, Ordering},
};
use throughline::{
    Context,
    context::{Baggage, TraceState},
    propagation::{
        MAX_HEADER_BYTES, Propagator, TraceContext, W3cBaggage, baggage, request_id, service_name,
        trace_context, traceparent,
    },
};

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const MEBIBYTE: usize = 1 << 20;

/// Counts what the thread at hand allocates, and what all of them hold.
struct Counting;

/// The bytes that all threads hold.
static HELD: AtomicIsize = AtomicIsize::new(0);

thread_local! {
    static ALLOCATED: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
}

fn count(bytes: usize) {
    // After the thread's end there is nothing left to count for.
    let _ = ALLOCATED.try_with(|allocated| {
        let (allocations, total) = allocated.get();
        allocated.set((allocations + 1, total + bytes));
    });
}

// SAFETY: hands every call on to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        HELD.fetch_add(layout.size() as isize, Ordering::Relaxed);
        // SAFETY: the caller's promise is the one asked for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        count(bytes);
        HELD.fetch_add(bytes as isize - layout.size() as isize, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.realloc(place, layout, bytes) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size() as isize, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations and bytes of one call; what it returns is kept until they are counted.
fn allocated_by<T>(call: impl FnOnce() -> T) -> (usize, usize) {
    let before = ALLOCATED.get();
    let result = black_box(call());
    let after = ALLOCATED.get();
    drop(result);
    (after.0 - before.0, after.1 - before.1)
}

/// All lines of the four headers of a request, read as the middleware reads them.
fn read_request(lines: &[&str]) -> impl Sized + use<> {
    let caller = trace_context::extract([PARENT], lines);
    let name = service_name::parse(lines).is_ok();
    (caller, baggage::parse(lines), request_id::parse(lines), name)
}

#[test]
fn the_allocator_counts() {
    assert_eq!(allocated_by(|| vec![0_u8; 100]), (1, 100));
    assert_eq!(allocated_by(|| ()), (0, 0));
}

#[test]
fn a_traceparent_allocates_nothing() {
    assert_eq!(allocated_by(|| traceparent::parse(PARENT.as_bytes()).unwrap()), (0, 0));
    assert_eq!(allocated_by(|| traceparent::parse(b"00-malformed")), (0, 0));
    let span = traceparent::parse(PARENT.as_bytes()).unwrap();
    assert_eq!(allocated_by(|| traceparent::format(&span)), (0, 0));
    assert_eq!(allocated_by(|| trace_context::extract([PARENT], [""; 0]).unwrap()), (0, 0));
    assert_eq!(allocated_by(|| span.clone()), (0, 0));

    // Through the seam as well.
    let carrier = vec![("traceparent".to_owned(), PARENT.as_bytes().to_vec())];
    let mut context = Context::default();
    assert_eq!(allocated_by(|| TraceContext::default().extract(&carrier, &mut context)), (0, 0));
    assert_eq!(allocated_by(|| W3cBaggage.extract(&carrier, &mut context)), (0, 0));
    assert!(context.span.is_some());
}

#[test]
fn a_minted_request_id_allocates_nothing() {
    let uuid = ["0190a5c0-8b7e-7c3a-9f10-3a1b2c3d4e5f"];
    assert_eq!(allocated_by(|| request_id::parse(uuid).unwrap()), (0, 0));
    assert_eq!(allocated_by(|| request_id::parse(["order-7"]).unwrap()).0, 1);
    assert_eq!(allocated_by(|| service_name::parse(["orders"]).unwrap()), (0, 0));
}

#[test]
fn a_tracestate_is_one_allocation() {
    let list: Vec<_> = (0..32).map(|number| format!("k{number}={}", "v".repeat(240))).collect();
    let (allocations, bytes) = allocated_by(|| TraceState::from_lines(&list).unwrap());
    assert_eq!(allocations, 1);
    let text = list.join(",").len();
    assert!((text..text + 32).contains(&bytes), "{bytes} for {text}");

    let state = TraceState::from_lines(["a=1", "b=2"]).unwrap();
    assert_eq!(allocated_by(|| (state.clone(), TraceState::EMPTY.clone())), (0, 0));
    assert_eq!(allocated_by(|| state.to_header().len()), (0, 0));
    assert_eq!(allocated_by(|| state.get("b") == Some("2")), (0, 0));
    assert_eq!(allocated_by(|| TraceState::from_lines(["a=1,b=2,FOO=3"])), (0, 0), "not before all is good");
}

#[test]
fn baggage_is_few_allocations() {
    for (line, most) in [("a=1,b=2;p,c=3", 3), ("a=%C3%A9,b=%C3%A9%20,c=%20", 4)] {
        let (allocations, _) = allocated_by(|| baggage::parse([line]).unwrap());
        assert!(allocations <= most, "{allocations} for {line}");
    }
    let full = baggage::parse(["a=%C3%A9,b=2"]).unwrap();
    assert_eq!(allocated_by(|| (full.clone(), Baggage::EMPTY.clone(), Baggage::default())), (0, 0));
    assert_eq!(allocated_by(|| full.get("b") == Some("2")), (0, 0));
    assert_eq!(allocated_by(|| baggage::encode(&full)).0, 1);
    assert_eq!(allocated_by(|| baggage::parse(["a=1,b=2,c"])), (0, 0), "not before all is good");
}

#[test]
fn any_headers_allocate_at_most_8_times_and_twice_the_cap() {
    let members = |count: usize, bytes: usize| {
        let list: Vec<_> =
            (0..count).map(|number| format!("k{number:02}={}", "v".repeat(bytes - 4))).collect();
        list.join(",")
    };
    let mut patterns: Vec<String> =
        ["a", " ", ",", "=", "%", "%FF", "k=v,", "k=v;p,", "a=%C3%A9%FFx,"].map(str::to_owned).into();
    // As much as is taken: many members, long ones, all of them coded, many properties.
    patterns.push(members(32, 255));
    patterns.push(members(64, 127));
    patterns.push(format!("k={}", "v".repeat(8_190)));
    patterns.push(format!("k={}", "%FF".repeat(2_730)));
    patterns.push(format!("k={}%FF", "v".repeat(8_187)));
    patterns.push(format!("k=v{}", ";p".repeat(4_094)));
    patterns.push(members(32, 126) + "," + &members(32, 126).replace("vvv", "%FF").replace('k', "l"));
    for pattern in &patterns {
        let long = pattern.repeat(MEBIBYTE / pattern.len());
        let many = vec![pattern.as_str(); MEBIBYTE / pattern.len()];
        let capped = pattern.repeat((MEMBERS_FIT / pattern.len()).max(1));
        for lines in [&[&*long][..], &many, &[pattern], &[&*capped]] {
            let (allocations, bytes) = allocated_by(|| read_request(lines));
            assert!(allocations <= 8, "{allocations} allocations for {} lines of {pattern:.40}", lines.len());
            // The cap is each header's own, and two of them keep what they read.
            assert!(
                bytes <= 2 * 2 * MAX_HEADER_BYTES,
                "{bytes} bytes for {} lines of {pattern:.40}",
                lines.len()
            );
            let (_, bytes) = allocated_by(|| baggage::parse(lines));
            assert!(bytes <= 2 * MAX_HEADER_BYTES, "{bytes} bytes of baggage for {pattern:.40}");
            let (_, bytes) = allocated_by(|| TraceState::from_lines(lines));
            assert!(bytes <= 2 * MAX_HEADER_BYTES, "{bytes} bytes of tracestate for {pattern:.40}");
        }
    }
}

const MEMBERS_FIT: usize = 8_190;
