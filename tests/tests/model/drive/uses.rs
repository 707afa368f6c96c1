//! What was kept is used, closed, cloned and let go.

use bytes::Bytes;
use futures_util::poll;
use http_body_util::BodyExt as _;
use http_context::websocket::{CloseCode, Message, WebSocket, WebSocketError};
use http_context::{AmbientSession, HttpSession, SessionClosed};
use http_context_tests::Wire;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tower::Service as _;

use super::ask::{is_session_closed, refused, version};
use super::compare::compare;
use super::kept::{Kept, Stream};
use super::{Parted, Run};
use crate::op::{Named, Plain, Road};
use crate::peers::BYE;
use crate::reference::{Seen, What};
use crate::served::take_asked;

impl Run<'_> {
    pub(super) async fn use_kept(
        &mut self,
        at: usize,
        road: Road,
        wire: Wire,
    ) -> Result<(), Parted> {
        let kept = self.reference.kept[at];
        self.log(format_args!(
            "uses what is kept at {at}, {road:?} over {wire:?}: {kept:?}"
        ));
        if self.reference.awaits_beat(at)
            && let What::Socket(socket) = kept.what
        {
            // Nobody reads it meanwhile. Who has not heard the answer to the first ping sends no second one.
            let before = self.peers.pongs(socket.server);
            self.peers.have_answered(socket.server, before + 2).await;
        }
        let expected = self.reference.use_kept(at, road, wire);
        let url = self.peers.urls.homes[wire as usize].body.clone();
        let version = version(wire);
        let of_session = Seen::Session(kept.context, kept.session);
        let seen = match &mut self.kept[at] {
            Kept::Handle(session) => match read_by(session, road, &url, version).await? {
                Some(()) => {
                    let (context, session) = (session.context().id(), session.id());
                    self.session(context, session)
                }
                None => Seen::SessionClosed,
            },
            Kept::Client(client) => match client.get(&url).version(version).send().await {
                Ok(response) => read(response).await.map(|()| of_session)?,
                Err(error) if is_session_closed(&error) => Seen::SessionClosed,
                Err(error) => return Err(format!("a client's request fails: {error:?}")),
            },
            Kept::Upgraded(stream) => there_and_back(stream).await?,
            Kept::Socket(socket) if kept.what != What::Silent => ping(socket).await?,
            Kept::Lent(socket) => ping(socket).await?,
            Kept::Closing(closing) => {
                let is_closing = poll!(closing).is_ready();
                if is_closing {
                    self.kept[at] = Kept::Closing(Box::pin(async {}));
                }
                Seen::Closing(is_closing)
            }
            _ => {
                let kept = self.kept.remove(at);
                self.finish(kept, expected == Seen::SessionClosed).await?
            }
        };
        compare(&expected, &seen)
    }

    /// Uses up what can be used once.
    async fn finish(&mut self, kept: Kept, is_cut: bool) -> Result<Seen, Parted> {
        match kept {
            Kept::Body(body) => match body.bytes().await {
                Ok(_) => Ok(Seen::Done),
                Err(error) if is_session_closed(&error) => Ok(Seen::SessionClosed),
                Err(error) => Err(format!("a body fails: {error:?}")),
            },
            Kept::Socket(mut socket) => match socket.next().await {
                Some(Err(WebSocketError::HeartbeatTimeout(_))) => Ok(Seen::NotAnswered),
                other => Err(format!("a WebSocket whose peer is silent says: {other:?}")),
            },
            // It never ends but when it is cut off.
            Kept::PlainBody(_) if !is_cut => Ok(Seen::Done),
            Kept::PlainBody(body) => match body.bytes().await {
                Ok(_) => Ok(Seen::Done),
                Err(_) => Ok(Seen::SessionClosed),
            },
            Kept::InFlight(task) => {
                // What was cut off ends by itself; what was not never does.
                if !is_cut {
                    task.abort();
                }
                match task.await {
                    Err(error) if error.is_cancelled() => Ok(Seen::Done),
                    Ok(Err(error)) if error.is_session_closed() => Ok(Seen::SessionClosed),
                    other => Err(format!("a request ends: {other:?}")),
                }
            }
            Kept::Served(mut body) => {
                let first = body.frame().await;
                let asked = take_asked().ok_or("the body has not asked")?;
                let seen = match &asked {
                    Ok(session) => self.session(session.context().id(), session.id()),
                    Err(error) => refused(error)?,
                };
                drop(asked);
                match (first, body.frame().await) {
                    (Some(Ok(_)), None) => Ok(seen),
                    other => Err(format!("a response's body: {other:?}")),
                }
            }
            _ => unreachable!("it can be used again"),
        }
    }

    pub(super) async fn use_plain(
        &mut self,
        at: usize,
        kind: Plain,
        caller: Named,
    ) -> Result<(), Parted> {
        let Some(expected) = self.reference.use_plain(at, kind, caller) else {
            return Ok(());
        };
        self.log(format_args!(
            "uses the plain client kept at {at}, {kind:?} by {caller:?}"
        ));
        let kept = self.reference.kept[at];
        let Kept::Plain(client) = &self.kept[at] else {
            unreachable!("picked so")
        };
        let urls = &self.peers.urls;
        let url = match kind {
            Plain::Close => &urls.plain_close,
            Plain::Stay => &urls.plain_stay,
            Plain::KeepBody => &urls.plain_body,
        };
        let before = self.peers.plain.counts().accepted;
        let sent = client.get(url).send();
        let sent = match caller {
            Some(caller) => http_context::caller(caller).scope(sent).await,
            None => sent.await,
        };
        let seen = match sent {
            Ok(response) => {
                match kind {
                    Plain::KeepBody => self.kept.push(Kept::PlainBody(response)),
                    _ => read(response).await?,
                }
                if kind == Plain::Close {
                    self.peers
                        .plain_is_closed(self.reference.plain_connections())
                        .await;
                }
                Seen::Session(kept.context, kept.session)
            }
            Err(error) if SessionClosed::find(&error).is_some() => {
                let after = self.peers.plain.counts().accepted;
                if before != after {
                    return Err("a plain client connects past its session".to_owned());
                }
                Seen::SessionClosed
            }
            Err(error) => return Err(format!("a plain request fails: {error:?}")),
        };
        compare(&expected, &seen)
    }

    pub(super) async fn close_kept(&mut self, at: usize, by_peer: bool) -> Result<(), Parted> {
        let kept = self.reference.kept[at];
        if matches!(kept.what, What::Socket(socket) if !socket.answers) || kept.is_cut {
            // Its peer closes nothing.
            return self.drop_kept(at).await;
        }
        let by = if by_peer { "its peer" } else { "us" };
        self.log(format_args!(
            "what is kept at {at} is closed by {by}: {kept:?}"
        ));
        self.reference.close_kept(at, by_peer);
        match (self.kept.remove(at), by_peer) {
            (Kept::Upgraded(mut stream), false) => {
                let shut = stream.shutdown().await;
                shut.map_err(|error| format!("it is not shut down: {error}"))
            }
            (Kept::Upgraded(mut stream), true) => {
                let written = stream.write_all(b"bye\n").await;
                written.map_err(|error| format!("it cannot be written: {error}"))?;
                let rest = stream.read_to_end(&mut Vec::new()).await;
                match (rest, kept.what) {
                    (Ok(_), What::Upgraded(false)) => Ok(()),
                    // Its peer says nothing of it, as TLS asks of who closes.
                    (Err(error), What::Upgraded(true))
                        if error.kind() == std::io::ErrorKind::UnexpectedEof =>
                    {
                        Ok(())
                    }
                    (rest, _) => Err(format!("it does not end as it should: {rest:?}")),
                }
            }
            (Kept::Socket(mut socket), by_peer) => close(&mut socket, by_peer).await,
            (Kept::Lent(mut socket), by_peer) => close(&mut socket, by_peer).await,
            _ => unreachable!("picked so"),
        }
    }

    pub(super) fn clone_kept(&mut self, at: usize) {
        if let Kept::Handle(session) = &self.kept[at] {
            let clone = Kept::Handle(session.clone());
            self.log(format_args!("clones the handle kept at {at}"));
            self.reference.clone_kept(at);
            self.kept.push(clone);
        }
    }

    pub(super) async fn drop_kept(&mut self, at: usize) -> Result<(), Parted> {
        let kept = self.reference.kept[at];
        self.log(format_args!("drops what is kept at {at}: {kept:?}"));
        self.reference.drop_kept(at);
        self.kept.remove(at).let_go().await;
        Ok(())
    }
}

