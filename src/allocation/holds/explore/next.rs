//! What a caller, and its proxy for it, can do next, one step of the place or of the IPAM at a time: the allocator's way.

use super::super::hold::HoldState;
use super::super::rules::Step;
use super::super::trace::Removed;
use super::caller::Doing;
use super::numbers::{
    ADDED_WITHIN, Batch, CANDIDATE, LOOKED_FOR, Late, MARK, QUARANTINE, SETTLED, Small, SmallOffer, mac, ticks,
};
use super::world::{Next, World};

impl World {
    fn does(mut self, caller: usize, doing: Doing) -> Self {
        self.callers[caller].doing = doing;
        self
    }

    /// A request of the caller comes to its proxy.
    fn comes(&self, caller: usize) -> Self {
        let mut next = self.clone();
        next.callers[caller].came = self.now;
        next
    }

    /// Nothing comes of the request, or the caller has done with the address.
    fn ends(mut self, caller: usize) -> Self {
        self.callers[caller].promise = None;
        self.does(caller, Doing::Nothing)
    }

    fn is_turn_free(&self, proxy: usize) -> bool {
        !self.callers.iter().any(|caller| caller.proxy == proxy && caller.doing.is_write())
    }

    /// All that the caller, and the proxy for it, can do next.
    pub(super) fn next_of(&self, number: usize, can: &mut impl FnMut(&'static str, Next)) {
        let caller = &self.callers[number];
        let (subnet, proxy) = (caller.subnet, caller.proxy);
        match caller.doing {
            Doing::Nothing if caller.rounds > 0 && caller.is_stray => {
                for address in Self::inside(subnet) {
                    let mut next = self.begin_delete(number, address);
                    next.callers[number].rounds -= 1;
                    can("deletes what it does not have", Ok(next));
                }
            }
            Doing::Nothing if caller.rounds > 0 => {
                let mut next = self.comes(number);
                next.callers[number].rounds -= 1;
                let arrival = next.moment().event;
                can("asks", Ok(next.does(number, Doing::Offer { arrival })));
            }
            Doing::Nothing => {}
            Doing::Offer { arrival } => can("looks for its offer", Ok(self.look_for_offer(number, arrival))),
            Doing::AskOffer { arrival, offer } => {
                let confirmed = self.now;
                let next = match self.record(offer.address) {
                    None => self.clone().does(number, Doing::Renew { arrival, offer, confirmed }),
                    Some(_) => self.clone().mark(subnet, offer.address).does(number, Doing::Offer { arrival }),
                };
                can("asks about its offer", Ok(next));
            }
            Doing::Renew { arrival, offer, confirmed } => {
                let mut next = self.clone();
                let step = Step::Renew(offer.offer(), caller.grant(arrival, confirmed));
                let (_, is_done, _) = next.step(subnet, offer.address, &step);
                can(
                    "renews",
                    match is_done {
                        true => next.promised(number, arrival, offer.address),
                        false => Ok(next.does(number, Doing::Offer { arrival })),
                    },
                );
            }
            Doing::Fetch { arrival, held, asked, event } => {
                let is_free = |address: &u8| self.record(*address).is_none() && held & 1 << address == 0;
                let free = Self::inside(subnet).filter(is_free).fold(0, |free, address| free | 1 << address);
                let batch = Batch { free, asked, event };
                let mut next = self.clone();
                next.batches[proxy][subnet] = Some(batch);
                can("fetches", Ok(next.does(number, Doing::Claim { arrival, batch })));
            }
            Doing::Claim { arrival, batch } => {
                let mut next = self.clone();
                let claimed = next.claim(subnet, batch.free, caller.grant(arrival, batch.asked));
                can(
                    "claims",
                    match claimed {
                        Some(address) => next.promised(number, arrival, address),
                        None if batch.free == 0 && batch.event > arrival => {
                            Ok(next.does(number, Doing::Spare { arrival }))
                        }
                        None => {
                            let slot = &mut next.batches[proxy][subnet];
                            *slot = slot.filter(|current| *current != batch);
                            Ok(next.does(number, Doing::Offer { arrival }))
                        }
                    },
                );
            }
            Doing::Spare { arrival } => {
                let next = self.clone();
                can(
                    "looks for a spare",
                    Ok(match self.spare(subnet) {
                        None => next.ends(number),
                        Some(offer) => {
                            let (offer, asked) = (SmallOffer::of(offer), self.now);
                            next.does(number, Doing::AskSpare { arrival, offer, asked })
                        }
                    }),
                );
            }
            Doing::AskSpare { arrival, offer, asked } => {
                let next = match self.record(offer.address) {
                    None => self.clone().does(number, Doing::Reuse { arrival, offer, confirmed: asked }),
                    Some(_) => self.clone().mark(subnet, offer.address).does(number, Doing::Spare { arrival }),
                };
                can("asks about a spare", Ok(next));
            }
            Doing::Reuse { arrival, offer, confirmed } => {
                let mut next = self.clone();
                let step = Step::Reuse(offer.offer(), caller.grant(arrival, confirmed));
                let (_, is_done, _) = next.step(subnet, offer.address, &step);
                can(
                    "reuses",
                    match is_done {
                        true => next.promised(number, arrival, offer.address),
                        false => Ok(next.does(number, Doing::Spare { arrival })),
                    },
                );
            }
            Doing::Chosen { arrival, address } => {
                if self.is_turn_free(proxy) {
                    let mut next = self.clone();
                    let begin = Step::BeginAllocation { mark: MARK, at_least: ticks(ADDED_WITHIN) };
                    let (before, is_done, at) = next.step(subnet, address, &begin);
                    can(
                        "begins to allocate",
                        Ok(match is_done {
                            true => next.does(number, Doing::Send { address, ticket: at.event, before }),
                            false => next.does(number, Doing::Offer { arrival }),
                        }),
                    );
                }
            }
            Doing::Holding { .. } if caller.promise.is_none() => can("gives up", Ok(self.clone().ends(number))),
            Doing::Holding { address } => {
                if self.is_turn_free(proxy) {
                    let mut next = self.comes(number);
                    let (before, _, at) =
                        next.step(subnet, address, &Step::BeginAdd { at_least: ticks(ADDED_WITHIN), request: None });
                    // From now on the promise lives as long as the request.
                    next.callers[number].promise = Some((address, u64::MAX));
                    can("begins to add", Ok(next.does(number, Doing::Send { address, ticket: at.event, before })));
                    can("begins to delete", Ok(self.begin_delete(number, address)));
                }
            }
            Doing::Send { address, ticket, before } => self.send(number, (address, ticket, before), can),
            Doing::Look { address, ticket, before } => {
                let was_promised =
                    before.is_some_and(|hold| matches!(hold.state(), HoldState::Offered | HoldState::Unanswered));
                let next = self.clone();
                can(
                    "looks",
                    Ok(match self.record(address) {
                        Some(owner) if owner == number && was_promised => {
                            next.ends(number).does(number, Doing::Finish { address, ticket })
                        }
                        Some(_) => next.does(number, Doing::Mark { address }),
                        None => next.does(number, Doing::Lose { address, ticket }),
                    }),
                );
            }
            Doing::Lose { address, ticket } => {
                let mut next = self.clone();
                let lose = Step::LoseAdd { ticket, mac: mac(caller.host), at_least: ticks(LOOKED_FOR) };
                next.step(subnet, address, &lose);
                can("does not know", Ok(next.ends(number)));
            }
            Doing::Undo { address, ticket, before } => {
                let mut next = self.clone();
                next.step(subnet, address, &Step::UndoAdd { ticket, before: before.map(|hold| hold.hold()) });
                // What was promised before is promised still.
                let until = before.filter(|hold| hold.host > 0 && self.now < hold.until).map(|hold| hold.until);
                next.callers[number].promise = until.map(|until| (address, until));
                if caller.allocates {
                    next.step(subnet, address, &Step::Withdraw { mark: MARK });
                    can("undoes and withdraws", Ok(next.ends(number)));
                } else {
                    can("undoes", Ok(next.does(number, Doing::Holding { address })));
                }
            }
            Doing::Mark { address } => can("is refused", Ok(self.clone().mark(subnet, address).ends(number))),
            Doing::Finish { address, ticket } => {
                let mut next = self.clone();
                next.step(subnet, address, &Step::FinishAdd { ticket, settled: ticks(SETTLED), is_restored: false });
                can("finishes", Ok(next.does(number, Doing::Reserved { address })));
            }
            Doing::Reserved { address } => {
                if self.is_turn_free(proxy) && self.record(address) == Some(number) {
                    can("begins to delete", Ok(self.begin_delete(number, address)));
                }
            }
            // It would delete the record of another: see what is not in the world.
            Doing::SendDelete { address, .. } if caller.is_stray && self.record(address).is_some() => {
                can("does not delete", Ok(self.clone().ends(number)));
            }
            Doing::SendDelete { address, seen } => {
                let mut next = self.clone();
                let removed = next.ipam[usize::from(address - 1)].take().map(|owner| self.callers[owner].host);
                can("deletes", Ok(next.does(number, Doing::Delete { address, seen, removed })));
            }
            Doing::Delete { address, seen, removed } => {
                let mut next = self.clone();
                let removed = removed.map(|host| Removed::of(mac(host)));
                next.step(
                    subnet,
                    address,
                    &Step::Delete { seen, removed, quarantine: ticks(QUARANTINE), request: None },
                );
                can("has deleted", Ok(next.ends(number)));
            }
        }
    }

    fn mark(mut self, subnet: usize, address: u8) -> Self {
        self.step(subnet, address, &Step::MarkReserved { settled: ticks(SETTLED) });
        self
    }

    fn begin_delete(&self, number: usize, address: u8) -> Self {
        let mut next = self.comes(number);
        // It is the caller itself that lets it go.
        next.callers[number].promise = None;
        let seen = next.get(address).map(|hold| hold.event);
        next.does(number, Doing::SendDelete { address, seen })
    }

    /// Its own offer, else the batch, else a new one.
    fn look_for_offer(&self, number: usize, arrival: u64) -> Self {
        let caller = &self.callers[number];
        let mut next = self.clone();
        let ask = caller.grant(arrival, 0).ask;
        if let Some(offer) = self.offer_for(caller.subnet, &ask) {
            let offer = SmallOffer::of(offer);
            let is_fresh = self.now - offer.confirmed < CANDIDATE;
            return next.does(
                number,
                match is_fresh {
                    true => Doing::Renew { arrival, offer, confirmed: offer.confirmed },
                    false => Doing::AskOffer { arrival, offer },
                },
            );
        }
        if let Some(batch) = self.batches[caller.proxy][caller.subnet]
            && caller.came.saturating_sub(batch.asked) < CANDIDATE
        {
            return next.does(number, Doing::Claim { arrival, batch });
        }
        let at = next.moment();
        let held = Self::inside(caller.subnet).filter(|address| self.get(*address).is_some());
        let held = held.fold(0, |held, address| held | 1 << address);
        next.does(number, Doing::Fetch { arrival, held, asked: at.now.0, event: at.event })
    }

    /// The IPAM does the add, or not, and the answer comes, or not.
    fn send(
        &self,
        number: usize,
        (address, ticket, before): (u8, u64, Option<Small>),
        can: &mut impl FnMut(&'static str, Next),
    ) {
        let was_unanswered = before.is_some_and(|hold| hold.state() == HoldState::Unanswered);
        let created = self.clone().created(number, address);
        let answered = created.clone().map(|(next, is_new)| match is_new {
            true => next.ends(number).does(number, Doing::Finish { address, ticket }),
            false if was_unanswered => next.does(number, Doing::Look { address, ticket, before }),
            false => next.does(number, Doing::Mark { address }),
        });
        can("adds", answered);
        if self.losses == 0 {
            return;
        }
        let lost = |mut next: Self| {
            next.losses -= 1;
            next.does(number, Doing::Look { address, ticket, before })
        };
        can("adds, and the answer is lost", created.map(|(next, _)| lost(next)));
        can("is lost on its way", Ok(lost(self.clone())));
        let mut late = lost(self.clone());
        late.late.push(Late { caller: number, address, until: self.now + LOOKED_FOR - 1 });
        can("comes late", Ok(late));
        let mut refused = self.clone().does(number, Doing::Undo { address, ticket, before });
        refused.losses -= 1;
        can("is refused by the IPAM", Ok(refused));
    }
}
