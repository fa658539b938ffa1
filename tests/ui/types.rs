//! Types that do not fit: the messages point to what the user wrote.

use throughline::instrument;

struct Opaque;

#[instrument]
fn argument(opaque: Opaque) {}

#[instrument(skip_all, fields(shown = %opaque))]
fn field(opaque: &Opaque) {}

#[instrument]
fn body() -> u32 {
    "text"
}

#[instrument]
async fn async_body(early: bool) -> u32 {
    if early {
        return 'c';
    }
    "text"
}

#[instrument]
async fn async_empty() -> u32 {}

#[instrument(err)]
fn not_displayed() -> Result<(), Opaque> {
    Err(Opaque)
}

fn main() {}
