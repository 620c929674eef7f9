//! One transaction: the rules over some holds of one space.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use futures_util::future::{try_join, try_join5};
use ipam_provider::Mac;

use super::DatabaseError;
use super::rows::{self, Columns};
use super::session::Session;
use crate::allocation::holds::hold::{Grant, Hold, Moment, Scope, Space};
use crate::allocation::holds::place::{Claim, Stepped};
use crate::allocation::holds::rules::{Becomes, Step};
use crate::allocation::holds::table::{Promise, Table};

/// What a caller wants of a space.
#[derive(Debug, Clone)]
pub(super) enum Wish {
    /// One of these addresses, the first that is free.
    Claim { candidates: Vec<IpAddr>, grant: Grant, at_most: usize },
    /// A change of the hold of one address.
    Step { address: IpAddr, step: Step },
}

/// What came of it.
#[derive(Debug)]
pub(super) enum Outcome {
    Claimed(Claim),
    Stepped(Stepped),
}

/// Why a transaction failed.
pub(super) enum Failed {
    /// It has no effect.
    NoEffect(DatabaseError),
    /// Its last answer is lost: it may have taken effect or not.
    Unknown(DatabaseError, Written),
}

/// What tells whether a transaction took effect.
pub(super) struct Written {
    outcomes: Vec<Outcome>,
    addresses: Vec<Vec<u8>>,
    events: Vec<i64>,
}

impl From<DatabaseError> for Failed {
    fn from(error: DatabaseError) -> Self {
        Self::NoEffect(error)
    }
}

impl From<tokio_postgres::Error> for Failed {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::NoEffect(error.into())
    }
}

/// Fulfils the wishes one after the other, in one transaction.
pub(super) async fn run(
    session: &Session,
    space: &Space,
    wishes: &[(&Arc<Scope>, &Wish)],
) -> Result<Vec<Outcome>, Failed> {
    let mut work = begin(session, space, wishes).await?;
    let outcomes: Vec<Outcome> = wishes
        .iter()
        .zip(std::mem::take(&mut work.moments))
        .map(|((scope, wish), at)| match wish {
            Wish::Claim { candidates, grant, at_most } => {
                Outcome::Claimed(work.claim(scope, candidates, *grant, *at_most, at))
            }
            Wish::Step { address, step } => Outcome::Stepped(work.step(scope, *address, step, at)),
        })
        .collect();
    commit(session, work, outcomes).await
}

/// The holds of a space that a transaction works with.
struct Work {
    /// Its row.
    id: i64,
    /// One for each wish.
    moments: Vec<Moment>,
    events: Vec<i64>,
    /// What is there of the addresses and MACs that are concerned, live and ended.
    table: Table,
    was_there: usize,
    /// How many holds there are in all spaces.
    total: usize,
    changed: BTreeSet<IpAddr>,
}

/// Locks the space and reads what is concerned, in one round trip.
async fn begin(session: &Session, space: &Space, wishes: &[(&Arc<Scope>, &Wish)]) -> Result<Work, DatabaseError> {
    let (client, statements) = (&session.client, &session.statements);
    let (addresses, macs) = concerned(wishes);
    let (provider, name) = (&*space.provider, space.name.as_str());
    let wanted = rows::of_number(wishes.len() as u64);
    let claims = wishes.iter().any(|(_, wish)| matches!(wish, Wish::Claim { .. }));
    loop {
        // The statements are sent in this order, and each sees what was committed before the lock was there.
        let locked = async {
            let (_, locked) = try_join(
                client.batch_execute("BEGIN ISOLATION LEVEL READ COMMITTED"),
                client.query_opt(&statements.lock, &[&provider, &name]),
            )
            .await?;
            Ok(locked)
        };
        let of_macs = async {
            if macs.is_empty() {
                Ok(Vec::new())
            } else {
                client.query(&statements.of_macs, &[&provider, &name, &macs]).await
            }
        };
        let total = async { if claims { client.query_opt(&statements.count, &[]).await } else { Ok(None) } };
        let (locked, drawn, of_addresses, of_macs, total) = try_join5(
            locked,
            client.query(&statements.moments, &[&wanted]),
            client.query(&statements.of_addresses, &[&provider, &name, &addresses]),
            of_macs,
            total,
        )
        .await?;
        let Some(locked) = locked else {
            client.batch_execute("ROLLBACK").await?;
            client.execute(&statements.add_space, &[&provider, &name]).await?;
            continue;
        };
        let mut table = Table::default();
        for row in of_addresses.iter().chain(&of_macs) {
            let (address, hold) = rows::hold(row, 0, space)?;
            table.put(address, hold);
        }
        let events: Vec<i64> = drawn.iter().map(|row| row.get(1)).collect();
        let moments = drawn.iter().map(|row| Moment { now: rows::time(row.get(0)), event: rows::number(row.get(1)) });
        return Ok(Work {
            id: locked.get(0),
            moments: moments.collect(),
            events,
            was_there: table.len(),
            table,
            total: total.map_or(0, |row| usize::try_from(row.get::<_, i64>(0)).unwrap_or(0)),
            changed: BTreeSet::new(),
        });
    }
}

