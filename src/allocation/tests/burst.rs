//! Foreman's calls and allocations at once in one subnet, over the embedded IPAM and over NetBox.

use std::collections::BTreeMap;

use super::*;

/// As many callers as addresses.
const CALLERS: usize = 60;

const BURST_PREFIX: &str = "10.9.8.0/26";

/// A third of the callers asks and adds as Foreman does, the others allocate. Two proxies share the holds.
async fn all_get_an_address_of_their_own(provider: Arc<dyn Provider>, group: Option<GroupName>) {
    let holds = Holds::in_memory(Clock::system());
    let proxies: Vec<Arc<Allocator>> =
        (0..2).map(|_| Arc::new(Allocator::new(Guard::new(provider.clone(), LIMITS), holds.clone(), RULES))).collect();
    let prefix: Prefix = BURST_PREFIX.parse().expect("a prefix");
    let choice = GroupChoice::of(group);
    let callers = (0..CALLERS).map(|caller| {
        let (allocator, choice) = (proxies[caller % 2].clone(), choice.clone());
        async move {
            let by = Requester { mac: mac(caller), ..Requester::default() };
            if caller % 3 == 0 {
                let address = allocator.next_ip(prefix, &choice, mac(caller), None).await?;
                allocator.add(prefix, choice, address, by).await?.answered().await;
                return Ok(address);
            }
            let strategy = [Strategy::Lowest, Strategy::Next, Strategy::Random][caller % 4 % 3];
            let request = AllocationRequest { subnets: vec![(prefix, choice)], strategy, count: 1, by };
            let added = allocator.allocate(request).await?.remove(0);
            let address = added.address();
            added.answered().await;
            Ok(address)
        }
    });
    let (given, failed) = addresses(in_parallel(callers).await);
    assert!(failed.is_empty(), "there was room: {failed:?}");
    assert_eq!(given.iter().collect::<BTreeSet<_>>().len(), CALLERS, "none is given twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn over_the_embedded_ipam() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("ipam.sqlite");
    let place = ipam_provider_internal::Place::File(path.clone());
    std::thread::spawn(move || {
        let mut store = ipam_store::Store::open_or_create(&path).expect("a store");
        let subnet = ipam_store::NewSubnet::of(BURST_PREFIX.parse::<Prefix>().expect("a prefix"));
        store.write(|writing| writing.add_subnet(&subnet)).expect("a subnet");
    })
    .join()
    .expect("no panic");
    let provider = Arc::new(ipam_provider_internal::Internal::open(&place).expect("a store"));
    all_get_an_address_of_their_own(provider, None).await;
}

#[cfg(feature = "netbox")]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn over_netbox() {
    use ipam_provider::settings::{Section, Setting};
    use ipam_provider::{Kept, Surroundings};
    use ipam_simulators::Server;
    use ipam_simulators::netbox::{Netbox, TOKEN, Version};

    let group = GroupName::new("blue").expect("a name");
    let subnet = SeededSubnet {
        role: Role::Empty,
        prefix: BURST_PREFIX.parse().expect("a prefix"),
        group: Some(group.clone()),
        description: String::new(),
        pool: false,
        taken: BTreeMap::new(),
    };
    let seeded = Seed::standard();
    let groups = seeded.groups.into_iter().map(|mut seeded| {
        seeded.name = group.clone();
        seeded
    });
    let seed = Seed { groups: groups.take(1).collect(), subnets: vec![subnet] };
    let server = Server::start(Arc::new(Netbox::seeded(&seed, Version::V4_6)));
    let settings = [("url", server.url()), ("token", TOKEN.to_owned())];
    let setting = |(key, value): (&str, String)| (key.to_owned(), Setting { value: value.into(), origin: None });
    let mut section = Section::new("settings.d/externalipam_netbox.yml", settings.map(setting).into());
    let plan = (ipam_provider_netbox::REGISTRATION.read)(&mut section);
    assert_eq!(section.finish().problems, vec![]);
    let surroundings = Surroundings {
        state_directory: "/nowhere".into(),
        may_create: true,
        database: None,
        trace: None,
        kept: Kept::default(),
    };
    all_get_an_address_of_their_own(plan(&surroundings).expect("a provider"), Some(group)).await;
}
