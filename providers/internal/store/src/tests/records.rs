//! Groups, subnets and addresses as people work with them.

use super::*;
use crate::{AddressEdit, AttributesEdit, Contents, GroupEdit, NewGroup, OWNER, RangeEdit, Scope, SubnetEdit, Usage};

fn groups_are_added_renamed_and_deleted(engine: Engine) {
    let mut fixture = Fixture::on(engine);
    for name in ["b", "a", "Ä"] {
        fixture.group(name);
    }
    let add = |fixture: &mut Fixture| fixture.store.write(|writing| writing.add_group(&group("a"), ""));
    assert_eq!(message(add(&mut fixture)), "Group 'a' already exists");
    let edit = GroupEdit { name: Some(group("c")), description: Some("third".to_owned()), ..GroupEdit::default() };
    let edited = fixture.store.write(|writing| writing.edit_group(&group("a"), edit)).expect("an edit");
    assert_eq!((edited.name, edited.description.as_str()), (group("c"), "third"));
    let edit = GroupEdit { name: Some(group("b")), ..GroupEdit::default() };
    assert_eq!(
        message(fixture.store.write(|writing| writing.edit_group(&group("c"), edit))),
        "Group 'b' already exists"
    );
    let names: Vec<_> = fixture.store.groups().expect("groups").into_iter().map(|group| group.name).collect();
    assert_eq!(names, [group("b"), group("c"), group("Ä")]);
    let delete = |fixture: &mut Fixture, name: &str| {
        fixture.store.write(|writing| writing.delete_group(&group(name), Contents::MustBeEmpty))
    };
    delete(&mut fixture, "b").expect("a deletion");
    assert_eq!(message(delete(&mut fixture, "b")), "There is no group 'b'");
}

fn a_group_with_subnets_is_only_deleted_with_them(engine: Engine) {
    let mut fixture = Fixture::on(engine);
    fixture.group("a");
    let inside = fixture.try_subnet(in_group("a", "10.0.0.0/24")).expect("a subnet");
    let outside = fixture.subnet("10.0.0.0/24");
    fixture.take(&inside, "10.0.0.1").expect("an address");
    let delete =
        |fixture: &mut Fixture, contents| fixture.store.write(|writing| writing.delete_group(&group("a"), contents));
    assert!(message(delete(&mut fixture, Contents::MustBeEmpty)).starts_with("Group 'a' holds subnets (1)"));
    delete(&mut fixture, Contents::DeleteToo).expect("a deletion");
    let left = fixture.store.read(|reading| reading.subnets_in(&Scope::Anywhere)).expect("subnets");
    assert_eq!(left, [outside]);
    assert!(fixture.findings().is_empty());
}

fn overlapping_subnets_are_refused_and_the_message_names_the_other(engine: Engine) {
    let mut fixture = Fixture::on(engine);
    fixture.subnet("10.0.0.0/24");
    let add = |fixture: &mut Fixture, new| message(fixture.try_subnet(new));
    assert_eq!(add(&mut fixture, NewSubnet::of(prefix("10.0.0.0/24"))), "Subnet 10.0.0.0/24 already exists");
    assert_eq!(
        add(&mut fixture, NewSubnet::of(prefix("10.0.0.0/25"))),
        "Subnet 10.0.0.0/25 overlaps subnet 10.0.0.0/24; only a container may hold subnets"
    );
    assert_eq!(
        add(&mut fixture, NewSubnet::of(prefix("10.0.0.0/16"))),
        "Subnet 10.0.0.0/16 overlaps subnet 10.0.0.0/24; make it a container if it is to hold subnets"
    );
    assert_eq!(add(&mut fixture, in_group("a", "10.0.0.0/24")), "There is no group 'a'");
    assert!(add(&mut fixture, container("::/0")).contains("add IPv4 subnets as IPv4"));
    fixture.try_subnet(container("10.0.0.0/16")).expect("a container around it");
    fixture.try_subnet(container("10.0.0.0/8")).expect("a container around the container");
    fixture.subnet("10.0.1.0/24");
    assert!(fixture.findings().is_empty());
}

