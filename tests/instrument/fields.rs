//! What `fields(…)` can say.

use crate::{Traced, attributes};
use std::net::Ipv4Addr;
use throughline::{Value, instrument};

const REGION: &str = "eu-1";

struct Order {
    id: u64,
    customer: String,
    lines: Vec<i64>,
}

#[instrument(
    skip_all,
    fields(
        count = order.lines.len(),
        order.id = order.id,
        order.customer,
        "line items" = order.lines,
        text = "literal",
        region = REGION,
        first = order.lines[0],
        ratio = f64::from(2_u8) / 4.0,
        rpc.type = "unary",
        shown = %peer,
        debugged = ?order.lines,
        %peer,
        ?order.lines,
    )
)]
fn place(order: &Order, peer: Ipv4Addr) -> usize {
    order.lines.len()
}

#[test]
fn keys_and_values_take_every_form() {
    let traced = Traced::new();
    let order = Order { id: 7, customer: "ada".into(), lines: vec![1, 2] };
    assert_eq!(place(&order, Ipv4Addr::LOCALHOST), 2);
    let span = traced.span();
    let expected = [
        "count=2",
        "order.id=7",
        "order.customer=ada",
        "line items=[1, 2]",
        "text=literal",
        "region=eu-1",
        "first=1",
        "ratio=0.5",
        "rpc.type=unary",
        "shown=127.0.0.1",
        "debugged=[1, 2]",
        "peer=127.0.0.1",
        "order.lines=[1, 2]",
    ];
    assert_eq!(attributes(&span), expected);
    assert_eq!(span.attribute("line items"), Some(Value::from(vec![1_i64, 2])));
    assert_eq!(span.attribute("order.lines"), Some(Value::from("[1, 2]")));
}

#[instrument(fields(number, text, list, twice = number, owned = text))]
fn named(number: &u8, text: String, list: Vec<String>) -> (String, Vec<String>) {
    (text, list)
}

#[test]
fn a_bare_name_is_recorded_as_what_it_is_and_left_where_it_is() {
    let traced = Traced::new();
    named(&1, "t".into(), vec!["l".into()]);
    let span = traced.span();
    assert_eq!(attributes(&span), ["number=1", "text=t", "list=[l]", "twice=1", "owned=t"]);
    assert_eq!(span.attribute("number"), Some(Value::I64(1)));
    assert_eq!(span.attribute("list"), Some(Value::from(vec!["l".to_owned()])));
}

#[instrument(fields(id = %id.len(), article = &article[..2]))]
fn replaced(id: &str, article: &str) -> usize {
    id.len() + article.len()
}

#[test]
fn a_field_takes_the_place_of_the_argument_it_is_named_after() {
    let traced = Traced::new();
    replaced("abc", "lamp");
    assert_eq!(attributes(&traced.span()), ["id=3", "article=la"]);
}

struct Service {
    region: String,
    shard: u16,
}

impl Service {
    #[instrument(fields(self.shard, region = self.region, %self.region, next = self.shard + 1))]
    fn call(&mut self) {
        self.shard = 0;
    }

    #[instrument(fields(region = %self.region))]
    async fn run(self) -> String {
        self.region
    }
}

#[test]
fn fields_can_read_self() {
    let traced = Traced::new();
    let mut service = Service { region: "eu".into(), shard: 1 };
    service.call();
    assert_eq!(crate::block_on(service.run()), "eu");
    let spans = traced.spans();
    assert_eq!(attributes(&spans[0]), ["self.shard=1", "region=eu", "self.region=eu", "next=2"]);
    assert_eq!(attributes(&spans[1]), ["region=eu"]);
}
