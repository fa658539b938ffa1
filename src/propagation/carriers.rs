//! Carriers that are not HTTP (floor 2): message headers and maps of texts.
//!
//! In all of them, case does not count in names. A header that is set takes the place of all that had its
//! name.
//!
//! A header is found by looking at every name, as maps know no name but in one case: fine for the tens of headers
//! that messages have, and as slow as there are many. Who reads messages of strangers, with thousands,
//! limits their number before, or has a carrier that finds names in less.

use super::propagator::{Getter, Setter};
use std::{
    collections::{BTreeMap, HashMap},
    hash::BuildHasher,
    ops::ControlFlow,
};

/// Names and values in order, as message brokers carry them.
impl Getter for Vec<(String, Vec<u8>)> {
    fn lines<'a>(&'a self, name: &str, each: &mut dyn FnMut(&'a [u8]) -> ControlFlow<()>) -> ControlFlow<()> {
        let mut lines = self.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        lines.try_for_each(|(_, value)| each(value))
    }

    fn all_lines<'a>(
        &'a self,
        each: &mut dyn FnMut(&'a str, &'a [u8]) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        self.iter().try_for_each(|(key, value)| each(key, value))
    }
}

/// A header that is set goes to the end.
impl Setter for Vec<(String, Vec<u8>)> {
    fn set(&mut self, name: &str, value: &[u8]) {
        self.unset(name);
        self.push((name.to_owned(), value.to_vec()));
    }

    fn unset(&mut self, name: &str) {
        self.retain(|(key, _)| !key.eq_ignore_ascii_case(name));
    }
}

/// Each entry is a line. Two whose names differ in nothing but case are two lines of a header, in no
/// certain order.
impl<S: BuildHasher> Getter for HashMap<String, String, S> {
    fn lines<'a>(&'a self, name: &str, each: &mut dyn FnMut(&'a [u8]) -> ControlFlow<()>) -> ControlFlow<()> {
        let mut lines = self.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        lines.try_for_each(|(_, value)| each(value.as_bytes()))
    }

    fn all_lines<'a>(
        &'a self,
        each: &mut dyn FnMut(&'a str, &'a [u8]) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        self.iter().try_for_each(|(key, value)| each(key, value.as_bytes()))
    }
}

/// A value that is not UTF-8, which no format here has, is left out.
impl<S: BuildHasher> Setter for HashMap<String, String, S> {
    fn set(&mut self, name: &str, value: &[u8]) {
        self.unset(name);
        if let Ok(value) = std::str::from_utf8(value) {
            self.insert(name.to_owned(), value.to_owned());
        }
    }

    fn unset(&mut self, name: &str) {
        self.retain(|key, _| !key.eq_ignore_ascii_case(name));
    }
}

/// Each entry is a line. Two whose names differ in nothing but case are two lines of a header, in the
/// map's order.
impl Getter for BTreeMap<String, String> {
    fn lines<'a>(&'a self, name: &str, each: &mut dyn FnMut(&'a [u8]) -> ControlFlow<()>) -> ControlFlow<()> {
        let mut lines = self.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        lines.try_for_each(|(_, value)| each(value.as_bytes()))
    }

    fn all_lines<'a>(
        &'a self,
        each: &mut dyn FnMut(&'a str, &'a [u8]) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        self.iter().try_for_each(|(key, value)| each(key, value.as_bytes()))
    }
}

/// A value that is not UTF-8, which no format here has, is left out.
impl Setter for BTreeMap<String, String> {
    fn set(&mut self, name: &str, value: &[u8]) {
        self.unset(name);
        if let Ok(value) = std::str::from_utf8(value) {
            self.insert(name.to_owned(), value.to_owned());
        }
    }

    fn unset(&mut self, name: &str) {
        self.retain(|key, _| !key.eq_ignore_ascii_case(name));
    }
}
