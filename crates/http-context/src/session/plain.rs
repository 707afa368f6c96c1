//! The plain client of a session, for SDKs that take a `reqwest::Client` and nothing else.

use std::sync::Arc;

use parking_lot::Mutex;
use reqwest::Client;

use super::hold::{SessionHold, SessionRef};
use super::sessions::{SessionOrigin, Sessions};
use super::transport_build::Building;
use crate::connection::{Connection, PlainOwner, RetiredSessions, SessionConnections};
use crate::error::{BuildError, SessionError};
use crate::identity::{CallSite, SessionId};
use crate::scope::PlainScope;
use crate::transport::plain_client;

/// The plain clients of a context, one after another as its sessions are. Made for the first of them.
#[derive(Default)]
pub(super) struct PlainClients {
    /// That of the open session, and for a moment that of one that is being closed. Nothing of a user
    /// runs under it; those of connections and of holders are taken under it.
    open: Mutex<Vec<PlainClient>>,
    /// The connections of those whose session is closed.
    retired: RetiredSessions,
}

struct PlainClient {
    session: SessionId,
    client: Client,
    scope: Arc<PlainScope>,
    connections: Arc<SessionConnections>,
    holders: Arc<Holders>,
}

/// Lives as long as any clone of the client. All call sites that asked for it hold it, since they share
/// one.
#[derive(Default)]
struct Holders(Mutex<Vec<SessionHold>>);

impl Holders {
    fn add(&self, session: &SessionRef, call_site: CallSite) {
        let mut holders = self.0.lock();
        if !holders
            .iter()
            .any(|one| std::ptr::eq(one.call_site, call_site))
        {
            holders.push(SessionHold::new(session.clone(), call_site));
        }
    }
}

impl PlainClient {
    fn build(session: &SessionRef, call_site: CallSite) -> Result<Self, BuildError> {
        let sessions = &session.sessions;
        let _building = Building::begin(sessions)?;
        let options = match &sessions.origin {
            SessionOrigin::Options(options) => options,
            SessionOrigin::Pool(pool) => pool.session_options(),
        };
        let connections = Arc::new(SessionConnections::new(
            options.keep_alive,
            options.cut_held_sockets,
        ));
        let defaults = sessions.scope().defaults.as_deref();
        let scope = Arc::clone(sessions.scope());
        let scope = Arc::new(PlainScope::new(scope, session.id, call_site));
        let holders = Arc::<Holders>::default();
        let owner = PlainOwner {
            scope: Arc::clone(&scope),
            hold: Arc::clone(&holders) as _,
        };
        Ok(Self {
            session: session.id,
            client: plain_client(options, defaults, owner, &connections)?,
            scope,
            connections,
            holders,
        })
    }
}

impl SessionRef {
    /// A clone of the plain client of this session, which is built if there is none.
    pub(super) fn plain_client(&self, call_site: CallSite) -> Result<Client, SessionError> {
        if let Some(client) = self.known_plain_client(call_site, || None) {
            return Ok(client);
        }
        if !self.is_open() {
            return Err(self.sessions.scope().session_closed_error(self.id).into());
        }
        // Without a lock, since it runs what users have set. Two threads may both build; the client
        // of one is kept.
        let mut built = Some(PlainClient::build(self, call_site)?);
        let client = self.known_plain_client(call_site, || built.take());
        drop(built);
        client.ok_or_else(|| self.sessions.scope().session_closed_error(self.id).into())
    }

    fn known_plain_client(
        &self,
        call_site: CallSite,
        built: impl FnOnce() -> Option<PlainClient>,
    ) -> Option<Client> {
        let clients = self.sessions.plain.get_or_init(Box::default);
        let mut open = clients.open.lock();
        // Looked at under the lock: who closes the session does that first, and takes the client
        // second.
        if !self.is_open() {
            return None;
        }
        if !open.iter().any(|plain| plain.session == self.id) {
            open.push(built()?);
        }
        let plain = open.iter().find(|plain| plain.session == self.id)?;
        plain.holders.add(self, call_site);
        Some(plain.client.clone())
    }
}

impl Sessions {
    /// The plain client makes no connection any more. What it does on others goes on.
    pub(super) fn refuse_plain_client(&self) {
        if let Some(clients) = self.plain.get() {
            for plain in &*clients.open.lock() {
                plain.connections.close();
            }
        }
    }

    /// Lets go of the plain client of a session, or of whatever session is open, and answers for its
    /// connections from here on. They are noted as closed, so no lock is to be held.
    pub(crate) fn drop_plain_client(&self, session: Option<SessionId>) {
        let Some(clients) = self.plain.get() else {
            return;
        };
        let is_it = |plain: &mut PlainClient| session.is_none_or(|id| plain.session == id);
        let closed: Vec<_> = clients.open.lock().extract_if(.., is_it).collect();
        for plain in &closed {
            plain.scope.end();
            plain.connections.close();
            plain.connections.note_closed();
            if plain.connections.has_any() {
                clients.retired.add(Arc::clone(&plain.connections));
            }
        }
    }

    /// Cuts off what the plain clients of closed sessions have open: whoever keeps one, or a body of
    /// it, may go on with that otherwise.
    pub(super) fn cut_plain_connections(&self) {
        if let Some(clients) = self.plain.get() {
            for connections in clients.retired.all() {
                connections.cut();
            }
        }
    }

    /// Whether plain clients of closed sessions have connections that nobody has taken.
    pub(crate) fn has_plain_connections(&self) -> bool {
        let clients = self.plain.get();
        clients.is_some_and(|clients| clients.retired.has_connections())
    }

    /// Every connection of the plain clients of closed sessions, to be verified and then released.
    pub(crate) fn take_plain_connections(&self) -> Vec<Arc<Connection>> {
        let clients = self.plain.get();
        clients.map_or_else(Vec::new, |clients| clients.retired.take_connections())
    }

    /// Waits until no connection of them is being made any more.
    pub(super) async fn wait_until_plain_given_up(&self) {
        let clients = self.plain.get();
        for connections in clients
            .into_iter()
            .flat_map(|clients| clients.retired.all())
        {
            connections.wait_until_given_up().await;
        }
    }
}