fn a_container_gives_no_address_and_takes_none(engine: Engine) {
    let mut fixture = Fixture::on(engine);
    let outer = fixture.try_subnet(container("10.0.0.0/8")).expect("a container");
    let said = "Subnet 10.0.0.0/8 contains subnets; choose one of them";
    assert_eq!(
        message(fixture.store.read(|reading| reading.free_addresses(outer.id, 1, &AddressSet::default()))),
        said
    );
    assert_eq!(message(fixture.take(&outer, "10.0.0.1")), said);
    assert_eq!(message(fixture.exclude(&outer, "10.0.0.1", "10.0.0.2")), said);
    assert_eq!(fixture.store.read(|reading| reading.usage(&outer)).expect("usage"), Usage::default());
}

fn a_subnet_becomes_a_container_only_when_it_is_empty_and_a_leaf_again_only_alone(engine: Engine) {
    let mut fixture = Fixture::on(engine);
    let subnet = fixture.subnet("10.0.0.0/24");
    let edit = |fixture: &mut Fixture, container| {
        let edit = SubnetEdit { container: Some(container), ..SubnetEdit::default() };
        fixture.store.write(|writing| writing.edit_subnet(subnet.id, edit))
    };
    fixture.take(&subnet, "10.0.0.1").expect("an address");
    assert!(message(edit(&mut fixture, true)).contains("holds addresses (1)"));
    fixture.store.write(|writing| writing.delete_address(subnet.id, ip("10.0.0.1"))).expect("a release");
    fixture.exclude(&subnet, "10.0.0.1", "10.0.0.2").expect("a range");
    assert!(message(edit(&mut fixture, true)).contains("holds excluded ranges (1)"));
    fixture.store.write(|writing| writing.include(subnet.id, ip("10.0.0.1"), ip("10.0.0.2"))).expect("a range");
    assert!(edit(&mut fixture, true).expect("a container").container);
    let inner = fixture.subnet("10.0.0.0/25");
    assert!(message(edit(&mut fixture, false)).contains("make it a container"));
    fixture.store.write(|writing| writing.delete_subnet(inner.id, Contents::MustBeEmpty)).expect("a deletion");
    edit(&mut fixture, false).expect("a leaf");
    assert_eq!(fixture.free(&subnet).len(), 254);
    assert!(fixture.findings().is_empty());
}

fn a_subnet_moves_to_another_group_with_its_addresses_unless_it_would_overlap_there(engine: Engine) {
    let mut fixture = Fixture::on(engine);
    fixture.group("a");
    let subnet = fixture.subnet("10.0.0.0/24");
    fixture.take(&subnet, "10.0.0.1").expect("an address");
    let twin = fixture.try_subnet(in_group("a", "10.0.0.0/25")).expect("a subnet");
    let edit = |fixture: &mut Fixture| {
        let edit = SubnetEdit { group: Some(Some(group("a"))), ..SubnetEdit::default() };
        fixture.store.write(|writing| writing.edit_subnet(subnet.id, edit))
    };
    assert!(message(edit(&mut fixture)).contains("overlaps subnet 10.0.0.0/25 (group a)"));
    fixture.store.write(|writing| writing.delete_subnet(twin.id, Contents::MustBeEmpty)).expect("a deletion");
    assert_eq!(edit(&mut fixture).expect("a move").group, Some(group("a")));
    assert!(fixture.store.read(|reading| reading.address(subnet.id, ip("10.0.0.1"))).is_ok());
    assert!(fixture.findings().is_empty());
}

