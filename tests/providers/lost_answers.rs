//! Each fault of the conformance suite in the middle of a write. Foreman is told of a success only when there is one,
//! and after a failure it can try again.

use std::net::IpAddr;

use ipam_conformance::{Fault, Role, SeededSubnet};

use crate::support::{Extent, Foreman, Place, Proxy, Simulated, Vendor, assert_is_sentence, mac, named, subnet};

/// When the fault begins and when it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Course {
    /// It hits every request.
    FromTheStart,
    /// It hits the write and everything after it, a look at what became of it included.
    FromTheWrite,
    /// It hits nothing but the write.
    OnlyTheWrite,
}

const COURSES: [Course; 3] = [Course::FromTheStart, Course::FromTheWrite, Course::OnlyTheWrite];

/// A write that is given up, and a look at its effect, twice, fit into the budget.
const QUICK: &str = "request_budget_seconds: 4\nattempt_seconds: 1";

/// How many requests a write needs before it writes.
struct Reads {
    add: usize,
    delete: usize,
}

struct Scene<'a, V> {
    ipam: &'a Simulated<V>,
    proxy: &'a Proxy,
    seeded: &'a SeededSubnet,
    reads: Reads,
}

/// Adds and deletes during the fault, in every course of it.
fn run<V: Vendor>(fault: Fault) {
    let ipam = Simulated::<V>::start();
    let proxy = Place::over(&ipam).ipam(QUICK).start();
    let seeded = subnet(&ipam.seed, Role::Wide);
    let reads = reads(&ipam, &proxy.foreman(), seeded);
    let scene = Scene { ipam: &ipam, proxy: &proxy, seeded, reads };
    for (number, course) in COURSES.into_iter().enumerate() {
        scene.add(fault, course, 10 + 2 * number);
        scene.delete(fault, course, 11 + 2 * number);
    }
    let expected: Vec<IpAddr> = Vec::new();
    let left: Vec<IpAddr> = ipam.vendor.records(seeded).iter().map(|record| record.address).collect();
    assert_eq!(left, expected, "every host was deleted in the end");
    proxy.assert_sound();
}

/// Counts on a host that is well.
fn reads<V: Vendor>(ipam: &Simulated<V>, foreman: &Foreman, seeded: &SeededSubnet) -> Reads {
    let (prefix, group) = named(seeded);
    let address = foreman.next_ip(&prefix, Some(&mac(1)), group).expect("an address");
    let (added, add) = ipam.cost(|| foreman.add(&prefix, &address, group));
    let (deleted, delete) = ipam.cost(|| foreman.delete(&prefix, &address, group));
    assert_eq!((added, deleted), (Ok(()), Ok(())));
    assert!(add.before_write < add.requests && delete.before_write < delete.requests, "both write: {add:?} {delete:?}");
    Reads { add: add.before_write, delete: delete.before_write }
}

impl<V: Vendor> Scene<'_, V> {
    fn begin(&self, fault: Fault, course: Course, reads: usize) {
        match course {
            Course::FromTheStart => self.ipam.fail(fault),
            Course::FromTheWrite => self.ipam.fail_after(reads, fault, Extent::All),
            Course::OnlyTheWrite => self.ipam.fail_after(reads, fault, Extent::One),
        }
    }

    fn count(&self, address: &str) -> usize {
        self.ipam.records_of(self.seeded, address.parse().expect("an address")).len()
    }

    /// A success is recorded once. A failure is not recorded, or it is not known, and then the same add again succeeds.
    fn add(&self, fault: Fault, course: Course, number: usize) {
        let case = format!("add, {fault:?}, {course:?}");
        let foreman = self.proxy.foreman();
        let (prefix, group) = named(self.seeded);
        let address = foreman.next_ip(&prefix, Some(&mac(number)), group).expect("an address");
        self.begin(fault, course, self.reads.add);
        let outcome = foreman.add(&prefix, &address, group);
        self.ipam.heal();
        let count = self.count(&address);
        match outcome {
            Ok(()) => assert_eq!(count, 1, "{case}: it was said to be reserved"),
            Err(text) => {
                assert_is_sentence(&text);
                assert!(!text.contains("already reserved"), "{case}: nobody else had it: {text}");
                let could_look = course == Course::OnlyTheWrite || fault.spares_reads();
                assert!(count == 0 || (!could_look && count == 1), "{case}: {count} records, and it was said: {text}");
                // Nobody else is offered it meanwhile.
                let other = foreman.next_ip(&prefix, Some(&mac(1000 + number)), group).expect("an address");
                assert_ne!(other, address, "{case}");
                assert_eq!(foreman.add(&prefix, &address, group), Ok(()), "{case}: again, after {text}");
                assert_eq!(self.count(&address), 1, "{case}");
            }
        }
        if fault == Fault::ResetAfterWrite {
            assert!(self.count(&address) == 1, "{case}");
        }
        let again = foreman.add(&prefix, &address, group).expect_err("it is there");
        assert!(again.contains("already reserved"), "{case}: {again}");
        assert_eq!(foreman.delete(&prefix, &address, group), Ok(()), "{case}");
    }

    /// A success has deleted. After a failure the same delete again succeeds.
    fn delete(&self, fault: Fault, course: Course, number: usize) {
        let case = format!("delete, {fault:?}, {course:?}");
        let foreman = self.proxy.foreman();
        let (prefix, group) = named(self.seeded);
        let address = foreman.create_host(&prefix, Some(&mac(number)), group).expect("a host");
        self.begin(fault, course, self.reads.delete);
        let outcome = foreman.delete(&prefix, &address, group);
        self.ipam.heal();
        let count = self.count(&address);
        match outcome {
            Ok(()) => assert_eq!(count, 0, "{case}: it was said to be deleted"),
            Err(text) => {
                assert_is_sentence(&text);
                let could_look = course == Course::OnlyTheWrite || fault.spares_reads();
                assert!(count == 1 || !could_look, "{case}: it is deleted, and it was said: {text}");
                assert_eq!(foreman.delete(&prefix, &address, group), Ok(()), "{case}: again, after {text}");
                assert_eq!(self.count(&address), 0, "{case}");
            }
        }
    }
}

