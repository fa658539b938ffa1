//! The `#[instrument]` attribute of the `throughline` crate, which re-exports it: use it from there.
//!
//! Owns the attribute's syntax and the code it becomes. It stands outside the floors: nothing of
//! `throughline` is imported here, and the code it writes calls public functions only.
//!
//! `args` and `field` read the options, `function` and `params` the function; `record` and `expand` write
//! the code.

#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::todo,
        clippy::unimplemented
    )
)]

mod args;
mod expand;
mod field;
mod function;
mod hygiene;
mod params;
mod record;

/// Gives every call of a function a span, named after the function, with its arguments as attributes.
///
/// The span is a child of the current one; without one it starts a trace of the thread's or the
/// process's default tracer; without a tracer the call is just the call. It is current while the body
/// runs, and it ends when the body does, however that comes about: by `return`, `?`, a panic (outcome
/// panicked, status error) or, of a future, by being dropped halfway (outcome cancelled).
///
/// ```
/// use throughline::{Span, instrument};
///
/// #[instrument]
/// fn total(prices: &[u32], discount: u32) -> u32 {
///     prices.iter().map(|price| price.saturating_sub(discount)).sum()
/// }
///
/// struct Orders;
///
/// impl Orders {
///     #[instrument(name = "Orders::charge", kind = "client", skip(card), fields(card.kind = card.kind), err)]
///     async fn charge(&self, order: u64, card: &Card) -> Result<(), std::io::Error> {
///         Span::current().set_attribute("attempt", 1);
///         card.send(order).await
///     }
/// }
/// # struct Card { kind: &'static str }
/// # impl Card { async fn send(&self, _: u64) -> std::io::Result<()> { Ok(()) } }
/// # assert_eq!(total(&[5, 7], 2), 8);
/// ```
///
/// # Where it can be put
///
/// On any function with a body but a `const fn`: free or in an `impl` or a `trait`, generic, unsafe, with
/// `self` in every form.
///
/// The span of an **`async fn`** starts when its future is first polled, and is current during every
/// poll, on whatever thread. The same holds of a function that **ends with an async block**, bare or
/// within `Box::pin(…)`, as `#[async_trait]` makes of its methods. Any other function that returns a future
/// is a plain call: its span ends when the future is returned.
///
/// # Options
///
/// | Option | Meaning | Default |
/// |---|---|---|
/// | `name = "…"` | The span's name: a literal or another expression that gives a `&'static str` or a `String`. | the function's name |
/// | `kind = "…"` | `"internal"`, `"server"`, `"client"`, `"producer"` or `"consumer"`, or a path such as `SpanKind::Client`. | internal |
/// | `skip(a, b)` | These arguments are not recorded, nor looked at. | |
/// | `skip_all` | No argument is. | |
/// | `fields(…)` | Further attributes, as below. | |
/// | `err` | A returned `Err` is recorded: an exception event, `error.type` and an error status, with what `Display` makes of it; `err(Debug)` takes `Debug`. | not recorded |
/// | `tracer = …` | The tracer whose span it is: an expression that gives a `Tracer` or a reference to one, such as `self.tracer`. | the current span's, else the default |
/// | `root` | Starts a trace instead of joining the current one. | |
/// | `crate = …` | The path where `throughline` is to be found, if something else exports it. | `::throughline` |
///
/// A wrong option is an error of compilation that says what is accepted.
///
/// # Arguments
///
/// Each is an attribute of its own name. A number, a truth value or a text (`str` or `String`, behind any
/// references) keeps its type, everything else becomes what `Debug` makes of it; so an argument without
/// `Debug` has to be skipped. The types are judged as they are written: an alias counts as something else.
/// Of a pattern each name it binds is an attribute, by `Debug`. `self` is never recorded. Where a function
/// ends with an async block, only the arguments which that block names, and nothing before it, are
/// recorded, because the future has no others.
///
/// **Secrets.** An argument whose name contains, in any case, `password`, `passwd`, `secret`, `token`,
/// `api_key`, `apikey`, `authorization`, `credential`, `private_key`, `session` or `cookie` is recorded as
/// the text `REDACTED`; its value is not looked at. Only its own name counts: what is inside a structure
/// is that structure's `Debug`'s to hide. A field of the same name takes its place; only the tracer's own redaction,
/// which does not know `session`, still looks at it.
///
/// ```
/// # use throughline::{Span, Tracer, exporters::Memory, instrument};
/// # use std::time::Duration;
/// #[instrument(skip(page), fields(session = session.len()))]
/// fn login(user: &str, password: &str, session: &str, page: impl Fn()) {
///     page();
/// }
/// # let memory = Memory::new();
/// # let tracer = Tracer::builder("docs").exporter(memory.clone()).build()?;
/// # let _default = tracer.set_thread_default();
/// login("ada", "lovelace", "0123", || ());
///
/// # assert!(tracer.flush(Duration::from_secs(5)).is_complete());
/// let span = memory.spans().remove(0);
/// assert_eq!(span.attribute("user"), Some("ada".into()));
/// assert_eq!(span.attribute("password"), Some("REDACTED".into()));
/// assert_eq!(span.attribute("session"), Some(4_i64.into()));
/// # Ok::<(), throughline::BuildError>(())
/// ```
///
/// # Fields
///
/// | Field | Attribute |
/// |---|---|
/// | `key = value`, `dotted.key = value`, `"any key" = value` | The value, as what it is: anything that converts into a `Value`. A variable or a field of one is cloned, not moved. |
/// | `key = %value` | The text `Display` makes of it. |
/// | `key = ?value` | The text `Debug` makes of it. |
/// | `name`, `%name`, `?name` | The same of the variable `name`, or of a field such as `self.name`. |
///
/// What becomes known only later needs no declaration: `Span::current().set_attribute(…)`.
///
/// Where nothing is recorded, because there is no tracer or the sampler said no, no argument is formatted
/// and no field is evaluated.
#[proc_macro_attribute]
pub fn instrument(
    options: proc_macro::TokenStream,
    function: proc_macro::TokenStream,
) -> proc_macro::TokenStream {
    expand::instrument(options.into(), function.into()).into()
}