/// The addresses and MACs whose holds the wishes depend on.
fn concerned(wishes: &[(&Arc<Scope>, &Wish)]) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let (mut addresses, mut macs) = (BTreeSet::new(), BTreeSet::new());
    for (_, wish) in wishes {
        match wish {
            Wish::Claim { candidates, grant, .. } => {
                addresses.extend(candidates.iter().copied());
                macs.extend(grant.ask.mac);
            }
            Wish::Step { address, .. } => {
                addresses.insert(*address);
            }
        }
    }
    let addresses = addresses.into_iter().map(rows::of_address).collect();
    (addresses, macs.iter().map(|mac: &Mac| mac.as_bytes().to_vec()).collect())
}

impl Work {
    fn claim(&mut self, scope: &Arc<Scope>, candidates: &[IpAddr], grant: Grant, at_most: usize, at: Moment) -> Claim {
        let candidates = &mut candidates.iter().copied();
        let Some(Promise { address, hold, is_one_more }) = self.table.promise(scope, candidates, &grant, at) else {
            return Claim::NoneFree;
        };
        let more = self.table.len().saturating_sub(self.was_there);
        if is_one_more && self.total + more >= at_most {
            return Claim::TooManyHolds;
        }
        self.enter(address, &Becomes::Held(hold));
        Claim::Granted(address)
    }

    fn step(&mut self, scope: &Arc<Scope>, address: IpAddr, step: &Step, at: Moment) -> Stepped {
        let before = self.table.get(address, at.now).cloned();
        let becomes = step.apply(scope, before.as_ref(), at);
        self.enter(address, &becomes);
        Stepped { before, becomes, at }
    }

    fn enter(&mut self, address: IpAddr, becomes: &Becomes) {
        match becomes {
            Becomes::Unchanged => return,
            Becomes::Held(hold) => self.table.put(address, hold.clone()),
            Becomes::Ended => self.table.remove(address),
        }
        self.changed.insert(address);
    }

    /// What the changed addresses are now.
    fn changes(&self) -> BTreeMap<IpAddr, Option<&Hold>> {
        self.changed.iter().map(|address| (*address, self.table.entry(*address))).collect()
    }
}

/// Writes the changes and commits, in one round trip.
async fn commit(session: &Session, work: Work, outcomes: Vec<Outcome>) -> Result<Vec<Outcome>, Failed> {
    let (client, statements) = (&session.client, &session.statements);
    if work.changed.is_empty() {
        client.batch_execute("COMMIT").await?;
        return Ok(outcomes);
    }
    let (mut held, mut ended) = (Columns::default(), Vec::new());
    for (address, hold) in work.changes() {
        match hold {
            Some(hold) => held.push(address, hold),
            None => ended.push(rows::of_address(address)),
        }
    }
    let more = work.table.len() as i64 - work.was_there as i64;
    let last = work.events.last().copied().unwrap_or_default();
    let put = async {
        if held.addresses.is_empty() {
            return Ok(0);
        }
        let Columns { addresses, prefixes, groups, macs, states, granted, ends, requests, events, confirmed, .. } =
            &held;
        let Columns { traces, requests_of_traces, pending, .. } = &held;
        let values: [&(dyn tokio_postgres::types::ToSql + Sync); 14] = [
            &work.id,
            addresses,
            prefixes,
            groups,
            macs,
            states,
            granted,
            ends,
            requests,
            events,
            confirmed,
            traces,
            requests_of_traces,
            pending,
        ];
        client.execute(&statements.put, &values).await
    };
    let remove =
        async { if ended.is_empty() { Ok(0) } else { client.execute(&statements.remove, &[&work.id, &ended]).await } };
    let note = [&work.id as &(dyn tokio_postgres::types::ToSql + Sync), &more, &last];
    let written = futures_util::future::try_join4(
        put,
        remove,
        client.execute(&statements.note, &note),
        client.batch_execute("COMMIT"),
    );
    match written.await.map_err(DatabaseError::from) {
        Ok(_) => Ok(outcomes),
        // A transaction with a refused statement ends without effect, whatever is sent after it.
        Err(error) if error.is_refusal() => Err(Failed::NoEffect(error)),
        Err(error) => {
            let addresses = held.addresses.clone();
            Err(Failed::Unknown(error, Written { outcomes, addresses, events: work.events.clone() }))
        }
    }
}

impl Written {
    /// Looks on another connection whether the transaction took effect; its outcomes if so.
    ///
    /// The look waits for the lock of the space, which the lost transaction may still have. Since then others may have
    /// changed the space: then a hold with an event of the transaction shows that it took effect, and without one the
    /// wishes are fulfilled once more. The rules allow that: a promise that was changed again is not the caller's any more.
    pub(super) async fn take_effect(
        self,
        session: &Session,
        space: &Space,
    ) -> Result<Option<Vec<Outcome>>, (DatabaseError, Self)> {
        match self.is_there(session, space).await {
            Ok(true) => Ok(Some(self.outcomes)),
            Ok(false) => Ok(None),
            Err(error) => Err((error.into(), self)),
        }
    }

    async fn is_there(&self, session: &Session, space: &Space) -> Result<bool, tokio_postgres::Error> {
        let (client, statements) = (&session.client, &session.statements);
        let (provider, name) = (&*space.provider, space.name.as_str());
        let Some(row) = client.query_opt(&statements.lock, &[&provider, &name]).await? else { return Ok(false) };
        let last: i64 = row.get(2);
        let own = self.events.last().copied().unwrap_or_default();
        if last <= own {
            return Ok(last == own);
        }
        let found = client.query(&statements.has_event, &[&provider, &name, &self.addresses, &self.events]).await?;
        Ok(!found.is_empty())
    }
}
