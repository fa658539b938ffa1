//! Applying the rules to records (floor 3), on the thread that collects them.

use super::{
    keys::{Class, KeyCache},
    rule::{Field, Verdict},
    rules::Rules,
};
use crate::{
    context::TraceState,
    record::{Edit, Editor, Event, Glimpse, Label, Limits, Link, Owner, Resource, SpanRecord, Survey, View},
    secrets::{Found, REDACTED, Reading, Secret, is_card_float, is_card_number},
    value::{Attribute, Value},
};
use std::{borrow::Cow, sync::Arc};

/// One thread's means to apply a tracer's rules.
pub(crate) struct Redactor {
    rules: Arc<Rules>,
    keys: KeyCache,
    limits: Limits,
    /// The last tracestate in which there was nothing: a trace's spans have the same, one after the other.
    harmless_state: Vec<u8>,
}

/// Longer tracestates are not remembered.
const MOST_STATE_BYTES: usize = 512;

impl Redactor {
    pub(crate) fn new(rules: Arc<Rules>, limits: Limits) -> Self {
        Self { rules, keys: KeyCache::new(), limits, harmless_state: Vec::new() }
    }

    /// Takes the secrets out of a span that has ended.
    #[inline]
    pub(crate) fn apply(&mut self, record: &mut SpanRecord) {
        let Self { rules, keys, limits, harmless_state } = self;
        if rules.own.is_empty()
            && (rules.are_none() || !record.is_minded(&mut FirstLook { rules, keys, limits, harmless_state }))
        {
            return;
        }
        let mut pass = Pass { rules, keys, limits, found: Found::default() };
        record.edit(&mut pass, limits);
        pass.finish();
    }

    /// As [`apply`](Self::apply), of what is said of the whole process.
    pub(crate) fn apply_to_resource(&mut self, resource: &mut Resource) {
        let Self { rules, keys, limits, .. } = self;
        let mut pass = Pass { rules, keys, limits, found: Found::default() };
        resource.edit(&mut pass);
        pass.finish();
    }
}

/// The rules on their way over one record: the user's own first, then the built-in ones over what they
/// leave.
struct Pass<'a> {
    rules: &'a Rules,
    keys: &'a mut KeyCache,
    limits: &'a Limits,
    found: Found,
}

const MARK: Value<'static> = Value::Str(Cow::Borrowed(REDACTED));

