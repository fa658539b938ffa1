//! Trees, their pictures, and the numbers.

mod support;

use proptest::{collection::vec, prelude::*, sample::select};
use std::{fs, path::Path, time::Duration};
use support::{TRACE, context, declined_order, span};
use throughline::{
    Outcome, SpanId, SpanKind, SpanRecord, Status,
    analysis::{Node, Performance, Place, RenderOptions, Trace},
};
use unicode_width::UnicodeWidthStr;

type Record = (&'static str, SpanRecord);

fn pairs(records: &[Record]) -> impl Iterator<Item = (&str, &SpanRecord)> + Clone {
    records.iter().map(|(service, span)| (*service, span))
}

fn only_trace(records: &[Record]) -> Trace<'_> {
    let mut traces = Trace::assemble(pairs(records));
    assert_eq!(traces.len(), 1);
    traces.remove(0)
}

fn names<'t, 'a: 't>(nodes: impl Iterator<Item = Node<'t, 'a>>) -> Vec<&'a str> {
    nodes.map(|node| node.span().name()).collect()
}

/// Compares with `tests/golden/{name}.txt`; with `UPDATE_GOLDEN` set it writes that file instead. The
/// escape character is kept as `␛`, so that the file can be read.
fn assert_golden(name: &str, picture: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(format!("{name}.txt"));
    let picture = picture.replace('\x1b', "␛");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &picture).unwrap();
    }
    let golden = fs::read_to_string(&path).unwrap_or_default();
    assert!(picture == golden, "{} differs; now it is:\n{picture}", path.display());
}

#[test]
fn children_stand_below_their_parents_in_the_order_of_their_starts() {
    let mut records = declined_order();
    records.reverse();
    let trace = only_trace(&records);

    assert_eq!(names(trace.roots()), ["POST /orders"]);
    let root = trace.roots().next().unwrap();
    assert_eq!((root.service(), root.place(), root.depth()), ("gateway", Place::Root, 0));
    assert_eq!(names(root.children()), ["authenticate", "POST"]);
    let orders = root.children().nth(1).unwrap().children().next().unwrap();
    assert_eq!((orders.service(), orders.place(), orders.depth()), ("orders", Place::Child, 2));
    assert_eq!(names(orders.children()), ["load cart", "POST", "GET", "GET", "POST", "order-events send"]);
    assert_eq!(orders.parent().unwrap().span().name(), "POST");
    assert_eq!(trace.nodes().count(), trace.len());
    assert_eq!(root.subtree().count(), trace.len());
    assert_eq!(orders.subtree().count(), trace.len() - 3);
    assert_eq!(trace.services(), ["gateway", "orders", "inventory", "shipping", "payment"]);
    assert_eq!(trace.duration(), Duration::from_micros(412_900));
    assert!(trace.is_complete());
}

#[test]
fn traces_come_in_the_order_of_their_starts() {
    let later = SpanRecord::new(&context("00000000000000000000000000000001", 1), "later", 9, 10);
    let earlier = SpanRecord::new(&context("00000000000000000000000000000002", 1), "earlier", 1, 20);
    let traces = Trace::assemble([("a", &later), ("b", &earlier)]);
    let roots: Vec<_> = traces.iter().flat_map(|trace| names(trace.roots())).collect();
    assert_eq!(roots, ["earlier", "later"]);
}

#[test]
fn a_span_whose_parent_is_not_here_is_a_tree_of_its_own() {
    let records = vec![
        ("orders", span(4, 3, SpanKind::Server, "remote parent", 10, 90)),
        ("orders", span(5, 9, SpanKind::Internal, "lost parent", 20, 30)),
        ("orders", span(6, 5, SpanKind::Internal, "child of it", 21, 29)),
    ];
    let trace = only_trace(&records);
    let places: Vec<_> = trace.roots().map(|root| (root.span().name(), root.place())).collect();
    assert_eq!(places, [("remote parent", Place::RemoteParent), ("lost parent", Place::MissingParent)]);
    assert!(!trace.is_complete());

    let picture = trace.render(&RenderOptions::new());
    assert!(picture.contains("incomplete"), "{picture}");
    assert!(picture.contains("? orders lost parent  parent 0000000000000009 missing"), "{picture}");
    assert!(picture.contains("\norders ← remote parent "), "{picture}");
}

