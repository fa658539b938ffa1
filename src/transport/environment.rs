//! The settings that OTLP's variables have beyond a timeout (floor 3). The names given are those of one
//! setting, of which the last that is set wins.

use super::{
    error::SetupError,
    settings::{Setting, Settings, last_set},
};
use crate::variables::{InvalidVariable, Variables, percent_decode};
use std::fs;

impl Settings {
    pub(crate) fn read_packed(&mut self, names: &[&'static str], variables: &Variables) {
        let is_packed = last_set(names, |name| {
            let error = || InvalidVariable::new(name, "gzip or none");
            match variables.text(name, error)?.as_deref().map(str::trim) {
                None => Ok(None),
                Some("gzip") => Ok(Some(true)),
                Some("none") => Ok(Some(false)),
                Some(_) => Err(error().into()),
            }
        });
        if let Some(Some(is_packed)) = self.read(Setting::Packed, is_packed) {
            self.is_packed = is_packed;
        }
    }

    /// The last variable that is set gives all headers.
    pub(crate) fn read_headers(&mut self, names: &[&'static str], variables: &Variables) {
        let headers = last_set(names, |name| {
            let error = || {
                InvalidVariable::new(
                    name,
                    "name=value pairs of headers, separated by commas, percent-encoded",
                )
            };
            let Some(list) = variables.text(name, error)? else {
                return Ok(None);
            };
            let mut headers = Self::default();
            for pair in list.split(',').filter(|pair| !pair.trim().is_empty()) {
                let (key, value) = pair.split_once('=').ok_or_else(error)?;
                let value = percent_decode(value.trim()).ok_or_else(error)?;
                headers.set_header(key.trim(), &value).map_err(|_| error())?;
            }
            Ok(Some(headers.headers))
        });
        if let Some(Some(headers)) = self.read(Setting::Headers, headers) {
            self.headers = headers;
        }
    }

    pub(crate) fn read_roots(&mut self, names: &[&'static str], variables: &Variables) {
        let roots = self.read(Setting::Roots, read_file(names, variables));
        self.credentials.roots = roots.flatten();
    }

    pub(crate) fn read_identity(
        &mut self,
        certificates: &[&'static str],
        keys: &[&'static str],
        variables: &Variables,
    ) {
        let certificate = self.read(Setting::Identity, read_file(certificates, variables));
        let key = self.read(Setting::Identity, read_file(keys, variables));
        (self.credentials.certificate, self.credentials.key) = (certificate.flatten(), key.flatten());
    }
}

fn read_file(names: &[&'static str], variables: &Variables) -> Result<Option<Vec<u8>>, SetupError> {
    last_set(names, |name| {
        let error = || InvalidVariable::new(name, "the path of a PEM file");
        let path = variables.text(name, error)?;
        let read =
            path.map(|path| fs::read(path).map_err(|source| SetupError::File { variable: name, source }));
        read.transpose()
    })
}
