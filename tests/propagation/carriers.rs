//! Carriers that are not HTTP.

use crate::{Headers, headers};
use std::{
    collections::{BTreeMap, HashMap},
    ops::ControlFlow::{Break, Continue},
};
use throughline::propagation::{Getter, Setter};

/// Each carrier, with these headers.
fn carriers(lines: &[(&str, &str)]) -> [Box<dyn Carrier>; 3] {
    let map = || lines.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    [
        Box::new(headers(lines)),
        Box::new(map().collect::<HashMap<String, String>>()),
        Box::new(map().collect::<BTreeMap<String, String>>()),
    ]
}

trait Carrier: Getter + Setter {}
impl Carrier for Headers {}
impl Carrier for HashMap<String, String> {}
impl Carrier for BTreeMap<String, String> {}

fn lines(carrier: &dyn Carrier, name: &str) -> Vec<String> {
    let mut found = Vec::new();
    let walk = carrier.lines(name, &mut |line| {
        found.push(String::from_utf8(line.to_vec()).unwrap());
        Continue(())
    });
    assert_eq!(walk, Continue(()));
    found
}

fn all_lines(carrier: &dyn Carrier) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let walk = carrier.all_lines(&mut |name, line| {
        found.push((name.to_owned(), String::from_utf8(line.to_vec()).unwrap()));
        Continue(())
    });
    assert_eq!(walk, Continue(()));
    found.sort();
    found
}

#[test]
fn case_does_not_count_in_names() {
    for carrier in carriers(&[("TraceParent", "1"), ("other", "2")]) {
        assert_eq!(lines(&*carrier, "traceparent"), ["1"]);
        assert_eq!(lines(&*carrier, "trace"), [""; 0]);
        let all =
            [("TraceParent", "1"), ("other", "2")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(all_lines(&*carrier), all);
    }
    for carrier in carriers(&[("B3", "1"), ("b3", "1")]) {
        assert_eq!(lines(&*carrier, "b3"), ["1", "1"], "two lines of one header");
    }
}

#[test]
fn what_is_set_takes_the_place_of_all_of_its_name() {
    for mut carrier in carriers(&[("B3", "1"), ("b3", "2"), ("other", "3")]) {
        carrier.set("b3", b"4");
        assert_eq!(lines(&*carrier, "b3"), ["4"]);
        carrier.set("new", b"");
        assert_eq!(lines(&*carrier, "new"), [""]);
        carrier.unset("b3");
        assert_eq!(lines(&*carrier, "b3"), [""; 0]);
        assert_eq!(all_lines(&*carrier).len(), 2);
    }
}

#[test]
fn a_walk_stops_where_it_is_told_to() {
    for carrier in carriers(&[("B3", "1"), ("b3", "1")]) {
        let mut seen = 0;
        let walk = carrier.lines("b3", &mut |_| {
            seen += 1;
            Break(())
        });
        assert_eq!((walk, seen), (Break(()), 1));
        let walk = carrier.all_lines(&mut |_, _| {
            seen += 1;
            Break(())
        });
        assert_eq!((walk, seen), (Break(()), 2));
    }
}

#[test]
fn what_is_no_text_is_left_out_of_a_map_of_texts() {
    for mut carrier in carriers(&[("x", "1")]).into_iter().skip(1) {
        carrier.set("x", b"\xff");
        assert_eq!(lines(&*carrier, "x"), [""; 0], "nor is the old one left, which says something else");
    }
}
