//! Every order of events, explored: the rules of holds, with callers, proxies and an IPAM around them.
//!
//! [`numbers`] are what everything is made of, [`world`] is what exists, [`caller`] who wants something of it. [`place`] does what
//! a place does, or a [`mutation`] of it; [`next`] is what a caller can do next, and [`events`] all that can happen. The search is breadth first, so that the path to a violation
//! is the shortest one. It is our own because it is a page; stateright, the library for it, brings a web server and actors
//! over UDP into the build.
//!
//! Not in the world: a delete of a record that another host has meanwhile, and an add after the promise has ended. The
//! contract's DELETE and POST name the address only, so no rule can tell whose call it is.

mod caller;
mod events;
mod mutation;
mod next;
mod numbers;
mod place;
mod world;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{DefaultHasher, Hash, Hasher};

use mutation::Mutation;
use world::World;

/// How the search ended.
#[derive(Debug)]
enum Found {
    /// So many states, and no violation.
    Nothing(usize),
    /// A violation, and what led to it.
    Violation(String, Vec<String>),
}

fn fingerprint(world: &World) -> u64 {
    let mut hasher = DefaultHasher::new();
    world.hash(&mut hasher);
    hasher.finish()
}

/// Visits every state that can be reached from the start, or all up to the first violation.
fn explore(start: &World) -> Found {
    // The fingerprint of each state that was seen, where it came from, and by which of the things that could happen there.
    let mut seen: HashMap<u64, (u64, u16)> = HashMap::from([(fingerprint(start), (0, 0))]);
    let mut level = vec![start.clone()];
    while !level.is_empty() {
        let mut next_level = Vec::new();
        for world in level {
            let from = fingerprint(&world);
            for (number, (what, next)) in (0..).zip(world.all_next()) {
                match next {
                    Ok(next) => {
                        if let Entry::Vacant(entry) = seen.entry(fingerprint(&next)) {
                            entry.insert((from, number));
                            next_level.push(next);
                        }
                    }
                    Err(violation) => {
                        let mut path = path_to(start, from, &seen);
                        path.push(format!("{what:?}"));
                        return Found::Violation(violation, path);
                    }
                }
            }
        }
        level = next_level;
    }
    Found::Nothing(seen.len())
}

/// What happened from the start to the state.
fn path_to(start: &World, end: u64, seen: &HashMap<u64, (u64, u16)>) -> Vec<String> {
    let (mut numbers, mut at) = (Vec::new(), end);
    while at != fingerprint(start) {
        let (from, number) = seen[&at];
        numbers.push(number);
        at = from;
    }
    let (mut world, mut path) = (start.clone(), Vec::new());
    for number in numbers.into_iter().rev() {
        let (what, next) = world.all_next().swap_remove(usize::from(number));
        path.push(format!("{what:?} in {world:?}"));
        world = next.expect("a state that was visited");
    }
    path
}

/// Explores all of it, and expects no violation.
fn expect_none(start: &World) {
    match explore(start) {
        Found::Nothing(states) => assert!(states > 10_000, "only {states} states: the world does nothing"),
        Found::Violation(violation, path) => panic!("{violation}\n{}", path.join("\n")),
    }
}

#[test]
fn hosts_that_begin_together() {
    expect_none(&World::fresh(2).with_ticks(1));
}

#[test]
fn hosts_that_begin_together_and_a_proxy_that_crashes() {
    expect_none(&World::fresh(1).with_crashes(1));
}

#[test]
fn hosts_that_begin_together_and_an_answer_that_is_lost() {
    expect_none(&World::fresh(1).with_lost_answers(1));
}

#[test]
fn promises_that_end() {
    for host in [0, 1] {
        expect_none(&World::promised_before(2, host).with_ticks(2));
    }
}

#[test]
fn promises_that_end_and_a_proxy_that_crashes() {
    for proxies in [1, 2] {
        expect_none(&World::promised_before(proxies, 1).with_crashes(1).with_ticks(1));
    }
}

#[test]
fn adds_without_end_that_another_proxy_takes_over() {
    expect_none(&World::added_before().with_crashes(1).with_ticks(2));
}

#[test]
fn promises_that_end_and_an_answer_that_is_lost() {
    for proxies in [1, 2] {
        expect_none(&World::promised_before(proxies, 1).with_lost_answers(1).with_ticks(1));
    }
}

#[test]
fn addresses_that_are_released() {
    expect_none(&World::reserved_before(2).with_ticks(1));
}

#[test]
fn addresses_that_are_released_and_a_proxy_that_crashes() {
    for proxies in [1, 2] {
        expect_none(&World::reserved_before(proxies).with_crashes(1));
    }
}

#[test]
fn promises_whose_address_another_host_deletes() {
    for proxies in [1, 2] {
        expect_none(&World::deleted_by_another(proxies).with_ticks(2));
    }
}

#[test]
fn allocations_among_hosts() {
    expect_none(&World::fresh(2).with_allocation());
    expect_none(&World::promised_before(2, 0).with_allocation().with_ticks(2));
    expect_none(&World::reserved_before(2).with_allocation());
}

#[test]
fn allocations_whose_promise_has_changed_hands() {
    expect_none(&World::chosen_before(2).with_ticks(2));
}

#[test]
fn allocations_and_an_answer_that_is_lost() {
    expect_none(&World::promised_before(1, 1).with_allocation().with_lost_answers(1).with_ticks(1));
}

#[test]
fn allocations_and_a_proxy_that_crashes() {
    expect_none(&World::fresh(1).with_allocation().with_crashes(1));
    expect_none(&World::promised_before(2, 1).with_allocation().with_crashes(1).with_ticks(1));
}

#[test]
fn wrong_rules_are_found() {
    let worlds = [
        World::deleted_by_another(1),
        World::promised_before(2, 1).with_ticks(1),
        World::promised_before(2, 1).with_lost_answers(1),
        World::promised_before(2, 0).with_ticks(2),
        World::fresh(2),
        World::chosen_before(1),
    ];
    for mutation in Mutation::ALL {
        let is_found = |world: &World| matches!(explore(&world.clone().with(mutation)), Found::Violation(..));
        assert!(worlds.iter().any(is_found), "{mutation:?} is not found");
    }
}
