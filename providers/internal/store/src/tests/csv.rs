//! Export and import.

use super::*;
use crate::{Imported, Scope};

fn export(fixture: &Fixture) -> String {
    let mut text = Vec::new();
    fixture.store.export(&mut text).expect("an export");
    String::from_utf8(text).expect("UTF-8")
}

fn import(fixture: &mut Fixture, text: &str) -> Result<Imported> {
    fixture.store.import(text.as_bytes())
}

fn faults(engine: Engine, text: &str) -> Vec<(u64, String)> {
    let mut fixture = Fixture::on(engine);
    let outcome = import(&mut fixture, text);
    let Err(StoreError::Import(faults)) = outcome else { panic!("faults, not {outcome:?}") };
    let is_empty = fixture
        .store
        .read(|reading| Ok(reading.groups()?.is_empty() && reading.subnets_in(&Scope::Anywhere)?.is_empty()));
    assert!(is_empty.expect("a readable store"), "something was imported");
    faults.faults.into_iter().map(|fault| (fault.line, fault.what)).collect()
}

fn an_export_imported_into_an_empty_store_reproduces_it(engine: Engine) {
    let mut fixture = Fixture::on(engine);
    fixture.store.write(|writing| writing.add_group(&group("R+D, \"new\"\nline"), "ümlaut; =1+1")).expect("a group");
    fixture.try_subnet(container("10.0.0.0/8")).expect("a container");
    let pool = NewSubnet { pool: true, ..in_group("R+D, \"new\"\nline", "10.0.0.0/29") };
    let pool = fixture.try_subnet(pool).expect("a pool");
    let plain = NewSubnet {
        gateway: Some(ip("10.0.0.254")),
        attributes: Attributes { tags: "web, prod".parse().expect("tags"), ..Attributes::of_owner("token 1") },
        ..NewSubnet::of(prefix("10.0.0.0/24"))
    };
    let plain = fixture.try_subnet(plain).expect("a subnet");
    let range = fixture.subnet("10.0.1.5-10.0.1.20");
    fixture.exclude(&range, "10.0.1.6", "10.0.1.7").expect("a range");
    let ipv6 = fixture.subnet("2001:db8::/64");
    fixture.exclude(&plain, "10.0.0.1", "10.0.0.9").expect("a range");
    let places = [(&pool, "10.0.0.0"), (&plain, "10.0.0.5"), (&range, "10.0.1.5"), (&ipv6, "2001:db8::ff")];
    for (subnet, address) in places {
        let details = AddressDetails {
            mac: Some("0:a:b:c:d:e".parse().expect("a MAC")),
            hostname: Some(format!("h-{address}")),
            description: " blank kept ".to_owned(),
            attributes: Attributes {
                owner: "me".to_owned(),
                external_id: Some(format!("x {address}").parse().expect("an id")),
                tags: "b,a".parse().expect("tags"),
                metadata: r#"{"a": "b,\n;", "n": 0.30000000000000004}"#.parse().expect("an object"),
            },
        };
        fixture.store.write(|writing| writing.add_address(subnet.id, ip(address), details)).expect("an address");
    }
    let text = export(&fixture);
    let mut other = Fixture::on(engine);
    let imported = import(&mut other, &text).expect("an import");
    assert_eq!(
        imported,
        Imported { groups: 1, plans: 0, plan_allocations: 0, subnets: 5, excluded_ranges: 2, addresses: 4 }
    );
    assert_eq!(export(&other), text);
    assert_eq!(other.findings(), [""; 0]);
}

