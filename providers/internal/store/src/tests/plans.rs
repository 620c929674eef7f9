//! Plans: what is allocated from linked pools.

use std::collections::BTreeMap;

use ipam_provider::Prefix;
use proptest::prelude::*;

use super::*;
use crate::{
    AllowedLabels, Constraint, Contents, Failure, Labels, NewPlan, NewPlanAllocation, NewPool, PlanAllocationEdit,
    PlanAllocationRecord, PlanEdit, PlanRecord, Scope, SharedStore, Size, Sizes, SubnetEdit,
};

fn net(text: &str) -> Prefix {
    prefix(text).prefix().expect("a prefix")
}

fn pool(name: &str, prefix: &str, shift: i16) -> NewPool {
    NewPool { name: name.to_owned(), prefix: net(prefix), shift }
}

/// The plan of the IPAM-Prefix-Allocator.
fn allocator() -> NewPlan {
    NewPlan {
        group: None,
        name: "clusters".to_owned(),
        description: String::new(),
        sizes: Sizes { shortest: 20, longest: 26, kept_back: 5, hosts_at_most: Some(4000) },
        labels: serde_json::from_str(r#"{"environment":["dev","stage","prod"],"region":[]}"#).expect("labels"),
        pools: vec![pool("primary", "10.0.0.0/16", 0), pool("cgnat", "100.64.0.0/10", -5)],
        attributes: Attributes::default(),
    }
}

fn wanted(owner: &str, size: Size) -> NewPlanAllocation {
    let (labels, attributes) = (Labels::default(), Attributes::of_owner(owner));
    NewPlanAllocation { size, labels, description: String::new(), attributes }
}

impl Fixture {
    fn plan(&mut self, new: &NewPlan) -> PlanRecord {
        self.store.write(|writing| writing.add_plan(new)).expect("a plan")
    }

    fn allocate(&mut self, plan: &PlanRecord, owner: &str, size: Size) -> Result<PlanAllocationRecord> {
        self.store.write(|writing| writing.allocate_prefixes(plan.id, &wanted(owner, size)))
    }

    fn release(&mut self, id: i64) -> Result<PlanAllocationRecord> {
        self.store.write(|writing| writing.release_prefixes(id))
    }
}

fn prefixes(allocation: &PlanAllocationRecord) -> Vec<String> {
    allocation.prefixes.iter().map(|one| one.prefix.to_string()).collect()
}

/// The exchanges 007 and 052 of the recordings: sizes, first fit, freed blocks again.
fn the_lowest_prefix_of_each_pool_is_allocated(engine: Engine) {
    let mut fixture = Fixture::on(engine);
    let plan = fixture.plan(&allocator());
    let preview = |fixture: &Fixture, size| {
        fixture.store.read(|reading| reading.preview_prefixes(&plan, size, &Labels::default()))
    };
    let first = fixture.allocate(&plan, "production", Size::Hosts(500)).expect("an allocation");
    assert_eq!(prefixes(&first), ["10.0.0.0/23", "100.64.0.0/18"]);
    assert_eq!(first.prefixes.iter().map(|one| one.usable).collect::<Vec<_>>(), [507, 16379]);
    let small = fixture.allocate(&plan, "production", Size::Length(26)).expect("an allocation");
    assert_eq!(prefixes(&small), ["10.0.2.0/26", "100.64.64.0/21"]);
    let large = fixture.allocate(&plan, "staging", Size::Length(20)).expect("an allocation");
    assert_eq!(prefixes(&large), ["10.0.16.0/20", "100.66.0.0/15"]);
    let seen = preview(&fixture, Size::Length(24)).expect("a preview");
    assert_eq!(seen[0].prefix.to_string(), "10.0.3.0/24");
    assert_eq!(fixture.release(first.id).expect("a release").public_id, first.public_id);
    let again = fixture.allocate(&plan, "other", Size::Length(23)).expect("an allocation");
    assert_eq!(prefixes(&again), ["10.0.0.0/23", "100.64.0.0/18"]);
    assert_ne!(again.public_id, first.public_id);
    assert!(matches!(fixture.release(first.id), Err(StoreError::NoPlanAllocation(_))));
    assert_eq!(fixture.findings(), Vec::<String>::new());
    let usage = fixture.store.read(|reading| reading.plan_usage(&plan)).expect("usage");
    assert_eq!(
        (usage.allocations, usage.pools[0].free, usage.pools[0].largest_free),
        (3, 65536 - 512 - 64 - 4096, Some(17))
    );
}

/// 16 times /20, and nothing else then.
fn a_full_pool_says_so_and_changes_nothing(engine: Engine) {
    let mut fixture = Fixture::on(engine);
    let plan = fixture.plan(&allocator());
    for _ in 0..16 {
        fixture.allocate(&plan, "a", Size::Length(20)).expect("there is room");
    }
    let text = message(fixture.allocate(&plan, "a", Size::Length(26)));
    assert_eq!(text, "Plan 'clusters' has no free /26 in pool 'primary', which is 10.0.0.0/16");
    let count = fixture.store.read(|reading| reading.plan_allocation_count(plan.id, None)).expect("a number");
    assert_eq!(count, 16);
    // The first pool has room, the second has not: neither is taken.
    let narrow = NewPlan {
        name: "narrow".to_owned(),
        pools: vec![pool("a", "10.1.0.0/16", 0), pool("b", "192.168.0.0/24", 2)],
        sizes: Sizes { shortest: 24, longest: 24, kept_back: 0, hosts_at_most: None },
        ..allocator()
    };
    let narrow = fixture.plan(&narrow);
    for _ in 0..4 {
        fixture.allocate(&narrow, "a", Size::Length(24)).expect("there is room");
    }
    assert!(message(fixture.allocate(&narrow, "a", Size::Length(24))).contains("no free /26 in pool 'b'"));
    let usage = fixture.store.read(|reading| reading.plan_usage(&narrow)).expect("usage");
    assert_eq!((usage.pools[0].free, usage.pools[1].free), (65536 - 4 * 256, 0));
    assert_eq!(fixture.findings(), Vec::<String>::new());
}

fn each_group_has_pools_of_its_own_and_nothing_overlaps_in_it(engine: Engine) {
    let mut fixture = Fixture::on(engine);
    for name in ["blue", "red"] {
        fixture.group(name);
        fixture.plan(&NewPlan { group: Some(group(name)), ..allocator() });
    }
    let other = NewPlan { group: Some(group("blue")), name: "other".to_owned(), ..allocator() };
    let text = message(fixture.store.write(|writing| writing.add_plan(&other)));
    assert_eq!(
        text,
        "Pool 10.0.0.0/16 (group blue) overlaps pool 10.0.0.0/16 of plan 'clusters'; pools of a group share no address"
    );
    let twice = NewPlan { pools: vec![pool("a", "10.2.0.0/16", 0), pool("b", "10.2.0.0/17", 0)], ..allocator() };
    assert!(message(fixture.store.write(|writing| writing.add_plan(&twice))).contains("overlaps pool 10.2.0.0/16"));
    let text = message(
        fixture.store.write(|writing| writing.add_plan(&NewPlan { group: Some(group("blue")), ..allocator() })),
    );
    assert_eq!(text, "Plan 'clusters' (group blue) already exists");
    let text = message(fixture.store.write(|writing| writing.delete_group(&group("blue"), Contents::MustBeEmpty)));
    assert!(text.contains("Group 'blue' holds plans (1)"), "{text}");
    fixture.store.write(|writing| writing.delete_group(&group("blue"), Contents::DeleteToo)).expect("a deletion");
    assert_eq!(fixture.store.read(|reading| Ok(reading.plans_in(&Scope::Anywhere)?.len())).expect("plans"), 1);
    assert_eq!(fixture.findings(), Vec::<String>::new());
}

/// A subnet in a pool lies in what is allocated, and keeps it.
fn a_prefix_that_is_allocated_can_become_a_subnet(engine: Engine) {
    let mut fixture = Fixture::on(engine);
    fixture.try_subnet(container("10.0.0.0/8")).expect("a container around the pool");
    let plan = fixture.plan(&allocator());
    let text = message(fixture.try_subnet(NewSubnet::of(prefix("10.0.0.0/24"))));
    assert_eq!(
        text,
        "Subnet 10.0.0.0/24 overlaps pool 10.0.0.0/16 of plan 'clusters'; allocate a prefix from the plan, and make that a \
         subnet"
    );
    let allocation = fixture.allocate(&plan, "a", Size::Length(24)).expect("an allocation");
    let subnet = fixture.subnet("10.0.0.0/24");
    for wrong in ["10.0.1.0/24", "10.0.0.0/15", "10.0.255.0-10.1.0.9"] {
        assert!(message(fixture.try_subnet(NewSubnet::of(prefix(wrong)))).contains("overlaps"), "{wrong}");
    }
    let text = message(fixture.release(allocation.id));
    assert!(text.starts_with("The prefix at 10.0.0.0 of plan 'clusters' holds subnets (1)"), "{text}");
    assert!(
        message(fixture.store.write(|writing| writing.delete_plan(plan.id, Contents::DeleteToo)))
            .contains("subnets (1)")
    );
    fixture.group("blue");
    fixture.plan(&NewPlan { group: Some(group("blue")), ..allocator() });
    let edit = SubnetEdit { group: Some(Some(group("blue"))), ..SubnetEdit::default() };
    assert!(message(fixture.store.write(|writing| writing.edit_subnet(subnet.id, edit))).contains("overlaps pool"));
    fixture.store.write(|writing| writing.delete_subnet(subnet.id, Contents::DeleteToo)).expect("a deletion");
    fixture.release(allocation.id).expect("a release");
    fixture.store.write(|writing| writing.delete_plan(plan.id, Contents::MustBeEmpty)).expect("a deletion");
    fixture.subnet("10.0.0.0/24");
    let text = message(fixture.store.write(|writing| writing.add_plan(&allocator())));
    assert!(text.contains("Pool 10.0.0.0/16 overlaps subnet 10.0.0.0/24"), "{text}");
    assert_eq!(fixture.findings(), Vec::<String>::new());
}

fn a_pool_grows_and_shrinks_around_what_is_allocated(engine: Engine) {
    let mut fixture = Fixture::on(engine);
    let plan = fixture.plan(&allocator());
    fixture.allocate(&plan, "a", Size::Length(20)).expect("an allocation");
    fixture.allocate(&plan, "a", Size::Length(26)).expect("an allocation");
    let mut resize = |to: &str| {
        let edit = PlanEdit { pools: vec![("primary".to_owned(), net(to))], ..PlanEdit::default() };
        fixture.store.write(|writing| writing.edit_plan(plan.id, edit))
    };
    let text = message(resize("10.0.0.0/20"));
    assert_eq!(
        text,
        "Pool 'primary' of plan 'clusters' cannot become 10.0.0.0/20: the prefix that is allocated at 10.0.16.0 lies outside"
    );
    assert_eq!(resize("10.0.0.0/19").expect("it holds all").pools[0].prefix, net("10.0.0.0/19"));
    resize("10.0.0.0/12").expect("it grows");
    assert!(message(resize("10.0.0.0/21")).contains("lengths 20 to 26; they must be 21 to 32"));
    let next = fixture.allocate(&plan, "a", Size::Length(20)).expect("an allocation");
    assert_eq!(next.prefixes[0].prefix, net("10.0.32.0/20"));
    assert_eq!(fixture.findings(), Vec::<String>::new());
}

fn what_no_plan_can_be_is_refused(engine: Engine) {
    let mut fixture = Fixture::on(engine);
    let sizes = |shortest, longest| Sizes { shortest, longest, kept_back: 5, hosts_at_most: None };
    let cases: [(NewPlan, &str); 9] = [
        (NewPlan { name: " x".to_owned(), ..allocator() }, "is not the name of a plan"),
        (NewPlan { pools: Vec::new(), ..allocator() }, "A plan needs a pool"),
        (NewPlan { pools: vec![pool("a", "10.0.0.0/16", 1)], ..allocator() }, "its shift is 0"),
        (
            NewPlan { pools: vec![pool("a", "10.0.0.0/16", 0), pool("a", "10.1.0.0/16", 0)], ..allocator() },
            "have the name 'a'",
        ),
        (NewPlan { sizes: sizes(26, 20), ..allocator() }, "The shortest length, 26, is longer than the longest, 20"),
        (
            NewPlan { sizes: sizes(15, 20), ..allocator() },
            "would have prefixes of the lengths 15 to 20; they must be 16 to 32",
        ),
        (NewPlan { sizes: sizes(30, 32), ..allocator() }, "nothing is left when 5 addresses are kept back"),
        (NewPlan { group: Some(group("none")), ..allocator() }, "There is no group 'none'"),
        (
            NewPlan { labels: AllowedLabels(BTreeMap::from([(String::new(), [].into())])), ..allocator() },
            "is not the name of a label",
        ),
    ];
    for (new, text) in cases {
        let said = message(fixture.store.write(|writing| writing.add_plan(&new)));
        assert!(said.contains(text), "{said}");
    }
    let plan = fixture.plan(&allocator());
    let labels = Labels(BTreeMap::from([("environment".to_owned(), "qa".to_owned())]));
    let new = NewPlanAllocation { labels, ..wanted("a", Size::Length(24)) };
    assert!(
        message(fixture.store.write(|writing| writing.allocate_prefixes(plan.id, &new))).contains("cannot be 'qa'")
    );
    assert_eq!(fixture.store.read(|reading| reading.plan_allocation_count(plan.id, None)).expect("a number"), 0);
    assert_eq!(fixture.findings(), Vec::<String>::new());
}

fn lists_are_in_order_whatever_the_size_of_a_page(engine: Engine) {
    let mut fixture = Fixture::on(engine);
    let plan = fixture.plan(&allocator());
    for owner in ["b", "A", "a", "C", "b"] {
        fixture.allocate(&plan, owner, Size::Length(26)).expect("an allocation");
    }
    let list = |owner: Option<&str>, at_most| {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let page = fixture.store.read(|reading| reading.plan_allocations(plan.id, owner, after.as_ref(), at_most));
            let page = page.expect("a page");
            let Some(last) = page.last() else { return all };
            after = Some(last.after());
            all.extend(page.iter().map(|one| format!("{} {}", one.attributes.owner, one.prefixes[0].prefix)));
        }
    };
    let right = ["A 10.0.0.64/26", "a 10.0.0.128/26", "b 10.0.0.0/26", "b 10.0.1.0/26", "C 10.0.0.192/26"];
    for at_most in 1..=6 {
        assert_eq!(list(None, at_most), right);
        assert_eq!(list(Some("B"), at_most), right[2..4]);
    }
    assert!(list(Some("d"), 9).is_empty());
    let count = |owner| fixture.store.read(|reading| reading.plan_allocation_count(plan.id, owner)).expect("a number");
    assert_eq!((count(None), count(Some("A")), count(Some("d"))), (5, 2, 0));
    let first =
        fixture.store.read(|reading| reading.plan_allocations(plan.id, Some("b"), None, 1)).expect("a page").remove(0);
    let attributes = crate::AttributesEdit { owner: Some("z".to_owned()), ..crate::AttributesEdit::default() };
    let edit = PlanAllocationEdit { attributes, ..PlanAllocationEdit::default() };
    let moved = fixture.store.write(|writing| writing.edit_plan_allocation(first.id, edit)).expect("it is moved");
    assert_eq!((moved.attributes.owner.as_str(), &moved.prefixes), ("z", &first.prefixes));
}

