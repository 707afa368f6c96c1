//! The server of one wire, and proxies before it that break off, each in its way.

use std::sync::Arc;

use http_context_tests::{At, Fault, FaultProxy, Script, Server, Tally};

use crate::rig::Wire;

/// How many requests one connection carries at the server that closes them early.
const FEW: u64 = 40;

pub(crate) struct Servers {
    wire: Wire,
    /// One that keeps its connections, and one that closes each after a few requests.
    hosts: [Server; 2],
    /// The one that the proxies lead to, and nobody else.
    behind: Server,
    proxies: Vec<FaultProxy>,
}

impl Servers {
    pub(crate) fn start(wire: Wire, tally: &Arc<Tally>) -> Self {
        let builder = || Server::builder().tally(Arc::clone(tally));
        let hosts = [
            wire.server(builder()),
            wire.server(builder().requests_per_connection(FEW)),
        ];
        let behind = wire.server(builder());
        let scripts = [
            Script::fault(At::Accept, Fault::Reset),
            Script::fault(At::RequestBytes(20), Fault::Close),
            Script::fault(At::ResponseBytes(1), Fault::Reset),
            Script::fault(At::ResponseBytes(900), Fault::Close),
            Script::fault(At::ResponseBytes(900), Fault::Reset),
            Script::fault(At::ResponseBytes(900), Fault::HalfClose),
            Script::fault(At::ResponseBytes(20), Fault::Stall),
            Script::fault(At::ResponseBytes(0), Fault::Say("SSH-2.0-x\r\n\r\n".into())),
            Script::new().sliced(200),
            Script::new()
                .sliced(7)
                .then(At::ResponseBytes(3000), Fault::Reset),
        ];
        let proxies = scripts.map(|script| {
            let proxy = FaultProxy::start(behind.addr());
            proxy.set_usual(script);
            proxy
        });
        Self {
            wire,
            hosts,
            behind,
            proxies: proxies.into(),
        }
    }

    /// Where requests go that are to succeed, mostly.
    pub(crate) fn usual(&self, nth: u64) -> String {
        let few = usize::from(nth.is_multiple_of(8));
        self.hosts[few].url("")
    }

    pub(crate) fn faulty(&self, nth: u64) -> String {
        let nth = usize::try_from(nth).unwrap() % self.proxies.len();
        let scheme = match self.wire {
            Wire::Http1 | Wire::Http2 => "http",
            Wire::TlsHttp1 | Wire::TlsHttp2 => "https",
        };
        format!("{scheme}://{}", self.proxies[nth].addr())
    }

    /// What a server or a network does all of a sudden.
    pub(crate) fn strike(&self, nth: u64) {
        match nth {
            0 => self.hosts[0].close_idle(),
            1 => self.hosts[0].abort_connections(),
            2 => self.hosts[0].drain(),
            // A connection that stalls stays with a proxy whose client has gone, where nobody reads any more.
            _ => self.proxies.iter().for_each(FaultProxy::reset_connections),
        }
    }

    /// All ends that clients may have connected to.
    pub(crate) fn fronts(&self) -> impl Iterator<Item = std::net::SocketAddr> {
        let hosts = self.hosts.iter().map(Server::addr);
        hosts.chain(self.proxies.iter().map(FaultProxy::addr))
    }

    /// Waits until no connection is open at a server.
    pub(crate) async fn until_closed(&self) {
        self.strike(3);
        for server in self.hosts.iter().chain([&self.behind]) {
            server.wait_until(|counts| counts.open() == 0).await;
        }
    }
}
