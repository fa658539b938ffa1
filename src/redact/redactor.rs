//! Applying the rules to records (floor 3), on the collector's thread.

use super::{
    keys::{Class, KeyCache},
    rule::{Field, Verdict},
    rules::Rules,
};
use crate::{
    context::TraceState,
    record::{Edit, Editor, Event, Limits, Link, Owner, Resource, SpanRecord},
    secrets::{Found, REDACTED, Reading, Secret, is_card_number},
    value::{Attribute, Value},
};
use std::{borrow::Cow, sync::Arc};

/// One thread's means to apply a tracer's rules.
pub(crate) struct Redactor {
    rules: Arc<Rules>,
    keys: KeyCache,
    limits: Limits,
}

impl Redactor {
    pub(crate) fn new(rules: Arc<Rules>, limits: Limits) -> Self {
        Self { rules, keys: KeyCache::new(), limits }
    }

    /// Takes the secrets out of a span that has ended.
    #[inline]
    pub(crate) fn apply(&mut self, record: &mut SpanRecord) {
        let Self { rules, keys, limits } = self;
        if rules.are_none() {
            return;
        }
        let mut pass = Pass { rules, keys, limits, found: Found::default() };
        record.edit(&mut pass, limits);
        pass.finish();
    }

    /// As [`apply`](Self::apply), of what is said of the whole process.
    pub(crate) fn apply_to_resource(&mut self, resource: &mut Resource) {
        let Self { rules, keys, limits } = self;
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
    fn text<'t>(
        &mut self,
        text: &'t Cow<'static, str>,
        most_bytes: usize,
        field: impl Fn(&str) -> Field<'_>,
        dropped: &'static str,
    ) -> Option<Cow<'static, str>> {
        let mut new = None::<Cow<'static, str>>;
        for rule in &self.rules.own {
            let verdict = rule.judge(&field(new.as_deref().unwrap_or(text)));
            new = match verdict {
                Some(Verdict::Keep) => new,
                Some(Verdict::Replace(value)) => Some(into_text(value)),
                Some(Verdict::Drop) => return Some(Cow::Borrowed(dropped)),
                None => return Some(Cow::Borrowed(REDACTED)),
            };
        }
        match new.as_ref().unwrap_or(text) {
            Cow::Borrowed(_) => new,
            Cow::Owned(owned) => {
                let reading = Reading { is_cut: may_be_cut(owned, most_bytes), ..Reading::TEXT };
                let clean = self.rules.cleaner.clean(owned, reading, &mut self.found);
                clean.map(Cow::Owned).or(new)
            }
        }
    }

    fn built_in(&mut self, key: &Cow<'static, str>, value: &Value<'_>) -> Edit {
        let cleaner = &self.rules.cleaner;
        let class = match key {
            Cow::Borrowed(key) => self.keys.class(key, cleaner),
            Cow::Owned(key) => Class::of(key, cleaner),
        };
        match class {
            Class::Allowed => Edit::Keep,
            Class::Secret(kind) => self.whole(kind, value),
            Class::Read(reading) => self.parts(reading, value),
        }
    }

    /// A value that is a secret as a whole. Found in place already, as the layers put it for headers, it
    /// counts.
    fn whole(&mut self, kind: Secret, value: &Value<'_>) -> Edit {
        let replacement = match value {
            // Whether there is a secret is none.
            Value::Bool(_) | Value::Bools(_) => return Edit::Keep,
            Value::Str(text) if text.is_empty() => return Edit::Keep,
            Value::Str(text) if text == REDACTED => Edit::Keep,
            Value::Strs(texts) if texts.is_empty() => return Edit::Keep,
            Value::Strs(texts) if texts.iter().all(|text| text == REDACTED) => Edit::Keep,
            Value::Strs(texts) => {
                Edit::Replace(Value::Strs(vec![Cow::Borrowed(REDACTED); texts.len()].into()))
            }
            _ => Edit::Replace(MARK),
        };
        self.found.add(kind, 1);
        replacement
    }

    /// A value that may have secrets in it.
    fn parts(&mut self, reading: Reading, value: &Value<'_>) -> Edit {
        match value {
            Value::Str(text) => {
                let reading = Reading { is_cut: may_be_cut(text, self.limits.value_bytes), ..reading };
                match self.rules.cleaner.clean(text, reading, &mut self.found) {
                    Some(clean) => Edit::Replace(clean.into()),
                    None => Edit::Keep,
                }
            }
            Value::Strs(texts) => self.list(reading, texts),
            Value::I64(number) => self.numbers(&[*number]),
            Value::I64s(numbers) => self.numbers(numbers),
            _ => Edit::Keep,
        }
    }

    fn list(&mut self, reading: Reading, texts: &[Cow<'_, str>]) -> Edit {
        // A list is cut as a whole, so any of its texts may be, in a list that is about as long as it may be.
        let bytes: usize = texts.iter().map(|text| text.len().max(size_of::<String>())).sum();
        let reading =
            Reading { is_cut: bytes + 2 * size_of::<String>() > self.limits.value_bytes, ..reading };
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

    fn numbers(&mut self, numbers: &[i64]) -> Edit {
        const FEWEST: i64 = 1_000_000_000_000;
        let is_card = |number: &i64| *number >= FEWEST && is_card_number(*number);
        if self.rules.cleaner.kinds.has(Secret::Card) && numbers.iter().any(is_card) {
            self.found.add(Secret::Card, 1);
            return Edit::Replace(MARK);
        }
        Edit::Keep
    }
}

impl Editor for Pass<'_> {
    #[inline]
    fn name(&mut self, name: &Cow<'static, str>) -> Option<Cow<'static, str>> {
        if matches!(name, Cow::Borrowed(_)) && self.rules.own.is_empty() {
            return None;
        }
        self.text(name, self.limits.name_bytes, |name| Field::Name(name), REDACTED)
    }

    fn description(&mut self, description: &Cow<'static, str>) -> Option<Cow<'static, str>> {
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
        let reading = Reading { is_cut: may_be_cut(key, self.limits.name_bytes), ..Reading::TEXT };
        self.rules.cleaner.clean(key, reading, &mut self.found)
    }

    #[inline]
    fn attribute(&mut self, owner: Owner<'_>, key: &Cow<'static, str>, value: &Value<'_>) -> Edit {
        let mut new = None::<Value<'static>>;
        for rule in &self.rules.own {
            let current = match &new {
                Some(new) => new.reborrow(),
                None => value.reborrow(),
            };
            let verdict = rule.judge(&Field::attribute(owner, Attribute { key, value: current }));
            new = match verdict {
                Some(Verdict::Keep) => new,
                Some(Verdict::Replace(value)) => Some(value),
                Some(Verdict::Drop) => return Edit::Drop,
                None => return Edit::Replace(MARK),
            };
        }
        match new {
            None => self.built_in(key, value),
            Some(new) => match self.built_in(key, &new) {
                Edit::Keep => Edit::Replace(new),
                edit => edit,
            },
        }
    }

    fn event(&mut self, name: &Cow<'static, str>, event: &Event<'_>) -> Edit {
        let mut new = None::<Cow<'static, str>>;
        for rule in &self.rules.own {
            let mut current = event.clone();
            current.name = new.as_deref().unwrap_or(name);
            let verdict = rule.judge(&Field::Event(current));
            new = match verdict {
                Some(Verdict::Keep) => new,
                Some(Verdict::Replace(value)) => Some(into_text(value)),
                Some(Verdict::Drop) | None => return Edit::Drop,
            };
        }
        let text = new.as_ref().unwrap_or(name);
        let clean = match text {
            Cow::Borrowed(_) => None,
            Cow::Owned(owned) => self.key(owned),
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

fn into_text(value: Value<'static>) -> Cow<'static, str> {
    match value {
        Value::Str(text) => text,
        other => other.to_string().into(),
    }
}

/// Is it so long that it may have been cut, up to three bytes before the limit?
const fn may_be_cut(text: &str, most_bytes: usize) -> bool {
    text.len() + 3 >= most_bytes
}