pub(crate) fn slow<V: Vendor>() {
    run::<V>(Fault::Slow);
}

pub(crate) fn reset_before_write<V: Vendor>() {
    run::<V>(Fault::ResetBeforeWrite);
}

/// A look tells that it took effect: both calls succeed.
pub(crate) fn reset_after_write<V: Vendor>() {
    run::<V>(Fault::ResetAfterWrite);
    let ipam = Simulated::<V>::start();
    let proxy = Proxy::over(&ipam);
    let foreman = proxy.foreman();
    let (prefix, group) = named(subnet(&ipam.seed, Role::Wide));
    ipam.fail(Fault::ResetAfterWrite);
    let address = foreman.create_host(&prefix, Some(&mac(1)), group).expect("a host");
    assert_eq!(foreman.delete(&prefix, &address, group), Ok(()));
}

/// Without a hold there is only the mark to tell whose a record is, which somebody else may have set. So its caller is
/// told that it is taken, and the log names it.
pub(crate) fn without_a_hold<V: Vendor>() {
    let ipam = Simulated::<V>::start();
    let proxy = Proxy::over(&ipam);
    let foreman = proxy.foreman();
    let (prefix, group) = named(subnet(&ipam.seed, Role::Wide));
    let typed = subnet(&ipam.seed, Role::Wide).free(3)[2].to_string();
    ipam.fail(Fault::ResetAfterWrite);
    let refused = foreman.add(&prefix, &typed, group).expect_err("it cannot be told whose it is");
    assert!(refused.contains("already reserved"), "{refused}");
    let line = proxy.wait_for("it cannot be told whether for request");
    assert!(line.contains(&format!("{typed} in {prefix}")), "{line}");
}

pub(crate) fn truncated<V: Vendor>() {
    run::<V>(Fault::Truncated);
}

pub(crate) fn unauthenticated_once<V: Vendor>() {
    run::<V>(Fault::UnauthenticatedOnce);
}

pub(crate) fn too_many_requests<V: Vendor>() {
    run::<V>(Fault::TooManyRequests);
}

pub(crate) fn html_error<V: Vendor>() {
    run::<V>(Fault::HtmlError);
}

pub(crate) fn empty_error<V: Vendor>() {
    run::<V>(Fault::EmptyError);
}

pub(crate) fn wrong_json<V: Vendor>() {
    run::<V>(Fault::WrongJson);
}

/// A host that is not deleted stays in Foreman: else its address would leak.
pub(crate) fn no_api<V: Vendor>() {
    run::<V>(Fault::NoApi);
    let ipam = Simulated::<V>::start();
    let proxy = Proxy::over(&ipam);
    let foreman = proxy.foreman();
    let (prefix, group) = named(subnet(&ipam.seed, Role::Wide));
    let taken = foreman.create_host(&prefix, Some(&mac(1)), group).expect("a host");
    // Nothing is remembered of the subnet.
    let other = Proxy::over(&ipam);
    ipam.fail(Fault::NoApi);
    let refused = other.foreman().delete(&prefix, &taken, group).expect_err("nobody knows whether it is there");
    assert!(refused.contains("API"), "{refused}");
}

pub(crate) fn gone<V: Vendor>() {
    run::<V>(Fault::Gone);
}