/// The tables themselves refuse what the store never writes.
fn the_database_keeps_prefixes_apart(engine: Engine) {
    let mut fixture = Fixture::on(engine);
    let plan = fixture.plan(&allocator());
    let held = fixture.allocate(&plan, "a", Size::Length(24)).expect("an allocation");
    let is_refused = |sql: String, text: &str| match fixture.raw(&sql) {
        Err(StoreError::Database(error)) => {
            let said = error.to_string();
            let is_right = match error.failure() {
                Failure::Refused(Constraint::Rule) => said.contains(text) || said.contains("do_not_overlap"),
                // PostgreSQL looks at that first.
                Failure::Refused(Constraint::Unique) => text == "overlaps another",
                _ => false,
            };
            assert!(is_right, "{sql}: {error}");
        }
        other => panic!("{sql}: {other:?}"),
    };
    let another = format!(
        "INSERT INTO plan_allocation (plan_id, owner_key, first, hosts, labels, description, {COMMON})
         VALUES ({}, 'another', {}, 1, '{{}}', '', {})",
        plan.id,
        engine.address("10.0.9.0"),
        engine.common()
    );
    fixture.raw(&another).expect("an allocation without prefixes");
    let prefix = |pool: i64, first: &str, last: &str| {
        let [first, last] = [first, last].map(|end| engine.address(end));
        format!(
            "INSERT INTO plan_prefix (pool_id, first, last, length, allocation_id)
             SELECT {pool}, {first}, {last}, 25, id FROM plan_allocation WHERE owner_key = 'another'"
        )
    };
    let pool_id = plan.pools[0].id;
    is_refused(prefix(pool_id, "10.0.0.128", "10.0.0.255"), "overlaps another");
    is_refused(prefix(pool_id, "10.0.0.0", "10.0.3.255"), "overlaps another");
    is_refused(prefix(pool_id, "10.1.0.0", "10.1.0.255"), "not in its pool");
    let [network, last] = ["10.0.128.0", "10.0.255.255"].map(|end| engine.address(end));
    is_refused(
        format!(
            "INSERT INTO plan_pool (plan_id, scope, position, name, network, length, last, shift)
             VALUES ({}, 0, 7, 'x', {network}, 17, {last}, 0)",
            plan.id
        ),
        "overlaps another",
    );
    is_refused(format!("UPDATE plan_pool SET network = {network} WHERE id = {pool_id}"), "lies outside of the pool");
    is_refused("UPDATE plan_prefix SET length = 24".to_owned(), "do not change");
    is_refused("UPDATE plan_pool SET scope = 7".to_owned(), "does not change");
    let subnet = |first: &str, last: &str, length: u8| {
        let [first, last] = [first, last].map(|end| engine.address(end));
        format!(
            "INSERT INTO subnet (group_id, network, length, last, description, pool, container, {COMMON})
             VALUES (NULL, {first}, {length}, {last}, '', 0, 0, {})",
            engine.common()
        )
    };
    is_refused(subnet("10.0.1.0", "10.0.1.255", 24), "lies in the pool of a plan");
    fixture.raw(&subnet("10.0.0.0", "10.0.0.255", 24)).expect("it lies in what is allocated");
    is_refused(format!("DELETE FROM plan_allocation WHERE id = {}", held.id), "the prefix holds subnets");
}

