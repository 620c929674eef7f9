//! The conformance suite over the reference provider, bare and guarded, and what is special to the guard.

use std::sync::Arc;
use std::time::Duration;

use ipam_provider::{Guard, Limits, Probe};

/// Far more than any case takes, so that only injected slowness meets it.
const LIMITS: Limits = Limits { attempt: Duration::from_secs(30), read_attempts: 2 };

mod bare {
    ipam_conformance::suite!(ipam_conformance::reference::ReferenceSubject);
}

mod guarded {
    use super::*;

    ipam_conformance::suite!(
        ipam_conformance::reference::ReferenceSubject,
        wrap = |provider| Arc::new(Guard::new(provider, LIMITS))
    );
}

/// What the guard does that the provider within does not. Time is paused: it passes when every task waits.
mod special {
    use std::net::IpAddr;

    use async_trait::async_trait;
    use ipam_conformance::reference::ReferenceIpam;
    use ipam_conformance::{Fault, Seed};
    use ipam_provider::{
        AddressSet, Capabilities, Ended, Error, ErrorKind, FreeQuery, Group, GroupName, ListReservations, Observer,
        OwnRecord, Prefix, Provider, Released, Requester, Reservation, Subnet,
    };
    use tokio::time::Instant;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const READS: [&str; 8] =
        ["groups", "group", "subnets", "find_subnets", "reservation", "own_records", "free_addresses", "list"];
    fn guard(ipam: Arc<ReferenceIpam>, attempt: Duration, read_attempts: u32) -> Guard {
        Guard::new(ipam, Limits { attempt, read_attempts })
    }

    const WRITES: [&str; 2] = ["reserve", "release"];

    fn ipam() -> Arc<ReferenceIpam> {
        let everything = Capabilities { groups: true, ipv6: true, records_mac: true, records_hostname: true };
        Arc::new(ReferenceIpam::new(&Seed::standard(), everything))
    }

    /// A subnet of the seed, asked for before the fault is set.
    async fn subnet(ipam: &ReferenceIpam) -> Subnet {
        let prefix = "192.0.2.16/28".parse().expect("a prefix");
        let mut found = ipam.find_subnets(prefix, None).await.expect("the subnet");
        found.pop().expect("it is in the seed")
    }

