//! The servers of a run, which count for themselves, and the kernel's list of sockets.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use http::{Response, StatusCode, header};
use http_context_tests::{
    Frame, SEES_SOCKETS, Server, Step, UpgradeServer, WebSocketPeer, WebSocketServer, empty_body,
    full_body,
};

/// What a peer of a WebSocket closes it on.
pub(crate) const BYE: &str = "bye";

pub(crate) struct Peers {
    pub(crate) home: Server,
    pub(crate) stranger: Server,
    /// For plain clients alone.
    pub(crate) plain: Server,
    pub(crate) upgrades: UpgradeServer,
    pub(crate) websockets: WebSocketServer,
    pub(crate) urls: Arc<Urls>,
    /// Requests that came to the stranger with credentials.
    pub(crate) given_away: Arc<AtomicU64>,
}

/// Where requests go.
#[derive(Debug)]
pub(crate) struct Urls {
    pub(crate) body: String,
    pub(crate) never: String,
    pub(crate) redirected: String,
    pub(crate) by_stranger: String,
    pub(crate) too_many: String,
    pub(crate) upgrade: String,
    /// A WebSocket whose peer leaves a Close frame unanswered, and one whose peer answers it.
    pub(crate) websockets: [String; 2],
    pub(crate) plain_close: String,
    pub(crate) plain_stay: String,
    pub(crate) plain_body: String,
}

impl Peers {
    pub(crate) fn start() -> Self {
        let given_away = Arc::new(AtomicU64::new(0));
        let back_home = Arc::new(OnceLock::<String>::new());
        let (counts, leads) = (Arc::clone(&given_away), Arc::clone(&back_home));
        let stranger = Server::builder().http1().handler("/back", move |request| {
            if request.headers().contains_key(header::AUTHORIZATION) {
                counts.fetch_add(1, Ordering::Relaxed);
            }
            let home = leads.get().expect("set before the first request");
            std::future::ready(redirect(home))
        });
        let stranger = stranger.start();
        let away = stranger.url("/back");
        let home = Server::builder()
            .http1()
            .handler("/hop", |_| std::future::ready(redirect("/asked")))
            .handler("/away", move |_| std::future::ready(redirect(&away)))
            .handler("/asked", |request| {
                let is_known = request.headers().contains_key(header::AUTHORIZATION);
                let says = if is_known { "known" } else { "unknown" };
                std::future::ready(Response::new(full_body(says)))
            })
            .handler("/first", |_| std::future::ready(redirect("/hop")))
            .start();
        let _ = back_home.set(home.url("/asked"));
        let plain = Server::builder().http1().start();
        let (upgrades, websockets) = (UpgradeServer::start(), WebSocketServer::start());
        let answers = WebSocketPeer::opens()
            .then(Step::EchoUntil(BYE.into()))
            // Of which the second is none any more.
            .then(Step::Send(
                [Frame::close(1008, ""), Frame::close(1011, "")]
                    .iter()
                    .flat_map(Frame::bytes)
                    .collect(),
            ))
            .stays();
        let urls = Urls {
            body: home.url("/bytes/60000"),
            never: home.url("/never"),
            redirected: home.url("/first"),
            by_stranger: home.url("/away"),
            too_many: home.url("/redirect/30"),
            upgrade: upgrades.url("/echo"),
            websockets: [WebSocketPeer::opens().then(Step::Pong).stays(), answers]
                .map(|peer| websockets.serve(peer)),
            plain_close: plain.url("/close"),
            plain_stay: plain.url("/ok"),
            plain_body: plain.url("/slow-body/never"),
        };
        Self {
            home,
            stranger,
            plain,
            upgrades,
            websockets,
            urls: Arc::new(urls),
            given_away,
        }
    }

    /// What the peers see as open of what a program keeps.
    pub(crate) fn see(&self) -> AtPeers {
        AtPeers {
            in_flight: self.home.counts().held,
            upgraded: self.upgrades.counts().open,
            websockets: self.websockets.counts().open_upgraded,
            plain: self.plain.counts().open(),
        }
    }

    /// Waits until they see that.
    pub(crate) async fn come_to(&self, expected: AtPeers) {
        let AtPeers {
            in_flight,
            upgraded,
            websockets,
            plain,
        } = expected;
        tokio::join!(
            self.home.wait_until(|counts| counts.held == in_flight),
            self.upgrades.wait_until(|counts| counts.open == upgraded),
            self.websockets
                .wait_until(|counts| counts.open_upgraded == websockets),
            self.plain.wait_until(|counts| counts.open() == plain),
        );
    }

    /// Waits until the servers have no connection of a session.
    pub(crate) async fn are_idle(&self) {
        self.home.wait_until(|counts| counts.open() == 0).await;
        self.stranger.wait_until(|counts| counts.open() == 0).await;
    }

    /// Waits until the kernel lists no socket of this process to any of the servers, where it can be
    /// asked.
    pub(crate) async fn hold_no_socket(&self) {
        while self.sockets() > 0 {
            // The kernel announces nothing to who only looks.
            tokio::task::yield_now().await;
        }
    }

    /// Waits until a plain client has closed what the server has closed: with that one its socket is not
    /// gone, and an exit that comes before it is tells of it.
    pub(crate) async fn plain_is_closed(&self, left: u64) {
        #[cfg(target_os = "linux")]
        if SEES_SOCKETS {
            let sockets = || http_context_tests::sockets::to(self.plain.addr()).len() as u64;
            while sockets() > left {
                tokio::task::yield_now().await;
            }
        }
    }

    fn sockets(&self) -> usize {
        #[cfg(target_os = "linux")]
        if SEES_SOCKETS {
            let servers = [
                self.home.addr(),
                self.stranger.addr(),
                self.plain.addr(),
                self.upgrades.addr(),
                self.websockets.addr(),
            ];
            let mut sockets = http_context_tests::sockets::all();
            sockets.retain(|socket| servers.contains(&socket.remote));
            return sockets.len();
        }
        0
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct AtPeers {
    /// Requests that wait for an answer.
    pub(crate) in_flight: u64,
    pub(crate) upgraded: u64,
    pub(crate) websockets: u64,
    /// Connections of plain clients.
    pub(crate) plain: u64,
}

fn redirect(location: &str) -> Response<http_context_tests::ResponseBody> {
    let mut response = Response::new(empty_body());
    *response.status_mut() = StatusCode::FOUND;
    let location = location.parse().expect("a URL is a header value");
    response.headers_mut().insert(header::LOCATION, location);
    response
}
