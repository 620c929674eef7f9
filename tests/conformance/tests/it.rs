//! The suite over the reference, and the proof that the suite can fail.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use ipam_conformance::reference::{Defect, Defective, ModestReferenceSubject, ReferenceSubject};
use ipam_conformance::{Case, Ended, Subject, bare, cases, run_silently};

ipam_conformance::suite!(ReferenceSubject);

mod modest {
    ipam_conformance::suite!(ipam_conformance::reference::ModestReferenceSubject);
}

/// How the case ends over a provider with the defect; `None` when it fails.
fn end<S: Subject + 'static>(case: &Case, defect: Defect) -> Option<Ended> {
    // The checks of a case are panics; the threads of the case end with its runtime.
    let run = || run_silently::<S>(case, &move |provider| Arc::new(Defective::new(provider, defect)));
    catch_unwind(AssertUnwindSafe(run)).ok()
}

fn is_caught(case: &Case, defect: Defect) -> bool {
    match end::<ReferenceSubject>(case, defect) {
        Some(Ended::Skipped(_)) => end::<ModestReferenceSubject>(case, defect).is_none(),
        Some(Ended::Passed) => false,
        None => true,
    }
}

#[test]
fn every_defect_is_caught_and_every_case_catches_one() {
    let mut idle: Vec<&str> = cases().iter().map(|case| case.name).collect();
    let mut missed = Vec::new();
    for &defect in Defect::ALL {
        let catching: Vec<&str> = cases().iter().filter(|case| is_caught(case, defect)).map(|case| case.name).collect();
        if catching.is_empty() {
            missed.push(defect);
        }
        idle.retain(|name| !catching.contains(name));
    }
    assert_eq!(missed, [], "defects that no case catches");
    assert_eq!(idle, [""; 0], "cases that catch no defect");
}

#[test]
fn nothing_is_skipped_for_the_reference_but_what_is_about_ipams_without_groups() {
    let is_skipped = |case: &&Case| matches!(run_silently::<ReferenceSubject>(case, &bare), Ended::Skipped(_));
    let skipped: Vec<&str> = cases().iter().filter(is_skipped).map(|case| case.name).collect();
    assert_eq!(skipped, ["without_groups_there_are_none"]);
}
