//! The settings that OTLP's variables have beyond a timeout (floor 3). The names given are those of one
//! setting, of which the last that is set wins.

use super::{error::SetupError, settings::Settings};
use crate::variables::{InvalidVariable, Variables, percent_decode};
use std::fs;

impl Settings {
    pub(crate) fn read_packed(
        &mut self,
        names: &[&'static str],
        variables: &Variables,
    ) -> Result<(), SetupError> {
        for name in names.iter().copied() {
            let error = || InvalidVariable::new(name, "gzip or none");
            match variables.text(name, error)?.as_deref().map(str::trim) {
                None => {}
                Some("gzip") => self.is_packed = true,
                Some("none") => self.is_packed = false,
                Some(_) => return Err(error().into()),
            }
        }
        Ok(())
    }

    /// The last variable that is set gives all headers.
    pub(crate) fn read_headers(
        &mut self,
        names: &[&'static str],
        variables: &Variables,
    ) -> Result<(), SetupError> {
        for name in names.iter().copied() {
            let error = || {
                InvalidVariable::new(
                    name,
                    "name=value pairs of headers, separated by commas, percent-encoded",
                )
            };
            let Some(list) = variables.text(name, error)? else {
                continue;
            };
            self.headers.clear();
            for pair in list.split(',').filter(|pair| !pair.trim().is_empty()) {
                let (key, value) = pair.split_once('=').ok_or_else(error)?;
                let value = percent_decode(value.trim()).ok_or_else(error)?;
                self.set_header(key.trim(), &value).map_err(|_| error())?;
            }
        }
        Ok(())
    }

    pub(crate) fn read_roots(
        &mut self,
        names: &[&'static str],
        variables: &Variables,
    ) -> Result<(), SetupError> {
        read_file(&mut self.credentials.roots, names, variables)
    }

    pub(crate) fn read_identity(
        &mut self,
        certificates: &[&'static str],
        keys: &[&'static str],
        variables: &Variables,
    ) -> Result<(), SetupError> {
        read_file(&mut self.credentials.certificate, certificates, variables)?;
        read_file(&mut self.credentials.key, keys, variables)
    }
}

fn read_file(
    text: &mut Option<Vec<u8>>,
    names: &[&'static str],
    variables: &Variables,
) -> Result<(), SetupError> {
    for name in names.iter().copied() {
        let error = || InvalidVariable::new(name, "the path of a PEM file");
        if let Some(path) = variables.text(name, error)? {
            let read = fs::read(path).map_err(|source| SetupError::File { variable: name, source })?;
            *text = Some(read);
        }
    }
    Ok(())
}
