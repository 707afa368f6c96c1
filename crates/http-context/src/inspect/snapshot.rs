//! What there is to see in the process right now.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::caller::Caller;
use crate::context::{HttpContext, open_contexts};
use crate::exchange::{OpenUpgrade, open_upgrades};
use crate::facts::{CallerReport, Upgrade};
use crate::identity::{CallSite, ContextId, Origin};
use crate::leak::{RecentLeak, RecentNestedOpen, recent_leaks, recent_nested_opens};

/// Live contexts, open upgraded connections, recent leaks and recent nested opens: what an admin endpoint prints.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Snapshot {
    /// Contexts whose exit has not ended, oldest first.
    pub contexts: Vec<LiveContext>,
    /// Leaks by call site, latest first; at most 256 call sites.
    pub leaks: Vec<RecentLeak>,
    /// Nested opens by call site, latest first; at most 256 pairs of call sites.
    pub nested_opens: Vec<RecentNestedOpen>,
    /// Upgraded connections that are open, oldest first.
    pub upgraded: Vec<LiveUpgrade>,
}

/// One context in a [`Snapshot`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LiveContext {
    /// The context: its id, its name and where it was opened.
    pub context: HttpContext,
    /// How long it is open.
    pub age: Duration,
    /// Whether it is longer open than its threshold.
    pub is_overdue: bool,
    /// Whether its exit has begun.
    pub is_closing: bool,
    /// Requests that have been started and not ended, their bodies included.
    pub requests_in_flight: usize,
    /// Requests that have been started so far.
    pub requests: u64,
    /// What the requests of each [`caller`](crate::caller()) have come to so far, by name.
    pub callers: Vec<CallerReport>,
    /// Requests of plain clients that were answered or failed so far: see
    /// [`ExitReport::plain_requests`](field@crate::ExitReport::plain_requests).
    pub plain_requests: u64,
    /// Child tasks that are alive.
    pub children: usize,
    /// How often `open` was called inside it.
    pub nested_opens: u64,
}

/// One upgraded connection in a [`Snapshot`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LiveUpgrade {
    /// The context that it belongs to.
    pub context: ContextId,
    /// The name of the context, when it was given one.
    pub name: Option<Arc<str>>,
    /// Where the context was opened.
    pub opened_at: CallSite,
    /// Where the request was made that upgraded it.
    pub call_site: CallSite,
    /// By whom, where that has a name.
    pub caller: Option<Caller>,
    /// The server.
    pub origin: Arc<Origin>,
    /// What it speaks, its connection, and what it has carried so far.
    pub upgrade: Upgrade,
}

impl LiveUpgrade {
    fn of(open: &OpenUpgrade) -> Option<Self> {
        let exchange = open.exchange()?;
        let (request, context) = (&exchange.info, &exchange.scope().info);
        Some(Self {
            context: context.id,
            name: context.name.clone(),
            opened_at: context.opened_at,
            call_site: request.call_site,
            caller: request.caller,
            origin: request.destination(),
            upgrade: open.upgrade.clone(),
        })
    }

    /// How long it is open.
    pub fn age(&self) -> Duration {
        self.upgrade.traffic.since().elapsed()
    }
}

/// Takes a snapshot. Costs time and memory for each live context and upgraded connection; for a page that people look at,
/// not for a hot path.
///
/// ```
/// for live in http_context::snapshot().contexts {
///     println!("{} {:?}, {} in flight", live.context.opened_at(), live.age, live.requests_in_flight);
/// }
/// ```
pub fn snapshot() -> Snapshot {
    let live = |context: HttpContext| {
        let age = context.age();
        let stats = &context.scope().stats;
        LiveContext {
            age,
            is_overdue: context
                .options()
                .overdue_after
                .is_some_and(|threshold| age >= threshold),
            is_closing: context.is_closed(),
            requests_in_flight: context.requests_in_flight(),
            requests: stats.requests.started.load(Ordering::Relaxed),
            callers: stats.callers(),
            plain_requests: stats.requests.plain.load(Ordering::Relaxed),
            children: context.children(),
            nested_opens: context.nested_opens().count(),
            context,
        }
    };
    let open = open_upgrades();
    let mut upgraded: Vec<_> = open
        .iter()
        .filter_map(|open| LiveUpgrade::of(open))
        .collect();
    upgraded.sort_by_key(|one| one.upgrade.traffic.since());
    Snapshot {
        contexts: open_contexts().into_iter().map(live).collect(),
        leaks: recent_leaks(),
        nested_opens: recent_nested_opens(),
        upgraded,
    }
}
