//! The upgraded connections that are open in this process: for those who look at them, and for
//! observers, which hear of what they carry while they are open.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Weak};
use std::time::Duration;

use tokio::time::Instant;

use super::state::{Exchange, Stage};
use crate::facts::Upgrade;
use crate::live::{LiveList, Registration};
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
    // After it is on the list, see `Progress`.
    Progress::watch();
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

/// Looks at all of them together. There is one while any is open: who enters the first makes it, and
/// it goes when it finds none.
struct Progress;

/// Whether there is one. It is cleared before the list is looked at for the last time, and set after
/// one was entered: so one of the two sees the other.
static IS_WATCHED: AtomicBool = AtomicBool::new(false);

impl Progress {
    fn watch() {
        if !IS_WATCHED.swap(true, Ordering::SeqCst) {
            watch_after(INTERVAL, Box::new(Self));
        }
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
        IS_WATCHED.store(false, Ordering::SeqCst);
        if !OPEN.all().is_empty() {
            Self::watch();
        }
    }
}