fn a_prefix_in_several_groups_is_ambiguous_unless_it_is_in_the_global_table(engine: Engine) {
    let mut fixture = Fixture::on(engine);
    let find = |fixture: &Fixture, scope: Scope| {
        fixture.store.read(|reading| reading.one_subnet(prefix("10.0.0.0/24"), &scope))
    };
    assert_eq!(message(find(&fixture, Scope::Anywhere)), "There is no subnet 10.0.0.0/24");
    for name in ["a", "b"] {
        fixture.group(name);
        fixture.try_subnet(in_group(name, "10.0.0.0/24")).expect("a subnet");
    }
    assert_eq!(
        message(find(&fixture, Scope::Anywhere)),
        "Subnet 10.0.0.0/24 is in several groups; choose one of: a, b"
    );
    assert_eq!(message(find(&fixture, Scope::Global)), "There is no subnet 10.0.0.0/24");
    assert_eq!(message(find(&fixture, Scope::Group(group("c")))), "There is no group 'c'");
    let scope = Scope::Group(group("b"));
    assert_eq!(find(&fixture, scope).expect("a subnet").group, Some(group("b")));
    let global = fixture.subnet("10.0.0.0/24");
    assert_eq!(find(&fixture, Scope::Anywhere).expect("a subnet"), global);
}