fn files_of_the_first_version_are_read_and_new_columns_are_checked(engine: Engine) {
    let mut fixture = Fixture::on(engine);
    let text = "kind,group,prefix,address,last,mac,hostname,description,owner,pool,container,created_at,updated_at\n\
                group,a,,,,,,,,,,,\nsubnet,a,10.0.0.0/24,,,,,,,false,false,,\n\
                address,a,10.0.0.0/24,10.0.0.5,,,,,me,,,2025-01-01T00:00:00Z,2025-01-02T00:00:00Z\n";
    import(&mut fixture, text).expect("an import");
    assert!(export(&fixture).contains(",me,,,2025-01-01T00:00:00Z,2025-01-02T00:00:00Z,,,,,"), "{}", export(&fixture));
    let id = "0123456789abcdef01234567";
    let text = format!(
        "kind,group,prefix,address,gateway,external_id,tags,metadata,id\n\
         group,a,,,,x,\"a,b\",\"{{}}\",{id}\n\
         group,b,,,,x,,,\n\
         group,c,,,,,\"a,,b\",,\n\
         group,d,,,,,,[],\n\
         group,e,,,,,,,{id}\n\
         group,f,,,,,,,12\n\
         group,g,,,10.0.0.1,,,,\n\
         subnet,a,10.0.0.0/24,,10.0.1.1,,,,\n\
         subnet,a,10.0.0.9-10.0.0.1,,,,,,\n\
         subnet,a,10.0.0.1-10.0.0.9,,10.0.0.9,x,,,{id}\n\
         address,a,10.0.0.1-10.0.0.9,10.0.0.10,,,,,\n"
    );
    let right = [
        (3, "External id 'x' is that of another record"),
        (
            4,
            "tags: \"\" is not a tag; a tag has 1 to 100 characters, no commas or control characters, and no blanks at its ends",
        ),
        (5, "metadata: metadata is not a JSON object: invalid type: sequence, expected a map at line 1 column 0"),
        (6, "Id 0123456789abcdef01234567 is that of a record that is there already"),
        (7, "id: an id has 24 hexadecimal digits"),
        (8, "group rows have no gateway; leave it empty"),
        (9, "Gateway 10.0.1.1 is not in subnet 10.0.0.0/24"),
        (10, "prefix: it ends before it begins"),
        (12, "Address 10.0.0.10 is not in subnet 10.0.0.1-10.0.0.9"),
    ];
    assert_eq!(faults(engine, &text), right.map(|(line, what)| (line, what.to_owned())));
}

fn an_empty_store_is_exported_and_imported(engine: Engine) {
    let fixture = Fixture::on(engine);
    assert_eq!(import(&mut Fixture::on(engine), &export(&fixture)).expect("an import"), Imported::default());
}

fn a_short_hand_written_file_is_enough(engine: Engine) {
    let mut fixture = Fixture::on(engine);
    let text = "kind,prefix,address,last\nsubnet,10.0.0.0/29,,\nexcluded,10.0.0.0/29,10.0.0.1,10.0.0.2\n\
                excluded,10.0.0.0/29,10.0.0.6,\naddress,10.0.0.0/29,10.0.0.3,\n";
    import(&mut fixture, text).expect("an import");
    let subnet = fixture.store.read(|reading| reading.one_subnet(prefix("10.0.0.0/29"), &Scope::Global));
    assert_eq!(fixture.free(&subnet.expect("a subnet")), ["10.0.0.4", "10.0.0.5"]);
}

fn every_faulty_row_is_reported_with_its_line_and_nothing_is_imported(engine: Engine) {
    let text = "kind,group,prefix,address,last,mac,description,pool,created_at\n\
        group,a,,,,,\"two\nlines\",,\n\
        group,a,,,,,,,\n\
        subnet,a,10.0.0.0/24,,,,,,\n\
        subnet,a,10.0.0.0/25,,,,,,\n\
        subnet,a,10.0.0.5/24,,,,,,\n\
        subnet,a,10.1.0.0/24,,,,,maybe,\n\
        subnet,b,10.1.0.0/24,,,,,,\n\
        address,a,10.0.0.0/24,10.0.0.1,,,,,\n\
        address,a,10.0.0.0/24,10.0.0.1,,,,,\n\
        address,a,10.0.0.0/24,10.0.0,,,,,\n\
        address,a,10.0.0.0/24,10.0.0.2,,zz,,,\n\
        address,a,10.0.0.0/24,10.0.0.0,,,,,\n\
        address,a,10.0.0.0/24,10.0.0.3,10.0.0.4,,,,\n\
        address,a,10.0.0.0/24,10.0.0.3,,,,,yesterday\n\
        address,,10.0.0.0/24,10.0.0.3,,,,,\n\
        excluded,a,10.0.0.0/24,10.0.0.9,10.0.0.8,,,,\n\
        host,a,,,,,,,\n\
        group,c\n\
        group,,,,,,,,\n";
    let faults = faults(engine, text);
    let right = [
        (4, "Group 'a' already exists"),
        (6, "Subnet 10.0.0.0/25 (group a) overlaps subnet 10.0.0.0/24 (group a); only a container may hold subnets"),
        (7, "prefix: Network address 10.0.0.5 should be 10.0.0.0 with prefix 24"),
        (8, "pool: 'maybe' is neither true nor false"),
        (9, "There is no group 'b'"),
        (11, "Address 10.0.0.1 in subnet 10.0.0.0/24 is already taken"),
        (12, "address: '10.0.0' is not an IP address"),
        (
            13,
            "mac: 'zz' is not a MAC address: 6 or 20 hexadecimal bytes separated by ':' or '-', \
             as in 00:1a:2b:3c:4d:5e",
        ),
        (
            14,
            "10.0.0.0 cannot be given to a host: it is the first or last address of subnet 10.0.0.0/24, \
             which is not a pool",
        ),
        (15, "address rows have no last; leave it empty"),
        (16, "created_at: 'yesterday' is not a time such as 2026-01-31T12:00:00Z"),
        (17, "There is no subnet 10.0.0.0/24"),
        (18, "Range 10.0.0.9 to 10.0.0.8 ends before it begins"),
        (19, "kind must be group, plan, plan_allocation, subnet, excluded or address"),
        (20, "the row has 2 columns, the header 9, separated by commas"),
        (21, "group is missing"),
    ];
    assert_eq!(faults, right.map(|(line, what)| (line, what.to_owned())));
}

