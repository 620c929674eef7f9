//! The choice of a route.

use ipam_provider::{GroupName, Prefix};

use super::Pattern;

/// What a subnet must be like for a route to have it. All that is set must be met.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conditions {
    /// It is in a group with one of these names; a subnet outside of groups is not.
    pub groups: Option<Vec<Pattern>>,
    /// Its prefix is one of these, or within one.
    pub prefixes: Option<Vec<Prefix>>,
}

impl Conditions {
    /// Are there none?
    pub fn is_empty(&self) -> bool {
        self.groups.is_none() && self.prefixes.is_none()
    }

    fn meets_prefix(&self, prefix: Prefix) -> bool {
        let is_within = |prefixes: &Vec<Prefix>| prefixes.iter().any(|wide| wide.contains_prefix(&prefix));
        self.prefixes.as_ref().is_none_or(is_within)
    }

    fn meets_group(&self, group: Option<&GroupName>) -> bool {
        let is_named = |group: &GroupName, names: &[Pattern]| names.iter().any(|name| name.matches(group.as_str()));
        self.groups.as_ref().is_none_or(|names| group.is_some_and(|group| is_named(group, names)))
    }

    /// Does every subnet that meets the others meet these too?
    pub fn cover(&self, others: &Self) -> bool {
        let covers_prefix = |prefix: &Prefix| self.meets_prefix(*prefix);
        let prefixes =
            self.prefixes.is_none() || others.prefixes.as_ref().is_some_and(|all| all.iter().all(covers_prefix));
        let covers_name = |name: &Pattern, wide: &[Pattern]| wide.iter().any(|wide| wide.covers(name));
        let groups = self.groups.as_ref().is_none_or(|wide| {
            others.groups.as_ref().is_some_and(|names| names.iter().all(|name| covers_name(name, wide)))
        });
        prefixes && groups
    }
}

/// Routes in their order, each with what it leads to.
#[derive(Debug, Clone)]
pub(crate) struct Table<T> {
    routes: Vec<(Conditions, T)>,
}

impl<T> Table<T> {
    /// A table of these routes.
    pub(crate) fn new(routes: Vec<(Conditions, T)>) -> Self {
        Self { routes }
    }

    /// What all routes lead to, in their order.
    pub(crate) fn all(&self) -> impl ExactSizeIterator<Item = &T> {
        self.routes.iter().map(|(_, target)| target)
    }

    /// What has the subnet of this prefix in this group, or outside of groups; `None` if no route does.
    pub(crate) fn of_subnet(&self, prefix: Prefix, group: Option<&GroupName>) -> Option<&T> {
        let found = self.routes.iter().find(|(when, _)| when.meets_prefix(prefix) && when.meets_group(group));
        found.map(|(_, target)| target)
    }

    /// What may have a subnet of which the prefix, the group, or neither is known: routes after one that has it in any case
    /// are left out.
    pub(crate) fn that_may_have(&self, prefix: Option<Prefix>, group: Option<&GroupName>) -> Vec<&T> {
        let mut found = Vec::new();
        for (when, target) in &self.routes {
            let may = prefix.is_none_or(|prefix| when.meets_prefix(prefix))
                && group.is_none_or(|group| when.meets_group(Some(group)));
            if !may {
                continue;
            }
            found.push(target);
            let is_sure = (prefix.is_some() || when.prefixes.is_none()) && (group.is_some() || when.groups.is_none());
            if is_sure {
                break;
            }
        }
        found
    }