    /// Calls the operation of this name and gives the kind of its error.
    async fn kind_of(provider: &dyn Provider, operation: &str, subnet: &Subnet) -> Result<(), ErrorKind> {
        let group = GroupName::new("Production").expect("a name");
        let address: IpAddr = "192.0.2.17".parse().expect("an address");
        let held = AddressSet::default();
        let outcome = match operation {
            "groups" => provider.groups().await.map(|_| ()),
            "group" => provider.group(&group).await.map(|_| ()),
            "subnets" => provider.subnets(Some(&group)).await.map(|_| ()),
            "find_subnets" => provider.find_subnets(subnet.prefix, None).await.map(|_| ()),
            "reservation" => provider.reservation(subnet, address).await.map(|_| ()),
            "own_records" => provider.own_records(address).await.map(|_| ()),
            "free_addresses" => {
                let query = FreeQuery { at_most: 1, held: &held };
                provider.free_addresses(subnet, query).await.map(|_| ())
            }
            "list" => {
                let list = provider.list_reservations().expect("it lists");
                list.list(subnet, None, 10).await.map(|_| ())
            }
            "reserve" => provider.reserve(subnet, address, &Requester::default()).await,
            "release" => provider.release(subnet, address).await.map(|_| ()),
            unknown => panic!("no operation {unknown}"),
        };
        outcome.map_err(|error| error.kind())
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_operation_ends_as_timed_out_when_the_limit_is_reached() {
        let ipam = ipam();
        let subnet = subnet(&ipam).await;
        ipam.set_fault(Some(Fault::Slow));
        let timed = guard(ipam, SECOND, 1);
        for operation in READS.into_iter().chain(WRITES) {
            let start = Instant::now();
            assert_eq!(kind_of(&timed, operation, &subnet).await, Err(ErrorKind::TimedOut), "{operation}");
            assert_eq!(start.elapsed().as_secs(), 1, "{operation}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_message_of_a_time_out_names_provider_and_limit() {
        let ipam = ipam();
        ipam.set_fault(Some(Fault::Slow));
        let error = guard(ipam, 5 * SECOND, 1).groups().await.expect_err("the IPAM is slow");
        let said = "The IPAM (reference) gave no answer within 5 seconds. Try again, and tell the administrators of the \
                    IPAM if it lasts";
        assert_eq!(error.to_string(), said);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_probe_ends_with_a_probe_that_failed() {
        let ipam = ipam();
        ipam.set_fault(Some(Fault::Slow));
        let start = Instant::now();
        let probes = guard(ipam, SECOND, 1).probe().await;
        assert!(probes.iter().any(|probe| probe.outcome.is_err()), "{probes:?}");
        assert_eq!(start.elapsed().as_secs(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn reads_are_repeated_on_transient_kinds_as_often_as_configured() {
        for attempts in [1, 2, 3] {
            for (fault, kind) in [(Fault::Gone, ErrorKind::Unreachable), (Fault::Slow, ErrorKind::TimedOut)] {
                let ipam = ipam();
                let subnet = subnet(&ipam).await;
                ipam.set_fault(Some(fault));
                let provider = guard(ipam.clone(), SECOND, attempts);
                for operation in READS {
                    let before = ipam.requests();
                    assert_eq!(kind_of(&provider, operation, &subnet).await, Err(kind), "{operation}");
                    assert_eq!(ipam.requests() - before, attempts as usize, "{operation} during {fault:?}");
                }
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_read_is_not_repeated_once_it_has_succeeded() {
        let ipam = ipam();
        let subnet = subnet(&ipam).await;
        ipam.set_fault(Some(Fault::Gone));
        let provider = guard(ipam.clone(), SECOND, 3);
        let before = ipam.requests();
        let heal = async {
            // Between the first attempt and the second.
            tokio::time::sleep(Duration::from_millis(50)).await;
            ipam.set_fault(None);
        };
        let (outcome, ()) = tokio::join!(kind_of(&provider, "reservation", &subnet), heal);
        assert_eq!(outcome, Ok(()));
        assert_eq!(ipam.requests() - before, 2);
    }

    #[tokio::test(start_paused = true)]
    async fn the_pauses_between_attempts_grow() {
        let ipam = ipam();
        ipam.set_fault(Some(Fault::Gone));
        let start = Instant::now();
        guard(ipam, SECOND, 4).groups().await.expect_err("the IPAM is gone");
        assert_eq!(start.elapsed(), Duration::from_millis(100 + 200 + 400));
    }

    #[tokio::test(start_paused = true)]
    async fn reads_that_failed_for_good_are_not_repeated() {
        for fault in [Fault::UnauthenticatedOnce, Fault::WrongJson] {
            for operation in READS {
                let ipam = ipam();
                let subnet = subnet(&ipam).await;
                ipam.set_fault(Some(fault));
                let before = ipam.requests();
                let outcome = kind_of(&guard(ipam.clone(), SECOND, 5), operation, &subnet).await;
                assert_eq!(outcome, Err(fault.expected_kind()), "{operation}");
                assert_eq!(ipam.requests() - before, 1, "{operation} during {fault:?}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn writes_are_never_repeated() {
        for fault in [Fault::Gone, Fault::ResetBeforeWrite, Fault::ResetAfterWrite, Fault::Slow, Fault::WrongJson] {
            for operation in WRITES {
                let ipam = ipam();
                let subnet = subnet(&ipam).await;
                ipam.set_fault(Some(fault));
                let provider = guard(ipam.clone(), SECOND, 5);
                let before = ipam.requests();
                let outcome = kind_of(&provider, operation, &subnet).await;
                assert_eq!(outcome, Err(fault.expected_kind()), "{operation}");
                assert_eq!(ipam.requests() - before, 1, "{operation} during {fault:?}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn each_attempt_has_a_time_limit_of_its_own() {
        let ipam = ipam();
        ipam.set_fault(Some(Fault::Slow));
        let start = Instant::now();
        let error = guard(ipam.clone(), SECOND, 3).groups().await;
        assert_eq!(error.expect_err("the IPAM is slow").kind(), ErrorKind::TimedOut);
        assert_eq!(ipam.requests(), 3);
        // Three seconds of waiting and the pauses of 100 and 200 ms; the timer counts in whole milliseconds.
        assert_eq!(start.elapsed().as_millis() / 100, 33);
    }

    #[tokio::test]
    async fn what_the_last_call_showed_of_the_ipam_is_known() {
        let ipam = ipam();
        let subnet = subnet(&ipam).await;
        let address = "192.0.2.17".parse().expect("an address");
        let guard = guard(ipam.clone(), SECOND, 1).known_as("lab".into());
        assert_eq!(guard.trouble(), None);
        ipam.set_fault(Some(Fault::Gone));
        guard.groups().await.expect_err("it is gone");
        assert_eq!(guard.trouble().as_deref(), Some("The IPAM cannot be reached"));
        ipam.set_fault(None);
        guard.reserve(&subnet, address, &Requester::default()).await.expect("reserved");
        assert_eq!(guard.trouble(), None);

        ipam.set_fault(Some(Fault::HtmlError));
        guard.groups().await.expect_err("it fails");
        ipam.set_fault(None);
        guard.reserve(&subnet, address, &Requester::default()).await.expect_err("it is taken");
        assert_eq!(guard.trouble(), None, "a refusal shows that it works");

        ipam.set_fault(Some(Fault::ResetBeforeWrite));
        let turn = guard.turn().await;
        turn.release(&subnet, address).await.expect_err("the write fails");
        turn.reservation(&subnet, address).await.expect("reads work");
        assert!(guard.trouble().is_some(), "the look after a failed write does not end its trouble");
        guard.reservation(&subnet, address).await.expect("reads work");
        assert_eq!(guard.trouble(), None);
    }

    #[tokio::test]
    async fn an_error_without_a_request_shows_nothing_of_the_ipam() {
        let ipam = ipam();
        let subnet = subnet(&ipam).await;
        let guard = guard(ipam.clone(), SECOND, 1);
        ipam.set_fault(Some(Fault::Gone));
        guard.list(&subnet, None, 10).await.expect_err("it is gone");
        let (trouble, requests) = (guard.trouble(), ipam.requests());
        assert_eq!(trouble.as_deref(), Some("The IPAM cannot be reached"));
        let error = guard.list(&subnet, Some("no address"), 10).await.expect_err("no place");
        assert_eq!((error.kind(), ipam.requests()), (ErrorKind::Rejected, requests));
        assert_eq!(guard.trouble(), trouble);
        ipam.set_fault(None);
        guard.list(&subnet, None, 10).await.expect("a page");
        assert_eq!(guard.trouble(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_page_has_a_time_limit_and_waits_for_its_turn() {
        let one = one_at_a_time();
        let prefix = "192.0.2.16/28".parse().expect("a prefix");
        let subnet = one.find_subnets(prefix, None).await.expect("an answer").pop().expect("it is in the seed");
        let turn = one.turn().await;
        let waiting = tokio::time::timeout(SECOND, one.list(&subnet, None, 10)).await;
        assert!(waiting.is_err(), "the turn is taken");
        drop(turn);
        one.list(&subnet, None, 10).await.expect("a page");
        let ipam = ipam();
        ipam.set_fault(Some(Fault::Slow));
        let start = Instant::now();
        let error = guard(ipam, SECOND, 1).list(&subnet, None, 10).await.expect_err("the IPAM is slow");
        assert_eq!((error.kind(), start.elapsed().as_secs()), (ErrorKind::TimedOut, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_is_asked_for_once() {
        let ipam = ipam();
        let provider = Guard::new(ipam.clone(), LIMITS);
        let before = ipam.requests();
        let shown = |probes: Vec<Probe>| format!("{probes:?}");
        assert_eq!(shown(provider.probe().await), shown(ipam.probe().await));
        ipam.set_fault(Some(Fault::Gone));
        let probes = provider.probe().await;
        assert!(probes.iter().any(|probe| probe.outcome.is_err()), "{probes:?}");
        assert_eq!(ipam.requests() - before, 3);
    }

    /// Keeps what an observer learns, times in whole seconds.
    #[derive(Debug, Default)]
    struct Notes(std::sync::Mutex<Vec<String>>);

    impl Observer for Notes {
        fn ended(&self, operation: &'static str, outcome: Ended, took: Duration) {
            let line = format!("{operation} {outcome:?} {}", took.as_secs());
            self.0.lock().expect("whole").push(line);
        }

        fn retries(&self) {
            self.0.lock().expect("whole").push("again".to_owned());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_observer_learns_how_each_operation_ends() {
        let ipam = ipam();
        let subnet = subnet(&ipam).await;
        let notes = Arc::new(Notes::default());
        let guard = guard(ipam.clone(), 2 * SECOND, 2).observed_by(notes.clone());
        let learned = || std::mem::take(&mut *notes.0.lock().expect("whole"));
        kind_of(&guard, "groups", &subnet).await.expect("groups");
        assert_eq!(learned(), ["groups Done 0"]);
        kind_of(&guard, "reserve", &subnet).await.expect("reserved");
        assert_eq!(kind_of(&guard, "reserve", &subnet).await, Err(ErrorKind::AlreadyExists));
        assert_eq!(learned(), ["reserve Done 0", "reserve Failed(AlreadyExists) 0"]);
        ipam.set_fault(Some(Fault::Slow));
        assert_eq!(kind_of(&guard, "subnets", &subnet).await, Err(ErrorKind::TimedOut));
        assert_eq!(learned(), ["again", "subnets Failed(TimedOut) 4"]);
        let cut_off = tokio::time::timeout(SECOND, kind_of(&guard, "release", &subnet)).await;
        assert!(cut_off.is_err());
        assert_eq!(learned(), ["release Abandoned 1"]);
    }

    /// Takes one call at a time, and two seconds for each.
    #[derive(Debug)]
    struct OneAtATime(ReferenceIpam);

    #[async_trait]
    impl Provider for OneAtATime {
        fn name(&self) -> &'static str {
            "one at a time"
        }

        fn capabilities(&self) -> Capabilities {
            self.0.capabilities()
        }

        fn max_parallel(&self) -> Option<usize> {
            Some(1)
        }

        async fn probe(&self) -> Vec<Probe> {
            Vec::new()
        }

        async fn groups(&self) -> Result<Vec<Group>, Error> {
            tokio::time::sleep(2 * SECOND).await;
            self.0.groups().await
        }

        async fn group(&self, name: &GroupName) -> Result<Option<Group>, Error> {
            self.0.group(name).await
        }

        async fn subnets(&self, group: Option<&GroupName>) -> Result<Vec<Subnet>, Error> {
            self.0.subnets(group).await
        }

        async fn find_subnets(&self, prefix: Prefix, group: Option<&GroupName>) -> Result<Vec<Subnet>, Error> {
            self.0.find_subnets(prefix, group).await
        }

        async fn reservation(&self, subnet: &Subnet, address: IpAddr) -> Result<Option<Reservation>, Error> {
            tokio::time::sleep(2 * SECOND).await;
            self.0.reservation(subnet, address).await
        }

        async fn own_records(&self, address: IpAddr) -> Result<Vec<OwnRecord>, Error> {
            self.0.own_records(address).await
        }

        async fn free_addresses(&self, subnet: &Subnet, query: FreeQuery<'_>) -> Result<Vec<IpAddr>, Error> {
            self.0.free_addresses(subnet, query).await
        }

        async fn reserve(&self, subnet: &Subnet, address: IpAddr, by: &Requester) -> Result<(), Error> {
            tokio::time::sleep(2 * SECOND).await;
            self.0.reserve(subnet, address, by).await
        }

        async fn release(&self, subnet: &Subnet, address: IpAddr) -> Result<Released, Error> {
            self.0.release(subnet, address).await
        }

        fn manage_subnets(&self) -> Option<&dyn ipam_provider::ManageSubnets> {
            None
        }

        fn annotate(&self) -> Option<&dyn ipam_provider::Annotate> {
            Provider::annotate(&self.0)
        }

        fn list_reservations(&self) -> Option<&dyn ListReservations> {
            self.0.list_reservations()
        }
    }

    fn one_at_a_time() -> Guard {
        let everything = Capabilities { groups: true, ipv6: true, records_mac: true, records_hostname: true };
        let ipam = OneAtATime(ReferenceIpam::new(&Seed::standard(), everything));
        Guard::new(Arc::new(ipam), Limits { attempt: 3 * SECOND, read_attempts: 1 })
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_limit_of_a_call_begins_with_its_turn() {
        let guard = one_at_a_time();
        let start = Instant::now();
        let (a, b, c) = tokio::join!(guard.groups(), guard.groups(), guard.groups());
        // The last one waits four seconds for its turn, longer than an attempt may take.
        assert!(a.is_ok() && b.is_ok() && c.is_ok(), "{a:?} {b:?} {c:?}");
        assert_eq!(start.elapsed().as_secs(), 6);
        assert!(!guard.is_busy());
    }

    #[tokio::test(start_paused = true)]
    async fn calls_in_one_turn_follow_each_other_without_a_wait() {
        let guard = one_at_a_time();
        let prefix = "192.0.2.16/28".parse().expect("a prefix");
        let subnet = guard.find_subnets(prefix, None).await.expect("an answer").pop().expect("it is in the seed");
        let address = "192.0.2.17".parse().expect("an address");
        let start = Instant::now();
        let write_and_look = async {
            let turn = guard.turn().await;
            assert!(guard.is_busy());
            let _ = turn.reserve(&subnet, address, &Requester::default()).await;
            let _ = turn.reservation(&subnet, address).await;
            start.elapsed().as_secs()
        };
        let (ended, other) = tokio::join!(write_and_look, guard.groups());
        assert_eq!((ended, other.is_ok(), start.elapsed().as_secs()), (4, true, 6));
    }
}
