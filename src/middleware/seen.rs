//! The headers of a request that the layers read (floor 5), found in one walk.
//!
//! A request has few headers as a rule, and looking up each of ours costs more than looking at all of
//! them once. Where there are many, they are looked up.

use super::{
    carriers::FEW,
    found::Found,
    headers::{BAGGAGE, Headers, TRACEPARENT, TRACESTATE},
};
use http::{
    HeaderMap, HeaderName,
    header::{CONTENT_TYPE, HOST, USER_AGENT},
};

/// What the names of headers begin with that carry one entry of baggage each, in other formats than W3C's.
const ENTRIES: [&str; 2] = ["uberctx-", "ot-baggage-"];

/// Does a header of this name carry an entry of baggage?
pub(super) fn is_entry(name: &str) -> bool {
    ENTRIES.iter().any(|prefix| name.starts_with(prefix))
}

/// What was found of each; the configured ones under the names that they have been given.
#[derive(Clone, Default)]
pub(super) struct Seen<'a> {
    pub(super) trace_parent: Found<'a>,
    pub(super) trace_state: Found<'a>,
    pub(super) baggage: Found<'a>,
    pub(super) request_id: Found<'a>,
    pub(super) service_name: Found<'a>,
    pub(super) host: Found<'a>,
    pub(super) user_agent: Found<'a>,
    pub(super) content_type: Found<'a>,
    /// There is a header with an entry of baggage, or there are too many headers to see that.
    pub(super) may_have_entries: bool,
}

impl<'a> Seen<'a> {
    /// Looks for all of them. In place: what has just been written in words stalls when it is moved in larger
    /// ones.
    #[inline]
    pub(super) fn see(&mut self, headers: &'a HeaderMap, names: &'a Headers) {
        if headers.len() > FEW {
            return self.look_up(headers, names);
        }
        let request_id = names.request_id.as_ref().map_or("", HeaderName::as_str);
        let service_name = names.service_name.as_ref().map_or("", HeaderName::as_str);
        self.walk(headers, request_id, service_name);
    }

    fn walk(&mut self, headers: &'a HeaderMap, request_id: &str, service_name: &str) {
        for (name, value) in headers {
            let text = name.as_str();
            // By the length first: most names are none of these, and most of them by their length.
            let place = match text.len() {
                4 if text == "host" => Some(&mut self.host),
                7 if text == "baggage" => Some(&mut self.baggage),
                10 if text == "user-agent" => Some(&mut self.user_agent),
                10 if text == "tracestate" => Some(&mut self.trace_state),
                11 if text == "traceparent" => Some(&mut self.trace_parent),
                12 if text == "content-type" => Some(&mut self.content_type),
                _ => {
                    self.may_have_entries |= is_entry(text);
                    None
                }
            };
            if let Some(place) = place {
                place.add(headers, name, value);
            }
            if text == request_id {
                self.request_id.add(headers, name, value);
            }
            if text == service_name {
                self.service_name.add(headers, name, value);
            }
        }
    }

    #[cold]
    fn look_up(&mut self, headers: &'a HeaderMap, names: &'a Headers) {
        let find = |name| Found::look_up(headers, name);
        *self = Self {
            trace_parent: find(&TRACEPARENT),
            trace_state: find(&TRACESTATE),
            baggage: find(&BAGGAGE),
            request_id: names.request_id.as_ref().map_or(Found::None, find),
            service_name: names.service_name.as_ref().map_or(Found::None, find),
            host: find(&HOST),
            user_agent: find(&USER_AGENT),
            content_type: find(&CONTENT_TYPE),
            may_have_entries: true,
        };
    }
}
