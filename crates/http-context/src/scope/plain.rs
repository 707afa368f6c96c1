//! A plain client of a session, for what sees it at work: the connector, the resolver, and the policies
//! that `reqwest` asks. Which request they work for is not known to them.

use std::sync::Arc;

use http::Uri;
use parking_lot::Mutex;
use reqwest::{Method, StatusCode, Url};

use super::{RequestStats, Scope};
use crate::caller::Caller;
use crate::error::{ErrorKind, Secrets, SessionClosed};
use crate::facts::{ConnectFailure, ConnectionInfo, NameLookup, PlainRequest};
use crate::identity::{CallSite, Origin, OriginKey, SessionId};

/// So many origins are remembered for their observers. Most clients have a handful.
const REMEMBERED_ORIGINS: usize = 64;

/// One plain client and whom its facts concern.
pub(crate) struct PlainScope {
    pub(crate) scope: Arc<Scope>,
    pub(crate) session: SessionId,
    /// Where it was first asked for.
    pub(crate) call_site: CallSite,
    /// Nothing of a user runs under it.
    origins: Mutex<Vec<Arc<Origin>>>,
    /// Whether its requests are still counted: until its session has closed. Counted under the lock,
    /// so that none comes after that; nothing of a user runs under it.
    counts: Mutex<bool>,
}

impl PlainScope {
    pub(crate) fn new(scope: Arc<Scope>, session: SessionId, call_site: CallSite) -> Self {
        Self {
            scope,
            session,
            call_site,
            origins: Mutex::default(),
            counts: Mutex::new(true),
        }
    }

    pub(crate) fn closed_error(&self) -> SessionClosed {
        self.scope.session_closed_error(self.session)
    }

    /// Its session has closed: what ends from here on has been cut off, and is not counted.
    pub(crate) fn end(&self) {
        *self.counts.lock() = false;
    }

    /// A request was answered or has failed.
    pub(crate) fn note_request(
        &self,
        method: &Method,
        uri: &Uri,
        outcome: Result<StatusCode, ErrorKind>,
    ) {
        let counts = self.counts.lock();
        if !*counts {
            return;
        }
        let caller = Caller::current();
        self.scope.stats.count(caller, RequestStats::plain_ended);
        drop(counts);
        if self.scope.observers.is_empty() {
            return;
        }
        let origin = self.origin(&OriginKey::of_uri(uri));
        let request = PlainRequest {
            session: self.session,
            caller,
            method,
            origin: &origin,
            outcome,
        };
        self.scope
            .notify(|observer| observer.plain_request_ended(&self.scope.info, &request));
    }

    fn note_connection_opened(&self, caller: Option<Caller>, connection: &Arc<ConnectionInfo>) {
        self.scope.stats.count(caller, RequestStats::opened);
        self.scope
            .notify(|observer| observer.plain_connection_opened(&self.scope.info, connection));
    }

    pub(crate) fn note_connect_failed(&self, failure: &ConnectFailure<'_>) {
        self.scope
            .notify(|observer| observer.plain_connect_failed(&self.scope.info, failure));
    }

    pub(crate) fn note_name_resolved(&self, lookup: &NameLookup) {
        self.scope
            .notify(|observer| observer.plain_name_resolved(&self.scope.info, lookup));
    }

    /// What must not be in a text that leaves it, as far as that is known.
    pub(crate) fn secrets(&self) -> Secrets<'_> {
        Secrets::new(&self.scope.info.redaction)
    }

    fn origin(&self, key: &OriginKey<'_>) -> Arc<Origin> {
        let mut origins = self.origins.lock();
        if let Some(known) = origins.iter().find(|origin| origin.key() == *key) {
            return Arc::clone(known);
        }
        let origin = Arc::new(key.to_origin());
        if origins.len() < REMEMBERED_ORIGINS {
            origins.push(Arc::clone(&origin));
        }
        origin
    }
}

tokio::task_local! {
    /// The connection that is being made.
    pub(crate) static CURRENT_CONNECT: Arc<PlainConnect>;
}

/// A connection that a plain client makes.
pub(crate) struct PlainConnect {
    pub(crate) plain: Arc<PlainScope>,
    /// Who makes the request that asks for it, where that has a name.
    caller: Option<Caller>,
    /// Where it leads, once `reqwest` has asked which proxy to take. Nothing of a user runs under it.
    origin: Mutex<Option<Arc<Origin>>>,
}

impl PlainConnect {
    pub(crate) fn new(plain: Arc<PlainScope>) -> Self {
        Self {
            plain,
            caller: Caller::current(),
            origin: Mutex::default(),
        }
    }

    /// The connection that is being made leads there. The connector itself is not shown its
    /// destination; a proxy is.
    pub(crate) fn note_destination(url: &Url) {
        let _ = CURRENT_CONNECT.try_with(|connect| {
            let origin = connect.plain.origin(&OriginKey::of(url));
            *connect.origin.lock() = Some(origin);
        });
    }

    /// It was made.
    pub(crate) fn note_opened(&self, connection: &Arc<ConnectionInfo>) {
        self.plain.note_connection_opened(self.caller, connection);
    }

    /// Where it leads, where that was asked for.
    pub(crate) fn origin(&self) -> Option<Arc<Origin>> {
        self.origin.lock().clone()
    }

    /// An origin of which this is known alone.
    pub(crate) fn origin_of(&self, host: &str, port: u16) -> Arc<Origin> {
        self.plain.origin(&OriginKey::of_parts("", host, port))
    }
}
