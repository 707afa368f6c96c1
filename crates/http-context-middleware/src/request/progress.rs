//! The progress of a request: whether it waits for a connection, and which one it is on.

use std::sync::Arc;

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
    /// The server that it is on its way to, when that is another than the one of its URL.
    destination: Option<Arc<Server>>,
    /// Whether its connections are counted attempt by attempt.
    has_attempts: bool,
    end: Option<End>,
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
                destination: None,
                has_attempts: false,
                end: None,
            }),
        }
    }

    /// It is sent, for the first time or again: to the server of its URL, or to another one.
    pub(super) fn sending(&self, server: &Arc<Server>) {
        let is_own = Arc::ptr_eq(server, &self.server);
        self.go_on(Step::Waiting, (!is_own).then(|| Arc::clone(server)));
        wait(server, 1);
    }

    /// It waits for a slot, and for no connection.
    pub(super) fn queued(&self) {
        self.go_on(Step::NotSent, None);
    }

    fn go_on(&self, step: Step, destination: Option<Arc<Server>>) {
        let mut steps = self.steps.lock();
        let before = std::mem::replace(&mut steps.step, step);
        let from = std::mem::replace(&mut steps.destination, destination);
        drop(steps);
        self.leave(&before, from.as_ref());
    }

    pub(super) fn connecting(&self) {
        let mut steps = self.steps.lock();
        let Step::Waiting = steps.step else { return };
        steps.step = Step::Connecting;
        let destination = steps.destination.clone();
        drop(steps);
        wait(self.at(destination.as_ref()), -1);
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

    /// An attempt was answered. How it ends is the connection's own affair.
    pub(super) fn attempt_answered(&self, connection: &Arc<ConnectionGauge>) {
        let mut steps = self.steps.lock();
        let destination = steps.destination.clone();
        steps.has_attempts = true;
        let before = std::mem::replace(&mut steps.step, Step::Answered(None));
        drop(steps);
        self.begin_response(connection, &before, destination.as_ref());
    }

    /// Returns whether its connections are counted attempt by attempt.
    pub(super) fn answered(&self, end: End, connection: Option<Arc<ConnectionGauge>>) -> bool {
        let mut steps = self.steps.lock();
        let destination = steps.destination.clone();
        let has_attempts = steps.has_attempts;
        let connection = connection.filter(|_| !has_attempts);
        steps.end = Some(end);
        let before = std::mem::replace(&mut steps.step, Step::Answered(connection.clone()));
        drop(steps);
        let destination = destination.as_ref();
        match connection {
            Some(connection) => self.begin_response(&connection, &before, destination),
            None => self.leave(&before, destination),
        }
        has_attempts
    }

    fn begin_response(
        &self,
        connection: &Arc<ConnectionGauge>,
        before: &Step,
        destination: Option<&Arc<Server>>,
    ) {
        // A single change of the counts where wait and connection are at the same server.
        let is_same = Arc::ptr_eq(self.at(destination), &connection.server);
        let stops_waiting = matches!(before, Step::Waiting) && is_same;
        connection.answered(stops_waiting);
        if !stops_waiting {
            self.leave(before, destination);
        }
    }

    pub(super) fn ended(&self) {
        self.go_on(Step::Over, None);
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

    fn leave(&self, step: &Step, destination: Option<&Arc<Server>>) {
        match step {
            Step::Waiting => wait(self.at(destination), -1),
            Step::Reserved(connection) => connection.not_needed(),
            _ => {}
        }
    }

    fn at<'s>(&'s self, destination: Option<&'s Arc<Server>>) -> &'s Arc<Server> {
        destination.unwrap_or(&self.server)
    }
}

fn wait(server: &Server, by: i64) {
    let (active, idle) = server.connections.change(|counts| counts.waiting += by);
    server.move_connections(active, idle, 0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Sink;

    fn server() -> Arc<Server> {
        Arc::new(Server::new(Sink::default(), "host".into(), 80))
    }

    fn waiting(server: &Server) -> i64 {
        let mut waiting = 0;
        server.connections.change(|counts| waiting = counts.waiting);
        waiting
    }

    #[test]
    fn a_request_waits_once_however_often_it_is_sent() {
        let (own, other) = (server(), server());
        let progress = Progress::new(&own);
        for to in [&own, &own, &other, &other, &own] {
            progress.sending(to);
            let is_own = Arc::ptr_eq(to, &own);
            assert_eq!(
                (waiting(&own), waiting(&other)),
                (i64::from(is_own), i64::from(!is_own))
            );
        }
        progress.ended();
        assert_eq!(waiting(&own), 0);
    }

    #[test]
    fn a_request_that_is_queued_again_waits_for_no_connection() {
        let (own, other) = (server(), server());
        let progress = Progress::new(&own);
        progress.sending(&other);
        progress.queued();
        assert_eq!((waiting(&own), waiting(&other)), (0, 0));
        progress.sending(&own);
        assert_eq!((waiting(&own), waiting(&other)), (1, 0));
    }
}
