//! For whom the last request on this thread was, and from whom (floor 5). A service has few names and few
//! callers: what was made of the last request's holds for as long as the same bytes come.
//!
//! Keeps one of each, of at most 256 bytes. What is no usual host is not kept, and read anew each time.

use crate::{
    middleware::{authority::Addressed, found::Found, headers::Headers},
    trace::Tracer,
};
use http::{HeaderValue, Uri};
use std::cell::Cell;

const MOST_BYTES: usize = 256;

thread_local! {
    static LAST: Cell<Option<Box<Recent>>> = const { Cell::new(None) };
}

#[derive(Default)]
pub(super) struct Recent {
    /// Empty unless it begins with its host.
    authority: String,
    host_bytes: usize,
    port: Option<u16>,
    /// Empty where there is none.
    caller: String,
}

impl Recent {
    /// Takes what this thread has kept, for one request. A request that starts meanwhile finds nothing.
    #[inline]
    pub(super) fn take() -> Box<Self> {
        LAST.try_with(Cell::take).ok().flatten().unwrap_or_default()
    }

    /// Gives it back, for the next request.
    #[inline]
    pub(super) fn keep(self: Box<Self>) {
        // Without a place, the thread is ending.
        let _earlier = LAST.try_with(|last| last.replace(Some(self)));
    }

    /// Looks at whom a request is addressed to.
    #[inline]
    pub(super) fn see_authority(&mut self, uri: &Uri, host: Option<&HeaderValue>) {
        let authority = match uri.authority() {
            Some(authority) => authority.as_str().as_bytes(),
            None => host.map(HeaderValue::as_bytes).unwrap_or_default(),
        };
        if authority != self.authority.as_bytes() {
            self.take_apart(uri, host);
        }
    }

    #[inline(never)]
    fn take_apart(&mut self, uri: &Uri, host: Option<&HeaderValue>) {
        self.authority.clear();
        if let Some(Addressed { authority, host, port }) = Addressed::of(uri, host)
            && authority.len() <= MOST_BYTES
            && authority.starts_with(&*host)
        {
            self.authority.push_str(&authority);
            (self.host_bytes, self.port) = (host.len(), port);
        }
    }

    /// Looks at the header with the caller's name; a malformed one is counted.
    #[inline]
    pub(super) fn see_caller(&mut self, found: &Found<'_>, tracer: &Tracer) {
        let is_known = match found {
            Found::None => self.caller.is_empty(),
            Found::One(line) => !self.caller.is_empty() && line.as_bytes() == self.caller.as_bytes(),
            Found::Many(..) => false,
        };
        if !is_known {
            self.read_caller(found, tracer);
        }
    }

    #[inline(never)]
    fn read_caller(&mut self, found: &Found<'_>, tracer: &Tracer) {
        self.caller.clear();
        self.caller.push_str(Headers::peer(found, tracer).unwrap_or_default());
    }

    /// The name that was seen, if it was a good one.
    #[inline]
    pub(super) fn caller(&self) -> Option<&str> {
        Some(&*self.caller).filter(|caller| !caller.is_empty())
    }

    /// The authority that was seen, if it is a usual one.
    #[inline]
    pub(super) fn addressed(&self) -> Option<Addressed<'_>> {
        let host = self.authority.get(..self.host_bytes).filter(|host| !host.is_empty())?;
        Some(Addressed { authority: (&*self.authority).into(), host: host.into(), port: self.port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn addressed(recent: &Recent, uri: &Uri, host: Option<&HeaderValue>) -> Option<Addressed<'static>> {
        let Addressed { authority, host, port } = recent.addressed().or_else(|| Addressed::of(uri, host))?;
        Some(Addressed { authority: authority.into_owned().into(), host: host.into_owned().into(), port })
    }

    proptest! {
        #[test]
        fn what_is_kept_is_what_would_be_read(
            hosts in prop::collection::vec(prop::option::of("[ab1:@.\\[\\]\\x80]{0,5}"), 1..8),
        ) {
            let uri = Uri::from_static("/");
            let mut recent = Recent::default();
            for host in hosts {
                let host = host.map(|host| HeaderValue::from_bytes(host.as_bytes()).unwrap());
                recent.see_authority(&uri, host.as_ref());
                let fresh = Addressed::of(&uri, host.as_ref());
                prop_assert_eq!(addressed(&recent, &uri, host.as_ref()), fresh);
            }
        }
    }

    #[test]
    fn a_target_of_its_own_goes_before_the_header() {
        let (target, host) = (Uri::from_static("http://a:1/"), HeaderValue::from_static("b:2"));
        let mut recent = Recent::default();
        for uri in [&target, &Uri::from_static("/"), &target] {
            recent.see_authority(uri, Some(&host));
            assert_eq!(recent.addressed(), Addressed::of(uri, Some(&host)));
        }
    }

    #[test]
    fn a_long_host_is_not_kept() {
        let host = HeaderValue::from_str(&"a".repeat(MOST_BYTES + 1)).unwrap();
        let mut recent = Recent::default();
        recent.see_authority(&Uri::from_static("/"), Some(&host));
        assert_eq!(recent.addressed(), None);
        assert!(recent.authority.capacity() <= MOST_BYTES);
    }

    #[test]
    fn a_caller_is_as_its_header_says_each_time() {
        let tracer = Tracer::builder("callee").build().unwrap();
        let mut recent = Recent::default();
        for line in ["", "a", "a", " a", "a", "b,c", "b,c", "", ""] {
            let line = HeaderValue::from_static(line);
            recent.see_caller(&Found::One(&line), &tracer);
            assert_eq!(recent.caller(), Headers::peer(&Found::One(&line), &tracer));
        }
        // Each of the five bad ones, by both.
        assert_eq!(tracer.diagnostic_count(crate::Diagnostic::RejectedHeader), 10);
        recent.see_caller(&Found::None, &tracer);
        assert_eq!(recent.caller(), None);
    }

    #[test]
    fn a_request_within_another_takes_nothing_from_it() {
        let mut recent = Recent::take();
        recent.see_authority(&Uri::from_static("http://a/"), None);
        Recent::take().keep();
        assert_eq!(recent.addressed().unwrap().host, "a");
        recent.keep();
        assert_eq!(Recent::take().addressed().unwrap().host, "a");
    }
}
