//! X-Amzn-Trace-Id [AWS X-Ray Developer Guide, tracing header].

use crate::{caller, extracted, injected, pairs, refused};
use throughline::{
    TraceFlags,
    propagation::{FieldError, Reason, XRay, xray},
};

const HEADER: &str = "x-amzn-trace-id";
const TRACE: &str = "5759e988bd862e3fe1be46a994272793";
const SPAN: &str = "53995c3f42cd8ad8";
const ROOT: &str = "Root=1-5759e988-bd862e3fe1be46a994272793";

#[test]
fn accepted_and_emitted() {
    let none = TraceFlags::default();
    let many = ";a=1".repeat(30);
    for (value, flags, emitted) in [
        (format!("{ROOT};Parent={SPAN};Sampled=1"), TraceFlags::SAMPLED, "1"),
        (format!("{ROOT};Parent={SPAN};Sampled=0"), none, "0"),
        // The callee is asked to decide, or nobody has said anything.
        (format!("{ROOT};Parent={SPAN};Sampled=?"), TraceFlags::DEFERRED, "?"),
        (format!("{ROOT};Parent={SPAN}"), TraceFlags::DEFERRED, "?"),
        // In any order, with what load balancers and applications add.
        (format!("Sampled=1;Parent={SPAN};{ROOT}"), TraceFlags::SAMPLED, "1"),
        (
            format!("Self=1-67891234-12456789abcdef012345678;{ROOT};Parent={SPAN};Sampled=1;CalledFrom=a=b"),
            TraceFlags::SAMPLED,
            "1",
        ),
        (format!("{ROOT};Parent={SPAN};Sampled=1;Lineage=1:a87bd80c:0"), TraceFlags::SAMPLED, "1"),
        (format!("{ROOT};Parent={SPAN}{many}"), TraceFlags::DEFERRED, "?"),
        // Names of fields have a case.
        (format!("{ROOT};Parent={SPAN};Sampled=1;parent=x;ROOT=y"), TraceFlags::SAMPLED, "1"),
        // Spaces and empty fields.
        (format!(" {ROOT} ; Parent={SPAN};\tSampled=1 "), TraceFlags::SAMPLED, "1"),
        (format!(";;{ROOT};;Parent={SPAN};Sampled=1;"), TraceFlags::SAMPLED, "1"),
        // Hex is hex in either case.
        (
            format!("Root=1-5759E988-BD862E3FE1BE46A994272793;Parent={};Sampled=1", SPAN.to_uppercase()),
            TraceFlags::SAMPLED,
            "1",
        ),
    ] {
        let span = caller(TRACE, SPAN, flags);
        assert_eq!(xray::parse(value.as_bytes()), Ok(Some(span.clone())), "{value}");
        assert_eq!(extracted(&XRay, &[("X-Amzn-Trace-Id", &value)]), (Some(span.clone()), None), "{value}");
        let sent = format!("{ROOT};Parent={SPAN};Sampled={emitted}");
        assert_eq!(injected(&XRay, span), pairs(&[(HEADER, &sent)]), "{value}");
    }
    let span = caller("00000000000000000000000000000001", "0000000000000002", TraceFlags::DEBUG);
    let sent = "Root=1-00000000-000000000000000000000001;Parent=0000000000000002;Sampled=1";
    assert_eq!(injected(&XRay, span), pairs(&[(HEADER, sent)]));
}

#[test]
fn a_trace_without_a_span_is_no_parent_and_no_error() {
    for value in [
        ROOT.to_owned(),
        format!("{ROOT};Sampled=1"),
        format!("Self=1-67891234-12456789abcdef012345678;{ROOT}"),
    ] {
        assert_eq!(xray::parse(value.as_bytes()), Ok(None), "{value}");
        assert_eq!(extracted(&XRay, &[(HEADER, &value)]), (None, None), "{value}");
    }
}

#[test]
fn refused_values() {
    use FieldError::{Layout, ParentId, Sampling, TooLong, TraceId};
    let parent = format!("Parent={SPAN};Sampled=1");
    for (value, error) in [
        (String::new(), TraceId),
        (";".to_owned(), TraceId),
        (parent.clone(), TraceId),
        (format!("Root=;{parent}"), TraceId),
        (format!("Root=1-00000000-000000000000000000000000;{parent}"), TraceId),
        (format!("Root=2-5759e988-bd862e3fe1be46a994272793;{parent}"), TraceId),
        (format!("Root=1-5759e988;{parent}"), TraceId),
        (format!("Root=1-5759e988-bd862e3fe1be46a99427279;{parent}"), TraceId),
        (format!("Root=1-5759e988-bd862e3fe1be46a9942727933;{parent}"), TraceId),
        (format!("Root=1-5759e98-8bd862e3fe1be46a994272793;{parent}"), TraceId),
        (format!("Root=1_5759e988-bd862e3fe1be46a994272793;{parent}"), TraceId),
        (format!("Root=1-+759e988-bd862e3fe1be46a994272793;{parent}"), TraceId),
        (format!("Root=1-5759e988-+d862e3fe1be46a994272793;{parent}"), TraceId),
        (format!("Root= 1-5759e988-bd862e3fe1be46a994272793;{parent}"), TraceId),
        (format!("Root={TRACE};{parent}"), TraceId),
        (format!("{ROOT};Parent=;Sampled=1"), ParentId),
        (format!("{ROOT};Parent=0000000000000000;Sampled=1"), ParentId),
        (format!("{ROOT};Parent={};Sampled=1", &SPAN[1..]), ParentId),
        (format!("{ROOT};Parent={SPAN}0;Sampled=1"), ParentId),
        (format!("{ROOT};Parent=g{};Sampled=1", &SPAN[1..]), ParentId),
        (format!("{ROOT};Parent={SPAN};Sampled="), Sampling),
        (format!("{ROOT};Parent={SPAN};Sampled=2"), Sampling),
        (format!("{ROOT};Parent={SPAN};Sampled=true"), Sampling),
        (format!("{ROOT};Sampled=2"), Sampling),
        // No name, no value; twice the same.
        (format!("{ROOT};Parent={SPAN};canary"), Layout),
        (format!("{ROOT};{ROOT};{parent}"), Layout),
        (format!("{ROOT};{parent};Sampled=1"), Layout),
        (format!("{ROOT};{parent}{}", ";a=1".repeat(30)), Layout),
        (format!("{ROOT},{parent}"), TraceId),
        ("x".repeat(8_193), TooLong),
    ] {
        assert_eq!(xray::parse(value.as_bytes()), Err(error), "{value:.120}");
        let reason = if error == TooLong { Reason::TooLong } else { Reason::Malformed };
        refused(&XRay, &[(HEADER, &value)], HEADER, reason);
    }
    let value = &*format!("{ROOT};{parent}");
    refused(&XRay, &[(HEADER, value), (HEADER, value)], HEADER, Reason::Repeated);
}
