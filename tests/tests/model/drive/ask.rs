//! What tasks ask of their contexts.

use std::sync::Arc;
use std::time::Duration;

use futures_util::poll;
use http_context::websocket::WebSocket;
use http_context::{
    AmbientSession, ContextId, HttpSession, RedirectError, RequestError, RequestFailure,
    SessionClosed, SessionError, SessionId, http_session,
};
use http_context_tests::Wire;
use tower::Service as _;

use super::compare::compare;
use super::kept::Kept;
use super::{Parted, Run};
use crate::op::{Keep, Named, Request};
use crate::peers::Urls;
use crate::reference::{Seen, What};

/// Between the pings to a peer that answers none.
const BEAT: Duration = Duration::from_millis(5);

/// Between those to one that answers, which a busy machine may take a while for.
const LONG_BEAT: Duration = Duration::from_millis(400);

/// Whose session that was, with what is left of the request.
struct Asked<T> {
    session: SessionId,
    context: ContextId,
    rest: T,
}

impl<T> Asked<T> {
    fn of(session: &HttpSession, rest: T) -> Self {
        Self {
            session: session.id(),
            context: session.context().id(),
            rest,
        }
    }
}

/// Why there is no session, or what else went wrong.
pub(super) enum Refused {
    Session(SessionError),
    Else(String),
}

impl From<SessionError> for Refused {
    fn from(error: SessionError) -> Self {
        Self::Session(error)
    }
}

/// That something went another way than the reference knows.
fn unforeseen(what: &str, error: &dyn std::fmt::Debug) -> Refused {
    Refused::Else(format!("{what}: {error:?}"))
}

impl Run<'_> {
    /// What a task was shown, with what it is left with.
    fn seen<T>(&mut self, asked: Result<Asked<T>, Refused>) -> Result<(Seen, Option<T>), Parted> {
        match asked {
            Ok(asked) => Ok((self.session(asked.context, asked.session), Some(asked.rest))),
            Err(Refused::Session(error)) => Ok((refused(&error)?, None)),
            Err(Refused::Else(parted)) => Err(parted),
        }
    }

    pub(super) async fn lookup(&mut self, by: usize, is_blocking: bool) -> Result<(), Parted> {
        let how = if is_blocking {
            " in a blocking child"
        } else {
            ""
        };
        self.log(format_args!("task {by}: looks its session up{how}"));
        let expected = self.reference.lookup(by);
        let looks = || http_session().map(|session| Asked::of(&session, ()));
        let found = self.tasks[by].actor.run(async move {
            let found = if is_blocking {
                let found = http_context::spawn_blocking(looks).await;
                found.expect("it does not panic")
            } else {
                looks()
            };
            found.map_err(Refused::from)
        });
        let found = found.await;
        let (seen, _) = self.seen(found)?;
        compare(&expected, &seen)
    }

    pub(super) async fn close_session(&mut self, by: usize) -> Result<(), Parted> {
        self.log(format_args!("task {by}: closes its session"));
        let expected = self.reference.close_session(by);
        let closed = self.tasks[by].actor.run(async {
            let session = http_session()?;
            session.close();
            Ok(Asked::of(&session, ()))
        });
        let closed = closed.await;
        let (seen, _) = self.seen(closed)?;
        compare(&expected, &seen)
    }

    pub(super) async fn keep(&mut self, by: usize, what: Keep) -> Result<(), Parted> {
        self.log(format_args!("task {by}: keeps {what:?}"));
        if what == Keep::Closing {
            return self.keep_closing(by).await;
        }
        let expected = self.reference.lookup(by);
        if let Seen::Session(context, session) = expected {
            let what = match what {
                Keep::Handle => What::Handle,
                Keep::Client => What::Client,
                _ => What::Plain,
            };
            self.reference.keep(context, session, what);
        }
        let kept = self.tasks[by].actor.run(async move {
            let session = http_session()?;
            let (id, context) = (session.id(), session.context().id());
            let rest = match what {
                Keep::Handle => Kept::Handle(session),
                Keep::Client => Kept::Client(session.client()),
                _ => Kept::Plain(session.reqwest_client()?),
            };
            Ok(Asked {
                session: id,
                context,
                rest,
            })
        });
        let kept = kept.await;
        let (seen, kept) = self.seen(kept)?;
        self.kept.extend(kept);
        compare(&expected, &seen)
    }

    async fn keep_closing(&mut self, by: usize) -> Result<(), Parted> {
        let expected = self.reference.keep_closing(by);
        let closing = async { http_context::current().map(|context| context.closing()) };
        let closing = self.tasks[by].actor.run(closing).await;
        let seen = if closing.is_some() {
            Seen::Done
        } else {
            Seen::Unbound
        };
        self.kept
            .extend(closing.map(|closing| Kept::Closing(Box::pin(closing))));
        compare(&expected, &seen)
    }

    pub(super) async fn request(
        &mut self,
        by: usize,
        kind: Request,
        wire: Wire,
        caller: Named,
    ) -> Result<(), Parted> {
        let wire = self.reference.wire(by, kind, wire);
        self.log(format_args!(
            "task {by}: makes a request, {kind:?} over {wire:?} by {caller:?}"
        ));
        let expected = self.reference.request(by, kind, wire, caller);
        let answers = expected != Seen::Exhausted && self.reference.bound_drains(by);
        let urls = Arc::clone(&self.peers.urls);
        let work = request(kind, wire, urls, answers, caller);
        // An ambient session has the name itself.
        let scope = caller.filter(|_| kind != Request::Ambient);
        let requested = self.tasks[by].actor.run_as(scope, work).await;
        let (seen, rest) = self.seen(requested)?;
        self.kept.extend(rest.flatten());
        compare(&expected, &seen)
    }

    /// Which session of which context that is.
    pub(super) fn session(&mut self, context: ContextId, id: SessionId) -> Seen {
        let context = self.number(context);
        let (_, sessions) = &mut self.contexts[context];
        let known = sessions.iter().position(|known| *known == id);
        let at = known.unwrap_or_else(|| {
            sessions.push(id);
            sessions.len() - 1
        });
        Seen::Session(context, at + 1)
    }
}

