//! One sampler for these, another for those (floor 3).

use super::{parameters::SamplingParameters, pattern::Pattern, result::SamplingResult, sampler::Sampler};
use crate::{record::SpanKind, semconv, value::Value};
use std::{borrow::Cow, fmt};

/// Asks the sampler of the first rule that fits, and another if none does.
///
/// Rules see what is known as the first span of a trace starts here: with
/// [`ServerLayer`](crate::middleware::ServerLayer) that is all of the request's head.
///
/// ```
/// use throughline::{SpanKind, sampling::{AlwaysOff, AlwaysOn, Match, Pattern, Ratio, Rules}};
///
/// let sampler = Rules::new(Ratio::new(0.1)?)
///     .rule(Match::name(Pattern::glob("GET /health*")), AlwaysOff)
///     .rule(Match::kind(SpanKind::Consumer).and_attribute("tenant", "gold"), AlwaysOn);
/// # Ok::<(), throughline::sampling::InvalidRatio>(())
/// ```
pub struct Rules {
    rules: Vec<(Match, Box<dyn Sampler>)>,
    otherwise: Box<dyn Sampler>,
}

/// What a rule asks of a span as it starts: one thing, or several that all have to hold.
#[derive(Clone, Debug)]
pub struct Match(Vec<Condition>);

#[derive(Clone, Debug)]
enum Condition {
    Name(Pattern),
    Kind(SpanKind),
    Attribute(Cow<'static, str>, Pattern),
    AttributeEquals(Cow<'static, str>, Value<'static>),
}

impl Rules {
    /// Asks `otherwise` where no rule fits; as yet there is none.
    pub fn new(otherwise: impl Sampler + 'static) -> Self {
        Self { rules: Vec::new(), otherwise: Box::new(otherwise) }
    }

    /// Adds a rule behind all others.
    #[must_use]
    pub fn rule(mut self, matches: Match, sampler: impl Sampler + 'static) -> Self {
        self.rules.push((matches, Box::new(sampler)));
        self
    }
}

impl Sampler for Rules {
    fn should_sample(&self, parameters: &SamplingParameters<'_>) -> SamplingResult {
        let rule = self.rules.iter().find(|(matches, _)| matches.fits(parameters));
        rule.map_or(&self.otherwise, |(_, sampler)| sampler).should_sample(parameters)
    }

    fn wants_attributes(&self) -> bool {
        self.otherwise.wants_attributes()
            || self
                .rules
                .iter()
                .any(|(matches, sampler)| matches.wants_attributes() || sampler.wants_attributes())
    }

    fn always_records(&self) -> bool {
        self.otherwise.always_records() && self.rules.iter().all(|(_, sampler)| sampler.always_records())
    }
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.rules.iter().map(|(matches, _)| matches)).finish()
    }
}

impl Match {
    /// The span's name.
    pub fn name(pattern: impl Into<Pattern>) -> Self {
        Self(vec![Condition::Name(pattern.into())])
    }

    /// The span's kind.
    pub fn kind(kind: SpanKind) -> Self {
        Self(vec![Condition::Kind(kind)])
    }

    /// The request's route: `http.route`.
    pub fn route(pattern: impl Into<Pattern>) -> Self {
        Self::attribute(semconv::HTTP_ROUTE, pattern)
    }

    /// The request's method: `http.request.method`.
    pub fn method(pattern: impl Into<Pattern>) -> Self {
        Self::attribute(semconv::HTTP_REQUEST_METHOD, pattern)
    }

    /// An attribute's text; of a list, one of its texts. Numbers and booleans are matched as they are
    /// written.
    pub fn attribute(key: impl Into<Cow<'static, str>>, pattern: impl Into<Pattern>) -> Self {
        Self(vec![Condition::Attribute(key.into(), pattern.into())])
    }

    /// An attribute's value, type and all.
    pub fn attribute_equals(key: impl Into<Cow<'static, str>>, value: impl Into<Value<'static>>) -> Self {
        Self(vec![Condition::AttributeEquals(key.into(), value.into())])
    }

    /// And the span's name.
    #[must_use]
    pub fn and_name(self, pattern: impl Into<Pattern>) -> Self {
        self.and(Self::name(pattern))
    }

    /// And the span's kind.
    #[must_use]
    pub fn and_kind(self, kind: SpanKind) -> Self {
        self.and(Self::kind(kind))
    }

    /// And the request's route.
    #[must_use]
    pub fn and_route(self, pattern: impl Into<Pattern>) -> Self {
        self.and(Self::route(pattern))
    }

    /// And the request's method.
    #[must_use]
    pub fn and_method(self, pattern: impl Into<Pattern>) -> Self {
        self.and(Self::method(pattern))
    }

    /// And an attribute's text.
    #[must_use]
    pub fn and_attribute(self, key: impl Into<Cow<'static, str>>, pattern: impl Into<Pattern>) -> Self {
        self.and(Self::attribute(key, pattern))
    }

    /// All of this and all of `other`.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    fn fits(&self, parameters: &SamplingParameters<'_>) -> bool {
        self.0.iter().all(|condition| match condition {
            Condition::Name(pattern) => pattern.matches(parameters.name),
            Condition::Kind(kind) => parameters.kind == *kind,
            Condition::Attribute(key, pattern) => {
                parameters.attribute(key).is_some_and(|value| pattern.matches_value(value))
            }
            Condition::AttributeEquals(key, expected) => {
                parameters.attribute(key).is_some_and(|value| value == expected)
            }
        })
    }

    fn wants_attributes(&self) -> bool {
        let is_attribute = |condition: &Condition| {
            matches!(condition, Condition::Attribute(..) | Condition::AttributeEquals(..))
        };
        self.0.iter().any(is_attribute)
    }
}