impl Pass<'_> {
    fn finish(&self) {
        if !self.found.is_empty() {
            self.rules.count(&self.found);
        }
    }

    /// What a name or description becomes: by the user's rules, of which a drop leaves `dropped`, and, unless
    /// it is a literal, by the built-in ones.
    fn text(
        &mut self,
        text: Label<'_>,
        most_bytes: usize,
        field: impl Fn(&str) -> Field<'_>,
        dropped: &'static str,
    ) -> Option<Cow<'static, str>> {
        let mut new = None::<Cow<'static, str>>;
        for rule in &self.rules.own {
            let verdict = rule.judge(&field(new.as_deref().unwrap_or(text.as_str())));
            new = match verdict {
                Some(Verdict::Keep) => new,
                Some(Verdict::Replace(value)) => Some(into_text(value)),
                Some(Verdict::Drop) => return Some(Cow::Borrowed(dropped)),
                None => return Some(Cow::Borrowed(REDACTED)),
            };
        }
        let clean = match new.as_ref().map_or(text, Label::of) {
            Label::Literal(_) => None,
            Label::Made(text) => {
                let reading = read(text.len(), most_bytes, Reading::TEXT);
                self.rules.cleaner.clean(text, reading, &mut self.found)
            }
        };
        clean.map(Cow::Owned).or(new)
    }

    /// What the user's rules make of an attribute.
    fn own(&self, owner: Owner<'_>, key: Label<'_>, value: View<'_>) -> Edit {
        let mut edit = Edit::Keep;
        for rule in &self.rules.own {
            let value = match &edit {
                Edit::Replace(new) => new.reborrow(),
                _ => value.value(),
            };
            let verdict = rule.judge(&Field::attribute(owner, Attribute { key: key.as_str(), value }));
            edit = match verdict {
                Some(Verdict::Keep) => edit,
                Some(Verdict::Replace(value)) => Edit::Replace(value),
                Some(Verdict::Drop) => return Edit::Drop,
                None => return Edit::Replace(MARK),
            };
        }
        edit
    }

    #[inline]
    fn built_in(&mut self, key: Label<'_>, value: View<'_>) -> Edit {
        let cleaner = &self.rules.cleaner;
        let class = match key {
            Label::Literal(key) => self.keys.class(key, cleaner),
            Label::Made(key) => Class::of(key, cleaner),
        };
        match class {
            Class::Allowed => Edit::Keep,
            Class::Secret(kind) => self.whole(kind, value),
            Class::Read(reading) => self.parts(reading, value),
        }
    }

    /// A value that is a secret as a whole. Found in place already, as the layers put it for headers, it
    /// counts.
    #[cold]
    fn whole(&mut self, kind: Secret, value: View<'_>) -> Edit {
        let is_marked = |texts: &[Cow<'_, str>]| texts.iter().all(|text| text == REDACTED);
        let replacement = match value {
            // Whether there is a secret is none.
            View::Bool(_) | View::Other(Value::Bools(_)) | View::Text("") => return Edit::Keep,
            View::Text(REDACTED) => Edit::Keep,
            View::Other(Value::Strs(texts)) if texts.is_empty() => return Edit::Keep,
            View::Other(Value::Strs(texts)) if is_marked(texts) => Edit::Keep,
            View::Other(Value::Strs(texts)) => {
                Edit::Replace(Value::Strs(vec![Cow::Borrowed(REDACTED); texts.len()].into()))
            }
            _ => Edit::Replace(MARK),
        };
        self.found.add(kind, 1);
        replacement
    }

    /// A value that may have secrets in it.
    #[inline]
    fn parts(&mut self, reading: Reading, value: View<'_>) -> Edit {
        match value {
            View::Known(_) => Edit::Keep,
            View::Text(text) => {
                let reading = read(text.len(), self.limits.value_bytes, reading);
                match self.rules.cleaner.clean(text, reading, &mut self.found) {
                    Some(clean) => Edit::Replace(clean.into()),
                    None => Edit::Keep,
                }
            }
            View::I64(number) => self.numbers(&[number], is_card_number),
            View::F64(number) => self.numbers(&[number], is_card_float),
            View::Other(Value::Strs(texts)) => self.list(reading, texts),
            View::Other(Value::I64s(numbers)) => self.numbers(numbers, is_card_number),
            View::Other(Value::F64s(numbers)) => self.numbers(numbers, is_card_float),
            _ => Edit::Keep,
        }
    }

    fn list(&mut self, reading: Reading, texts: &[Cow<'_, str>]) -> Edit {
        let reading = read_list(texts, self.limits.value_bytes, reading);
        let mut clean_list = Vec::new();
        for (place, text) in texts.iter().enumerate() {
            if let Some(clean) = self.rules.cleaner.clean(text, reading, &mut self.found) {
                let before = texts.iter().take(place).skip(clean_list.len());
                clean_list.extend(before.map(|text| Cow::Owned(text.clone().into_owned())));
                clean_list.push(Cow::Owned(clean));
            }
        }
        if clean_list.is_empty() {
            return Edit::Keep;
        }
        let behind = texts.iter().skip(clean_list.len());
        clean_list.extend(behind.map(|text| Cow::Owned(text.clone().into_owned())));
        Edit::Replace(Value::Strs(clean_list.into()))
    }

    fn numbers<N: Copy>(&mut self, numbers: &[N], is_card: impl Fn(N) -> bool) -> Edit {
        if self.rules.cleaner.kinds.has(Secret::Card) && numbers.iter().copied().any(is_card) {
            self.found.add(Secret::Card, 1);
            return Edit::Replace(MARK);
        }
        Edit::Keep
    }
}

impl Editor for Pass<'_> {
    #[inline]
    fn name(&mut self, name: Label<'_>) -> Option<Cow<'static, str>> {
        if matches!(name, Label::Literal(_)) && self.rules.own.is_empty() {
            return None;
        }
        self.text(name, self.limits.name_bytes, |name| Field::Name(name), REDACTED)
    }

    fn description(&mut self, description: Label<'_>) -> Option<Cow<'static, str>> {
        self.text(description, self.limits.value_bytes, |text| Field::StatusDescription(text), "")
    }

    fn trace_state(&mut self, state: &TraceState) -> Option<TraceState> {
        let Self { rules, found, .. } = self;
        let mut clean = |text: &str| rules.cleaner.clean(text, Reading::TEXT, found);
        if !state.iter().any(|(key, value)| clean(key).or_else(|| clean(value)).is_some()) {
            return None;
        }
        // Members are written leftmost; those of which nothing legal is left are left out.
        let mut new = TraceState::EMPTY;
        let members: Vec<_> = state.iter().collect();
        for (key, value) in members.into_iter().rev() {
            if rules.cleaner.clean(key, Reading::TEXT, &mut Found::default()).is_none() {
                let clean = rules.cleaner.clean(value, Reading::TEXT, &mut Found::default());
                let _left_out = new.insert(key, clean.as_deref().unwrap_or(value));
            }
        }
        Some(new)
    }

    fn key(&mut self, key: &str) -> Option<String> {
        let reading = read(key.len(), self.limits.name_bytes, Reading::TEXT);
        self.rules.cleaner.clean(key, reading, &mut self.found)
    }

    #[inline]
    fn attribute(&mut self, owner: Owner<'_>, key: Label<'_>, value: View<'_>) -> Edit {
        if self.rules.own.is_empty() {
            return self.built_in(key, value);
        }
        match self.own(owner, key, value) {
            Edit::Keep => self.built_in(key, value),
            Edit::Replace(new) => match self.built_in(key, View::of(&new)) {
                Edit::Keep => Edit::Replace(new),
                edit => edit,
            },
            Edit::Drop => Edit::Drop,
        }
    }

    fn event(&mut self, name: Label<'_>, event: &Event<'_>) -> Edit {
        let mut new = None::<Cow<'static, str>>;
        for rule in &self.rules.own {
            let mut current = event.clone();
            current.name = new.as_deref().unwrap_or(name.as_str());
            let verdict = rule.judge(&Field::Event(current));
            new = match verdict {
                Some(Verdict::Keep) => new,
                Some(Verdict::Replace(value)) => Some(into_text(value)),
                Some(Verdict::Drop) | None => return Edit::Drop,
            };
        }
        let clean = match new.as_ref().map_or(name, Label::of) {
            Label::Literal(_) => None,
            Label::Made(name) => self.key(name),
        };
        match clean.map(Cow::Owned).or(new) {
            Some(name) => Edit::Replace(Value::Str(name)),
            None => Edit::Keep,
        }
    }

    fn keeps_link(&mut self, link: &Link<'_>) -> bool {
        let keeps = |verdict| matches!(verdict, Some(Verdict::Keep));
        self.rules.own.iter().all(|rule| keeps(rule.judge(&Field::Link(link.clone()))))
    }
}

/// What the built-in rules would do something about: nothing, in nearly all records.
struct FirstLook<'a> {
    rules: &'a Rules,
    keys: &'a mut KeyCache,
    limits: &'a Limits,
    harmless_state: &'a mut Vec<u8>,
}

impl FirstLook<'_> {
    #[inline(never)]
    fn minds_list(&self, reading: Reading, list: &Value<'static>) -> bool {
        match list {
            Value::Strs(texts) => {
                let reading = read_list(texts, self.limits.value_bytes, reading);
                texts.iter().any(|text| self.rules.cleaner.finds_in(text.as_bytes(), reading))
            }
            // Rare, and so left to the editor.
            Value::I64s(_) | Value::F64s(_) => true,
            _ => false,
        }
    }
}

