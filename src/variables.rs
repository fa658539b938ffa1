//! Reading settings from environment variables (floor 0).
//!
//! A variable that is set but not understood is an error that names it and never its value.

use std::ffi::OsString;

/// A variable of the environment that does not say what it should.
///
/// The text names the variable and what it accepts, never its value: that may be a secret in the
/// wrong place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the environment variable {variable} has to be {accepts}")]
pub struct InvalidVariable {
    variable: &'static str,
    accepts: &'static str,
}

impl InvalidVariable {
    pub(crate) const fn new(variable: &'static str, accepts: &'static str) -> Self {
        Self { variable, accepts }
    }

    /// The variable's name.
    pub const fn variable(&self) -> &'static str {
        self.variable
    }

    /// What it accepts.
    pub const fn accepts(&self) -> &'static str {
        self.accepts
    }
}

/// Where variables are read from.
pub(crate) struct Variables(pub(crate) Box<Lookup>);

type Lookup = dyn Fn(&str) -> Option<OsString> + Send;

impl Variables {
    pub(crate) fn of_process() -> Self {
        Self(Box::new(|name| std::env::var_os(name)))
    }

    /// A variable's text; an empty one counts as unset [OpenTelemetry, environment variables].
    pub(crate) fn text(
        &self,
        name: &str,
        error: impl Fn() -> InvalidVariable,
    ) -> Result<Option<String>, InvalidVariable> {
        match (self.0)(name) {
            Some(value) if !value.is_empty() => value.into_string().map(Some).map_err(|_| error()),
            _ => Ok(None),
        }
    }

    pub(crate) fn flag(&self, name: &'static str) -> Result<Option<bool>, InvalidVariable> {
        let error = || InvalidVariable::new(name, "true or false");
        match self.text(name, error)?.map(|text| text.to_ascii_lowercase()).as_deref() {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(_) => Err(error()),
        }
    }

    pub(crate) fn whole_number(&self, name: &'static str) -> Result<Option<usize>, InvalidVariable> {
        let error = || InvalidVariable::new(name, "a whole number, 0 or more");
        let Some(text) = self.text(name, error)? else {
            return Ok(None);
        };
        // The standard library's parser would take a sign.
        let digits = Some(text.trim()).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        digits.and_then(|digits| digits.parse().ok()).map(Some).ok_or_else(error)
    }

    pub(crate) fn positive(&self, name: &'static str) -> Result<Option<usize>, InvalidVariable> {
        match self.whole_number(name)? {
            Some(0) => Err(InvalidVariable::new(name, "a whole number, 1 or more")),
            number => Ok(number),
        }
    }
}

/// Undoes percent-encoding; `None` if a sequence is broken or the bytes are not UTF-8.
pub(crate) fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digit = |digit: Option<u8>| char::from(digit?).to_digit(16);
            let (high, low) = (digit(rest.next())?, digit(rest.next())?);
            bytes.push((high << 4 | low) as u8);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}