#[test]
fn a_circle_is_cut_above_its_earliest_span() {
    let records = vec![
        ("a", span(1, 1, SpanKind::Internal, "own parent", 0, 100)),
        ("a", span(12, 11, SpanKind::Internal, "second of three", 2, 50)),
        ("a", span(11, 13, SpanKind::Internal, "first of three", 1, 50)),
        ("a", span(13, 12, SpanKind::Internal, "third of three", 3, 50)),
        ("a", span(14, 13, SpanKind::Internal, "beside the circle", 0, 50)),
    ];
    let trace = only_trace(&records);
    let places: Vec<_> = trace.roots().map(|root| (root.span().name(), root.place())).collect();
    assert_eq!(places, [("own parent", Place::Cycle), ("first of three", Place::Cycle)]);
    assert_eq!(
        names(trace.nodes()),
        ["own parent", "first of three", "second of three", "third of three", "beside the circle"]
    );
    assert!(!trace.is_complete());
}

#[test]
fn a_span_delivered_twice_counts_once() {
    let mut records = declined_order();
    records.extend(declined_order().into_iter().take(5));
    let trace = only_trace(&records);
    assert_eq!((trace.len(), trace.duplicates()), (17, 5));
    assert_eq!(
        trace.render(&RenderOptions::new()),
        only_trace(&declined_order()).render(&RenderOptions::new())
    );
    assert_eq!(Performance::of(pairs(&records)), Performance::of(pairs(&declined_order())));
}

#[test]
fn a_chain_of_a_hundred_thousand_spans_needs_no_stack() {
    let work = || {
        let spans: Vec<Record> = (1..=100_000)
            .map(|id| ("deep", span(id, id - 1, SpanKind::Internal, "down", id, 200_000)))
            .collect();
        let trace = only_trace(&spans);
        assert_eq!(trace.nodes().last().unwrap().depth(), 99_999);
        let picture = trace.render(&RenderOptions::new().max_spans(usize::MAX));
        assert!(picture.lines().count() > 100_000);
        assert!(picture.lines().all(|line| line.width() <= 100));
        // A circle of them all is cut, and is a chain again.
        let circle: Vec<Record> = (1..=100_000)
            .map(|id| ("deep", span(id, id % 100_000 + 1, SpanKind::Internal, "round", id, 200_000)))
            .collect();
        assert_eq!(only_trace(&circle).nodes().last().unwrap().depth(), 99_999);
    };
    std::thread::Builder::new().stack_size(256 << 10).spawn(work).unwrap().join().unwrap();
}

#[test]
fn pictures_of_an_order() {
    let records = declined_order();
    let trace = only_trace(&records);
    for width in [60, 80, 100, 120, 200] {
        let options = RenderOptions::new().width(width);
        assert_golden(&format!("tree_{width}"), &trace.render(&options));
        assert_golden(&format!("tree_{width}_colors"), &trace.render(&options.colors(true)));
    }
    assert_golden("tree_80_ascii", &trace.render(&RenderOptions::new().width(80).ascii(true)));
}

#[test]
fn pictures_of_what_can_go_wrong() {
    let millis =
        |id, parent, kind, name, from: u64, to: u64| span(id, parent, kind, name, from * 1_000, to * 1_000);
    let records = vec![
        (
            "orders",
            millis(4, 3, SpanKind::Server, "POST /orders", 0, 2_000)
                .with_attribute("service.peer.name", "web"),
        ),
        ("orders", millis(5, 4, SpanKind::Internal, "panics", 10, 500).with_outcome(Outcome::Panicked)),
        (
            "orders",
            millis(6, 4, SpanKind::Client, "GET", 500, 900)
                .with_status(Status::error("connection closed before the message was complete"))
                .with_attribute("http.response.status_code", 200)
                .with_attribute("error.type", "body"),
        ),
        ("orders", millis(7, 4, SpanKind::Internal, "fails", 900, 1_000).with_status(Status::error(""))),
        (
            "orders",
            millis(8, 4, SpanKind::Client, "shop.Stock/Reserve", 1_000, 1_400)
                .with_attribute("rpc.response.status_code", "OK"),
        ),
        (
            "在庫サービス",
            millis(9, 8, SpanKind::Server, "在庫を確保する", 1_100, 1_300)
                .with_attribute("rpc.response.status_code", "NOT_FOUND"),
        ),
        ("orders", millis(10, 4, SpanKind::Consumer, "payments receive", 1_500, 1_500)),
        ("orders", millis(20, 19, SpanKind::Internal, "left behind", 1_900, 2_500)),
        ("orders", millis(21, 20, SpanKind::Internal, "\x1b[2J\u{202e}evil\r\n", 2_000, 2_100)),
    ];
    let trace = only_trace(&records);
    assert_golden("troubles_100", &trace.render(&RenderOptions::new()));
    assert_golden("troubles_60", &trace.render(&RenderOptions::new().width(60)));
}

