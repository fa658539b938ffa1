//! Every format behind the `Propagator` seam.

use crate::{MEBIBYTE, PARENT, allocated_by};
use throughline::{
    Context,
    propagation::{
        B3, Composite, Datadog, GoogleCloud, Jaeger, MAX_HEADER_BYTES, OtTrace, Propagator, RequestIdHeader,
        Setter, TraceContext, XRay, baggage,
    },
};

pub(crate) type Headers = Vec<(String, Vec<u8>)>;

fn headers(lines: &[(&str, &str)]) -> Headers {
    lines.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect()
}

/// Every format, with good headers of a span.
pub(crate) fn formats() -> Vec<(Box<dyn Propagator>, Headers)> {
    vec![
        (Box::new(TraceContext::default()), headers(&[("traceparent", PARENT)])),
        (Box::new(B3::single()), headers(&[("b3", B3_VALUE)])),
        (
            Box::new(B3::multi()),
            headers(&[
                ("x-b3-traceid", "80f198ee56343ba864fe8b2a57d3eff7"),
                ("x-b3-spanid", "e457b5a2e4d86bd1"),
                ("x-b3-parentspanid", "05e3ac9a4f6e3b90"),
                ("x-b3-sampled", "1"),
                ("x-b3-flags", "0"),
            ]),
        ),
        (Box::new(Jaeger), headers(&[("uber-trace-id", JAEGER_VALUE)])),
        (Box::new(XRay), headers(&[("x-amzn-trace-id", XRAY_VALUE)])),
        (
            Box::new(Datadog),
            headers(&[
                ("x-datadog-trace-id", "11803532876627986230"),
                ("x-datadog-parent-id", "67667974448284343"),
                ("x-datadog-sampling-priority", "1"),
                ("x-datadog-tags", "_dd.p.dm=-4,_dd.p.tid=4bf92f3577b34da6"),
            ]),
        ),
        (Box::new(GoogleCloud), headers(&[("x-cloud-trace-context", GOOGLE_VALUE)])),
        (
            Box::new(OtTrace),
            headers(&[
                ("ot-tracer-traceid", "a3ce929d0e0e4736"),
                ("ot-tracer-spanid", "f067aa0ba902b7"),
                ("ot-tracer-sampled", "true"),
            ]),
        ),
    ]
}

pub(crate) const B3_VALUE: &str = "80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1-05e3ac9a4f6e3b90";
pub(crate) const JAEGER_VALUE: &str = "4bf92f3577b34da6a3ce929d0e0e4736:00f067aa0ba902b7:0:1";
pub(crate) const XRAY_VALUE: &str =
    "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
pub(crate) const GOOGLE_VALUE: &str = "105445aa7843bc8bf206b12000100000/18446744073709551615;o=1";

/// A carrier that keeps nothing, so that only the format's own allocations count.
struct Nowhere(usize);

impl Setter for Nowhere {
    fn set(&mut self, _: &str, value: &[u8]) {
        self.0 += value.len();
    }

    fn unset(&mut self, _: &str) {}
}

#[test]
fn a_span_allocates_nothing_in_any_format() {
    for (format, carrier) in formats() {
        let mut context = Context::default();
        assert_eq!(allocated_by(|| format.extract(&carrier, &mut context)), (0, 0), "{carrier:?}");
        assert!(context.span.is_some(), "{carrier:?}");
        let mut nowhere = Nowhere(0);
        assert_eq!(allocated_by(|| format.inject(&context, &mut nowhere)), (0, 0), "{carrier:?}");
        assert!(nowhere.0 > 16, "{carrier:?}");
        let composite = Composite::default().extracting(format);
        assert_eq!(allocated_by(|| composite.extract(&carrier, &mut context)), (0, 0), "{carrier:?}");
    }
}

/// Entries of baggage with a header each.
pub(crate) fn entries(prefix: &str, count: usize, value: &str) -> Headers {
    (0..count).map(|number| (format!("{prefix}k{number}"), value.as_bytes().to_vec())).collect()
}

