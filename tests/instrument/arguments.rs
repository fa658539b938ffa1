//! How arguments are recorded, and when they are not.

use crate::{Traced, attributes, block_on};
use std::{
    cell::Cell,
    fmt::{self, Debug},
};
use throughline::{SpanRecord, Tracer, Value, instrument, sampling::AlwaysOff};

#[instrument]
fn numbers(small: u8, signed: &i64, huge: u64, real: f32, mutable: &mut usize, flag: &&bool) {
    *mutable += 1;
}

#[instrument]
fn texts(borrowed: &str, owned: String, lent: &String, nested: &&str, edited: &mut String) -> String {
    edited.push('!');
    owned
}

#[derive(Debug)]
struct Point {
    x: i32,
    y: i32,
}

#[instrument]
fn others(point: &Point, maybe: Option<u8>, list: Vec<&str>, letter: char, dynamic: &dyn Debug) -> usize {
    list.len()
}

#[test]
fn numbers_truth_values_and_texts_keep_their_types() {
    let traced = Traced::new();
    numbers(1, &-2, u64::MAX, 0.5, &mut 3, &&true);
    texts("a", "b".into(), &"c".into(), &"d", &mut "e".into());
    let spans = traced.spans();
    let value = |span: &SpanRecord, key| span.attribute(key).map(Value::into_owned);
    assert_eq!(value(&spans[0], "small"), Some(Value::I64(1)));
    assert_eq!(value(&spans[0], "signed"), Some(Value::I64(-2)));
    assert_eq!(value(&spans[0], "huge"), Some("18446744073709551615".into()));
    assert_eq!(value(&spans[0], "real"), Some(Value::F64(0.5)));
    assert_eq!(value(&spans[0], "mutable"), Some(Value::I64(3)));
    assert_eq!(value(&spans[0], "flag"), Some(Value::Bool(true)));
    assert_eq!(attributes(&spans[1]), ["borrowed=a", "owned=b", "lent=c", "nested=d", "edited=e"]);
}

#[test]
fn everything_else_is_recorded_as_debug_shows_it() {
    let traced = Traced::new();
    assert_eq!(others(&Point { x: 1, y: 2 }, Some(3), vec!["z"], 'c', &()), 1);
    let expected =
        ["point=Point { x: 1, y: 2 }", "maybe=Some(3)", "list=[\"z\"]", "letter='c'", "dynamic=()"];
    assert_eq!(attributes(&traced.span()), expected);
}

#[derive(Debug)]
struct Unit;

#[instrument]
fn patterns(
    (first, mut second): (u8, String),
    Point { x, y: renamed }: Point,
    &[head, .., ref tail]: &[u8; 4],
    _: Unit,
    Unit: Unit,
    (Ok(either) | Err(either)): Result<u8, u8>,
    mut counter: u32,
) -> String {
    second.push('!');
    counter += u32::from(first + head + tail + either) + x.unsigned_abs() + renamed.unsigned_abs();
    format!("{second}{counter}")
}

#[test]
fn every_name_that_a_pattern_binds_is_an_argument() {
    let traced = Traced::new();
    let point = Point { x: 2, y: 3 };
    assert_eq!(patterns((1, "s".into()), point, &[4, 0, 0, 5], Unit, Unit, Err(6), 7), "s!28");
    let expected =
        ["first=1", "second=\"s\"", "x=2", "renamed=3", "head=4", "tail=5", "either=6", "counter=7"];
    assert_eq!(attributes(&traced.span()), expected);
}

#[instrument]
fn raw(r#type: &str) -> usize {
    r#type.len()
}

#[instrument]
fn conditional(#[cfg(not(test))] gone: Missing, #[cfg(test)] kept: u8) -> u8 {
    kept
}

#[test]
fn raw_names_lose_their_mark_and_removed_arguments_are_not_missed() {
    let traced = Traced::new();
    raw("t");
    conditional(1);
    assert_eq!(traced.spans().iter().flat_map(attributes).collect::<Vec<_>>(), ["type=t", "kept=1"]);
}

/// Counts how often it is shown.
#[derive(Default)]
struct Witness(Cell<u64>);

impl Debug for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.set(self.0.get() + 1);
        f.write_str("seen")
    }
}

#[instrument]
#[allow(non_snake_case)]
fn login(user: &str, user_password: &Witness, ApiKey(apiKey): ApiKey<'_>, mut Token: u64, session: &str) {
    Token += user_password.0.get();
    drop(format!("{user}{}{Token}{session}", apiKey.0.get()));
}

struct ApiKey<'a>(&'a Witness);

#[test]
fn secrets_are_neither_recorded_nor_formatted() {
    let traced = Traced::new();
    let witness = Witness::default();
    login("ada", &witness, ApiKey(&witness), 42, "s");
    let expected =
        ["user=ada", "user_password=REDACTED", "apiKey=REDACTED", "Token=REDACTED", "session=REDACTED"];
    assert_eq!(attributes(&traced.span()), expected);
    assert_eq!(witness.0.get(), 0);
}

/// Has no `Debug`, so that recording it would not compile.
struct Opaque;

#[instrument(skip(opaque, r#type, second))]
fn skips(opaque: Opaque, r#type: u8, (first, second): (u8, Opaque)) -> (Opaque, u8, Opaque) {
    (opaque, r#type, second)
}

#[instrument(skip_all)]
fn skips_all(opaque: Opaque, number: u8) -> (Opaque, u8) {
    (opaque, number)
}

#[test]
fn what_is_skipped_is_not_touched() {
    let traced = Traced::new();
    skips(Opaque, 1, (2, Opaque));
    skips_all(Opaque, 3);
    assert_eq!(traced.spans().iter().flat_map(attributes).collect::<Vec<_>>(), ["first=2"]);
}

#[instrument(fields(extra = witness.0.replace(100), shown = ?witness))]
fn lazy(witness: &Witness) {}

#[instrument(fields(extra = witness.0.replace(100), shown = ?witness))]
async fn lazy_future(witness: &Witness) {}

#[test]
fn nothing_is_evaluated_or_formatted_where_nothing_records() {
    let witness = Witness::default();
    lazy(&witness);
    block_on(lazy_future(&witness));

    let silent = Tracer::builder("test").sampler(AlwaysOff).build().expect("a valid tracer");
    let silenced = silent.set_thread_default();
    lazy(&witness);
    block_on(lazy_future(&witness));
    drop(silenced);
    assert_eq!(witness.0.get(), 0);

    let traced = Traced::new();
    lazy(&witness);
    block_on(lazy_future(&witness));
    assert_eq!(traced.spans().len(), 2);
    assert!(witness.0.get() > 100);
}

#[instrument]
async fn moves(text: String, list: Vec<u8>, _unused: String) -> (String, usize) {
    (text, list.into_iter().map(usize::from).sum())
}

#[test]
fn arguments_of_a_future_are_recorded_before_the_body_moves_them() {
    let traced = Traced::new();
    assert_eq!(block_on(moves("t".into(), vec![1, 2], "u".into())), ("t".into(), 3));
    assert_eq!(attributes(&traced.span()), ["text=t", "list=[1, 2]", "_unused=u"]);
}