fn an_export_has_plans_and_an_import_makes_them_as_they_were(engine: Engine) {
    let mut fixture = Fixture::on(engine);
    fixture.group("blue");
    let plan = fixture.plan(&NewPlan { group: Some(group("blue")), ..allocator() });
    for size in [Size::Hosts(500), Size::Length(26), Size::Length(20)] {
        fixture.allocate(&plan, "production", size).expect("an allocation");
    }
    fixture.try_subnet(in_group("blue", "10.0.2.0/26")).expect("a subnet");
    let first =
        fixture.store.read(|reading| reading.plan_allocations(plan.id, None, None, 1)).expect("a page").remove(0);
    fixture.release(first.id).expect("a release");
    let export = |fixture: &Fixture| {
        let mut text = Vec::new();
        fixture.store.export(&mut text).expect("an export");
        String::from_utf8(text).expect("UTF-8")
    };
    let text = export(&fixture);
    let mut other = Fixture::on(engine);
    let imported = other.store.import(text.as_bytes()).expect("an import");
    assert_eq!((imported.plans, imported.plan_allocations, imported.subnets), (1, 2, 1));
    assert_eq!(export(&other), text);
    assert_eq!(other.findings(), Vec::<String>::new());
    let twice = text.replace("10.0.16.0/20", "10.0.2.0/26").replace("\"\"length\"\":20", "\"\"length\"\":26");
    let text = message(Fixture::on(engine).store.import(twice.as_bytes()));
    assert!(text.contains("is not free in pool 10.0.0.0/16"), "{text}");
}

