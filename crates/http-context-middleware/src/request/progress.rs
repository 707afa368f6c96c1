//! The progress of a request: whether it waits for a connection, and which one it is on.

use std::sync::Arc;

use http_context::Origin;
use parking_lot::Mutex;

use crate::ledger::{ConnectionGauge, OpenedFor};
use crate::metrics::{End, Server};

#[derive(Debug)]
pub(super) struct Progress {
    /// The server of its URL.
    server: Arc<Server>,
    /// Protects the state machine alone. Connections and gauges are updated after the lock, since
    /// that calls the recorder.
    steps: Mutex<Steps>,
}

#[derive(Debug)]
struct Steps {
    step: Step,
    /// Where a redirect led it.
    hop: Option<Hop>,
    end: Option<End>,
}

#[derive(Clone, Debug)]
struct Hop {
    host: Arc<Origin>,
    server: Arc<Server>,
}

#[derive(Debug)]
enum Step {
    /// In the queue for a slot.
    NotSent,
    /// Sent, on a connection that is not known yet.
    Waiting,
    /// A connection is being made for it.
    Connecting,
    /// A connection was made for it.
    Reserved(Arc<ConnectionGauge>),
    /// The response came over this connection.
    Answered(Option<Arc<ConnectionGauge>>),
    Over,
}

impl Progress {
    pub(super) fn new(server: &Arc<Server>) -> Self {
        Self {
            server: Arc::clone(server),
            steps: Mutex::new(Steps {
                step: Step::NotSent,
                hop: None,
                end: None,
            }),
        }
    }

    /// Also called for a hop of a redirect, which counts as waiting since the redirect.
    pub(super) fn sending(&self) {
        let mut steps = self.steps.lock();
        let Step::NotSent = steps.step else { return };
        steps.step = Step::Waiting;
        drop(steps);
        wait(&self.server, 1);
    }

    pub(super) fn redirected(&self, to: &Arc<Origin>, server: &Arc<Server>) {
        let hop = Hop {
            host: Arc::clone(to),
            server: Arc::clone(server),
        };
        let mut steps = self.steps.lock();
        let from = steps.hop.replace(hop);
        let step = std::mem::replace(&mut steps.step, Step::Waiting);
        drop(steps);
        self.leave(&step, from.as_ref());
        wait(server, 1);
    }

    pub(super) fn hop(&self) -> Option<Arc<Origin>> {
        let steps = self.steps.lock();
        let hop = steps.hop.as_ref()?;
        Some(Arc::clone(&hop.host))
    }

    pub(super) fn connecting(&self) {
        let mut steps = self.steps.lock();
        let Step::Waiting = steps.step else { return };
        steps.step = Step::Connecting;
        let hop = steps.hop.clone();
        drop(steps);
        wait(self.at(hop.as_ref()), -1);
    }

    pub(super) fn connected(
        &self,
        open: impl FnOnce(OpenedFor) -> Arc<ConnectionGauge>,
    ) -> Arc<ConnectionGauge> {
        if !self.is_connecting() {
            return open(OpenedFor::Nobody);
        }
        let connection = open(OpenedFor::Request);
        let mut steps = self.steps.lock();
        if let Step::Connecting = steps.step {
            steps.step = Step::Reserved(Arc::clone(&connection));
            return connection;
        }
        drop(steps);
        // Meanwhile it was answered over another one, or ended.
        connection.not_needed();
        connection
    }

    fn is_connecting(&self) -> bool {
        matches!(self.steps.lock().step, Step::Connecting)
    }

    pub(super) fn answered(&self, end: End, connection: Option<Arc<ConnectionGauge>>) {
        let mut steps = self.steps.lock();
        let hop = steps.hop.clone();
        steps.end = Some(end);
        let before = std::mem::replace(&mut steps.step, Step::Answered(connection.clone()));
        drop(steps);
        let hop = hop.as_ref();
        let Some(connection) = connection else {
            self.leave(&before, hop);
            return;
        };
        // A single change of the counts where wait and connection are at the same server.
        let is_same = Arc::ptr_eq(self.at(hop), &connection.server);
        let stops_waiting = matches!(before, Step::Waiting) && is_same;
        connection.answered(stops_waiting);
        if !stops_waiting {
            self.leave(&before, hop);
        }
    }

    pub(super) fn ended(&self) {
        let mut steps = self.steps.lock();
        let hop = steps.hop.take();
        let step = std::mem::replace(&mut steps.step, Step::Over);
        drop(steps);
        self.leave(&step, hop.as_ref());
    }

    pub(super) fn body_ended(&self) -> Option<End> {
        let mut steps = self.steps.lock();
        let step = std::mem::replace(&mut steps.step, Step::Over);
        let end = steps.end;
        drop(steps);
        if let Step::Answered(Some(connection)) = step {
            connection.response_ended();
        }
        end
    }

    fn leave(&self, step: &Step, hop: Option<&Hop>) {
        match step {
            Step::Waiting => {
                wait(self.at(hop), -1);
            }
            Step::Reserved(connection) => connection.not_needed(),
            _ => {}
        }
    }

    /// The server of the current hop.
    fn at<'s>(&'s self, hop: Option<&'s Hop>) -> &'s Arc<Server> {
        hop.map_or(&self.server, |hop| &hop.server)
    }
}

fn wait(server: &Server, by: i64) {
    let (active, idle) = server.connections.change(|counts| counts.waiting += by);
    server.move_connections(active, idle);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Sink;

    #[test]
    fn a_request_waits_once_however_often_it_is_sent() {
        let server = Arc::new(Server::new(Sink::default(), "host".into(), 80));
        let waiting = || {
            let mut waiting = 0;
            server.connections.change(|counts| waiting = counts.waiting);
            waiting
        };
        let progress = Progress::new(&server);
        progress.sending();
        progress.sending();
        assert_eq!(waiting(), 1);
        progress.ended();
        assert_eq!(waiting(), 0);
    }
}
