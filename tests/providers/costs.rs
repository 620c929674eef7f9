//! How many requests reach the product. Its administrators count them, and each may take half a second.

use std::collections::BTreeSet;

use ipam_conformance::Role;

use crate::support::{Place, Simulated, Vendor, at_once, mac, named, subnet};

/// Nothing becomes too old while a busy machine gets through the test.
const LONG: &str = "candidate_seconds: 60\nlookup_seconds: 3600";

/// A batch serves 64 of them.
const CALLERS: usize = 100;
const BATCHES: usize = 2;

pub(crate) fn a_hundred_callers_share_few_requests<V: Vendor>() {
    let ipam = Simulated::<V>::start();
    let proxy = Place::over(&ipam).ipam(LONG).start();
    let foreman = proxy.foreman();
    let (prefix, group) = named(subnet(&ipam.seed, Role::Wide));
    // The login, where there is one, and the look-up.
    foreman.subnet(&prefix, group).expect("an answer").expect("a subnet");
    let (offered, cost) = ipam
        .cost(|| at_once(CALLERS, |number| foreman.next_ip(&prefix, Some(&mac(number)), group).expect("an address")));
    assert_eq!(offered.iter().collect::<BTreeSet<_>>().len(), CALLERS);
    assert!(cost.requests <= 6, "{cost:?}");
    assert!(cost.requests <= BATCHES * V::COSTS.batch, "{cost:?}");
}

/// Of a whole host, when others have been created in the subnet before.
pub(crate) fn a_warm_call_costs_what_is_said<V: Vendor>() {
    let ipam = Simulated::<V>::start();
    let proxy = Place::over(&ipam).ipam(LONG).start();
    let foreman = proxy.foreman();
    let seeded = subnet(&ipam.seed, Role::Wide);
    let costs = V::COSTS;
    // Without a group the name of the only group that has the prefix is found.
    for (number, group) in [named(seeded).1, None].into_iter().enumerate() {
        let (prefix, macs) = (seeded.prefix.to_string(), [mac(10 * number + 1), mac(10 * number + 2)]);
        let (_, first) = ipam.cost(|| foreman.subnet(&prefix, group).expect("an answer"));
        let login = if number == 0 { costs.login } else { 0 };
        assert!(first.requests <= login + costs.lookup, "{group:?}: {first:?} for the first look-up");
        let (_, lookup) = ipam.cost(|| foreman.subnet(&prefix, group).expect("an answer"));
        assert_eq!(lookup.requests, 0, "{group:?}: a subnet is remembered");

        let (first, batch) = ipam.cost(|| foreman.create_host(&prefix, Some(&macs[0]), group));
        let first = first.expect("a host");
        let most = costs.batch + costs.exists + costs.add;
        assert!(batch.requests <= most, "{group:?}: {batch:?} for the first host");

        let (offered, next_ip) = ipam.cost(|| foreman.next_ip(&prefix, Some(&macs[1]), group));
        let offered = offered.expect("an address");
        assert_eq!(next_ip.requests, 0, "{group:?}: from the batch of the first host");
        let (existing, exists) = ipam.cost(|| foreman.ip_exists(&prefix, &offered, group));
        assert!(exists.requests <= costs.exists, "{group:?}: {exists:?} for a look");
        let (added, add) = ipam.cost(|| foreman.add(&prefix, &offered, group));
        assert!(add.requests <= costs.add, "{group:?}: {add:?} for an add");
        let (deleted, delete) = ipam.cost(|| foreman.delete(&prefix, &offered, group));
        assert!(delete.requests <= costs.delete, "{group:?}: {delete:?} for a delete");
        assert_eq!((existing, added, deleted), (Ok(false), Ok(()), Ok(())));
        assert_eq!(foreman.delete(&prefix, &first, group), Ok(()));
    }
}

/// The search for the prefix tells its group as well.
pub(crate) fn a_group_costs_nothing_more<V: Vendor>() {
    let ipam = Simulated::<V>::start();
    let proxy = Place::over(&ipam).ipam(LONG).start();
    let foreman = proxy.foreman();
    let (login, _) = named(subnet(&ipam.seed, Role::Empty));
    foreman.subnet(&login, None).expect("an answer");
    let (prefix, group) = named(subnet(&ipam.seed, Role::Wide));
    let create = |number: usize, group| {
        let (host, cost) = ipam.cost(|| foreman.create_host(&prefix, Some(&mac(number)), group));
        host.expect("a host");
        cost.requests
    };
    let (with_group, without_group) = (create(1, group), create(2, None));
    let lookup = V::COSTS.lookup;
    let most = lookup + V::COSTS.batch + V::COSTS.exists + V::COSTS.add;
    assert!(with_group <= most, "{with_group} requests for the first host in a group, more than {most}");
    // The batch is that of the first host.
    assert!(without_group <= most - V::COSTS.batch, "{without_group} requests without a group");
}

/// A blank in a name leaves two readings open, so that the group is looked up as well.
pub(crate) fn callers_of_a_group_with_a_blank_share_its_look_up<V: Vendor>() {
    let ipam = Simulated::<V>::start();
    let proxy = Place::over(&ipam).ipam(LONG).start();
    let foreman = proxy.foreman();
    let (prefix, group) = named(subnet(&ipam.seed, Role::Wider));
    assert!(group.is_some_and(|group| group.contains(' ')), "{group:?}");
    let (_, cost) =
        ipam.cost(|| at_once(48, |number| foreman.next_ip(&prefix, Some(&mac(number)), group).expect("an address")));
    let costs = V::COSTS;
    let most = costs.login + 2 * costs.lookup + costs.batch;
    assert!(cost.requests <= most, "{cost:?} for 48 callers, more than {most}");
}
