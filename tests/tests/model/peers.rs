//! The servers of a run, which count for themselves, and the kernel's list of sockets.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use http::{Response, StatusCode, header};
use http_context::Tls;
use http_context_tests::{
    Frame, SEES_SOCKETS, Server, Step, UpgradeServer, WebSocketCounts, WebSocketPeer,
    WebSocketServer, Wire, empty_body, full_body, tls,
};

/// The wires over which requests share a connection.
pub(crate) const SHARED: [Wire; 2] = [Wire::Http2, Wire::TlsHttp2];

/// Among the servers of WebSockets the one of pools. Those before it speak in clear, and over TLS.
pub(crate) const POOLED: usize = 2;

/// What a peer of a WebSocket closes it on.
pub(crate) const BYE: &str = "bye";

pub(crate) struct Peers {
    /// One for each wire.
    homes: [Server; 4],
    stranger: Server,
    /// For plain clients alone.
    pub(crate) plain: Server,
    /// In clear, and over TLS.
    upgrades: [UpgradeServer; 2],
    pub(crate) websockets: [WebSocketServer; 3],
    pub(crate) urls: Arc<Urls>,
    /// What sessions trust.
    pub(crate) tls: Tls,
    /// Requests that came to the stranger with credentials.
    pub(crate) given_away: Arc<AtomicU64>,
}

/// Where requests go.
#[derive(Debug)]
pub(crate) struct Urls {
    /// Over each wire.
    pub(crate) homes: [HomeUrls; 4],
    pub(crate) by_stranger: String,
    /// In clear, and over TLS.
    pub(crate) upgrades: [String; 2],
    /// At each of their servers a WebSocket whose peer leaves a Close frame unanswered, and one whose
    /// peer answers it.
    pub(crate) websockets: [[String; 2]; 3],
    /// At each, one whose peer answers no ping.
    pub(crate) silent: [String; 3],
    pub(crate) plain_close: String,
    pub(crate) plain_stay: String,
    pub(crate) plain_body: String,
}

