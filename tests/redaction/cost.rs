//! What looking for secrets costs: time in proportion to the text, and no memory where there are none.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    hint::black_box,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use throughline::{
    redact::{Field, Redaction, Secret, Verdict},
    testing::TestTracer,
};

/// Counts what the thread at hand allocates.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: hands every call on to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // After the thread's end there is nothing left to count for.
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promise is the one asked for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn a_span_without_secrets_is_left_without_an_allocation() {
    // A rule of one's own is called on the collector's thread, first with the name, and last with the
    // attribute that was set last.
    thread_local! {
        static AT_NAME: Cell<usize> = const { Cell::new(0) };
    }
    let (most, spans) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (noted_most, noted_spans) = (most.clone(), spans.clone());
    let rule = move |field: &Field<'_>| {
        let now = ALLOCATIONS.get();
        match field {
            Field::Name(_) => AT_NAME.set(now),
            Field::LinkAttribute(_) => {
                noted_most.fetch_max(now - AT_NAME.get(), Ordering::Relaxed);
                noted_spans.fetch_add(1, Ordering::Relaxed);
            }
            _ => {}
        }
        Verdict::Keep
    };
    let test = TestTracer::with(|builder| {
        builder.redaction(Redaction::default().with(Secret::Email).rule("count", rule))
    });
    for number in 0..10 {
        let span = test.span(format!("GET /orders/{number}"));
        span.set_attribute("url.full", "https://shop.example:8443/orders/7?page=2&sort=name#top")
            .set_attribute("http.request.header.accept".to_owned(), vec!["text/html", "text/plain; q=0.5"])
            .set_attribute("order.id", 4_111_111_111_111_112_i64)
            .set_attribute("note", "a bearer of news: 4111-1111-1111-1112, eyJhbGciOiJIUzI1NiJ9, a=b")
            .add_event(format!("tried {number}"), &[("after", "1.5 s".into())])
            .set_status(throughline::Status::error(format!("no answer from shop.example:{number}")))
            .add_link(&span.context().unwrap(), &[("one", "1".into()), ("two", "2".into())]);
    }
    assert_eq!(test.spans().len(), 10);
    assert_eq!((most.load(Ordering::Relaxed), spans.load(Ordering::Relaxed)), (0, 20));
}

const WITHIN: Duration = Duration::from_secs(5);

#[track_caller]
fn is_quick(redaction: &Redaction, text: &str) {
    let start = Instant::now();
    black_box(redaction.text(black_box(text)));
    let took = start.elapsed();
    let begins: String = text.chars().take(40).collect();
    assert!(took < WITHIN, "{took:?} for {} bytes of {begins}…", text.len());
}

#[test]
fn any_text_takes_time_in_proportion_to_its_length() {
    let parts = [
        "a",
        "1",
        "1 ",
        "4111 ",
        "411-",
        "4111111111111111 ",
        "=",
        "a=",
        "a:",
        "token=",
        "token=\"",
        "token=REDACTED ",
        "password='\\",
        "\"password\":",
        "token=***",
        "?",
        "?a=",
        "?token=1&",
        "&token=",
        "%",
        "%7",
        "%41",
        "//",
        "://",
        "://a:b",
        "http://a:b/",
        "http://a:b@c ",
        "://a:b/@",
        "@",
        "a@",
        "@a.",
        "a@b.c ",
        "a@b.co ",
        ".@",
        "eyJ",
        "eyJ.",
        "eyJhbGciOiJIUzI1NiJ9.",
        "eyJhbGciOiJIUzI1NiJ9 ",
        "bearer ",
        "Bearer a1b2c3d4 ",
        "basic ",
        "basic a",
        "-",
        "-----BEGIN ",
        "-----BEGIN PRIVATE KEY-----",
        "-----BEGIN A-----",
        "-----END ",
        "ghp_",
        "sk-",
        "AKIA ",
        "SG.",
        " ",
        "\"",
        "\\\"",
        "é",
        "Some(",
        "[",
        "a.b",
        "aB",
        "password=[",
        "password=a(",
        "password=a\"b",
        "password=a\"\"",
        "password=[\\\"",
        "password=['\"`",
        "\\\"password\\\":\\\"",
        "password: ",
        "cookie: a ",
        "cookie: a=b",
        "password: Some(",
        "password:\n",
        "password := ",
        "{password:",
        ",password:1",
        "--password ",
        "--password a ",
        "--password=",
        "<password>",
        "<password>a</b>",
        "password>",
        "</password>",
        "''",
        "\"\"",
        "\\",
        "\\n",
        "\\u0026",
        "\t",
        "\n",
        "%3D",
        "a%3D",
        "token%3D",
        "%22token%22%3A%22",
        "%3Ftoken%3D1",
        "%253D",
        "%2F",
        "%2F%2Fa:b",
        "//a:b ",
        "\\/\\/a:b",
        "://a:b@",
        "&amp;token=",
        "+",
        "Bearer+",
        "bearer%20",
        "-----BEGIN+",
        "-----BEGIN+PRIVATE+KEY-----",
        "eyAi",
        "ewoJ",
        "4111+",
        "4111.",
        "4111%20",
        "[0]=",
    ];
    let redaction = Redaction::default().with(Secret::Email);
    // A quadratic walk over so much would take far longer.
    const BYTES: usize = 48 << 10;
    for part in parts {
        let text = part.repeat(BYTES / part.len());
        is_quick(&redaction, &text);
        for before in ["token=", "http://a:", "password=[", "cookie: "] {
            is_quick(&redaction, &[before, &text].concat());
        }
    }
    for before in ["", "token=", "http://a:"] {
        is_quick(&redaction, &[before, &parts.concat().repeat(300)].concat());
    }
}
