//! What goes wrong while hosts are made: with the IPAM, with the proxy, or beside both.

use std::time::Duration;

use ipam_conformance::Fault;
use serde::Serialize;

use crate::hosts::Progress;
use crate::ledger::Ledger;
use crate::own_proxy::{OwnProxy, ProxyError};
use crate::promise::{Clock, Host, Kind, Moment, Promise};

/// How often one of several proxies is killed.
const A_SECOND: Duration = Duration::from_secs(1);

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Trouble {
    /// The IPAM does everything at once and answers late.
    Slow,
    /// The IPAM resets connections instead of writing.
    ResetBeforeWrite,
    /// The IPAM resets connections after it has written.
    ResetAfterWrite,
    /// The IPAM answers everything with 429.
    TooManyRequests,
    /// The IPAM answers everything with 500 and a page of HTML.
    HtmlError,
    /// The IPAM is gone and returns.
    Gone,
    /// The proxy is killed and started again.
    Kill,
    /// The proxy is killed and started again while the IPAM is slow, so that writes are cut off in the middle.
    KillWhileSlow,
    /// The proxy gets a new certificate, and reads its settings again.
    Reload,
    /// Somebody else takes addresses straight in the IPAM.
    OtherWriter,
    /// Every second another one of several proxies is killed and started again.
    KillInTurn,
    /// The database that the proxies share is restarted.
    RestartDatabase,
    /// Both: the database is restarted in the middle round, while one proxy is dead.
    KillInTurnAndRestartDatabase,
}

/// When it goes wrong, counted in hosts so that nothing depends on how fast the machine is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Course {
    /// How often it goes wrong.
    pub rounds: u64,
    /// How many hosts are created before each time, and after the last.
    pub calm: u64,
    /// How many hosts end, well or not, before it is right again.
    pub during: u64,
    /// It also lasts at least this long.
    #[serde(skip)]
    pub at_least: Duration,
    /// How much later a slow IPAM answers.
    #[serde(skip)]
    pub late: Duration,
}

impl Trouble {
    /// Goes through the course, and then ends the run. What somebody else took is noted.
    ///
    /// # Errors
    /// When the proxy does not start again, or the IPAM cannot be written to.
    pub(crate) async fn cause(
        self,
        course: Course,
        proxy: &mut OwnProxy,
        progress: &Progress,
        clock: Clock,
    ) -> Result<Ledger, ProxyError> {
        let mut taken = Ledger::default();
        for round in 0..course.rounds {
            progress.more_created(course.calm).await;
            let during = async {
                progress.more_ended(course.during).await;
                tokio::time::sleep(course.at_least).await;
            };
            match self {
                Self::Slow => {
                    proxy.ipam().delay(course.late);
                    during.await;
                    proxy.ipam().delay(Duration::ZERO);
                }
                Self::Kill => {
                    proxy.kill(0).await?;
                    during.await;
                    proxy.start_again(0).await?;
                }
                Self::KillWhileSlow => {
                    proxy.ipam().delay(course.late);
                    progress.more_created(course.calm).await;
                    proxy.kill(0).await?;
                    during.await;
                    proxy.ipam().delay(Duration::ZERO);
                    proxy.start_again(0).await?;
                }
                Self::Reload => {
                    proxy.renew_certificate().await?;
                    during.await;
                }
                Self::KillInTurn | Self::KillInTurnAndRestartDatabase => {
                    let number = usize::try_from(round).unwrap_or_default() % proxy.count();
                    proxy.kill(number).await?;
                    if self == Self::KillInTurnAndRestartDatabase && round == course.rounds / 2 {
                        proxy.restart_database().await?;
                    }
                    tokio::time::sleep(A_SECOND.max(course.at_least)).await;
                    proxy.start_again(number).await?;
                }
                Self::RestartDatabase => {
                    proxy.restart_database().await?;
                    during.await;
                }
                Self::OtherWriter => {
                    for turn in 0..course.during {
                        take_one(proxy, round * course.during + turn, clock, &mut taken)?;
                        progress.more_ended(1).await;
                    }
                    tokio::time::sleep(course.at_least).await;
                }
                Self::ResetBeforeWrite
                | Self::ResetAfterWrite
                | Self::TooManyRequests
                | Self::HtmlError
                | Self::Gone => {
                    proxy.ipam().fail(self.fault());
                    during.await;
                    proxy.ipam().fail(None);
                }
            }
        }
        progress.more_created(course.calm).await;
        progress.stop();
        Ok(taken)
    }

    /// Does it need an IPAM that can be made to fail?
    pub fn is_of_the_ipam(self) -> bool {
        self.fault().is_some() || self.needs_relay()
    }

    /// Does it need a database that several proxies share?
    pub fn is_of_several(self) -> bool {
        matches!(self, Self::KillInTurn | Self::RestartDatabase | Self::KillInTurnAndRestartDatabase)
    }

    /// Does it need a way to the IPAM that can be made longer?
    pub fn needs_relay(self) -> bool {
        matches!(self, Self::Slow | Self::KillWhileSlow)
    }

    fn fault(self) -> Option<Fault> {
        match self {
            Self::ResetBeforeWrite => Some(Fault::ResetBeforeWrite),
            Self::ResetAfterWrite => Some(Fault::ResetAfterWrite),
            Self::TooManyRequests => Some(Fault::TooManyRequests),
            Self::HtmlError => Some(Fault::HtmlError),
            Self::Gone => Some(Fault::Gone),
            Self::Slow
            | Self::Kill
            | Self::KillWhileSlow
            | Self::Reload
            | Self::OtherWriter
            | Self::KillInTurn
            | Self::RestartDatabase
            | Self::KillInTurnAndRestartDatabase => None,
        }
    }
}

/// The lowest free address, which is the one that a host is most likely to be offered at the moment.
fn take_one(proxy: &OwnProxy, turn: u64, clock: Clock, noted: &mut Ledger) -> Result<(), ProxyError> {
    let ipam = proxy.ipam();
    let failed = |error: &dyn std::fmt::Display| ProxyError::Proxy(format!("shares its IPAM with nobody: {error}"));
    let place = u32::try_from(turn % ipam.places().len() as u64).expect("fewer places than that");
    let Some(address) = ipam.lowest_free(place).map_err(|error| failed(&error))? else { return Ok(()) };
    let asked = clock.now();
    if ipam.take(place, address).map_err(|error| failed(&error))? {
        let (answered, until) = (clock.now(), Moment::NEVER);
        let host = Host::MAX - turn;
        noted.promises.push(Promise { host, place, address, kind: Kind::Taken, asked, answered, until });
        noted.taken.push((place, address));
    }
    Ok(())
}
