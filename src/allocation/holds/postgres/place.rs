//! The interface of a place, over the database.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;
use ipam_provider::AddressSet;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::change::{Outcome, Wish};
use super::pool::Pool;
use super::queue::{Job, Queue};
use super::rows;
use super::statements::Statements;
use super::{Database, DatabaseError};
use crate::allocation::Timestamp;
use crate::allocation::holds::hold::{Ask, Grant, Hold, HoldState, Moment, Offer, Scope, Space};
use crate::allocation::holds::place::{After, Claim, Held, HeldIn, Place, PlaceError, StateCounts, Stepped};
use crate::allocation::holds::rules::{self, Step};
use crate::telemetry::request_id::RequestId;

/// How many candidates are looked at in one transaction.
const CANDIDATES: usize = 64;

/// How many addresses of a subnet are read at a time.
const SLICE: usize = 10_000;

/// How many ended holds are removed at a time.
const REMOVED_AT_ONCE: i64 = 1000;

/// The holds in a database that several proxies share.
pub struct PostgresPlace {
    shared: Arc<Shared>,
    /// Connections and transactions live here, so that a caller that goes away leaves none half done. `None` while it is
    /// dropped.
    runtime: Option<Runtime>,
}

struct Shared {
    pool: Pool,
    queue: Queue,
    /// The callers that wait for the time.
    waiting: Mutex<Vec<Waiting>>,
}

type Waiting = oneshot::Sender<Result<Moment, PlaceError>>;

impl fmt::Debug for PostgresPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresPlace").finish_non_exhaustive()
    }
}

impl Drop for PostgresPlace {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl PostgresPlace {
    /// The holds in this database. It is connected to when it is needed first.
    ///
    /// # Errors
    /// When the thread for the database cannot be started.
    pub fn new(database: Database) -> Result<Self, DatabaseError> {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        runtime.worker_threads(1).thread_name("database").enable_all();
        let runtime = runtime.build().map_err(DatabaseError::Thread)?;
        let shared = Shared { pool: Pool::new(database), queue: Queue::default(), waiting: Mutex::default() };
        Ok(Self { shared: Arc::new(shared), runtime: Some(runtime) })
    }

    /// Runs a task beside the callers.
    async fn run<T, F, W>(&self, work: W) -> Result<T, PlaceError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, DatabaseError>> + Send + 'static,
        W: FnOnce(Arc<Shared>) -> F,
    {
        let runtime = self.runtime.as_ref().ok_or(DatabaseError::Gone)?;
        let task = runtime.spawn(work(self.shared.clone()));
        Ok(task.await.map_err(|_| DatabaseError::Gone)??)
    }

    /// The answer to what waits in a queue, in time.
    async fn answer<T>(&self, answered: oneshot::Receiver<Result<T, PlaceError>>) -> Result<T, PlaceError> {
        let limit = self.shared.pool.timeout();
        match timeout(limit, answered).await {
            Ok(answer) => answer.map_err(|_| DatabaseError::Gone)?,
            Err(_) => Err(DatabaseError::TimedOut(limit).into()),
        }
    }

    async fn change(&self, scope: &Arc<Scope>, wish: Wish) -> Result<Outcome, PlaceError> {
        let (answer, answered) = oneshot::channel();
        if self.shared.queue.push(Job { scope: scope.clone(), wish, answer }) {
            let (shared, space) = (self.shared.clone(), scope.space.clone());
            let runtime = self.runtime.as_ref().ok_or(DatabaseError::Gone)?;
            runtime.spawn(async move { shared.queue.work(&shared.pool, &space).await });
        }
        self.answer(answered).await
    }
}

impl Shared {
    /// Gives the time to all callers that wait for it: one number is later than all that was before they asked.
    async fn tell_time(&self) {
        loop {
            let waiting = {
                let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
                waiting.len()
            };
            let moment = self.moment().await.map_err(PlaceError::from);
            let mut all = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            for caller in all.drain(..waiting) {
                let _ = caller.send(moment.clone());
            }
            if all.is_empty() {
                return;
            }
        }
    }

