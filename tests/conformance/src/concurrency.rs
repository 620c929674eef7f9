//! Many callers at once: the IPAM decides, and says so to each.

use std::net::IpAddr;

use ipam_provider::{AddressSet, ErrorKind, Mac, Released, Requester, Result};
use tokio::task::JoinSet;

use crate::{CaseResult, Role, Stage};

const CALLERS: usize = 32;

fn requester(caller: usize) -> Requester {
    let mac: Mac = format!("02:00:5e:10:{:02x}:{:02x}", caller / 256, caller % 256).parse().expect("a MAC");
    Requester { mac: Some(mac), hostname: Some(format!("host-{caller}.example.com")), ..Requester::default() }
}

/// Runs all at once and gives what each answered.
async fn together<T: Send + 'static>(
    calls: impl IntoIterator<Item = impl Future<Output = T> + Send + 'static>,
) -> Vec<T> {
    calls.into_iter().collect::<JoinSet<T>>().join_all().await
}

/// Uniqueness rests on this: the check and the write are one step.
pub async fn parallel_reserves_of_one_address_have_one_winner(stage: &Stage) -> CaseResult {
    let place = stage.place(Role::Empty).await?;
    for (round, address) in place.seeded.free(5).into_iter().enumerate() {
        // Some products record a MAC once in a network, so each round has callers of its own.
        let calls = (round * CALLERS..(round + 1) * CALLERS).map(|caller| {
            let (provider, subnet) = (stage.provider.clone(), place.subnet.clone());
            async move { (caller, provider.reserve(&subnet, address, &requester(caller)).await) }
        });
        let mut winners = Vec::new();
        for (caller, outcome) in together(calls).await {
            match outcome {
                Ok(()) => winners.push(caller),
                Err(error) => assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{error}"),
            }
        }
        assert_eq!(winners.len(), 1, "winners of {address}: {winners:?}");
        let recorded = stage.provider.reservation(&place.subnet, address).await.expect("an answer");
        let recorded = recorded.expect("the winner's record");
        if stage.capabilities().records_mac {
            assert_eq!(recorded.mac, requester(winners[0]).mac, "the record is the winner's");
        }
    }
    Ok(())
}

/// Nobody is refused an address that is free.
pub async fn parallel_reserves_of_different_addresses_all_succeed(stage: &Stage) -> CaseResult {
    let place = stage.place(Role::Wide).await?;
    let addresses = place.seeded.free(200);
    let calls = addresses.clone().into_iter().enumerate().map(|(caller, address)| {
        let (provider, subnet) = (stage.provider.clone(), place.subnet.clone());
        async move { provider.reserve(&subnet, address, &requester(caller)).await }
    });
    for outcome in together(calls).await {
        outcome.expect("the address was free");
    }
    assert_eq!(stage.free(&place.subnet, 254).await, place.seeded.free(254)[200..]);
    Ok(())
}

/// One record is removed once, and nobody gets an error for coming second.
pub async fn parallel_releases_of_one_address_remove_it_once(stage: &Stage) -> CaseResult {
    let place = stage.place(Role::Empty).await?;
    for address in place.seeded.free(5) {
        stage.reserve(&place.subnet, address, &Requester::default()).await;
        let calls = (0..CALLERS).map(|_| {
            let (provider, subnet) = (stage.provider.clone(), place.subnet.clone());
            async move { provider.release(&subnet, address).await }
        });
        let outcomes: Result<Vec<Released>> = together(calls).await.into_iter().collect();
        let outcomes = outcomes.expect("a release of an absent address is no error");
        let removed = outcomes.iter().filter(|outcome| outcome.is_removed()).count();
        let expected = if stage.subject.tells_one_remover() { 1..=1 } else { 1..=CALLERS };
        assert!(expected.contains(&removed), "{address}: {removed} were told that they removed it");
        assert!(!stage.is_reserved(&place.subnet, address).await);
    }
    Ok(())
}

/// One address in two groups is two addresses, also at the same moment.
pub async fn twins_do_not_stand_in_each_others_way(stage: &Stage) -> CaseResult {
    stage.needs_groups()?;
    let places = stage.places(&[Role::Twin, Role::OtherTwin, Role::GlobalTwin, Role::Wider]).await;
    let address: IpAddr = "198.51.100.9".parse().expect("an address");
    let calls = places.iter().enumerate().map(|(caller, place)| {
        let (provider, subnet) = (stage.provider.clone(), place.subnet.clone());
        async move { provider.reserve(&subnet, address, &requester(caller)).await }
    });
    for outcome in together(calls).await {
        outcome.expect("the address was free in this group");
    }
    Ok(())
}

/// What was reserved before the question is asked is not in its answer, whatever else is going on.
pub async fn answers_hold_while_others_write(stage: &Stage) -> CaseResult {
    let place = stage.place(Role::Wide).await?;
    let addresses = place.seeded.free(120);
    // Each caller has addresses of its own, and another one reads between the writes.
    let calls = addresses.chunks(10).map(|own| {
        let (provider, subnet, own) = (stage.provider.clone(), place.subnet.clone(), own.to_vec());
        async move {
            let nothing = AddressSet::default();
            for (index, address) in own.iter().enumerate() {
                provider.reserve(&subnet, *address, &Requester::default()).await.expect("the address was free");
                let query = ipam_provider::FreeQuery { at_most: 254, held: &nothing };
                let free = provider.free_addresses(&subnet, query).await.expect("an answer");
                assert!(free.is_sorted_by(|a, b| a < b), "lowest first, each once: {free:?}");
                let (reserved, not_yet) = own.split_at(index + 1);
                assert!(!reserved.iter().any(|address| free.contains(address)), "a reserved address is not free");
                assert!(not_yet.iter().all(|address| free.contains(address)), "a free address is free");
            }
        }
    });
    together(calls).await;
    assert_eq!(stage.free(&place.subnet, 254).await, place.seeded.free(254)[120..]);
    Ok(())
}
