//! Pools of WebSockets, and what is borrowed of them.

use super::kept::{Kept, What};
use super::{ContextNo, Reference, Seen};
use crate::peers::POOLED;

/// So many WebSockets may be in use at once of one pool.
pub(crate) const MOST_IN_USE: usize = 2;

/// A pool of WebSockets, which belongs to a context.
#[derive(Debug)]
pub(crate) struct Pool {
    pub(super) owner: ContextNo,
    /// The sockets that wait in it. The last is the next.
    pub(super) idle: Vec<Kept>,
    is_closed: bool,
}

/// By whom a WebSocket of a pool is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lent {
    pub(super) pool: usize,
    /// Unless that is the owner, or nobody.
    pub(super) borrower: Option<ContextNo>,
    /// Whether its pool was invalidated since.
    is_stale: bool,
}

impl Reference {
    /// A task builds a pool in its context; `None` where that is left out.
    pub(crate) fn build_pool(&mut self, by: usize) -> Option<Seen> {
        let Some(owner) = self.tasks[by].bound() else {
            return Some(Seen::Unbound);
        };
        if !self.is_open(owner) {
            return None;
        }
        self.pools.push(Pool {
            owner,
            idle: Vec::new(),
            is_closed: false,
        });
        self.keep(owner, 0, What::Pool(self.pools.len() - 1));
        Some(Seen::Done)
    }

    /// Whether the peers of a pool answer a Close frame: where its owner waits for that.
    pub(crate) fn pool_answers(&self, pool: usize) -> bool {
        self.options(self.pools[pool].owner).drains
    }

    /// A task borrows of a pool; `None` where that is left out.
    pub(crate) fn borrow(&mut self, by: usize, pool: usize) -> Option<Seen> {
        let (bound, owner) = (self.tasks[by].bound(), self.pools[pool].owner);
        // When the pool has heard of its owner's exit nobody knows.
        if !self.is_open(owner) || bound.is_some_and(|bound| !self.is_open(bound)) {
            return None;
        }
        if self.pools[pool].is_closed {
            self.comes_to("borrowed of a closed pool");
            return Some(Seen::PoolClosed);
        }
        let of_it = |kept: &&Kept| kept.lent.is_some_and(|lent| lent.pool == pool);
        if self.kept.iter().filter(of_it).count() == MOST_IN_USE {
            self.comes_to("borrowed, and all were in use");
            return Some(Seen::AllInUse);
        }
        let idle = &mut self.pools[pool].idle;
        let warm = std::iter::from_fn(|| idle.pop()).find(|kept| !kept.is_cut);
        let mut kept = match warm {
            Some(kept) => {
                self.comes_to("borrowed warm");
                kept
            }
            None => match self.lookup_in(owner) {
                Seen::Session(_, session) => {
                    self.started(owner, self.tasks[by].caller);
                    Kept::new(owner, session, self.opens_socket(owner, POOLED, false))
                }
                refused => return Some(refused),
            },
        };
        let borrower = bound.filter(|bound| *bound != owner);
        if let Some(borrower) = borrower {
            self.contexts[borrower].borrowed += 1;
        }
        kept.lent = Some(Lent {
            pool,
            borrower,
            is_stale: false,
        });
        self.kept.push(kept);
        Some(Seen::Done)
    }

    pub(crate) fn put_back(&mut self, at: usize) {
        let lent = self.kept[at].lent.expect("picked so");
        if lent.is_stale || self.pools[lent.pool].is_closed {
            return self.drop_kept(at);
        }
        let kept = self.kept.remove(at);
        self.pools[lent.pool].idle.push(kept);
    }

    /// Closes a pool, or where peers answer nothing invalidates it.
    pub(crate) fn close_websockets(&mut self, pool: usize) {
        let closes = self.pool_answers(pool);
        self.pools[pool].is_closed |= closes;
        self.drop_idle(pool, !closes);
        for lent in self.kept.iter_mut().filter_map(|kept| kept.lent.as_mut()) {
            lent.is_stale |= lent.pool == pool;
        }
    }

    pub(super) fn drop_pool(&mut self, pool: usize) {
        self.pools[pool].is_closed = true;
        self.drop_idle(pool, true);
    }

    fn drop_idle(&mut self, pool: usize, is_dropped: bool) {
        for kept in std::mem::take(&mut self.pools[pool].idle) {
            if !kept.is_cut {
                let by = if is_dropped { "local" } else { "owner" };
                self.ended(kept.what, by, is_dropped);
            }
        }
    }

    /// The pools of a context close when its exit begins. What waits in them takes leave with it, or is
    /// cut off.
    pub(super) fn close_pools(&mut self, owner: ContextNo) {
        for pool in self.pools.iter_mut().filter(|pool| pool.owner == owner) {
            pool.is_closed = true;
        }
    }

    /// How many a context has borrowed and not given back.
    pub(super) fn borrows(&self, no: ContextNo) -> usize {
        let lent = self.kept.iter().filter_map(|kept| kept.lent);
        lent.filter(|lent| lent.borrower == Some(no)).count()
    }
}