    async fn moment(&self) -> Result<Moment, DatabaseError> {
        let row = self.one(|statements| &statements.moment, &[]).await?;
        Ok(Moment { now: rows::time(row.try_get(0)?), event: rows::number(row.try_get(1)?) })
    }

    async fn one(
        &self,
        statement: fn(&Statements) -> &tokio_postgres::Statement,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Row, DatabaseError> {
        self.pool.query(statement, values).await?.pop().ok_or(DatabaseError::Row("number of rows"))
    }

    async fn held(&self, scope: &Scope) -> Result<HeldIn, DatabaseError> {
        let (provider, name) = (&*scope.space.provider, scope.space.name.as_str());
        let last = rows::of_address(scope.prefix.last());
        let mut from = rows::of_address(scope.prefix.network());
        let (mut addresses, mut promised) = (Vec::new(), 0);
        let at_most = rows::of_number(SLICE as u64);
        loop {
            let values: [&(dyn ToSql + Sync); 5] = [&provider, &name, &from, &last, &at_most];
            let found = self.pool.query(|statements| &statements.held, &values).await?;
            for row in &found {
                addresses.push(rows::address(row.try_get(0)?)?);
                promised += usize::from(HoldState::of_name(row.try_get(1)?) != HoldState::Reserved);
            }
            match found.last() {
                // The bytes that follow those of the last address.
                Some(row) if found.len() == SLICE => from = [row.try_get(0)?, &[0][..]].concat(),
                _ => return Ok(HeldIn { addresses: addresses.into_iter().collect::<AddressSet>(), promised }),
            }
        }
    }

    async fn spare(&self, scope: &Scope, recycle_after: Duration) -> Result<Option<Offer>, DatabaseError> {
        let (provider, name) = (&*scope.space.provider, scope.space.name.as_str());
        let (first, last) = (rows::of_address(scope.prefix.network()), rows::of_address(scope.prefix.last()));
        let values: [&(dyn ToSql + Sync); 4] = [&provider, &name, &first, &last];
        let Some(row) = self.pool.query(|statements| &statements.spare, &values).await?.pop() else { return Ok(None) };
        let (address, hold) = rows::hold(&row, 0, &scope.space)?;
        let now = rows::time(row.try_get(11)?);
        Ok(rules::spare(&hold, now, recycle_after).map(|_| Offer::of(address, &hold)))
    }

    async fn list(&self, after: Option<&After>, at_most: usize) -> Result<Vec<Held>, DatabaseError> {
        let spaces = self.pool.query(|statements| &statements.spaces, &[]).await?;
        let mut sorted: BTreeMap<Space, (i64, i64)> = BTreeMap::new();
        for row in &spaces {
            sorted.insert(rows::space(row, 1)?, (row.try_get(0)?, row.try_get(3)?));
        }
        let mut left = sorted.into_iter().filter(|(space, _)| after.is_none_or(|(from, _)| space >= from)).peekable();
        let mut page: Vec<Held> = Vec::new();
        while page.len() < at_most {
            let room = rows::of_number((at_most - page.len()) as u64);
            let Some((space, (id, held))) = left.next() else { break };
            let from = after.filter(|(from, _)| *from == space).map(|(_, address)| rows::of_address(*address));
            if from.is_some() || held > room {
                let values: [&(dyn ToSql + Sync); 3] = [&id, &from.unwrap_or_default(), &room];
                for row in self.pool.query(|statements| &statements.page, &values).await? {
                    page.push(rows::hold(&row, 1, &space)?);
                }
                continue;
            }
            // Many small spaces in one go.
            let (mut some, mut sum) = (BTreeMap::from([(id, space)]), held);
            while let Some((space, (id, held))) = left.next_if(|(_, (_, held))| sum + held <= room) {
                sum += held;
                some.insert(id, space);
            }
            let ids: Vec<i64> = some.keys().copied().collect();
            let mut holds = Vec::new();
            for row in self.pool.query(|statements| &statements.pages, &[&ids]).await? {
                let space = some.get(&row.try_get(0)?).ok_or(DatabaseError::Row("space"))?;
                holds.push(rows::hold(&row, 1, space)?);
            }
            holds.sort_by(|(a, of_a), (b, of_b)| (&of_a.scope.space, a).cmp(&(&of_b.scope.space, b)));
            page.extend(holds);
        }
        page.truncate(at_most);
        Ok(page)
    }

    async fn sweep(&self) -> Result<(), DatabaseError> {
        for row in self.pool.query(|statements| &statements.with_ended, &[]).await? {
            let space = rows::space(&row, 0)?;
            while self.pool.again_while_passing(|| self.remove_ended(&space).boxed()).await? == REMOVED_AT_ONCE {}
        }
        Ok(())
    }

    /// Removes some ended holds of a space, and returns how many.
    async fn remove_ended(&self, space: &Space) -> Result<i64, DatabaseError> {
        let session = self.pool.lend().await?;
        let (client, statements) = (&session.client, &session.statements);
        client.batch_execute("BEGIN ISOLATION LEVEL READ COMMITTED").await?;
        let row = client.query_one(&statements.lock, &[&&*space.provider, &space.name.as_str()]).await?;
        let (id, event): (i64, i64) = (row.get(0), row.get(2));
        let removed = client.execute(&statements.remove_ended, &[&id, &REMOVED_AT_ONCE]).await?;
        let removed = rows::of_number(removed);
        client.execute(&statements.note, &[&id, &-removed, &event]).await?;
        client.batch_execute("COMMIT").await?;
        session.give_back();
        Ok(removed)
    }
}

/// The holds in rows that begin with provider and name of the space.
fn of_spaces(found: &[Row]) -> Result<Vec<Held>, DatabaseError> {
    found.iter().map(|row| rows::hold(row, 2, &rows::space(row, 0)?)).collect()
}

#[async_trait]
impl Place for PostgresPlace {
    async fn moment(&self) -> Result<Moment, PlaceError> {
        let (answer, answered) = oneshot::channel();
        let is_first = {
            let mut waiting = self.shared.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            waiting.push(answer);
            waiting.len() == 1
        };
        if is_first {
            let shared = self.shared.clone();
            self.runtime.as_ref().ok_or(DatabaseError::Gone)?.spawn(async move { shared.tell_time().await });
        }
        self.answer(answered).await
    }

