//! Changing a record on its way to the exporters (floor 2): field by field, in place.
//!
//! Nothing is allocated where nothing changes. Where something has, the texts that were replaced are not
//! kept in the span's buffer either.

use super::{
    details::Details,
    items::{Event, EventSlot, Link, LinkSlot},
    limits::{Limits, cut_name},
    resource::Resource,
    span::SpanRecord,
    status::Status,
    values::{Slot, Values, position},
    view::{Glimpse, View},
};
use crate::{context::TraceState, value::Value};
use std::{borrow::Cow, ops::Range};

/// Whose attribute it is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Owner<'a> {
    Span,
    /// Of this name.
    Event(&'a str),
    Link,
    Resource,
}

/// A name, a key or a description, and where it comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Label<'a> {
    /// It stands in the program, or lives as long as that.
    Literal(&'static str),
    /// It was put together.
    Made(&'a str),
}

impl<'a> Label<'a> {
    #[inline]
    #[expect(clippy::ptr_arg, reason = "whether it is owned is the question")]
    pub(crate) fn of(text: &'a Cow<'static, str>) -> Self {
        match text {
            Cow::Borrowed(literal) => Self::Literal(literal),
            Cow::Owned(made) => Self::Made(made),
        }
    }

    #[inline]
    pub(crate) const fn as_str(self) -> &'a str {
        match self {
            Self::Literal(text) => text,
            Self::Made(text) => text,
        }
    }
}