#[test]
fn what_is_too_much_is_counted() {
    let records = declined_order();
    let picture = only_trace(&records).render(&RenderOptions::new().max_spans(3));
    assert!(picture.ends_with("and 14 more spans\n"), "{picture}");
    assert!(!picture.contains("load cart"), "{picture}");
}

#[test]
fn numbers_of_operations() {
    let operation = |id: u64, millis: u64| span(id, 0, SpanKind::Server, "GET /", 0, millis * 1_000);
    let mut records: Vec<Record> = (1..=200).map(|n| ("orders", operation(n, n))).collect();
    records[0].1 = records[0].1.clone().with_status(Status::error("no"));
    records[1].1 = records[1].1.clone().with_outcome(Outcome::Panicked);
    records[2].1 = records[2].1.clone().with_outcome(Outcome::Cancelled).with_status(Status::error("no"));
    records.push(("orders", span(999, 0, SpanKind::Client, "GET /", 0, 7_000)));

    let performance = Performance::of(pairs(&records));
    let [server, client] = performance.operations() else { panic!("{performance:?}") };
    assert_eq!(
        (server.service.as_str(), server.name.as_str(), server.kind),
        ("orders", "GET /", SpanKind::Server)
    );
    assert_eq!((server.requests, server.errors, server.cancelled), (200, 2, 1));
    let millis = Duration::from_millis;
    assert_eq!((server.p50, server.p95, server.p99), (millis(100), millis(190), millis(198)));
    assert_eq!((server.max, server.total), (millis(200), millis(200 * 201 / 2)));
    assert_eq!((client.p50, client.p99, client.max), (millis(7), millis(7), millis(7)));
    assert!(Performance::of([]).operations().is_empty());
}

#[test]
fn tables_of_operations() {
    let records = declined_order();
    let performance = Performance::of(pairs(&records));
    for width in [60, 80, 120, 200] {
        assert_golden(
            &format!("performance_{width}"),
            &performance.render(&RenderOptions::new().width(width)),
        );
    }
    let options = RenderOptions::new().width(80).colors(true);
    assert_golden("performance_80_colors", &performance.render(&options));
}

#[test]
fn a_table_says_that_it_is_an_estimate() {
    let order = |id, count| span(id, 0, SpanKind::Server, "order", 0, 1_000).with_adjusted_count(count);
    let table = |records: &[Record], width| {
        Performance::of(pairs(records)).render(&RenderOptions::new().width(width))
    };
    let kept = [("orders", order(1, 1.0)), ("orders", order(2, 20.0))];
    let lines = table(&kept, 80);
    let [_, row, note] = lines.lines().collect::<Vec<_>>()[..] else { panic!("{lines}") };
    assert!(row.contains(" 21 "), "{row}");
    assert_eq!(note, "estimated from 2 spans that were kept");
    assert!(table(&kept, 30).lines().all(|line| line.chars().count() <= 30));
    assert!(!table(&[("orders", order(1, 1.0))], 80).contains("estimated"));
}