    /// What may have a subnet outside of groups.
    pub(crate) fn that_may_have_outside_of_groups(&self) -> Vec<&T> {
        let mut found = Vec::new();
        for (when, target) in self.routes.iter().filter(|(when, _)| when.groups.is_none()) {
            found.push(target);
            if when.prefixes.is_none() {
                break;
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::option;
    use proptest::prelude::*;

    use super::*;

    fn conditions(groups: &[&str], prefixes: &[&str]) -> Conditions {
        let groups = groups.iter().copied().map(Pattern::new).collect::<Vec<_>>();
        let prefixes = prefixes.iter().map(|text| text.parse().expect("a prefix")).collect::<Vec<_>>();
        Conditions {
            groups: Some(groups).filter(|all| !all.is_empty()),
            prefixes: Some(prefixes).filter(|all| !all.is_empty()),
        }
    }

    fn prefix(text: &str) -> Prefix {
        text.parse().expect("a prefix")
    }

    fn group(name: &str) -> GroupName {
        GroupName::new(name).expect("a name")
    }

    #[test]
    fn the_first_route_whose_conditions_are_met_has_the_subnet() {
        let table = Table::new(vec![
            (conditions(&["Lab*"], &["10.0.0.0/8", "2001:db8::/32"]), "lab"),
            (conditions(&[], &["192.0.2.0/24"]), "documentation"),
            (conditions(&["Lab*", "Zone A"], &[]), "zones"),
            (Conditions::default(), "rest"),
        ]);
        let of = |text: &str, name: &str| table.of_subnet(prefix(text), GroupName::new(name).as_ref()).copied();
        assert_eq!(of("10.1.0.0/16", "Lab 1"), Some("lab"));
        assert_eq!(of("2001:db8:1::/64", "Lab 1"), Some("lab"));
        assert_eq!(of("0.0.0.0/0", "Lab 1"), Some("zones"), "a larger prefix is not within");
        assert_eq!(of("192.0.2.16/28", "Lab 1"), Some("documentation"));
        assert_eq!(of("192.0.2.0/24", ""), Some("documentation"));
        assert_eq!(of("10.1.0.0/16", ""), Some("rest"), "no name of a group means a subnet outside of groups");
        assert_eq!(table.that_may_have(None, Some(&group("Lab 1"))), [&"lab", &"documentation", &"zones"]);
        assert_eq!(table.that_may_have(None, Some(&group("Prod"))), [&"documentation", &"rest"]);
        assert_eq!(table.that_may_have(Some(prefix("192.0.2.0/24")), None), [&"documentation"]);
        assert_eq!(table.that_may_have(Some(prefix("10.0.0.0/8")), None), [&"lab", &"zones", &"rest"]);
        assert_eq!(table.that_may_have(None, None), [&"lab", &"documentation", &"zones", &"rest"]);
        assert_eq!(table.that_may_have_outside_of_groups(), [&"documentation", &"rest"]);
    }

    #[test]
    fn without_a_default_some_subnets_are_nowhere() {
        let table = Table::new(vec![(conditions(&["Lab*"], &[]), "lab")]);
        assert_eq!(table.of_subnet(prefix("10.0.0.0/8"), None), None);
        assert_eq!(
            table.that_may_have(Some(prefix("10.0.0.0/8")), Some(&group("Prod"))),
            [""; 0].iter().collect::<Vec<_>>()
        );
    }

    fn some_prefix() -> impl Strategy<Value = Prefix> {
        (0..4_u32, 6..=8_u8).prop_map(|(bits, length)| {
            Prefix::around(std::net::Ipv4Addr::from_bits(bits << 24).into(), length).expect("a prefix")
        })
    }

    fn some_conditions() -> impl Strategy<Value = Conditions> {
        let patterns = vec("[ab*]{1,3}".prop_map(Pattern::new), 1..3);
        (option::of(patterns), option::of(vec(some_prefix(), 1..3)))
            .prop_map(|(groups, prefixes)| Conditions { groups, prefixes })
    }

    proptest! {
        /// Whatever a caller knows of a subnet, the route that has it is among those that are asked.
        #[test]
        fn the_route_that_has_a_subnet_is_asked_for_it(
            routes in vec(some_conditions(), 1..5),
            prefix in some_prefix(),
            name in option::of("[ab]{1,3}"),
        ) {
            let table = Table::new(routes.into_iter().enumerate().map(|(index, when)| (when, index)).collect());
            let group = name.and_then(GroupName::new);
            let has = table.of_subnet(prefix, group.as_ref());
            let asked = |prefix, group| table.that_may_have(prefix, group);
            for asked in [asked(None, None), asked(Some(prefix), None)] {
                prop_assert!(has.is_none_or(|has| asked.contains(&has)), "{:?} {:?}", has, asked);
            }
            if let Some(group) = &group {
                prop_assert!(has.is_none_or(|has| asked(None, Some(group)).contains(&has)));
                // With both, one IPAM alone decides.
                prop_assert_eq!(asked(Some(prefix), Some(group)), has.into_iter().collect::<Vec<_>>());
            }
        }

        #[test]
        fn what_is_covered_is_never_reached(
            first in some_conditions(),
            second in some_conditions(),
            prefix in some_prefix(),
            name in option::of("[ab]{1,3}"),
        ) {
            let is_covered = first.cover(&second);
            let table = Table::new(vec![(first, 1), (second, 2)]);
            let group = name.and_then(GroupName::new);
            prop_assert!(!(is_covered && table.of_subnet(prefix, group.as_ref()) == Some(&2)));
        }
    }
}