/// One change of the model.
#[derive(Debug, Clone)]
enum Step {
    Allocate(u8),
    Release(usize),
    Resize(bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0u8..4).prop_map(Step::Allocate),
        4 => any::<usize>().prop_map(Step::Release),
        1 => any::<bool>().prop_map(Step::Resize),
    ]
}

/// The lowest aligned prefix that shares nothing with those that are allocated: every candidate is tried.
fn first_fit(pool: &Prefix, length: u8, taken: &[Prefix]) -> Option<Prefix> {
    let bits = if pool.is_ipv6() { 128 } else { 32 };
    let step = 1u128 << (bits - length);
    let first = crate::key::Key::from(pool.network());
    (0..1u128 << (length - pool.length()))
        .map(|number| crate::key::Key(first.0 + number * step).prefix(length).expect("a prefix"))
        .find(|candidate| taken.iter().all(|prefix| !prefix.overlaps(candidate)))
}

/// Two plans, one of them IPv6: allocations against a search through all candidates.
fn allocations_agree_with_a_search_through_all(engine: Engine) {
    proptest!(ProptestConfig::with_cases(engine.cases() / 2), |(steps in prop::collection::vec(step(), 1..60), ipv6: bool)| {
        let mut fixture = Fixture::on(engine);
        fixture.hurry();
        let (shortest, mut pools) = if ipv6 {
            (60, vec![pool("sites", "2001:db8::/59", 0), pool("links", "2001:db8:1::/59", 2)])
        } else {
            (24, vec![pool("primary", "10.0.0.0/22", 0), pool("pods", "100.64.0.0/18", -4)])
        };
        let sizes = Sizes { shortest, longest: shortest + 3, kept_back: 0, hosts_at_most: None };
        let plan = fixture.plan(&NewPlan { sizes, pools: pools.clone(), ..allocator() });
        let mut model: Vec<(i64, Vec<Prefix>)> = Vec::new();
        for step in steps {
            match step {
                Step::Allocate(more) => {
                    let length = shortest + more;
                    let found: Option<Vec<Prefix>> = pools.iter().enumerate().map(|(number, pool)| {
                        let taken: Vec<Prefix> = model.iter().map(|(_, prefixes)| prefixes[number]).collect();
                        first_fit(&pool.prefix, (i16::from(length) + pool.shift) as u8, &taken)
                    }).collect();
                    let done = fixture.allocate(&plan, "x", Size::Length(length));
                    match (found, done) {
                        (Some(right), Ok(allocation)) => {
                            let prefixes: Vec<Prefix> = allocation.prefixes.iter().map(|one| one.prefix).collect();
                            prop_assert_eq!(&prefixes, &right);
                            model.push((allocation.id, prefixes));
                        }
                        (None, Err(StoreError::NoSpace { .. })) => {}
                        (right, done) => prop_assert!(false, "{right:?} {done:?}"),
                    }
                }
                Step::Release(number) if !model.is_empty() => {
                    let (id, _) = model.remove(number % model.len());
                    fixture.release(id).expect("it is allocated");
                }
                Step::Release(_) => {}
                Step::Resize(larger) => {
                    let new = if larger { pools[0].prefix.length() - 1 } else { pools[0].prefix.length() + 1 };
                    if new + 8 < shortest {
                        // It would reach the other pool.
                        continue;
                    }
                    let to = Prefix::around(pools[0].prefix.network(), new).expect("a prefix");
                    let holds_all = model.iter().all(|(_, prefixes)| to.contains_prefix(&prefixes[0]));
                    let edit = PlanEdit { pools: vec![(pools[0].name.clone(), to)], ..PlanEdit::default() };
                    let is_done = fixture.store.write(|writing| writing.edit_plan(plan.id, edit)).is_ok();
                    prop_assert_eq!(is_done, holds_all && new <= shortest);
                    if is_done {
                        pools[0].prefix = to;
                    }
                }
            }
            prop_assert_eq!(fixture.findings(), Vec::<String>::new());
        }
    });
}

