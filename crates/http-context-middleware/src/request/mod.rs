//! What the instrumentation keeps with each request.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http_context::Host;
use metrics::SharedString;
use tokio::time::Instant;

use crate::extensions::SpanAttribute;
use crate::ledger::{Connection, Use};
use crate::method::KnownMethod;
use crate::metrics::{End, SeriesKey, Server};
use crate::span::{RequestSpan, Waiting};

#[derive(Debug)]
pub(crate) struct RequestState {
    pub(crate) server: Arc<Server>,
    pub(crate) method: KnownMethod,
    /// As metrics tell it.
    pub(crate) template: Option<SharedString>,
    pub(crate) span: Option<RequestSpan>,
    pub(crate) propagates: bool,
    way: Mutex<Way>,
}

/// How far the request is, seen from the connections.
#[derive(Debug)]
struct Way {
    stage: Stage,
    sent: Option<Instant>,
    /// The server that it is on its way to: another one after a redirect.
    hop: Option<Arc<Server>>,
    end: Option<End>,
    waiting: Option<Waiting>,
    connect: Option<Connect>,
    response_attributes: Vec<SpanAttribute>,
}

/// The making of a connection that it asked for.
#[derive(Debug)]
struct Connect {
    host: Arc<Host>,
    setup: Option<tracing::Span>,
    given_up_after: Option<Duration>,
}

#[derive(Debug)]
enum Stage {
    /// In the queue for a slot.
    NotSent,
    /// On a connection that is not known yet.
    Waiting,
    /// A connection is being made for it.
    Connecting,
    /// A connection was made for it.
    Reserved(Arc<Connection>),
    /// The response came over this connection.
    Answered(Option<Arc<Connection>>),
    Over,
}

impl RequestState {
    pub(crate) fn new(
        server: Arc<Server>,
        method: KnownMethod,
        template: Option<SharedString>,
        span: Option<RequestSpan>,
        propagates: bool,
    ) -> Self {
        Self {
            server,
            method,
            template,
            span,
            propagates,
            way: Mutex::new(Way {
                stage: Stage::NotSent,
                sent: None,
                hop: None,
                end: None,
                waiting: None,
                connect: None,
                response_attributes: Vec::new(),
            }),
        }
    }

    pub(crate) fn key(&self, end: End) -> SeriesKey {
        SeriesKey {
            method: self.method,
            end,
            template: self.template.clone(),
        }
    }

    pub(crate) fn set_response_attributes(&self, attributes: Vec<SpanAttribute>) {
        self.lock().response_attributes = attributes;
    }

    pub(crate) fn take_response_attributes(&self) -> Vec<SpanAttribute> {
        std::mem::take(&mut self.lock().response_attributes)
    }

    pub(crate) fn queued(&self, waiting: Option<Waiting>) {
        self.lock().waiting = waiting;
    }

    pub(crate) fn dequeued(&self) {
        drop(self.lock().waiting.take());
    }

    pub(crate) fn sending(&self) {
        let mut way = self.lock();
        way.stage = Stage::Waiting;
        way.sent = Some(Instant::now());
        drop(way);
        wait(&self.server, 1);
    }

    pub(crate) fn redirected(&self, to: &Arc<Server>) {
        let mut way = self.lock();
        let from = way.hop.replace(Arc::clone(to));
        let stage = std::mem::replace(&mut way.stage, Stage::Waiting);
        drop(way);
        self.leave(&stage, from.as_ref(), false);
        wait(to, 1);
    }

    pub(crate) fn connect_started(&self, host: &Arc<Host>, setup: Option<tracing::Span>) {
        let mut way = self.lock();
        way.connect = Some(Connect {
            host: Arc::clone(host),
            setup,
            given_up_after: None,
        });
        let Stage::Waiting = way.stage else { return };
        way.stage = Stage::Connecting;
        let hop = way.hop.clone();
        drop(way);
        wait(hop.as_ref().unwrap_or(&self.server), -1);
    }

    /// A connection that it asked for was made: for this request, if it still waits for one. It
    /// cannot be answered in between.
    pub(crate) fn connected(&self, open: impl FnOnce(Use) -> Arc<Connection>) -> Arc<Connection> {
        let mut way = self.lock();
        let Stage::Connecting = way.stage else {
            drop(way);
            return open(Use::Spare);
        };
        let connection = open(Use::Reserved);
        way.stage = Stage::Reserved(Arc::clone(&connection));
        connection
    }

    pub(crate) fn connect_abandoned(&self, after: Duration) {
        if let Some(connect) = &mut self.lock().connect {
            connect.given_up_after = Some(after);
        }
    }

    /// The host that it could not be connected to before it was given up, and after how long.
    pub(crate) fn connect_given_up(&self) -> Option<(Arc<Host>, Duration)> {
        let way = self.lock();
        let connect = way.connect.as_ref()?;
        Some((Arc::clone(&connect.host), connect.given_up_after?))
    }

    pub(crate) fn take_setup(&self) -> Option<tracing::Span> {
        self.lock().connect.take()?.setup
    }

    /// Says how long the connection had been idle, when it was reused.
    pub(crate) fn answered(
        &self,
        end: End,
        connection: Option<Arc<Connection>>,
    ) -> Option<Duration> {
        let End::Answered(_, version) = end else {
            return None;
        };
        let mut way = self.lock();
        let sent = way.sent;
        let hop = way.hop.clone();
        way.end = Some(end);
        let before = std::mem::replace(&mut way.stage, Stage::Answered(connection.clone()));
        drop(way);
        let at = hop.as_ref().unwrap_or(&self.server);
        let Some(connection) = connection else {
            self.leave(&before, Some(at), false);
            return None;
        };
        // One change of the books where the wait and the connection are of the same server.
        let stops_waiting = matches!(before, Stage::Waiting) && Arc::ptr_eq(at, &connection.server);
        let idle = connection.answered(version, sent, stops_waiting);
        if !stops_waiting {
            self.leave(&before, Some(at), false);
        }
        idle
    }

    /// It ended without a response. `let_go` says that the caller dropped it.
    pub(crate) fn ended(&self, let_go: bool) {
        let mut way = self.lock();
        drop(way.waiting.take());
        let hop = way.hop.take();
        let stage = std::mem::replace(&mut way.stage, Stage::Over);
        drop(way);
        self.leave(&stage, hop.as_ref(), let_go);
    }

    /// Its body ended; says how the request had ended before.
    pub(crate) fn body_ended(&self, let_go: bool) -> Option<End> {
        let mut way = self.lock();
        let stage = std::mem::replace(&mut way.stage, Stage::Over);
        let end = way.end;
        drop(way);
        if let Stage::Answered(Some(connection)) = stage {
            connection.response_ended(let_go);
        }
        end
    }

    fn leave(&self, stage: &Stage, hop: Option<&Arc<Server>>, let_go: bool) {
        match stage {
            Stage::Waiting => {
                let server = hop.unwrap_or(&self.server);
                let (active, idle) = server.books.change(|counts| {
                    counts.waiting -= 1;
                    if let_go {
                        counts.note_cancelled(Instant::now());
                    }
                });
                server.move_connections(active, idle);
            }
            Stage::Reserved(connection) => connection.not_needed(let_go),
            _ => {}
        }
    }

    fn lock(&self) -> MutexGuard<'_, Way> {
        self.way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wait(server: &Server, by: i64) {
    let (active, idle) = server.books.change(|counts| counts.waiting += by);
    server.move_connections(active, idle);
}