/// What becomes of a field.
#[derive(Debug)]
pub(crate) enum Edit {
    Keep,
    Replace(Value<'static>),
    Drop,
}

/// Decides about the fields of records.
pub(crate) trait Editor {
    /// The span's new name.
    fn name(&mut self, name: Label<'_>) -> Option<Cow<'static, str>>;
    /// The new description of an error status, which is not empty.
    fn description(&mut self, description: Label<'_>) -> Option<Cow<'static, str>>;
    /// The new tracestate, of the span or of a link, which is not empty.
    fn trace_state(&mut self, state: &TraceState) -> Option<TraceState>;
    /// The new key of an attribute whose key is no literal.
    fn key(&mut self, key: &str) -> Option<String>;
    fn attribute(&mut self, owner: Owner<'_>, key: Label<'_>, value: View<'_>) -> Edit;
    /// A replacement is the event's new name.
    fn event(&mut self, name: Label<'_>, event: &Event<'_>) -> Edit;
    /// Does the link stay?
    fn keeps_link(&mut self, link: &Link<'_>) -> bool;
}

/// Looks at records before an editor does.
pub(crate) trait Survey {
    type Class: Copy;

    /// May something have to be done about this text, which was put together?
    fn minds_text(&mut self, text: &str) -> bool;
    fn minds_trace_state(&mut self, state: &TraceState) -> bool;
    /// What a literal key says of its value.
    fn class(&mut self, key: &'static str) -> Self::Class;
    /// The same of a key that was put together. `None` if something may have to be done about the key itself.
    fn class_of_made(&mut self, key: &str) -> Option<Self::Class>;
    /// About a text in a value of this class, whosever it is?
    fn minds_text_of(&mut self, class: Self::Class, text: &[u8]) -> bool;
    /// About any other value?
    fn minds_value_of<'a>(&mut self, class: Self::Class, value: impl FnOnce() -> Glimpse<'a>) -> bool;
}

impl SpanRecord {
    /// Does `survey` mind anything in it? Quicker than to edit a record in which there is nothing.
    #[inline]
    pub(crate) fn is_minded(&self, survey: &mut impl Survey) -> bool {
        is_text_minded(&self.name, survey)
            || (!self.trace_state.is_empty() && survey.minds_trace_state(&self.trace_state))
            || self.details.as_deref().is_some_and(|details| details.is_minded(survey))
    }

    /// Lets `editor` decide about each field. What it puts in place is cut to `limits`.
    pub(crate) fn edit(&mut self, editor: &mut impl Editor, limits: &Limits) {
        if let Some(name) = editor.name(Label::of(&self.name)) {
            self.name = cut_name(name, limits.name_bytes);
        }
        edit_trace_state(&mut self.trace_state, editor);
        if let Some(details) = &mut self.details {
            details.edit(editor, limits);
        }
    }
}

impl Resource {
    /// Lets `editor` decide about each attribute.
    pub(crate) fn edit(&mut self, editor: &mut impl Editor) {
        self.retain_mut(|key, value| {
            match editor.attribute(Owner::Resource, Label::of(key), View::of(value)) {
                Edit::Keep => true,
                Edit::Replace(new) => {
                    *value = new;
                    true
                }
                Edit::Drop => false,
            }
        });
    }
}

/// What has changed, so that it can be tidied up.
#[derive(Default)]
struct Changes {
    values: bool,
    keys: bool,
    /// Places of attributes, events and links that go, in order.
    gone_items: Vec<usize>,
    gone_events: Vec<usize>,
    gone_links: Vec<usize>,
}

impl Values {
    /// Is one of these attributes?
    #[inline(never)]
    fn are_minded(&self, slots: [&[Slot]; 2], survey: &mut impl Survey) -> bool {
        for slots in slots {
            for slot in slots {
                let class = match label(slot, self) {
                    Label::Literal(key) => survey.class(key),
                    Label::Made(key) => match survey.class_of_made(key) {
                        Some(class) => class,
                        None => return true,
                    },
                };
                let is_minded = match self.text(slot) {
                    Some(text) => survey.minds_text_of(class, text),
                    None => survey.minds_value_of(class, || self.glimpse(slot)),
                };
                if is_minded {
                    return true;
                }
            }
        }
        false
    }
}

impl Details {
    fn is_minded(&self, survey: &mut impl Survey) -> bool {
        let description = match &self.status {
            Status::Error { description } => description,
            Status::Ok | Status::Unset => &Cow::Borrowed(""),
        };
        let states = self.links.iter().map(|link| &link.target.trace_state);
        is_text_minded(description, survey)
            || self.values.are_minded([&self.slots, &self.item_slots], survey)
            || self.events.iter().any(|event| is_text_minded(&event.name, survey))
            || states.filter(|state| !state.is_empty()).any(|state| survey.minds_trace_state(state))
    }

    fn edit(&mut self, editor: &mut impl Editor, limits: &Limits) {
        let mut changes = Changes::default();
        let attributes = self.slots.len();
        self.edit_status(editor, limits);
        let Self { slots, values, .. } = self;
        slots.retain_mut(|slot| {
            let stays = edit_slot(slot, values, Owner::Span, editor, limits, &mut changes);
            if !stays {
                values.forget(std::mem::replace(slot, Slot::of_i64("", 0)));
            }
            stays
        });
        if self.slots.len() < attributes {
            changes.values = true;
            self.settled = self.slots.len();
        }
        if changes.keys {
            // Two may be the same now.
            self.settled = 0;
            self.settle_keys();
            self.values.trim();
        }
        self.edit_events(editor, limits, &mut changes);
        self.edit_links(editor, limits, &mut changes);
        self.tidy(&changes);
    }

    fn edit_status(&mut self, editor: &mut impl Editor, limits: &Limits) {
        if let Status::Error { description } = &mut self.status
            && !description.is_empty()
            && let Some(new) = editor.description(Label::of(description))
        {
            *description = cut_name(new, limits.value_bytes);
        }
    }

    fn edit_events(&mut self, editor: &mut impl Editor, limits: &Limits, changes: &mut Changes) {
        let Self { events, item_slots, values, .. } = self;
        for (place, slot) in events.iter_mut().enumerate() {
            let event = slot.as_event(item_slots, values);
            match editor.event(Label::of(&slot.name), &event) {
                Edit::Keep => {}
                Edit::Drop => {
                    changes.gone_events.push(place);
                    continue;
                }
                Edit::Replace(Value::Str(name)) => slot.name = cut_name(name, limits.name_bytes),
                Edit::Replace(other) => slot.name = cut_name(other.to_string().into(), limits.name_bytes),
            }
            let owner = Owner::Event(&slot.name);
            edit_items(item_slots, &slot.attributes, values, owner, editor, limits, changes);
        }
    }

    fn edit_links(&mut self, editor: &mut impl Editor, limits: &Limits, changes: &mut Changes) {
        let Self { links, item_slots, values, .. } = self;
        for (place, slot) in links.iter_mut().enumerate() {
            if !editor.keeps_link(&slot.as_link(item_slots, values)) {
                changes.gone_links.push(place);
                continue;
            }
            edit_trace_state(&mut slot.target.trace_state, editor);
            edit_items(item_slots, &slot.attributes, values, Owner::Link, editor, limits, changes);
        }
    }

    /// Takes out what goes, and what no slot points to any more.
    fn tidy(&mut self, changes: &Changes) {
        let Changes { gone_items, gone_events, gone_links, .. } = changes;
        let something_goes = !gone_items.is_empty() || !gone_events.is_empty() || !gone_links.is_empty();
        if something_goes {
            self.take_out(gone_items, gone_events, gone_links);
        }
        if (something_goes || changes.values) && !self.values.is_compact() {
            self.values.compact(self.slots.iter_mut().chain(&mut self.item_slots));
        }
    }

    fn take_out(&mut self, gone_items: &[usize], gone_events: &[usize], gone_links: &[usize]) {
        let Self { events, links, item_slots, values, .. } = self;
        let mut old: Vec<Option<Slot>> = item_slots.drain(..).map(Some).collect();
        let mut move_over = |range: &mut Range<u32>| {
            let start = item_slots.len();
            let places = range.start as usize..range.end as usize;
            for (place, slot) in places.clone().zip(old.get_mut(places).into_iter().flatten()) {
                if gone_items.binary_search(&place).is_err() {
                    item_slots.extend(slot.take());
                }
            }
            *range = position(start)..position(item_slots.len());
        };
        retain(events, gone_events, |event: &mut EventSlot| move_over(&mut event.attributes));
        retain(links, gone_links, |link: &mut LinkSlot| move_over(&mut link.attributes));
        old.into_iter().flatten().for_each(|slot| values.forget(slot));
    }
}

/// Keeps those whose places are not among `gone`, and does something with each.
fn retain<T>(items: &mut Vec<T>, gone: &[usize], mut with_each: impl FnMut(&mut T)) {
    let mut place = 0;
    items.retain_mut(|item| {
        let stays = gone.binary_search(&place).is_err();
        place += 1;
        if stays {
            with_each(item);
        }
        stays
    });
}

#[inline]
#[expect(clippy::ptr_arg, reason = "whether it is owned is the question")]
fn is_text_minded(text: &Cow<'static, str>, survey: &mut impl Survey) -> bool {
    matches!(text, Cow::Owned(text) if survey.minds_text(text))
}

fn edit_trace_state(state: &mut TraceState, editor: &mut impl Editor) {
    if !state.is_empty()
        && let Some(new) = editor.trace_state(state)
    {
        *state = new;
    }
}

fn edit_items(
    slots: &mut [Slot],
    range: &Range<u32>,
    values: &mut Values,
    owner: Owner<'_>,
    editor: &mut impl Editor,
    limits: &Limits,
    changes: &mut Changes,
) {
    let places = range.start as usize..range.end as usize;
    for (place, slot) in places.clone().zip(slots.get_mut(places).into_iter().flatten()) {
        if !edit_slot(slot, values, owner, editor, limits, changes) {
            changes.gone_items.push(place);
        }
    }
}

/// A slot's key, and where that comes from.
#[inline(always)]
fn label<'a>(slot: &Slot, values: &'a Values) -> Label<'a> {
    match Values::literal_key(slot) {
        Some(key) => Label::Literal(key),
        None => Label::Made(values.key(slot)),
    }
}

/// Edits an attribute; false if it is to go.
#[inline]
fn edit_slot(
    slot: &mut Slot,
    values: &mut Values,
    owner: Owner<'_>,
    editor: &mut impl Editor,
    limits: &Limits,
    changes: &mut Changes,
) -> bool {
    match editor.attribute(owner, label(slot, values), values.view(slot)) {
        Edit::Keep => {}
        Edit::Replace(value) => {
            // A literal's key takes nothing; only the value of the new slot is wanted.
            if let Some(new) = values.keep(Cow::Borrowed(""), &value, limits, usize::MAX) {
                values.replace(slot, new);
            }
            changes.values = true;
        }
        Edit::Drop => return false,
    }
    if Values::literal_key(slot).is_none()
        && let Some(new) = editor.key(values.key(slot))
    {
        values.rename(slot, cut_name(new.into(), limits.name_bytes));
        changes.keys = true;
    }
    true
}