    async fn get(&self, space: &Space, address: IpAddr) -> Result<Option<Hold>, PlaceError> {
        let space = space.clone();
        self.run(|shared| async move {
            let values: [&(dyn ToSql + Sync); 3] =
                [&&*space.provider, &space.name.as_str(), &rows::of_address(address)];
            let found = shared.pool.query(|statements| &statements.get, &values).await?.pop();
            found.map(|row| Ok(rows::hold(&row, 0, &space)?.1)).transpose()
        })
        .await
    }

    async fn offer_for(&self, scope: &Scope, ask: &Ask) -> Result<Option<Offer>, PlaceError> {
        let Some(mac) = ask.mac else { return Ok(None) };
        let (scope, ask) = (scope.clone(), *ask);
        self.run(move |shared| async move {
            let (space, prefix) = (&scope.space, scope.prefix);
            let (first, last) = (rows::of_address(prefix.network()), rows::of_address(prefix.last()));
            let macs = [mac.as_bytes()];
            let values: [&(dyn ToSql + Sync); 5] =
                [&&*space.provider, &space.name.as_str(), &macs.as_slice(), &first, &last];
            let found = shared.pool.query(|statements| &statements.of_mac, &values).await?;
            let holds: Vec<Held> = found.iter().map(|row| rows::hold(row, 0, space)).collect::<Result<_, _>>()?;
            Ok(rules::offer_for(holds.iter().map(|(address, hold)| (*address, hold)), &ask))
        })
        .await
    }