pub(super) fn refused(error: &SessionError) -> Result<Seen, Parted> {
    match error {
        SessionError::NoContext(_) => Ok(Seen::Unbound),
        SessionError::ContextClosed(_) => Ok(Seen::Exited),
        SessionError::Pool(_) => Ok(Seen::Exhausted),
        error => Err(format!("no session for another reason: {error:?}")),
    }
}

async fn request(
    kind: Request,
    wire: Wire,
    urls: Arc<Urls>,
    answers: bool,
    caller: Named,
) -> Result<Asked<Option<Kept>>, Refused> {
    let session = http_session()?;
    let (home, is_tls) = (&urls.homes[wire as usize], usize::from(wire.is_tls()));
    let version = version(wire);
    let asks = |url: &str| session.get(url).version(version);
    let get = |url: &str| asks(url).send();
    let of_tower = || {
        let request = http::Request::get(&home.body).version(version);
        request.body(reqwest::Body::default()).expect("a URL")
    };
    let failed = |error: RequestError| unforeseen("a request fails", &error);
    let kept = match kind {
        Request::Read => {
            let response = get(&home.body).await.map_err(failed)?;
            let read = response.bytes().await;
            read.map_err(|error| unforeseen("a body fails", &error))?;
            None
        }
        Request::Service => {
            let response = session.clone().call(of_tower()).await.map_err(failed)?;
            let read = http_body_util::BodyExt::collect(response.into_body()).await;
            read.map_err(|error| unforeseen("a body fails", &error))?;
            None
        }
        Request::Ambient => {
            let mut ambient = AmbientSession::new();
            if let Some(caller) = caller {
                ambient = ambient.with_caller(http_context::caller(caller));
            }
            let response = ambient.call(of_tower()).await;
            let response = response.map_err(|error| unforeseen("an ambient request", &error))?;
            let read = http_body_util::BodyExt::collect(response.into_body()).await;
            read.map_err(|error| unforeseen("a body fails", &error))?;
            None
        }
        Request::DropBody => {
            drop(get(&home.body).await.map_err(failed)?);
            None
        }
        Request::KeepBody => Some(Kept::Body(get(&home.body).await.map_err(failed)?)),
        Request::Cancel => {
            let mut request = Box::pin(get(&home.never));
            assert!(poll!(&mut request).is_pending(), "admitted, and on its way");
            None
        }
        Request::LeaveInFlight => {
            let mut request = Box::pin(get(&home.never));
            assert!(poll!(&mut request).is_pending(), "admitted, and on its way");
            Some(Kept::InFlight(tokio::spawn(request)))
        }
        Request::Redirected | Request::ByStranger => {
            let (url, says) = match kind {
                Request::Redirected => (&home.redirected, "known"),
                _ => (&urls.by_stranger, "unknown"),
            };
            let sent = asks(url).bearer_auth("secret").send();
            let said = sent.await.map_err(failed)?.text().await;
            if !said.as_ref().is_ok_and(|said| said == says) {
                return Err(unforeseen("at the end of redirects", &said));
            }
            None
        }
        Request::TooManyRedirects => match get(&home.too_many).await {
            Err(error) if is_too_many(&error) => None,
            other => return Err(unforeseen("redirected for ever", &other)),
        },
        Request::Upgrade => {
            let upgraded = session
                .get(&urls.upgrades[is_tls])
                .header("upgrade", "echo")
                .upgrade();
            let upgraded = upgraded
                .await
                .map_err(|error| unforeseen("an upgrade", &error))?;
            Some(Kept::Upgraded(Box::new(upgraded)))
        }
        Request::UpgradeResponse => {
            let sent = session
                .get(&urls.upgrades[is_tls])
                .header("upgrade", "echo")
                .header("connection", "upgrade");
            let response = sent.send().await.map_err(failed)?;
            let upgraded = response.upgrade().await;
            let upgraded = upgraded.map_err(|error| unforeseen("an upgrade", &error))?;
            Some(Kept::Upgraded(Box::new(upgraded)))
        }
        Request::WebSocket | Request::Beating | Request::Silent => {
            let url = match kind {
                Request::Silent => &urls.silent[is_tls],
                _ => &urls.websockets[is_tls][usize::from(answers)],
            };
            Some(Kept::Socket(open(&session, url, kind).await?))
        }
    };
    Ok(Asked::of(&session, kept))
}

async fn open(session: &HttpSession, url: &str, kind: Request) -> Result<WebSocket, Refused> {
    let socket = session.websocket(url);
    let socket = match kind {
        Request::Beating => socket.heartbeat(LONG_BEAT),
        Request::Silent => socket.heartbeat(BEAT),
        _ => socket,
    };
    let opened = socket.connect().await;
    opened.map_err(|error| unforeseen("a WebSocket", &error))
}

fn is_too_many(error: &RequestError) -> bool {
    matches!(
        error.failure(),
        RequestFailure::Redirect(RedirectError::TooMany { .. })
    )
}

/// What a request asks for. In clear, what it is nobody agrees upon.
pub(super) fn version(wire: Wire) -> http::Version {
    match wire {
        Wire::Http2 => http::Version::HTTP_2,
        _ => http::Version::HTTP_11,
    }
}

/// Whether an error leads to the closed session.
pub(super) fn is_session_closed(error: &(dyn std::error::Error + 'static)) -> bool {
    SessionClosed::find(error).is_some()
}
