//! The methods that record on a span (floor 4), the same on [`Span`](super::Span) and on
//! [`CurrentSpan`](super::CurrentSpan).
//!
//! What most attributes are goes in registers, and the short way: `try_record`. What that refuses goes the general way, by
//! a function of its own, so that the short one stays short.

/// Expands to the methods, where their types are imported.
macro_rules! recording_methods {
    () => {
        /// Sets an attribute; one of the same key is replaced.
        ///
        /// The 129th different key and bytes past 16 KiB of a text are left out and counted, unless
        /// the tracer's limits say otherwise.
        #[inline]
        pub fn set_attribute<'v>(
            &self,
            key: impl Into<Cow<'static, str>>,
            value: impl Into<Value<'v>>,
        ) -> &Self {
            // What most attributes are goes in registers, not through memory that has just been written.
            if self.is_inert() {
                return self;
            }
            // They are forgotten because nothing in them is to be dropped, which the compiler does not see.
            let value = value.into();
            match key.into() {
                Cow::Borrowed(key) => match value {
                    Value::Str(Cow::Borrowed(text)) => {
                        std::mem::forget(value);
                        self.set_text(key, text);
                    }
                    Value::I64(number) => {
                        std::mem::forget(value);
                        self.set_i64(key, number);
                    }
                    value => self.set_any(key.into(), value),
                },
                key => self.set_any(key, value),
            }
            self
        }

        fn set_text(&self, key: &'static str, text: &str) {
            if !self.try_record(|details, limits| details.try_text(key, text, limits)) {
                self.set_unusual_text(key, text);
            }
        }

        #[inline(never)]
        fn set_unusual_text(&self, key: &'static str, text: &str) {
            self.record_plain(|details, limits| details.push_text(key, text, limits));
        }

        fn set_i64(&self, key: &'static str, number: i64) {
            if !self.try_record(|details, limits| details.try_i64(key, number, limits)) {
                self.set_unusual_i64(key, number);
            }
        }

        #[inline(never)]
        fn set_unusual_i64(&self, key: &'static str, number: i64) {
            self.record_plain(|details, limits| details.push_i64(key, number, limits));
        }

        fn set_any(&self, key: Cow<'static, str>, value: Value<'_>) {
            self.record_plain(|details, limits| details.push_attribute(key, value, limits));
        }

        /// Sets an attribute to a formatted text, written straight into the span's own buffer, and
        /// not formatted at all where nothing is recorded.
        ///
        /// ```
        /// # let (span, order) = (throughline::Span::current(), ("ada", 7));
        /// span.set_attribute_fmt("order", format_args!("{order:?}"));
        /// ```
        #[inline]
        pub fn set_attribute_fmt(
            &self,
            key: impl Into<Cow<'static, str>>,
            value: fmt::Arguments<'_>,
        ) -> &Self {
            if !self.is_inert() {
                let key = key.into();
                self.record(|details, limits| details.push_formatted(key, value, limits));
            }
            self
        }

        /// Records that something happened now.
        ///
        /// ```
        /// # let span = throughline::Span::current();
        /// span.add_event("retry", &[("attempt", 2.into()), ("after", "timeout".into())]);
        /// ```
        #[inline]
        pub fn add_event(
            &self,
            name: impl Into<Cow<'static, str>>,
            attributes: &[(&'static str, Value<'_>)],
        ) -> &Self {
            if !self.is_inert() {
                match name.into() {
                    Cow::Borrowed(name) => self.push_event(name, attributes),
                    name => self.push_any_event(name, attributes),
                }
            }
            self
        }

        fn push_event(&self, name: &'static str, attributes: &[(&'static str, Value<'_>)]) {
            let ticks = self.ticks();
            if !self.try_record(|details, limits| details.try_event(name, ticks, attributes, limits)) {
                self.push_unusual_event(name, ticks, attributes);
            }
        }

        #[inline(never)]
        fn push_unusual_event(
            &self,
            name: &'static str,
            ticks: u64,
            attributes: &[(&'static str, Value<'_>)],
        ) {
            self.record_plain(|details, limits| {
                details.push_literal_event(name, ticks, attributes, limits);
            });
        }

        fn push_any_event(&self, name: Cow<'static, str>, attributes: &[(&'static str, Value<'_>)]) {
            let ticks = self.ticks();
            self.record_plain(|details, limits| details.push_event(name, ticks, attributes, limits));
        }

        /// Points to another span, of this trace or another: the request a batch job works on, say.
        #[inline]
        pub fn add_link(&self, context: &SpanContext, attributes: &[(&'static str, Value<'_>)]) -> &Self {
            if !self.is_inert() {
                self.record_plain(|details, limits| details.push_link(context, attributes, limits));
            }
            self
        }

        /// Changes the name, for a better one that is known only later. Cut at 1 KiB.
        #[inline]
        pub fn set_name(&self, name: impl Into<Cow<'static, str>>) -> &Self {
            if !self.is_inert() {
                let name = name.into();
                self.record_plain(|details, limits| details.set_name(name, limits));
            }
            self
        }

        /// Says whether the work succeeded. `Ok` is final; `Unset` changes nothing
        /// [OpenTelemetry trace API, set status].
        #[inline]
        pub fn set_status(&self, status: Status) -> &Self {
            if !self.is_inert() {
                self.record_plain(|details, limits| details.set_status_within(status, limits));
            }
            self
        }

        /// Records an error: an `exception` event, `error.type`, and the status.
        ///
        /// The type is the error's Rust type, the message its `Display`. Where the type is not known, of a
        /// `dyn Error`, it is `_OTHER`; [`record_error_fmt`](Self::record_error_fmt) takes a better one.
        #[inline]
        pub fn record_error<E: Error + ?Sized>(&self, error: &E) -> &Self {
            let class = std::any::type_name::<E>();
            let class = if class.starts_with("dyn ") { crate::semconv::OTHER } else { class };
            self.record_error_fmt(class, format_args!("{error}"))
        }

        /// As [`record_error`](Self::record_error), for what is no [`Error`]: its class, of low
        /// cardinality, and its message.
        #[inline]
        pub fn record_error_fmt(&self, error_type: &str, message: fmt::Arguments<'_>) -> &Self {
            if !self.is_inert() {
                let ticks = self.ticks();
                self.record(|details, limits| details.push_error(error_type, message, ticks, limits));
            }
            self
        }
    };
}
pub(super) use recording_methods;
