//! The upgraded connections that are open in this process: for those who look at them, and for
//! observers, which hear of what they carry while they are open.

use std::sync::{Arc, LazyLock, Weak};
use std::time::Duration;

use tokio::time::Instant;

use super::state::{Exchange, Stage};
use crate::facts::Upgrade;
use crate::live::{LiveList, Registration};
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::sync::lazy;
use crate::watch::{Watched, watch_after};

/// How often observers hear of a connection that carries something.
const INTERVAL: Duration = Duration::from_secs(1);

/// One that is open.
pub(crate) struct OpenUpgrade {
    exchange: Weak<Exchange>,
    pub(crate) upgrade: Upgrade,
    /// What it had carried when observers heard of it last, as [`UpgradeTraffic::total`] says it.
    ///
    /// [`UpgradeTraffic::total`]: crate::UpgradeTraffic
    notified: AtomicU64,
}

static OPEN: LazyLock<LiveList<OpenUpgrade>> = LazyLock::new(LiveList::new);

/// All that are open now.
pub(crate) fn open_upgrades() -> Vec<Arc<OpenUpgrade>> {
    OPEN.all()
}

/// Keeps it among those that are open.
pub(super) struct Listed {
    _registration: Registration<OpenUpgrade>,
    /// The list has it by a weak pointer.
    _entry: Arc<OpenUpgrade>,
}

/// Enters one. Observers hear of it about once a second from here on, while it carries something.
pub(super) fn list(exchange: &Arc<Exchange>, upgrade: Upgrade) -> Listed {
    let entry = Arc::new(OpenUpgrade {
        exchange: Arc::downgrade(exchange),
        upgrade,
        notified: AtomicU64::new(0),
    });
    let spread = exchange.info.id.get();
    let listed = Listed {
        _registration: OPEN.register(spread, Arc::downgrade(&entry)),
        _entry: entry,
    };
    if LOOKOUT.is_wanted() {
        Progress::watch();
    }
    listed
}

impl OpenUpgrade {
    /// The request that it was upgraded by, unless it has ended meanwhile.
    pub(crate) fn exchange(&self) -> Option<Arc<Exchange>> {
        let exchange = self.exchange.upgrade()?;
        let is_open = exchange.lock().stage == Stage::Upgraded;
        is_open.then_some(exchange)
    }

    fn notify_progress(&self) {
        let total = self.upgrade.traffic.total();
        if self.notified.swap(total, Ordering::Relaxed) == total {
            return;
        }
        if let Some(exchange) = self.exchange() {
            exchange
                .notify(|observer, request| observer.upgrade_progressed(request, &self.upgrade));
        }
    }
}

/// Whether somebody looks at all of them. That is set after one was entered, and cleared before they are looked for
/// for the last time: so of who enters one and who goes, one sees the other. Both by a swap, since each of these sees
/// the one before it.
#[derive(Default)]
pub(crate) struct Lookout(AtomicBool);

impl Lookout {
    /// Whether who has entered one has to look from here on, since nobody does.
    fn is_wanted(&self) -> bool {
        !self.0.swap(true, Ordering::SeqCst)
    }

    /// Who looks goes. Whether it has to stay, since one was entered meanwhile that nobody looks at.
    fn is_wanted_again(&self, is_any_open: impl FnOnce() -> bool) -> bool {
        self.0.swap(false, Ordering::SeqCst);
        is_any_open() && self.is_wanted()
    }
}

lazy! {
    pub(crate) static LOOKOUT: Lookout = Lookout::default();
}

/// Looks at all of them together. There is one while any is open: who enters the first makes it, and
/// it goes when it finds none.
struct Progress;

impl Progress {
    fn watch() {
        watch_after(INTERVAL, Box::new(Self));
    }
}

impl Watched for Progress {
    fn look(&mut self) -> Option<Instant> {
        let open = OPEN.all();
        for one in &open {
            one.notify_progress();
        }
        (!open.is_empty()).then(|| Instant::now() + INTERVAL)
    }

    fn is_over(&self) -> bool {
        false
    }
}

impl Drop for Progress {
    /// Also where a look has panicked.
    fn drop(&mut self) {
        if LOOKOUT.is_wanted_again(|| !OPEN.all().is_empty()) {
            Self::watch();
        }
    }
}

#[cfg(all(test, http_context_loom))]
mod models;
