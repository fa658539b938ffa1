//! Who is delivered what, from one process to the next: it is the names that tell.

use super::support::{
    Backend, LONG, Scratch, Seen, assert_lossless, books, builder, end_numbered, eventually, good, spooled,
};
use std::{fs, time::Duration};
use throughline::{
    BuildError, Tracer,
    export::{Delivery, Spool},
};

fn down() -> Backend {
    Backend::down().asking_for(LONG)
}

/// One of two is taken out of the configuration: what was for it is not for the other, and waits.
#[test]
fn what_is_left_for_one_name_is_not_delivered_to_another() {
    let (scratch, audit, public) = (Scratch::new(), down(), Seen::default());
    let spool = Spool::new(scratch.spool());
    let to_audit =
        |builder: throughline::TracerBuilder| builder.exporter(spool.wrap(audit.exporter()).named("audit"));
    let to_public =
        |builder: throughline::TracerBuilder| builder.exporter(spool.wrap(good(&public)).named("public"));
    let tracer = to_public(to_audit(builder())).build().unwrap();
    end_numbered(&tracer, 0..50);
    eventually("one has them", || public.numbers().len() == 50);
    let report = tracer.shutdown(Duration::from_millis(200));
    assert_lossless(&report);
    let names: Vec<_> = report.stats.exporters.iter().map(|exporter| exporter.name.clone()).collect();
    assert_eq!(names, ["audit", "public"]);
    drop(tracer);

    let tracer = to_public(builder()).build().unwrap();
    end_numbered(&tracer, 50..60);
    assert!(tracer.flush(LONG).is_complete());
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(books(&tracer).recovered, Default::default(), "nothing was left for this one");
    assert!(tracer.shutdown(LONG).is_complete());
    drop(tracer);
    public.assert_once(0..60);
    assert_eq!(scratch.files("segment").len(), 1, "it waits for the other");

    audit.come_back();
    let tracer = to_audit(builder()).build().unwrap();
    eventually("the other has them", || books(&tracer).recovered.exported == 50);
    assert!(tracer.shutdown(LONG).is_complete());
    audit.seen.assert_once(0..50);
    assert!(scratch.homes().is_empty());
}

#[test]
fn two_of_one_name_behind_one_directory_are_an_error() {
    let scratch = Scratch::new();
    let (spool, again) = (Spool::new(scratch.spool()), Spool::new(scratch.spool()));
    let exporter = || good(&Seen::default());
    let build = |one: Delivery, other: Delivery| builder().exporter(one).exporter(other).build();
    let refused = |built: Result<Tracer, BuildError>| {
        let error = built.map(drop).unwrap_err();
        assert!(matches!(error, BuildError::SameName(_)), "{error:?}");
        error.to_string()
    };
    let said = refused(build(spool.wrap(exporter()), spool.wrap(exporter())));
    assert!(said.contains("\"script\"") && said.contains("Delivery::named"), "{said}");
    // A spool is its directory, however often it is named.
    refused(build(spool.wrap(exporter()), again.wrap(exporter())));
    // These would be one file.
    refused(build(spool.wrap(exporter()).named("Audit 1"), spool.wrap(exporter()).named("audit-1")));
    assert!(!scratch.spool().exists(), "nothing has been begun");

    drop(build(spool.wrap(exporter()), spool.wrap(exporter()).named("audit")).unwrap());
    drop(build(spool.wrap(exporter()), Delivery::to(exporter())).unwrap());
    let elsewhere = Spool::new(scratch.path().join("elsewhere"));
    drop(build(spool.wrap(exporter()), elsewhere.wrap(exporter())).unwrap());
}

/// What stands in files, which a later version has to find.
#[test]
fn an_exporter_without_a_name_of_its_own_keeps_its_cursor() {
    let scratch = Scratch::new();
    let tracer = spooled(&scratch, down().exporter());
    end_numbered(&tracer, 0..10);
    assert_lossless(&tracer.shutdown(Duration::from_millis(200)));
    drop(tracer);
    let [cursor] = &scratch.files("cursor")[..] else { panic!("one exporter") };
    assert_eq!(cursor.file_name().unwrap(), "script.cursor");
    // What earlier versions called the second of a name goes on under that name.
    fs::rename(cursor, cursor.with_file_name("script-2.cursor")).unwrap();
    let seen = Seen::default();
    let delivery = Spool::new(scratch.spool()).wrap(good(&seen)).named("script-2");
    let tracer = builder().exporter(delivery).build().unwrap();
    eventually("it is delivered", || books(&tracer).recovered.exported == 10);
    assert!(tracer.shutdown(LONG).is_complete());
    seen.assert_once(0..10);
}