fn a_host_name_that_the_proxy_would_not_take_is_a_fault_of_its_line(engine: Engine) {
    let row = |host: u8, name: &str| format!("address,10.0.0.0/24,10.0.0.{host},\"{name}\"\n");
    let long = "a".repeat(254);
    let names = ["web1.example.com", "", "web 1", "a\tb", "a\nb", "a\u{1b}[2J", &long];
    let rows: String = names.iter().zip(1..).map(|(name, host)| row(host, name)).collect();
    let rule = "is no host name; a host name has 1 to 253 characters, and neither blanks nor control characters";
    let right = [
        (5, format!(r#"hostname: "web 1" {rule}"#)),
        (6, format!(r#"hostname: "a\tb" {rule}"#)),
        (7, format!(r#"hostname: "a\nb" {rule}"#)),
        // The row before has two lines.
        (9, format!(r#"hostname: "a\u{{1b}}[2J" {rule}"#)),
        (10, format!(r#"hostname: "{long}" {rule}"#)),
    ];
    assert_eq!(faults(engine, &format!("kind,prefix,address,hostname\nsubnet,10.0.0.0/24,,\n{rows}")), right);
}

fn a_header_with_a_wrong_column_is_refused(engine: Engine) {
    let missing = "the column kind is missing; the columns are separated by commas";
    assert!(faults(engine, "kind,groop\ngroup,a\n")[0].1.starts_with("unknown columns: groop; known are: kind, group"));
    assert_eq!(faults(engine, "group\na\n"), [(1, missing.to_owned())]);
    assert_eq!(faults(engine, "kind,group,group\ngroup,a,a\n"), [(1, "column group is there twice".to_owned())]);
    assert_eq!(faults(engine, ""), [(1, missing.to_owned())]);
    let other = "unknown columns: kind,group; known are: ";
    let (_, text) = faults(engine, "kind,group;prefix;description\n").remove(0);
    assert!(text.starts_with(other) && text.ends_with("; the columns are separated by semicolons"), "{text}");
}

fn text_that_is_not_utf8_is_a_fault_of_its_row(engine: Engine) {
    let mut fixture = Fixture::on(engine);
    let outcome = fixture.store.import(&b"kind,group\ngroup,a\ngroup,\xff\n"[..]);
    assert_eq!(message(outcome), "Nothing was imported\nline 3: the text is not UTF-8; save the file as CSV in UTF-8");
    assert_eq!(fixture.store.groups().expect("groups"), []);
}

fn files_as_spreadsheets_write_them_are_read(engine: Engine) {
    let plain = "kind,group,prefix,address,mac,description,pool\ngroup,Lab,,,,,\nsubnet,Lab,10.0.0.0/24,,,\"Servers, all\",true\n\
                 subnet,Lab,10.0.1.0/24,,,,false\naddress,Lab,10.0.0.0/24,10.0.0.5,00:1a:2b:3c:4d:60,,\n\
                 address,Lab,10.0.0.0/24,10.0.0.6,00:1a:2b:3c:4d:61,,\n";
    let mut right = Fixture::on(engine);
    import(&mut right, plain).expect("an import");
    let contents = |fixture: &Fixture| {
        // Without the times, which may differ by a second.
        let rows: Vec<String> =
            export(fixture).lines().map(|row| row.split(",20").next().unwrap_or(row).to_owned()).collect();
        rows
    };
    let header = "Kind;Group;PREFIX;address;mac;description;pool";
    let semicolons = format!(
        "\u{feff}{header};;\r\nGroup;Lab;;;;;;;\r\n;;;;;;;;\r\nSubnet;Lab;10.0.0.0/24;;;Servers, all;TRUE;;\r\n\
         subnet;Lab;10.0.1.0/24;;;;FALSE;;\r\n\r\naddress;Lab;10.0.0.0/24;10.0.0.5;001a.2b3c.4d60;;;;\r\n\
         address;Lab;10.0.0.0/24;10.0.0.6;001A2B3C4D61;;;;\r\n;;;;;;;;\r\n"
    );
    let blanks = "kind, group, prefix , address, mac, description, pool\ngroup, Lab,,,,,\n\
                  subnet, Lab, 10.0.0.0/24 ,,, \"Servers, all\", True\nsubnet, Lab, 10.0.1.0/24,,,, False\n , ,\n\
                  address, Lab, 10.0.0.0/24, 10.0.0.5, 00-1A-2B-3C-4D-60,,\naddress , Lab, 10.0.0.0/24, 10.0.0.6, 001a.2B3C.4d61 ,,,,,\n";
    let tabs =
        plain.replace("\"Servers, all\"", "Servers; all").replace(',', "\t").replace("Servers; all", "Servers, all");
    for text in [&semicolons, blanks, &tabs] {
        let mut fixture = Fixture::on(engine);
        import(&mut fixture, text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        assert_eq!(contents(&fixture), contents(&right), "{text}");
    }
}

fn what_a_spreadsheet_row_has_too_much_is_a_fault(engine: Engine) {
    let text = "kind;group;\ngroup;a;b\ngroup\n";
    let right = [
        (2, "the row has 3 columns, the header 2, separated by semicolons".to_owned()),
        (3, "the row has 1 columns, the header 2, separated by semicolons".to_owned()),
    ];
    assert_eq!(faults(engine, text), right);
    for mac in
        ["001a2b3c4d6", "001a.2b3c.4d6", "00.1a.2b.3c.4d.60", "001a2b3c4d6g", "001a.2b3c4d60", "...", "+01a2b3c4d60"]
    {
        let text = format!("kind,prefix,address,mac\nsubnet,10.0.0.0/24,,\naddress,10.0.0.0/24,10.0.0.5,{mac}\n");
        assert!(faults(engine, &text)[0].1.starts_with("mac: "), "{mac}");
    }
    let mut fixture = Fixture::on(engine);
    let outcome = fixture.store.import(&b"\xff\xfek\0i\0n\0d\0"[..]);
    assert_eq!(message(outcome), "Nothing was imported\nline 1: the file is UTF-16; save it as CSV in UTF-8");
}

fn blanks_at_the_ends_of_names_survive_export_and_import(engine: Engine) {
    let mut fixture = Fixture::on(engine);
    for name in [" ", " Lab", "Lab ", "Lab"] {
        fixture.store.write(|writing| writing.add_group(&group(name), "; \t ")).expect("a group");
    }
    let text = export(&fixture);
    let mut other = Fixture::on(engine);
    import(&mut other, &text).expect("an import");
    assert_eq!(export(&other), text);
    assert_eq!(other.store.groups().expect("groups").len(), 4);
}

fn rows_are_added_to_what_is_there(engine: Engine) {
    let mut fixture = Fixture::on(engine);
    let subnet = fixture.subnet("10.0.0.0/30");
    import(&mut fixture, "kind,prefix,address\naddress,10.0.0.0/30,10.0.0.1\n").expect("an import");
    assert_eq!(fixture.free(&subnet), ["10.0.0.2"]);
}

/// Many rows at once, of which some meet what is there already: fewer and more than one statement takes.
fn many_addresses_are_added_as_if_one_by_one(engine: Engine) {
    for (step, count) in [(1, 99), (1, 100), (1, 950), (2, 500), (3, 301)] {
        let mut fixture = Fixture::on(engine);
        fixture.hurry();
        let subnet = fixture.subnet("10.0.0.0/22");
        for (first, last) in [("10.0.0.20", "10.0.0.30"), ("10.0.1.255", "10.0.2.7"), ("10.0.3.250", "10.0.3.255")] {
            fixture.exclude(&subnet, first, last).expect("a range");
        }
        let there: Vec<u32> = [5, 6, 7, 21, 300, 1022].into();
        for host in &there {
            fixture.take(&subnet, &host_address(*host)).expect("an address");
        }
        let hosts: Vec<u32> = (0..count).map(|number| 1 + number * step).filter(|host| *host < 1023).collect();
        // From the top down: an import sorts them.
        let row = |host: &u32| format!("address,10.0.0.0/22,{}\n", host_address(*host));
        let text = |hosts: &[u32]| format!("kind,prefix,address\n{}", hosts.iter().rev().map(row).collect::<String>());
        let Err(StoreError::Import(faults)) = import(&mut fixture, &text(&hosts)) else { panic!("faults") };
        let taken = |(line, host): (usize, &u32)| {
            let what = format!("Address {} in subnet 10.0.0.0/22 is already taken", host_address(*host));
            there.contains(host).then_some((line as u64 + 2, what))
        };
        let right: Vec<_> = hosts.iter().rev().enumerate().filter_map(taken).collect();
        let found: Vec<_> = faults.faults.into_iter().map(|fault| (fault.line, fault.what)).collect();
        assert_eq!(found, right, "every {step}");
        assert_eq!(fixture.findings(), [""; 0]);

        let free: Vec<u32> = hosts.into_iter().filter(|host| !there.contains(host)).collect();
        let imported = import(&mut fixture, &text(&free)).expect("an import");
        assert_eq!(imported.addresses, free.len() as u64);
        assert_eq!(fixture.findings(), [""; 0], "every {step}");
        assert_eq!(export(&fixture).lines().count(), 1 + 1 + 3 + there.len() + free.len());
    }
}

/// An address of 10.0.0.0/22.
fn host_address(host: u32) -> String {
    format!("10.0.{}.{}", host / 256, host % 256)
}

fn an_address_that_is_in_a_file_twice_is_a_fault_however_its_subnet_is_written(engine: Engine) {
    let text = "kind,prefix,address\nsubnet,2001:db8::/64,\naddress,2001:db8::/64,2001:db8::5\n\
                address,2001:DB8:0::/64,2001:db8:0::5\n";
    assert_eq!(faults(engine, text), [(4, "Address 2001:db8::5 in subnet 2001:db8::/64 is already taken".to_owned())]);
}

fn rows_may_stand_in_any_order(engine: Engine) {
    let text = "kind,group,prefix,address,last\naddress,a,10.0.0.0/29,10.0.0.1,\nexcluded,a,10.0.0.0/29,10.0.0.2,\n\
                subnet,a,10.0.0.0/29,,\nsubnet,a,10.0.0.0/8,,\ngroup,a,,,\n";
    let faults = faults(engine, text);
    assert_eq!(faults.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [5], "two leaves that overlap: {faults:?}");
    let mut fixture = Fixture::on(engine);
    import(&mut fixture, &text.replace("subnet,a,10.0.0.0/8,,\n", "")).expect("an import");
    assert_eq!(fixture.findings(), [""; 0]);
}

over_each_engine! {
    many_addresses_are_added_as_if_one_by_one,
    an_address_that_is_in_a_file_twice_is_a_fault_however_its_subnet_is_written,
    rows_may_stand_in_any_order,
    an_export_imported_into_an_empty_store_reproduces_it,
    files_of_the_first_version_are_read_and_new_columns_are_checked,
    an_empty_store_is_exported_and_imported,
    a_short_hand_written_file_is_enough,
    every_faulty_row_is_reported_with_its_line_and_nothing_is_imported,
    a_host_name_that_the_proxy_would_not_take_is_a_fault_of_its_line,
    a_header_with_a_wrong_column_is_refused,
    text_that_is_not_utf8_is_a_fault_of_its_row,
    files_as_spreadsheets_write_them_are_read,
    what_a_spreadsheet_row_has_too_much_is_a_fault,
    blanks_at_the_ends_of_names_survive_export_and_import,
    rows_are_added_to_what_is_there,
}
