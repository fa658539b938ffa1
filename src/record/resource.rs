//! Who the spans belong to (floor 2).

use crate::{
    semconv,
    value::{Attribute, Value},
};
use std::borrow::Cow;

/// What is true of the whole process: the service's name, its version, its host
/// [OpenTelemetry resource SDK].
///
/// ```
/// use throughline::Resource;
///
/// let resource = Resource::new("orders").with_attribute("service.version", "1.4.0");
/// assert_eq!(resource.service_name(), "orders");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Resource {
    attributes: Vec<(Cow<'static, str>, Value<'static>)>,
}

impl Resource {
    /// A resource that knows its service's name.
    pub fn new(service_name: impl Into<Cow<'static, str>>) -> Self {
        let name = Value::Str(service_name.into());
        Self { attributes: vec![(semconv::SERVICE_NAME.into(), name)] }
    }

    /// The same resource with one more attribute; one of the same name is replaced.
    #[must_use]
    pub fn with_attribute(
        mut self,
        key: impl Into<Cow<'static, str>>,
        value: impl Into<Value<'static>>,
    ) -> Self {
        self.set(key.into(), value.into());
        self
    }

    /// A resource that is read back; no key comes twice.
    pub(crate) fn from_attributes(attributes: Vec<(Cow<'static, str>, Value<'static>)>) -> Self {
        Self { attributes }
    }

    pub(crate) fn set(&mut self, key: Cow<'static, str>, value: Value<'static>) {
        match self.attributes.iter_mut().find(|(known, _)| *known == key) {
            Some((_, known)) => *known = value,
            None => self.attributes.push((key, value)),
        }
    }

    /// Keeps those attributes that `stays` says true to.
    pub(super) fn retain_mut(
        &mut self,
        mut stays: impl FnMut(&Cow<'static, str>, &mut Value<'static>) -> bool,
    ) {
        self.attributes.retain_mut(|(key, value)| stays(key, value));
    }

    /// The service's name; empty if the resource was read from a text that has none.
    pub fn service_name(&self) -> &str {
        self.attributes
            .iter()
            .find(|(key, _)| key == semconv::SERVICE_NAME)
            .and_then(|(_, name)| name.as_str())
            .unwrap_or_default()
    }

    /// All attributes.
    pub fn attributes(&self) -> impl ExactSizeIterator<Item = Attribute<'_>> + Clone {
        self.attributes.iter().map(|(key, value)| Attribute { key, value: value.reborrow() })
    }

    /// The value of one attribute.
    pub fn attribute(&self, key: &str) -> Option<Value<'_>> {
        self.attributes().find(|attribute| attribute.key == key).map(|attribute| attribute.value)
    }
}