    async fn claim(
        &self,
        scope: &Arc<Scope>,
        candidates: &mut (dyn Iterator<Item = IpAddr> + Send),
        grant: Grant,
        at_most: usize,
    ) -> Result<Claim, PlaceError> {
        loop {
            let some: Vec<IpAddr> = candidates.take(CANDIDATES).collect();
            let is_last = some.len() < CANDIDATES;
            match self.change(scope, Wish::Claim { candidates: some, grant, at_most }).await? {
                Outcome::Claimed(Claim::NoneFree) if !is_last => {}
                Outcome::Claimed(claim) => return Ok(claim),
                Outcome::Stepped(_) => return Err(DatabaseError::Gone.into()),
            }
        }
    }

    async fn step(&self, scope: &Arc<Scope>, address: IpAddr, step: Step) -> Result<Stepped, PlaceError> {
        match self.change(scope, Wish::Step { address, step }).await? {
            Outcome::Stepped(stepped) => Ok(stepped),
            Outcome::Claimed(_) => Err(DatabaseError::Gone.into()),
        }
    }

    async fn held(&self, scope: &Scope) -> Result<HeldIn, PlaceError> {
        let scope = scope.clone();
        self.run(|shared| async move { shared.held(&scope).await }).await
    }

    async fn spare(&self, scope: &Scope, recycle_after: Duration) -> Result<Option<Offer>, PlaceError> {
        let scope = scope.clone();
        self.run(move |shared| async move { shared.spare(&scope, recycle_after).await }).await
    }

    async fn list(&self, after: Option<&After>, at_most: usize) -> Result<Vec<Held>, PlaceError> {
        let after = after.cloned();
        self.run(move |shared| async move { shared.list(after.as_ref(), at_most).await }).await
    }

    async fn find(&self, address: IpAddr) -> Result<Vec<Hold>, PlaceError> {
        self.run(move |shared| async move {
            let found = shared.pool.query(|statements| &statements.find, &[&rows::of_address(address)]).await?;
            let mut holds: Vec<Hold> = of_spaces(&found)?.into_iter().map(|(_, hold)| hold).collect();
            holds.sort_by(|a, b| a.scope.space.cmp(&b.scope.space));
            Ok(holds)
        })
        .await
    }

    async fn traced(&self, request: &RequestId) -> Result<Vec<Held>, PlaceError> {
        let request = request.clone();
        self.run(move |shared| async move {
            of_spaces(&shared.pool.query(|statements| &statements.traced, &[&request.as_str()]).await?)
        })
        .await
    }

    async fn pending(&self) -> Result<Vec<Held>, PlaceError> {
        self.run(|shared| async move { of_spaces(&shared.pool.query(|statements| &statements.pending, &[]).await?) })
            .await
    }

    async fn count(&self) -> Result<usize, PlaceError> {
        self.run(|shared| async move {
            let count: i64 = shared.one(|statements| &statements.count, &[]).await?.try_get(0)?;
            Ok(usize::try_from(count).unwrap_or(0))
        })
        .await
    }

    async fn count_states(&self) -> Result<StateCounts, PlaceError> {
        self.run(|shared| async move {
            let mut counts = StateCounts::default();
            for row in shared.pool.query(|statements| &statements.count_states, &[]).await? {
                let number: i64 = row.try_get(1)?;
                counts.add(HoldState::of_name(row.try_get(0)?), usize::try_from(number).unwrap_or(0));
            }
            Ok(counts)
        })
        .await
    }

    async fn sweep(&self) -> Result<(), PlaceError> {
        self.run(|shared| async move { shared.sweep().await }).await
    }

    async fn tidy(self: Arc<Self>) -> Result<(), PlaceError> {
        self.sweep().await
    }

    fn utc(&self, time: Timestamp) -> String {
        time.to_utc()
    }

    fn trouble(&self) -> Option<String> {
        self.shared.pool.trouble()
    }
}
