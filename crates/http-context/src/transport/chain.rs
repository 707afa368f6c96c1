//! A request in the hands of a chain of middleware.

use std::future::poll_fn;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use http::Extensions;
use parking_lot::Mutex;
use reqwest::{Request, Response};
use reqwest_middleware::{Middleware, Next};

use super::chained_body;
use super::follow::{Follow, Head, Limits};
use super::hop_client::HopClient;
use super::host_slots::Slot;
use crate::connection::ResponseConnection;
use crate::error::RequestFailure;
use crate::scope::{CURRENT_REQUEST, RequestScope};

/// What a request keeps while middleware sends it, as often as it likes. It travels in the
/// extensions, so that it is found in whatever task a middleware works.
#[derive(Clone)]
pub(crate) struct Chained(Arc<Shared>);

struct Shared {
    /// Weak: the exchange of this scope holds the chain.
    scope: Weak<RequestScope>,
    queue_timeout: Option<Duration>,
    /// Between two attempts. Nothing of a user runs under it.
    slot: Mutex<Option<Slot>>,
    /// The heads that have come, one for each attempt that was answered: any of them may reach the
    /// caller. Nothing of a user runs under it.
    heads: Mutex<Vec<ResponseConnection>>,
}

impl Chained {
    pub(super) fn new(
        scope: &Arc<RequestScope>,
        slot: Slot,
        queue_timeout: Option<Duration>,
    ) -> Self {
        Self(Arc::new(Shared {
            scope: Arc::downgrade(scope),
            queue_timeout,
            slot: Mutex::new(Some(slot)),
            heads: Mutex::default(),
        }))
    }

    pub(super) fn take_slot(&self) -> Option<Slot> {
        self.0.slot.lock().take()
    }

    /// The connection of the response that comes out of the chain: that of the head with its
    /// addresses, or of the last one where a middleware has built it anew. One that no head came for,
    /// say from a cache, was on no connection.
    pub(super) fn connection_of(&self, response: &Response) -> ResponseConnection {
        let mut heads = std::mem::take(&mut *self.0.heads.lock());
        let unknown = ResponseConnection::unknown(response);
        let is_it = |head: &ResponseConnection| {
            unknown.addresses.is_none() || head.addresses == unknown.addresses
        };
        let found = heads.iter().rposition(is_it);
        found.map_or(unknown, |at| heads.swap_remove(at))
    }
}

/// Innermost in a chain: each time that a request comes here it is sent, and its redirects followed.
pub(super) struct Innermost(pub(super) Arc<HopClient>);

#[async_trait]
impl Middleware for Innermost {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        _next: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        send(&self.0, request, extensions).await
    }
}

/// Sends the request, and follows its redirects.
async fn send(
    client: &HopClient,
    request: Request,
    extensions: &Extensions,
) -> reqwest_middleware::Result<Response> {
    let chained = extensions.get::<Chained>().cloned();
    let scope = match &chained {
        Some(Chained(shared)) => Weak::clone(&shared.scope),
        None => CURRENT_REQUEST
            .try_with(Arc::downgrade)
            .unwrap_or_else(|_| Weak::<RequestScope<()>>::new()),
    };
    let method = request.method().clone();
    let mut attempt = Attempt::begin(client, scope, chained, request);
    let mut head = None;
    poll_fn(|cx| attempt.poll(cx, &mut head)).await?;
    let Some(Head {
        response,
        mut connection,
    }) = head
    else {
        unreachable!("there is a head where there is no failure");
    };
    let scope = attempt.scope.upgrade();
    if let Some(scope) = &scope {
        // It was made for this attempt, which is answered.
        drop(scope.take_made());
    }
    let scope = scope.as_deref();
    let response = chained_body::track(response, &method, &mut connection, scope);
    if let Some(Chained(shared)) = &attempt.chained {
        shared.heads.lock().push(connection);
    }
    Ok(response)
}

/// One time that a middleware sends the request.
struct Attempt<'c> {
    client: &'c HopClient,
    scope: Weak<RequestScope>,
    chained: Option<Chained>,
    follow: Follow,
}

impl<'c> Attempt<'c> {
    fn begin(
        client: &'c HopClient,
        scope: Weak<RequestScope>,
        chained: Option<Chained>,
        request: Request,
    ) -> Self {
        let owner = scope.upgrade();
        if let Some(scope) = &owner {
            // It was made for an attempt before.
            drop(scope.take_made());
        }
        let (mut slot, mut limits) = (None, Limits::None);
        if let Some(chained) = &chained {
            slot = chained.take_slot();
            let queue_timeout = chained.0.queue_timeout;
            limits = Limits::Slots { queue_timeout };
        }
        let follow = Follow::begin(client, owner.as_deref(), request, slot, limits);
        Self {
            client,
            scope,
            chained,
            follow,
        }
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        head: &mut Option<Head>,
    ) -> Poll<Result<(), RequestFailure>> {
        let (client, follow) = (self.client, &mut self.follow);
        let scope = self.scope.upgrade();
        let send = || follow.poll(client, scope.as_deref(), cx, head);
        // For the connector, since a middleware may poll it in any task, and in none of a request.
        match &scope {
            Some(scope) => CURRENT_REQUEST.sync_scope(Arc::clone(scope), send),
            None => client.connectors.bind(send),
        }
    }
}

impl Drop for Attempt<'_> {
    /// The slot goes back to the request, which keeps it for the next attempt.
    fn drop(&mut self) {
        if self.follow.is_under_way()
            && let Some(scope) = self.scope.upgrade()
        {
            self.follow.note_dropped(self.client, &scope);
        }
        if let Some(Chained(shared)) = &self.chained {
            let slot = self.follow.take_slot();
            *shared.slot.lock() = slot;
        }
    }
}