fn addresses_are_recorded_once_inside_and_never_at_the_edges(engine: Engine) {
    let mut fixture = Fixture::on(engine);
    let subnet = fixture.subnet("10.0.0.0/29");
    fixture.take(&subnet, "10.0.0.2").expect("an address");
    assert_eq!(message(fixture.take(&subnet, "10.0.0.2")), "Address 10.0.0.2 in subnet 10.0.0.0/29 is already taken");
    assert_eq!(message(fixture.take(&subnet, "10.0.0.9")), "Address 10.0.0.9 is not in subnet 10.0.0.0/29");
    assert_eq!(message(fixture.take(&subnet, "2001:db8::1")), "Address 2001:db8::1 is not in subnet 10.0.0.0/29");
    for edge in ["10.0.0.0", "10.0.0.7"] {
        assert!(message(fixture.take(&subnet, edge)).contains("cannot be given to a host"));
    }
    assert_eq!(fixture.free(&subnet), ["10.0.0.1", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6"]);
}

fn an_address_in_an_excluded_range_can_be_recorded_and_is_not_free_afterwards(engine: Engine) {
    let mut fixture = Fixture::on(engine);
    let subnet = fixture.subnet("10.0.0.0/29");
    fixture.exclude(&subnet, "10.0.0.1", "10.0.0.3").expect("a range");
    fixture.take(&subnet, "10.0.0.2").expect("the router");
    let usage = fixture.store.read(|reading| reading.usage(&subnet)).expect("usage");
    assert_eq!(usage, Usage { used: 1, free: 3, excluded: 2 });
    fixture.store.write(|writing| writing.delete_address(subnet.id, ip("10.0.0.2"))).expect("a release");
    assert_eq!(fixture.free(&subnet), ["10.0.0.4", "10.0.0.5", "10.0.0.6"]);
    assert_eq!(
        message(fixture.exclude(&subnet, "10.0.0.3", "10.0.0.4")),
        "Range 10.0.0.3 to 10.0.0.4 overlaps the excluded range 10.0.0.1 to 10.0.0.3; remove that range first"
    );
    let include = |writing: &Writing<'_>| writing.include(subnet.id, ip("10.0.0.1"), ip("10.0.0.2"));
    assert_eq!(
        message(fixture.store.write(include)),
        "Subnet 10.0.0.0/29 has no excluded range from 10.0.0.1 to 10.0.0.2"
    );
    assert!(fixture.findings().is_empty());
}

fn what_is_recorded_of_an_address_can_be_changed_and_shown(engine: Engine) {
    let mut fixture = Fixture::on(engine);
    let subnet = fixture.subnet("10.0.0.0/29");
    let details = AddressDetails {
        mac: Some("00:1a:2b:3c:4d:5e".parse().expect("a MAC")),
        hostname: Some(String::new()),
        description: "printer".to_owned(),
        attributes: Attributes::of_owner(OWNER),
    };
    let added = fixture.store.write(|writing| writing.add_next_free(subnet.id, details)).expect("an address");
    assert_eq!((added.address, &added.hostname), (ip("10.0.0.1"), &None));
    let edit = AddressEdit { mac: Some(None), hostname: Some(Some("p".to_owned())), ..AddressEdit::default() };
    let edited = fixture.store.write(|writing| writing.edit_address(subnet.id, added.address, edit)).expect("an edit");
    let mut json = serde_json::to_value(&edited).expect("JSON");
    assert_eq!(json["created_at"], added.created_at.to_string());
    assert_eq!(json["public_id"], added.public_id.to_string());
    for other in ["created_at", "updated_at", "public_id"] {
        json.as_object_mut().expect("an object").remove(other);
    }
    assert_eq!(
        json,
        serde_json::json!({
            "address": "10.0.0.1", "mac": null, "hostname": "p", "description": "printer", "owner": OWNER,
            "external_id": null, "tags": [], "metadata": {},
        })
    );
    let absent = fixture.store.read(|reading| reading.address(subnet.id, ip("10.0.0.2")));
    assert_eq!(message(absent), "Address 10.0.0.2 is not recorded in subnet 10.0.0.0/29");
}

fn a_subnet_with_addresses_is_only_deleted_with_them_and_its_id_is_not_used_again(engine: Engine) {
    let mut fixture = Fixture::on(engine);
    let subnet = fixture.subnet("10.0.0.0/29");
    fixture.take(&subnet, "10.0.0.2").expect("an address");
    let delete =
        |fixture: &mut Fixture, contents| fixture.store.write(|writing| writing.delete_subnet(subnet.id, contents));
    assert!(message(delete(&mut fixture, Contents::MustBeEmpty)).contains("holds addresses (1)"));
    delete(&mut fixture, Contents::DeleteToo).expect("a deletion");
    let gone = fixture.store.read(|reading| reading.free_addresses(subnet.id, 1, &AddressSet::default()));
    assert!(matches!(gone, Err(StoreError::NoSubnet(_))));
    assert!(fixture.subnet("10.0.0.0/29").id > subnet.id);
}

fn a_full_subnet_says_so(engine: Engine) {
    let mut fixture = Fixture::on(engine);
    let subnet = fixture.subnet("10.0.0.0/32");
    fixture.take(&subnet, "10.0.0.0").expect("its address");
    assert_eq!(fixture.free(&subnet), [""; 0]);
    let next = fixture.store.write(|writing| writing.add_next_free(subnet.id, AddressDetails::default()));
    assert_eq!(message(next), "Subnet 10.0.0.0/32 has no free address");
}

fn a_change_that_fails_half_way_leaves_nothing(engine: Engine) {
    let mut fixture = Fixture::on(engine);
    let failed: Result<()> = fixture.store.write(|writing| {
        writing.add_group(&group("a"), "")?;
        writing.add_group(&group("a"), "").map(drop)
    });
    assert!(failed.is_err());
    assert_eq!(fixture.store.groups().expect("groups"), []);
}

fn a_subnet_that_is_wholly_excluded_is_not_called_full(engine: Engine) {
    let mut fixture = Fixture::on(engine);
    let subnet = fixture.subnet("10.0.0.0/29");
    let of =
        |fixture: &Fixture| fixture.store.read(|reading| reading.free_addresses(subnet.id, 1, &AddressSet::default()));
    // Two ranges that touch, one with a recorded address in it, and the broadcast address left out.
    fixture.exclude(&subnet, "10.0.0.0", "10.0.0.3").expect("a range");
    fixture.take(&subnet, "10.0.0.2").expect("an address");
    fixture.exclude(&subnet, "10.0.0.4", "10.0.0.5").expect("a range");
    fixture.take(&subnet, "10.0.0.6").expect("an address");
    assert_eq!(of(&fixture).expect("an answer"), Vec::<IpAddr>::new(), "one address is reserved");
    fixture.exclude(&subnet, "10.0.0.6", "10.0.0.6").expect("a range");
    let error = ipam_provider::Error::from(of(&fixture).expect_err("a refusal"));
    assert_eq!(error.kind(), ipam_provider::ErrorKind::Rejected);
    assert_eq!(
        error.to_string(),
        "Every address of subnet 10.0.0.0/29 is excluded; include some again, or use another subnet"
    );
}

fn exclusions_with_a_gap_leave_a_subnet_full_at_most(engine: Engine) {
    let mut fixture = Fixture::on(engine);
    let subnet = fixture.subnet("2001:db8::/125");
    fixture.exclude(&subnet, "2001:db8::", "2001:db8::2").expect("a range");
    fixture.exclude(&subnet, "2001:db8::4", "2001:db8::7").expect("a range");
    assert_eq!(fixture.free(&subnet), ["2001:db8::3"]);
    fixture.take(&subnet, "2001:db8::3").expect("an address");
    assert_eq!(fixture.free(&subnet), [""; 0]);
}

fn attributes() -> Attributes {
    Attributes {
        owner: "token terraform".to_owned(),
        external_id: Some("vm-17".parse().expect("an id")),
        tags: "web,prod".parse().expect("tags"),
        metadata: r#"{"rack": 4}"#.parse().expect("an object"),
    }
}

fn every_record_has_an_id_attributes_and_times(engine: Engine) {
    let mut fixture = Fixture::on(engine);
    let given = attributes();
    let new = NewGroup { name: group("a"), description: String::new(), attributes: given.clone() };
    let added = fixture.store.write(|writing| writing.add_group_with(&new)).expect("a group");
    let subnet = NewSubnet { attributes: given.clone(), ..in_group("a", "10.0.0.0/24") };
    let subnet = fixture.try_subnet(subnet).expect("a subnet");
    let range = ExcludedRange { first: ip("10.0.0.9"), last: ip("10.0.0.19"), comment: String::new() };
    fixture.store.write(|writing| writing.exclude_with(subnet.id, &range, &given)).expect("a range");
    let details = AddressDetails { attributes: given.clone(), ..AddressDetails::default() };
    fixture.store.write(|writing| writing.add_address(subnet.id, ip("10.0.0.1"), details)).expect("an address");
    let address = fixture.store.read(|reading| reading.address(subnet.id, ip("10.0.0.1"))).expect("an address");
    let range = fixture.store.read(|reading| reading.excluded_ranges(subnet.id)).expect("ranges").remove(0);
    assert_eq!([&added.attributes, &subnet.attributes, &range.attributes, &address.attributes], [&given; 4]);
    assert!(added.public_id < subnet.public_id && subnet.public_id < range.public_id);
    assert!(range.public_id < address.public_id && address.created_at >= added.created_at);
    let found = fixture.store.read(|reading| {
        Ok((
            reading.find_group_with(added.public_id)?,
            reading.find_subnet_with(subnet.public_id)?,
            reading.find_range_with(range.public_id)?,
            reading.find_address_with(address.public_id)?,
            reading.find_address_with(added.public_id)?,
        ))
    });
    let right = (Some(added), Some(subnet.clone()), Some((subnet.id, range)), Some((subnet.id, address)), None);
    assert_eq!(found.expect("a readable store"), right);
}

fn attributes_are_changed_one_by_one_and_external_ids_are_unique(engine: Engine) {
    let mut fixture = Fixture::on(engine);
    fixture.group("a");
    let subnet = fixture.subnet("10.0.0.0/24");
    fixture.exclude(&subnet, "10.0.0.9", "10.0.0.19").expect("a range");
    fixture.exclude(&subnet, "10.0.0.29", "10.0.0.39").expect("a range");
    for address in ["10.0.0.1", "10.0.0.2"] {
        fixture.take(&subnet, address).expect("an address");
    }
    let given = attributes();
    let all = AttributesEdit {
        owner: Some(given.owner.clone()),
        external_id: Some(given.external_id.clone()),
        tags: Some(given.tags.clone()),
        metadata: Some(given.metadata.clone()),
    };
    let edited = fixture.store.write(|writing| {
        let of_range = RangeEdit { comment: Some("why".to_owned()), attributes: all.clone() };
        let range = writing.edit_range(subnet.id, ip("10.0.0.9"), ip("10.0.0.19"), of_range)?;
        assert_eq!(range.range.comment, "why");
        let of_address = AddressEdit { attributes: all.clone(), ..AddressEdit::default() };
        let of_group = GroupEdit { attributes: all.clone(), ..GroupEdit::default() };
        let of_subnet = SubnetEdit { attributes: all.clone(), ..SubnetEdit::default() };
        Ok([
            range.attributes,
            writing.edit_address(subnet.id, ip("10.0.0.1"), of_address.clone())?.attributes,
            writing.edit_address(subnet.id, ip("10.0.0.1"), of_address)?.attributes,
            writing.edit_group(&group("a"), of_group)?.attributes,
            writing.edit_subnet(subnet.id, of_subnet)?.attributes,
        ])
    });
    assert_eq!(edited.expect("edits"), [(); 5].map(|()| given.clone()));
    let removed = AttributesEdit { external_id: Some(None), ..AttributesEdit::default() };
    let said = "External id 'vm-17' is that of another record";
    let of_address = AddressEdit { attributes: all.clone(), ..AddressEdit::default() };
    let of_range = RangeEdit { attributes: all.clone(), ..RangeEdit::default() };
    assert_eq!(
        message(fixture.store.write(|writing| writing.edit_address(subnet.id, ip("10.0.0.2"), of_address.clone()))),
        said
    );
    let other = |writing: &Writing<'_>| writing.edit_range(subnet.id, ip("10.0.0.29"), ip("10.0.0.39"), of_range);
    assert_eq!(message(fixture.store.write(other)), said);
    let new = NewGroup { name: group("b"), description: String::new(), attributes: given.clone() };
    assert_eq!(message(fixture.store.write(|writing| writing.add_group_with(&new))), said);
    let new = NewSubnet { attributes: given.clone(), ..NewSubnet::of(prefix("10.0.1.0/24")) };
    assert_eq!(message(fixture.try_subnet(new.clone())), said);
    let edit = SubnetEdit { attributes: removed, ..SubnetEdit::default() };
    let without = fixture.store.write(|writing| writing.edit_subnet(subnet.id, edit)).expect("an edit").attributes;
    assert_eq!(without, Attributes { external_id: None, ..given });
    fixture.try_subnet(new).expect("the id is free again");
    assert!(fixture.findings().is_empty());
}

fn a_gateway_is_never_offered_and_may_be_recorded(engine: Engine) {
    let mut fixture = Fixture::on(engine);
    let new = NewSubnet { gateway: Some(ip("10.0.0.1")), ..NewSubnet::of(prefix("10.0.0.0/29")) };
    let subnet = fixture.try_subnet(new).expect("a subnet");
    assert_eq!(fixture.free(&subnet), ["10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6"]);
    fixture.take(&subnet, "10.0.0.1").expect("the router's record");
    fixture.store.write(|writing| writing.delete_address(subnet.id, ip("10.0.0.1"))).expect("a release");
    let edit = |fixture: &mut Fixture, gateway: Option<&str>| {
        let edit = SubnetEdit { gateway: Some(gateway.map(ip)), ..SubnetEdit::default() };
        fixture.store.write(|writing| writing.edit_subnet(subnet.id, edit))
    };
    assert_eq!(edit(&mut fixture, Some("10.0.0.3")).expect("an edit").gateway, Some(ip("10.0.0.3")));
    assert_eq!(fixture.free(&subnet), ["10.0.0.1", "10.0.0.2", "10.0.0.4", "10.0.0.5", "10.0.0.6"]);
    assert_eq!(message(edit(&mut fixture, Some("10.0.0.8"))), "Gateway 10.0.0.8 is not in subnet 10.0.0.0/29");
    let container = SubnetEdit { container: Some(true), ..SubnetEdit::default() };
    let outcome = fixture.store.write(|writing| writing.edit_subnet(subnet.id, container));
    assert_eq!(message(outcome), "10.0.0.0/29 is a container, which has no gateway");
    edit(&mut fixture, None).expect("an edit");
    assert_eq!(fixture.free(&subnet).len(), 6);
    assert!(fixture.findings().is_empty());
}

fn a_range_is_a_subnet_without_a_prefix(engine: Engine) {
    let mut fixture = Fixture::on(engine);
    let range = fixture.subnet("10.0.0.10-10.0.0.12");
    assert!(range.pool && range.bounds.prefix().is_none());
    assert_eq!(fixture.free(&range), ["10.0.0.10", "10.0.0.11", "10.0.0.12"]);
    assert_eq!(message(fixture.take(&range, "10.0.0.13")), "Address 10.0.0.13 is not in subnet 10.0.0.10-10.0.0.12");
    let same = fixture.subnet("10.0.1.0-10.0.1.255");
    let find = |fixture: &Fixture, text: &str| {
        let found = fixture.store.read(|reading| reading.find_subnets(prefix(text), &Scope::Anywhere));
        found.expect("a readable store")
    };
    assert_eq!(find(&fixture, "10.0.1.0/24"), [], "Foreman asks for prefixes");
    assert_eq!(find(&fixture, "10.0.1.0-10.0.1.255"), [same]);
    let crossing = "two subnets share no address, unless one of them is a container that holds the other";
    for (new, other, advice) in [
        (NewSubnet::of(prefix("10.0.0.12-10.0.0.20")), "10.0.0.10-10.0.0.12", crossing),
        (NewSubnet::of(prefix("10.0.0.5-10.0.0.10")), "10.0.0.10-10.0.0.12", crossing),
        (NewSubnet::of(prefix("10.0.0.11/32")), "10.0.0.10-10.0.0.12", "only a container may hold subnets"),
        (NewSubnet::of(prefix("10.0.0.0/24")), "10.0.0.10-10.0.0.12", "make it a container if it is to hold subnets"),
        (container("10.0.0.8/30"), "10.0.0.10-10.0.0.12", crossing),
        (container("10.0.0.12/30"), "10.0.0.10-10.0.0.12", crossing),
        (container("10.0.1.0/24"), "10.0.1.0-10.0.1.255", "only a container may hold subnets"),
    ] {
        let title = new.bounds;
        let said = format!("Subnet {title} overlaps subnet {other}; {advice}");
        assert_eq!(message(fixture.try_subnet(new)), said);
    }
    fixture.try_subnet(container("10.0.0.0/24")).expect("a container around a range");
    let out = message(fixture.try_subnet(NewSubnet::of(prefix("10.0.0.250-10.0.1.0"))));
    assert!(out.contains("overlaps subnet"), "{out}");
    fixture.subnet("10.0.0.200-10.0.0.255");
    let new = NewSubnet { container: true, ..NewSubnet::of(prefix("10.0.5.0-10.0.5.9")) };
    assert_eq!(
        message(fixture.try_subnet(new)),
        "10.0.5.0-10.0.5.9 is a range of addresses, and only a prefix can be a container"
    );
    let edit = SubnetEdit { pool: Some(false), ..SubnetEdit::default() };
    assert_eq!(
        message(fixture.store.write(|writing| writing.edit_subnet(range.id, edit))),
        "10.0.0.10-10.0.0.12 is a range of addresses, of which hosts may have all"
    );
    assert!(fixture.findings().is_empty());
}

over_each_engine! {
    groups_are_added_renamed_and_deleted,
    a_group_with_subnets_is_only_deleted_with_them,
    overlapping_subnets_are_refused_and_the_message_names_the_other,
    a_container_gives_no_address_and_takes_none,
    a_subnet_becomes_a_container_only_when_it_is_empty_and_a_leaf_again_only_alone,
    a_subnet_moves_to_another_group_with_its_addresses_unless_it_would_overlap_there,
    a_prefix_in_several_groups_is_ambiguous_unless_it_is_in_the_global_table,
    addresses_are_recorded_once_inside_and_never_at_the_edges,
    an_address_in_an_excluded_range_can_be_recorded_and_is_not_free_afterwards,
    what_is_recorded_of_an_address_can_be_changed_and_shown,
    a_subnet_with_addresses_is_only_deleted_with_them_and_its_id_is_not_used_again,
    a_full_subnet_says_so,
    a_change_that_fails_half_way_leaves_nothing,
    a_subnet_that_is_wholly_excluded_is_not_called_full,
    exclusions_with_a_gap_leave_a_subnet_full_at_most,
    every_record_has_an_id_attributes_and_times,
    attributes_are_changed_one_by_one_and_external_ids_are_unique,
    a_gateway_is_never_offered_and_may_be_recorded,
    a_range_is_a_subnet_without_a_prefix,
}
