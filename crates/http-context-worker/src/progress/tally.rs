//! What has happened so far, in numbers.
//!
//! The sums are kept in the state together with the jobs (in the same transaction as the results
//! they count), so that a run which goes on after a crash ends with the verdict on all jobs, not
//! only on the rest.

use std::collections::BTreeMap;

use http_context::{ExitReport, Outcome};
use serde::{Deserialize, Serialize};

/// What responses over an open connection are counted under.
const REUSED: &str = "reused";

/// Sums over all jobs of a state, all their attempts included.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tally {
    /// Jobs that ended ok.
    pub ok: u64,
    /// Jobs that failed on their last attempt.
    pub failed: u64,
    /// Jobs of these that were not tried again because workers ended with them in hand.
    pub poisoned: u64,
    /// Jobs that needed more than one attempt, however they ended. Each counts once.
    pub retried: u64,
    /// Requests started.
    pub requests: u64,
    /// Connections opened.
    pub connections_opened: u64,
    /// Response heads received, by the use of their connection: `new`, `reused`, `unknown`. Of jobs that do
    /// not count them only those that were reused.
    pub responses: BTreeMap<String, u64>,
    /// Conversations: how many were opened, and what they carried.
    pub websockets: WebSockets,
    /// Leaks found at exits, by kind.
    pub leaks: BTreeMap<String, u64>,
    /// Contexts that ended, by outcome.
    pub contexts: BTreeMap<String, u64>,
    /// How often code of a job opened a context inside the job's own.
    pub nested_opens: u64,
}

/// Sums over conversations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct WebSockets {
    /// WebSockets that were opened.
    pub opened: u64,
    /// Text and binary messages that went out.
    pub sent_messages: u64,
    /// Text and binary messages that came, those beyond what was waited for included.
    pub received_messages: u64,
}

impl WebSockets {
    pub(crate) fn add(&mut self, other: &Self) {
        self.opened += other.opened;
        self.sent_messages += other.sent_messages;
        self.received_messages += other.received_messages;
    }
}

impl Tally {
    /// Adds the figures of one context.
    pub(crate) fn add_exit(&mut self, exit: &ExitReport) {
        self.requests += exit.requests;
        self.connections_opened += exit.connections_opened;
        self.nested_opens += exit.nested_opens;
        self.add_context(exit.outcome);
        if self.responses.is_empty() && exit.connections_reused > 0 {
            // Nobody has counted them one by one.
            self.responses
                .insert(REUSED.to_owned(), exit.connections_reused);
        }
        for leak in &exit.leaks {
            *self.leaks.entry(leak.kind.as_str().to_owned()).or_default() += leak.count as u64;
        }
    }

    /// Counts a context that ended.
    pub(crate) fn add_context(&mut self, outcome: Outcome) {
        *self
            .contexts
            .entry(outcome.as_str().to_owned())
            .or_default() += 1;
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.ok += other.ok;
        self.failed += other.failed;
        self.poisoned += other.poisoned;
        self.retried += other.retried;
        self.requests += other.requests;
        self.connections_opened += other.connections_opened;
        self.nested_opens += other.nested_opens;
        self.websockets.add(&other.websockets);
        for (sums, more) in [
            (&mut self.responses, &other.responses),
            (&mut self.leaks, &other.leaks),
            (&mut self.contexts, &other.contexts),
        ] {
            for (name, n) in more {
                match sums.get_mut(name) {
                    Some(sum) => *sum += n,
                    None => {
                        sums.insert(name.clone(), *n);
                    }
                }
            }
        }
    }

    /// Responses that came over a connection which was open already.
    pub fn connections_reused(&self) -> u64 {
        self.responses.get(REUSED).copied().unwrap_or(0)
    }

    /// Leaks of every kind.
    pub fn leaks(&self) -> u64 {
        self.leaks.values().sum()
    }
}