#[derive(Debug)]
pub(crate) struct HomeUrls {
    pub(crate) body: String,
    pub(crate) never: String,
    pub(crate) redirected: String,
    pub(crate) too_many: String,
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
        let homes = Wire::ALL.map(|wire| home(wire, &away));
        let by_stranger = homes[Wire::Http1 as usize].url("/away");
        let _ = back_home.set(homes[Wire::Http1 as usize].url("/asked"));
        let plain = Server::builder().http1().start();
        let upgrades = [UpgradeServer::start(), UpgradeServer::start_tls()];
        let websockets = [
            WebSocketServer::start(),
            WebSocketServer::start_tls(),
            WebSocketServer::start(),
        ];
        let urls = Urls {
            homes: homes.each_ref().map(|home| HomeUrls {
                body: home.url("/bytes/60000"),
                never: home.url("/never"),
                redirected: home.url("/first"),
                too_many: home.url("/redirect/30"),
            }),
            by_stranger,
            upgrades: upgrades.each_ref().map(|server| server.url("/echo")),
            websockets: websockets
                .each_ref()
                .map(|server| peers().map(|peer| server.serve(peer))),
            silent: websockets
                .each_ref()
                .map(|server| server.serve(WebSocketPeer::opens().stays())),
            plain_close: plain.url("/close"),
            plain_stay: plain.url("/ok"),
            plain_body: plain.url("/slow-body/never"),
        };
        Self {
            homes,
            stranger,
            plain,
            upgrades,
            websockets,
            urls: Arc::new(urls),
            tls: Tls::Config(tls::client_config()),
            given_away,
        }
    }

    /// How many requests have come home so far.
    pub(crate) fn requests(&self) -> u64 {
        let requests = self.homes.iter().map(|home| home.counts().requests);
        requests.sum()
    }

    /// What the peers see as open of what a program keeps.
    pub(crate) fn see(&self) -> AtPeers {
        AtPeers {
            in_flight: self.homes.each_ref().map(|home| home.counts().held),
            shared: SHARED.map(|wire| self.homes[wire as usize].counts().open()),
            upgraded: self.upgrades.each_ref().map(|server| server.counts().open),
            websockets: self
                .websockets
                .each_ref()
                .map(|server| server.counts().open_upgraded),
            plain: self.plain.counts().open(),
        }
    }

    /// Waits until they see that.
    pub(crate) async fn come_to(&self, expected: AtPeers) {
        for (home, held) in self.homes.iter().zip(expected.in_flight) {
            home.wait_until(|counts| counts.held == held).await;
        }
        for (wire, open) in SHARED.into_iter().zip(expected.shared) {
            let home = &self.homes[wire as usize];
            home.wait_until(|counts| counts.open() == open).await;
        }
        for (server, open) in self.upgrades.iter().zip(expected.upgraded) {
            server.wait_until(|counts| counts.open == open).await;
        }
        for (server, open) in self.websockets.iter().zip(expected.websockets) {
            let is_so = |counts: &WebSocketCounts| counts.open_upgraded == open;
            server.wait_until(is_so).await;
        }
        let plain = expected.plain;
        self.plain.wait_until(|counts| counts.open() == plain).await;
    }

    /// Waits until the servers have no connection of a session.
    pub(crate) async fn are_idle(&self) {
        for server in self.homes.iter().chain([&self.stranger]) {
            server.wait_until(|counts| counts.open() == 0).await;
        }
    }

    /// How many pings the peers of WebSockets at a server have answered.
    pub(crate) fn pongs(&self, server: usize) -> u64 {
        self.websockets[server].counts().sent.pong
    }

    /// Waits until those of a server have answered so many.
    pub(crate) async fn have_answered(&self, server: usize, pongs: u64) {
        let more = |counts: &WebSocketCounts| counts.sent.pong >= pongs;
        self.websockets[server].wait_until(more).await;
    }

    /// How many connections are open at home.
    pub(crate) fn open(&self) -> u64 {
        let open = self.homes.iter().map(|home| home.counts().open());
        open.sum()
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
            let http = self.homes.iter().chain([&self.stranger, &self.plain]);
            let servers: Vec<_> = http
                .map(Server::addr)
                .chain(self.upgrades.iter().map(UpgradeServer::addr))
                .chain(self.websockets.iter().map(WebSocketServer::addr))
                .collect();
            let mut sockets = http_context_tests::sockets::all();
            sockets.retain(|socket| servers.contains(&socket.remote));
            return sockets.len();
        }
        0
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct AtPeers {
    /// Requests that wait for an answer, over each wire.
    pub(crate) in_flight: [u64; 4],
    /// Connections of the wires that share them.
    pub(crate) shared: [u64; 2],
    /// In clear, and over TLS.
    pub(crate) upgraded: [u64; 2],
    /// At each of their servers.
    pub(crate) websockets: [u64; 3],
    /// Connections of plain clients.
    pub(crate) plain: u64,
}

/// The server of a wire.
fn home(wire: Wire, away: &str) -> Server {
    let away = away.to_owned();
    let builder = match wire {
        Wire::Http1 => Server::builder().http1(),
        Wire::Http2 => Server::builder().http2(),
        Wire::TlsHttp1 => Server::builder().tls().http1(),
        Wire::TlsHttp2 => Server::builder().tls(),
    };
    builder
        .handler("/hop", |_| std::future::ready(redirect("/asked")))
        .handler("/away", move |_| std::future::ready(redirect(&away)))
        .handler("/asked", |request| {
            let is_known = request.headers().contains_key(header::AUTHORIZATION);
            let says = if is_known { "known" } else { "unknown" };
            std::future::ready(Response::new(full_body(says)))
        })
        .handler("/first", |_| std::future::ready(redirect("/hop")))
        .start()
}

/// Of WebSockets: the first leaves a Close frame unanswered, the second answers it.
fn peers() -> [WebSocketPeer; 2] {
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
    [WebSocketPeer::opens().then(Step::Pong).stays(), answers]
}

fn redirect(location: &str) -> Response<http_context_tests::ResponseBody> {
    let mut response = Response::new(empty_body());
    *response.status_mut() = StatusCode::FOUND;
    let location = location.parse().expect("a URL is a header value");
    response.headers_mut().insert(header::LOCATION, location);
    response
}