async fn read(response: reqwest::Response) -> Result<(), Parted> {
    let read = response.bytes().await;
    read.map(drop)
        .map_err(|error| format!("a body fails: {error:?}"))
}

/// Reads what a handle is sent for; `None` where its session is closed.
async fn read_by(
    session: &mut HttpSession,
    road: Road,
    url: &str,
    version: http::Version,
) -> Result<Option<()>, Parted> {
    let request = || {
        let request = http::Request::get(url).version(version);
        request.body(reqwest::Body::default())
    };
    let sent = match road {
        Road::Straight => match session.get(url).version(version).send().await {
            Ok(response) => return read(response).await.map(Some),
            Err(error) => Err(error.into()),
        },
        Road::Service => {
            let sent = session.call(request().expect("a URL")).await;
            sent.map_err(Into::into)
        }
        Road::Ambient => {
            let mut ambient = AmbientSession::or(session.clone());
            ambient.call(request().expect("a URL")).await
        }
    };
    let sent: Result<_, Box<dyn std::error::Error + Send + Sync>> = sent;
    match sent {
        Ok(response) => {
            let body = response.into_body().collect().await;
            body.map(|_| Some(()))
                .map_err(|error| format!("a body fails: {error:?}"))
        }
        Err(error) if is_session_closed(&*error) => Ok(None),
        Err(error) => Err(format!("a request fails: {error:?}")),
    }
}

