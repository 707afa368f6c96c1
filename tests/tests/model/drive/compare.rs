//! What must be so after each step, by everybody who can tell.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http_context::{ContextId, ExitReport};
use http_context_tests::Wire;
use tokio::time::timeout;

use super::kept::Kept;
use super::{Parted, Run};
use crate::peers::{AtPeers, POOLED, SHARED};
use crate::reference::{Report, Seen, What};
use crate::witness::difference;

/// How long others may take to tell what has happened: other threads, and peers.
const PATIENCE: Duration = Duration::from_secs(8);

/// How long they may take, which is more than the thread takes that cuts off what nobody waits for, once a program has failed, which is being shrunk.
const LITTLE_PATIENCE: Duration = Duration::from_secs(1);

/// Whether a program of this process has parted from its reference.
static HAS_PARTED: AtomicBool = AtomicBool::new(false);

/// What a step has shown, against what it was to show.
pub(super) fn compare(expected: &Seen, seen: &Seen) -> Result<(), Parted> {
    if expected == seen {
        return Ok(());
    }
    Err(format!("expected {expected:?}\n  got      {seen:?}"))
}

impl Run<'_> {
    /// Waits until everybody says what the reference does.
    pub(super) async fn settle(&mut self) -> Result<(), Parted> {
        let patience = if HAS_PARTED.load(Ordering::Relaxed) {
            LITTLE_PATIENCE
        } else {
            PATIENCE
        };
        let settled = self.settle_within(patience).await;
        if settled.is_err() {
            HAS_PARTED.store(true, Ordering::Relaxed);
        }
        settled
    }

    async fn settle_within(&mut self, patience: Duration) -> Result<(), Parted> {
        self.reference.end_idle_exits();
        let (exited, panics) = self.exited(patience).await?;
        let panics_expected = self.reference.take_panics();
        if panics != panics_expected {
            return Err(format!("{panics} opens panic, of {panics_expected}"));
        }
        for (context, expected) in std::mem::take(&mut self.reference.exits) {
            let (id, _) = self.contexts[context];
            let report = timeout(patience, self.report(id)).await;
            let report = report.map_err(|_| format!("context {context} has not exited"))?;
            let got = report_of(&report);
            if expected != got {
                return Err(format!(
                    "context {context} reports\n  expected {expected:?}\n  got      {got:?}"
                ));
            }
            for handed_over in exited.iter().filter(|one| one.context == id) {
                if report_of(handed_over) != got {
                    return Err(format!("context {context} reports two things"));
                }
            }
        }
        self.facts(patience).await?;
        self.at_peers(patience).await
    }

    /// The opens that are left must be over; returns the reports that are handed over, and how many
    /// have panicked.
    async fn exited(&mut self, patience: Duration) -> Result<(Vec<ExitReport>, usize), Parted> {
        let (mut reports, mut panics) = (Vec::new(), 0);
        for (task, running) in self.tasks.iter_mut().enumerate() {
            let inside = self.reference.tasks[task].scopes.len();
            for left in running.entered.drain(inside..).rev() {
                let over = timeout(patience, left.exited).await;
                let over = over.map_err(|_| "an exit is not over".to_owned())?;
                let over = over.map_err(|_| "a task is gone".to_owned())?;
                reports.extend(over.report);
                panics += usize::from(over.has_panicked);
                self.kept.extend(over.served.map(Kept::Served));
            }
        }
        Ok((reports, panics))
    }

    async fn report(&self, context: ContextId) -> ExitReport {
        // The last: then all have heard of it.
        let [first, _, last] = &self.witnesses;
        let mut changes = last.changes();
        loop {
            if let Some(report) = last.take_report(context) {
                drop(first.take_report(context));
                return report;
            }
            let _ = changes.changed().await;
        }
    }

    /// Every observer has heard what there was to hear, and in its turn.
    async fn facts(&self, patience: Duration) -> Result<(), Parted> {
        let expected = &self.reference.facts;
        for (witness, name) in self.witnesses.iter().zip(["first", "panicking", "last"]) {
            let mut changes = witness.changes();
            let heard_all = async {
                while witness.facts() != *expected {
                    let _ = changes.changed().await;
                }
            };
            if timeout(patience, heard_all).await.is_err() {
                let difference = difference(expected, &witness.facts());
                return Err(format!("the {name} observer hears else:{difference}"));
            }
        }
        match (
            &*self.witnesses[2].too_early(),
            &*self.invariants.balance().misfits,
        ) {
            ([], []) => Ok(()),
            ([], misfits) => Err(format!("facts do not fit: {misfits:#?}")),
            (early, _) => Err(format!("heard before the first has: {early:?}")),
        }
    }

    /// The peers have open what the program has.
    async fn at_peers(&mut self, patience: Duration) -> Result<(), Parted> {
        let live = |what: &dyn Fn(What) -> bool| self.reference.live(what);
        let expected = AtPeers {
            in_flight: Wire::ALL.map(|wire| live(&|what| what == What::InFlight(wire))),
            shared: SHARED.map(|wire| self.reference.connections(wire)),
            upgraded: [false, true].map(|is_tls| live(&|what| what == What::Upgraded(is_tls))),
            websockets: [0, 1, POOLED].map(|server| {
                live(&|what| matches!(what, What::Socket(socket) if socket.server == server))
            }),
            plain: self.reference.plain_connections(),
        };
        if self.peers.see() != expected
            && timeout(patience, self.peers.come_to(expected))
                .await
                .is_err()
        {
            return Err(format!(
                "the peers see\n  expected {expected:?}\n  got      {:?}",
                self.peers.see()
            ));
        }
        // What was cut off at the peer, its client is to have heard of before it is used again.
        if std::mem::replace(&mut self.plain, expected.plain) > expected.plain
            && timeout(patience, self.peers.plain_is_closed(expected.plain))
                .await
                .is_err()
        {
            return Err("a plain client holds what was cut off".to_owned());
        }
        if self.peers.given_away.load(Ordering::Relaxed) > 0 {
            return Err("a stranger was shown credentials".to_owned());
        }
        if self.reference.is_idle() && timeout(patience, self.peers.are_idle()).await.is_err() {
            let open = self.peers.open();
            return Err(format!(
                "no session is open, and the server has {open} connections"
            ));
        }
        Ok(())
    }
}

fn report_of(report: &ExitReport) -> Report {
    let mut leaks = BTreeMap::new();
    for leak in &report.leaks {
        *leaks.entry(leak.kind).or_default() += leak.count;
    }
    let callers = report.callers.iter();
    Report {
        outcome: report.outcome,
        requests: report.requests,
        plain_requests: report.plain_requests,
        borrowed: report.websockets_borrowed,
        aborted: report.aborted,
        nested: report.nested_opens,
        callers: callers
            .map(|of| (of.caller.name(), (of.requests, of.plain_requests)))
            .collect(),
        leaks,
    }
}
