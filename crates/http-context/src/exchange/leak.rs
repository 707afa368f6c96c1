//! A request or a body that was still there at the drain deadline.

use super::state::{Exchange, Stage, State};
use crate::facts::{Direction, Leak, LeakKind, LeakProgress};
use crate::sync::MutexGuard;
use crate::sync::atomic::Ordering;

/// The values of `reported`.
const NOT_REPORTED: u8 = 0;
const REQUEST: u8 = 1;
const BODY: u8 = 2;
const UPGRADED: u8 = 3;

impl Exchange {
    /// Marks it as leaked, unless another thread is just ending it. Returns the leak, which is to be reported.
    pub(super) fn mark_leaked(&self) -> Option<Leak> {
        let reported = match self.lock().stage {
            Stage::Notifying | Stage::Request | Stage::PollingRequest => REQUEST,
            Stage::Body | Stage::PollingBody => BODY,
            Stage::Upgraded => UPGRADED,
            Stage::Aborted | Stage::Over => return None,
        };
        // A swap, as where it is resolved: of a mark and a resolution the later one sees the other.
        self.driver.reported.swap(reported, Ordering::AcqRel);
        Some(self.leak_of(reported))
    }

    /// Marks one that was ended under its holder as leaked, if it is held. Returns the leak, which is to
    /// be reported.
    pub(crate) fn mark_kept(&self) -> Option<Leak> {
        let locked = self.lock();
        // Who releases it says so under this lock before it looks at the mark.
        if locked.is_released || self.driver.reported.load(Ordering::Acquire) != NOT_REPORTED {
            return None;
        }
        self.driver.reported.swap(UPGRADED, Ordering::AcqRel);
        drop(locked);
        Some(self.leak_of(UPGRADED))
    }

    fn leak_of(&self, reported: u8) -> Leak {
        let kind = match reported {
            BODY => LeakKind::ResponseBody,
            UPGRADED => LeakKind::UpgradedConnection,
            _ => LeakKind::RequestInFlight,
        };
        let info = &self.info;
        let age = info.started.elapsed();
        let mut leak = self.scope().leak(kind, Some(info.call_site), age);
        leak.caller = info.caller;
        leak.detail = Some(format!("{} {}", info.method, info.origin));
        leak.progress = self.progress(reported);
        leak.backtrace.clone_from(&info.backtrace);
        leak
    }

    fn progress(&self, reported: u8) -> Option<LeakProgress> {
        let Self { info, driver, .. } = self;
        let sent = info.upload.bytes();
        match reported {
            BODY => Some(LeakProgress {
                sent,
                received: Some(driver.received.bytes()),
                quiet_for: Some(driver.received.quiet_for(info.started)),
            }),
            UPGRADED => self.lock().upgraded.as_ref().map(|traffic| LeakProgress {
                sent: traffic.bytes(Direction::Sent),
                received: Some(traffic.bytes(Direction::Received)),
                quiet_for: Some(traffic.quiet_for()),
            }),
            _ => info.upload.is_any().then_some(LeakProgress {
                sent,
                received: None,
                quiet_for: None,
            }),
        }
    }

    /// Its caller holds the future no more.
    pub(super) fn release_future(&self, mut locked: MutexGuard<'_, State>) {
        let has_body = locked.has_body;
        locked.is_released |= !has_body;
        drop(locked);
        // A body that it has in place of the future is another leak.
        if !has_body || self.driver.reported.load(Ordering::Acquire) == REQUEST {
            self.resolve();
        }
    }

    /// Its caller holds the body no more.
    pub(super) fn release_body(&self, mut locked: MutexGuard<'_, State>) {
        locked.is_released = true;
        drop(locked);
        self.resolve();
    }

    /// Resolves its leak, if it was reported as one.
    pub(super) fn resolve(&self) {
        let reported = self.driver.reported.swap(NOT_REPORTED, Ordering::AcqRel);
        if reported != NOT_REPORTED {
            self.scope().report_resolved(&self.leak_of(reported));
        }
    }
}