async fn there_and_back(stream: &mut Box<dyn Stream>) -> Result<Seen, Parted> {
    let mut back = [0; 5];
    let carried = async {
        stream.write_all(b"hello").await?;
        stream.flush().await?;
        stream.read_exact(&mut back).await
    };
    match carried.await {
        Ok(_) if &back == b"hello" => Ok(Seen::Done),
        Err(error) if is_session_closed(&error) => Ok(Seen::SessionClosed),
        other => Err(format!("an upgraded connection: {other:?}")),
    }
}

async fn close(socket: &mut WebSocket, by_peer: bool) -> Result<(), Parted> {
    if !by_peer {
        let closed = socket.close(CloseCode::Normal, "").await;
        return closed.map_err(|error| format!("it is not closed: {error:?}"));
    }
    let sent = socket.send(Message::text(BYE)).await;
    sent.map_err(|error| format!("it cannot be written: {error:?}"))?;
    let mut last = None;
    while let Some(next) = socket.next().await {
        last = Some(next.map_err(|error| format!("it breaks: {error:?}"))?);
    }
    match last {
        Some(Message::Close(Some(frame))) if u16::from(frame.code) == 1008 => Ok(()),
        other => Err(format!("it does not close: {other:?}")),
    }
}

async fn ping(socket: &mut WebSocket) -> Result<Seen, Parted> {
    const PING: Bytes = Bytes::from_static(b"there?");
    match socket.send(Message::Ping(PING)).await {
        Ok(()) => {}
        Err(WebSocketError::SessionClosed(_)) => return Ok(Seen::SessionClosed),
        Err(error) => return Err(format!("a WebSocket sends nothing: {error:?}")),
    }
    match socket.next().await {
        Some(Ok(Message::Pong(back))) if back == PING => Ok(Seen::Done),
        other => Err(format!("a WebSocket says: {other:?}")),
    }
}