/// Threads allocate and release at the same time, over PostgreSQL through two stores as two proxies do: each has its prefixes
/// for itself, and nobody is refused, because there is room for all that is held at once.
fn many_at_once_share_nothing_and_are_not_refused(engine: Engine) {
    const THREADS: usize = 8;
    const ROUNDS: usize = 50;
    let mut fixture = Fixture::on(engine);
    let plan = fixture.plan(&allocator()).id;
    let stores = match engine {
        Engine::Sqlite => vec![SharedStore::open_or_create(fixture.file()).expect("a store")],
        Engine::Postgres => (0..2).map(|_| SharedStore::in_database(fixture.database())).collect(),
    };
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let store = &stores[thread % stores.len()];
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
                for round in 0..ROUNDS {
                    let length = 22 + u8::try_from((thread + round) % 5).expect("a length");
                    let new = wanted(&format!("owner {thread}"), Size::Length(length));
                    let allocate = store.write(move |writing| writing.allocate_prefixes(plan, &new));
                    let allocated = runtime.block_on(allocate).expect("there is room");
                    // One of five stays.
                    if round % 5 != 0 {
                        let release = store.write(move |writing| writing.release_prefixes(allocated.id));
                        runtime.block_on(release).expect("it is allocated");
                    }
                }
            });
        }
    });
    drop(stores);
    let count = fixture.store.read(|reading| reading.plan_allocation_count(plan, None)).expect("a number");
    assert_eq!(count, u64::try_from(THREADS * ROUNDS / 5).expect("a number"));
    assert_eq!(fixture.findings(), Vec::<String>::new());
}

over_each_engine! {
    many_at_once_share_nothing_and_are_not_refused,
    the_lowest_prefix_of_each_pool_is_allocated,
    a_full_pool_says_so_and_changes_nothing,
    each_group_has_pools_of_its_own_and_nothing_overlaps_in_it,
    a_prefix_that_is_allocated_can_become_a_subnet,
    a_pool_grows_and_shrinks_around_what_is_allocated,
    what_no_plan_can_be_is_refused,
    lists_are_in_order_whatever_the_size_of_a_page,
    the_database_keeps_prefixes_apart,
    an_export_has_plans_and_an_import_makes_them_as_they_were,
    allocations_agree_with_a_search_through_all,
}