/// Names that are hard to print: wide, of no width, joined, reordering, acting on terminals.
fn name() -> impl Strategy<Value = String> {
    let pieces = select(vec![
        "GET /orders",
        "注文",
        "👩‍👩‍👧‍👦",
        "❤\u{fe0f}",
        "1\u{fe0f}\u{20e3}",
        "🇩🇪",
        "é",
        "e\u{301}\u{302}",
        "لا",
        "\x1b[31m",
        "\u{9b}2J",
        "\r\n",
        "\t",
        "\u{202e}",
        "\u{2066}",
        "\u{2028}",
        "\u{200b}",
        "\0",
        "한국",
        "👍🏽",
    ]);
    prop_oneof![
        any::<String>(),
        vec(prop_oneof![pieces.prop_map(str::to_owned), any::<char>().prop_map(String::from)], 0..12)
            .prop_map(|pieces| pieces.concat()),
    ]
}

prop_compose! {
    /// Spans whose parents are anywhere: above, below, themselves, or not here.
    fn any_spans()(
        spans in vec(
            (
                name(), name(), 1..14_u64, 0..16_u64, any::<bool>(), any::<(u64, u64)>(),
                select(vec![SpanKind::Internal, SpanKind::Server, SpanKind::Client, SpanKind::Producer]),
                select(vec![Outcome::Completed, Outcome::Cancelled, Outcome::Panicked]),
                proptest::option::of(name()), vec((select(vec![
                    "service.peer.name", "error.type", "request.id", "rpc.response.status_code", "http.request.resend_count",
                ]), name()), 0..3),
            ),
            1..12,
        ),
    ) -> Vec<(String, SpanRecord)> {
        spans
            .into_iter()
            .map(|(service, name, id, parent, remote, (start, end), kind, outcome, error, attributes)| {
                let mut record = SpanRecord::new(&context(TRACE, id), name, start, end).with_kind(kind).with_outcome(outcome);
                if let Some(parent) = SpanId::from_u64(parent) {
                    record = record.with_parent(parent, remote);
                }
                if let Some(error) = error {
                    record = record.with_status(Status::error(error.clone()));
                    record = record.with_event("exception", start, &[("exception.message", error.into())]);
                }
                for (key, value) in attributes {
                    record = record.with_attribute(key, value);
                }
                (service, record)
            })
            .collect()
    }
}

/// The picture without our own colours, which are the only sequences there may be.
fn without_colors(picture: &str) -> String {
    let mut parts = picture.split("\x1b[");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (code, rest) = part.split_once('m').expect("a colour");
        assert!(code.chars().all(|c| c.is_ascii_digit() || c == ';'), "{code:?}");
        plain.push_str(rest);
    }
    plain
}

fn check_picture(picture: &str, width: u16, ascii: bool) -> Result<(), TestCaseError> {
    let plain = without_colors(picture);
    prop_assert!(plain.ends_with('\n'));
    for line in plain.split_terminator('\n') {
        prop_assert!(line.width() <= usize::from(width), "{} columns: {line:?}", line.width());
        let acts = |c: char| {
            c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c) || ('\u{2066}'..='\u{2069}').contains(&c)
        };
        prop_assert!(!line.contains(acts) && !line.contains('\u{2028}'), "{line:?}");
        prop_assert!(!ascii || line.is_ascii(), "{line:?}");
    }
    Ok(())
}

proptest! {
    #[test]
    fn no_picture_is_too_wide_or_acts_on_the_terminal(
        spans in any_spans(), width in prop_oneof![1..40_u16, 40..220_u16], colors: bool, ascii: bool,
    ) {
        let options = RenderOptions::new().width(width).colors(colors).ascii(ascii);
        let records = spans.iter().map(|(service, span)| (service.as_str(), span));
        for trace in Trace::assemble(records.clone()) {
            check_picture(&trace.render(&options), width, ascii)?;
            prop_assert_eq!(trace.nodes().count(), trace.len());
            prop_assert_eq!(trace.len() + trace.duplicates(), spans.len());
        }
        check_picture(&Performance::of(records).render(&options), width, ascii)?;
    }

    #[test]
    fn the_order_of_the_records_makes_no_difference(records in Just(declined_order()).prop_shuffle()) {
        let ordered = declined_order();
        let options = RenderOptions::new();
        prop_assert_eq!(only_trace(&records).render(&options), only_trace(&ordered).render(&options));
        prop_assert_eq!(Performance::of(pairs(&records)), Performance::of(pairs(&ordered)));
    }
}