impl Survey for FirstLook<'_> {
    type Class = Class;

    fn minds_text(&mut self, text: &str) -> bool {
        // A name has a limit of its own: with the smaller one, more texts count as cut.
        let most_bytes = self.limits.name_bytes.min(self.limits.value_bytes);
        self.rules.cleaner.finds_in(text.as_bytes(), read(text.len(), most_bytes, Reading::TEXT))
    }

    fn minds_trace_state(&mut self, state: &TraceState) -> bool {
        let bytes = state.as_bytes();
        if bytes == self.harmless_state.as_slice() {
            return false;
        }
        let cleaner = &self.rules.cleaner;
        let finds = |text: &str| cleaner.finds_in(text.as_bytes(), Reading::TEXT);
        let is_minded =
            cleaner.may_find_in_list(bytes) && state.iter().any(|(key, value)| finds(key) || finds(value));
        if !is_minded && bytes.len() <= MOST_STATE_BYTES {
            self.harmless_state.clear();
            self.harmless_state.extend_from_slice(bytes);
        }
        is_minded
    }

    #[inline(always)]
    fn class(&mut self, key: &'static str) -> Class {
        self.keys.class(key, &self.rules.cleaner)
    }

    #[inline(never)]
    fn class_of_made(&mut self, key: &str) -> Option<Class> {
        (!self.minds_text(key)).then(|| Class::of(key, &self.rules.cleaner))
    }

    #[inline(always)]
    fn minds_text_of(&mut self, class: Class, text: &[u8]) -> bool {
        match class {
            Class::Read(reading) => {
                let reading = read(text.len(), self.limits.value_bytes, reading);
                self.rules.cleaner.finds_in(text, reading)
            }
            Class::Secret(_) => true,
            Class::Allowed => false,
        }
    }

    #[inline(always)]
    fn minds_value_of<'a>(&mut self, class: Class, value: impl FnOnce() -> Glimpse<'a>) -> bool {
        let reading = match class {
            Class::Read(reading) => reading,
            Class::Secret(_) => return !matches!(value(), Glimpse::Bool),
            Class::Allowed => return false,
        };
        match value() {
            Glimpse::I64(number) => is_card_number(number),
            Glimpse::F64(number) => is_card_float(number),
            Glimpse::List(list) => self.minds_list(reading, list),
            Glimpse::Text(text) => self.minds_text_of(class, text),
            Glimpse::Bool | Glimpse::Harmless => false,
        }
    }
}

/// How a text is read that was cut, or not, to so many bytes: it may have been up to three bytes before.
const fn read(bytes: usize, most_bytes: usize, reading: Reading) -> Reading {
    Reading { is_cut: bytes + 3 >= most_bytes, ..reading }
}

/// A list is cut as a whole, so any of its texts may be, where it is about as long as it may be.
fn read_list(texts: &[Cow<'_, str>], most_bytes: usize, reading: Reading) -> Reading {
    let bytes: usize = texts.iter().map(|text| text.len().max(size_of::<String>())).sum();
    Reading { is_cut: bytes + 2 * size_of::<String>() > most_bytes, ..reading }
}

fn into_text(value: Value<'static>) -> Cow<'static, str> {
    match value {
        Value::Str(text) => text,
        other => other.to_string().into(),
    }
}