/// The formats that have baggage keys in names, and what those start with.
pub(crate) fn with_keys_in_names() -> [(Box<dyn Propagator>, &'static str); 2] {
    [(Box::new(Jaeger), "uberctx-"), (Box::new(OtTrace), "ot-baggage-")]
}

#[test]
fn baggage_in_names_is_few_allocations() {
    for (format, prefix) in with_keys_in_names() {
        let mut context = Context::default();
        for (carrier, most) in [
            (entries(prefix, 1, "v"), 3),
            (entries(prefix, 64, "v"), 3),
            (entries(prefix, 64, "%FF%FFa+b"), 4),
            (entries(prefix, 64, "%C3%A9\u{e9}+"), 4),
            (entries(prefix, 1, &"%FF".repeat(2_700)), 4),
            (entries(prefix, 1, &"\u{e9}+%FF".repeat(1_300)), 4),
        ] {
            let (allocations, bytes) = allocated_by(|| format.extract(&carrier, &mut context).unwrap());
            assert!(allocations <= most, "{allocations} for {prefix}");
            assert!(bytes <= 2 * MAX_HEADER_BYTES, "{bytes} for {prefix}");
        }
        let mut bad = entries(prefix, 64, "v");
        bad.push((format!("{prefix}k"), b"v".to_vec()));
        assert_eq!(allocated_by(|| format.extract(&bad, &mut context)), (0, 0), "not before all is good");

        // One buffer each for name and value, that grow.
        context.baggage = baggage::parse(["a=1,b=2,c=3,d=4,e=5,f=6"]).unwrap();
        let (allocations, _) = allocated_by(|| format.inject(&context, &mut Nowhere(0)));
        assert!(allocations <= 4, "{allocations} for {prefix}");
    }
}

#[test]
fn any_headers_of_any_format_allocate_as_little() {
    let patterns =
        ["a", "1", " ", ";", ":", "-", "%", "%3A", ",", "a=1;", "Root=1-", "_dd.p.tid=", "\u{e9}", "+%FF"];
    for (format, good) in formats() {
        let mut names: Vec<&str> = good.iter().map(|(name, _)| &**name).collect();
        names.extend(["tracestate", "uberctx-k", "ot-baggage-k"]);
        for pattern in patterns {
            let long = pattern.repeat(MEBIBYTE / pattern.len());
            let capped = pattern.repeat(8_000 / pattern.len());
            for name in &names {
                let rest: Headers = good.iter().filter(|(other, _)| other != name).cloned().collect();
                let many = vec![((*name).to_owned(), pattern.as_bytes().to_vec()); 5_000];
                for lines in [headers(&[(*name, &long)]), headers(&[(*name, &capped)]), many] {
                    let carrier = [rest.clone(), lines].concat();
                    let mut context = Context::default();
                    let (allocations, bytes) = allocated_by(|| format.extract(&carrier, &mut context));
                    assert!(allocations <= 8, "{allocations} allocations for {name} of {pattern:?}");
                    assert!(bytes <= 2 * MAX_HEADER_BYTES, "{bytes} bytes for {name} of {pattern:?}");
                }
            }
        }
    }
    for (format, prefix) in with_keys_in_names() {
        let mut context = Context::default();
        let carrier = entries(prefix, 50_000, "v");
        assert_eq!(allocated_by(|| format.extract(&carrier, &mut context)), (0, 0));
    }
}

#[test]
fn all_formats_at_once_allocate_as_much_as_each() {
    let names = "tracecontext,baggage,b3,b3multi,jaeger,xray,ottrace,datadog,gcp";
    let all = Composite::from_names(names).unwrap().with(RequestIdHeader::default());
    let mut carrier: Headers = formats().into_iter().flat_map(|(_, headers)| headers).collect();
    carrier.extend(entries("uberctx-", 64, "%FFa+b%20"));
    carrier.extend(entries("ot-baggage-", 64, "%FFa+b%20"));
    let state = (0..32).map(|number| format!("k{number}={}", "v".repeat(240))).collect::<Vec<_>>().join(",");
    let baggage = (0..64).map(|number| format!("b{number}=%FF")).collect::<Vec<_>>().join(",");
    carrier.extend(headers(&[("tracestate", &state), ("baggage", &baggage)]));
    let mut context = Context::default();
    let (allocations, bytes) = allocated_by(|| all.extract(&carrier, &mut context).unwrap());
    // Three baggages of four each, and a tracestate. The limits leave no room to merge what is full.
    assert!(allocations <= 13, "{allocations}");
    assert!(bytes <= 4 * 2 * MAX_HEADER_BYTES, "{bytes}");
    assert_eq!(context.baggage.len(), 64);
}
