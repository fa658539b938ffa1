//! Options that do not exist, contradict one another or do not fit the function.

use throughline::instrument;

#[instrument(level = "debug")]
fn unknown() {}

#[instrument(root, kind = "Server", skip_all, skip(_a), root)]
fn several(_a: u8) {}

#[instrument(skip(self, b))]
fn not_parameters(_a: u8) {}

#[instrument(err)]
fn returns_nothing() {}

#[instrument(err(Hex))]
fn shows() -> Result<(), String> {
    Ok(())
}

#[instrument(fields(user = Empty, id = 1, "id" = 2))]
fn placeholder() {}

#[instrument(name)]
fn half() {}

#[instrument(fields = 1)]
fn no_list() {}

#[instrument(kind = 3 + 4)]
fn kind() {}

fn main() {
    unknown();
    several(1);
    not_parameters(1);
    returns_nothing();
    let _ = shows();
    placeholder();
    half();
    no_list();
    kind();
}
