//! A span together with whom it belongs to (floor 4).

use crate::record::{Resource, SpanRecord};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::sync::Arc;

/// A finished span and the service it belongs to: what [`Memory`](super::Memory) keeps, and what a
/// line of [`JsonLines`](super::JsonLines) is.
///
/// As JSON it is one flat object: `service`, the fields of the [`SpanRecord`], and `resource` with all
/// attributes of the [`Resource`]. Read back, it equals what was written; where `resource` is missing,
/// `service` stands for it.
#[derive(Clone, Debug, PartialEq)]
pub struct ExportedSpan {
    /// The service.
    pub resource: Arc<Resource>,
    /// The span.
    pub span: SpanRecord,
}

impl ExportedSpan {
    /// The service's name.
    pub fn service(&self) -> &str {
        self.resource.service_name()
    }

    /// The span in the form [`analysis`](crate::analysis) takes.
    ///
    /// ```
    /// use throughline::{analysis::Trace, exporters::Memory};
    ///
    /// let records = Memory::new().records();
    /// let traces = Trace::assemble(records.iter().map(|record| record.as_pair()));
    /// assert!(traces.is_empty());
    /// ```
    pub fn as_pair(&self) -> (&str, &SpanRecord) {
        (self.service(), &self.span)
    }
}

/// The same, borrowed: what is written.
#[derive(Serialize)]
pub(super) struct WrittenLine<'a> {
    service: &'a str,
    #[serde(flatten)]
    span: &'a SpanRecord,
    resource: &'a Resource,
}

impl<'a> WrittenLine<'a> {
    pub(super) fn new(resource: &'a Resource, span: &'a SpanRecord) -> Self {
        Self { service: resource.service_name(), span, resource }
    }
}

impl Serialize for ExportedSpan {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        WrittenLine::new(&self.resource, &self.span).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ExportedSpan {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct ReadLine {
            #[serde(default)]
            service: String,
            resource: Option<Resource>,
            #[serde(flatten)]
            span: SpanRecord,
        }

        let ReadLine { service, resource, span } = ReadLine::deserialize(deserializer)?;
        let resource = resource.unwrap_or_else(|| Resource::new(service));
        Ok(Self { resource: Arc::new(resource), span })
    }
}
