//! WebSockets that end in every way.
//!
//! Of those that end in order, whoever begins, everything is equal: messages and frames by their type, and bytes,
//! both ways. What one side has sent when the other one breaks off may never come: of those it is held that no
//! more came than was sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http_context::websocket::{CloseCode, Message};
use http_context::{ContextBuilder, JoinSet, LeakPolicy, SessionPool, http_session};
use http_context_tests::{
    BoxError, Capture, Frame, LongRun, Random, Step, WebSocketPeer, WebSocketServer, opcode,
};
use tokio::task::yield_now;

use crate::connections::{Compared, Told};
use crate::pieces::{Kept, Pieces};
use crate::rig::{Exported, Rig, Wire};
use crate::traffic::{Carried, Traffic};

/// WebSockets, unless `LENGTH_WEBSOCKETS` is set.
const WEBSOCKETS: u64 = 1_200;
/// A server remembers what came: so many each has one of its own.
const AT_MOST: u64 = 10_000;
/// Contexts at once.
const AT_ONCE: u64 = 8;

#[test]
fn every_message_is_counted_as_its_server_has_it() {
    let run = LongRun::from_env("websockets", "LENGTH_WEBSOCKETS", "LENGTH_SEED");
    let pieces = Pieces {
        run,
        usual: WEBSOCKETS,
        at_most: AT_MOST,
    };
    let all = pieces.run(&[Wire::Http1, Wire::TlsHttp1], piece_of);
    println!("{all} WebSockets, 0 differences");
}

/// A server, and the URLs under which it does one thing each.
struct Peers {
    server: WebSocketServer,
    urls: Vec<String>,
}

impl Peers {
    fn start(wire: Wire, peers: impl IntoIterator<Item = WebSocketPeer>) -> Self {
        let server = match wire {
            Wire::TlsHttp1 => WebSocketServer::start_tls(),
            _ => WebSocketServer::start(),
        };
        let urls = peers.into_iter().map(|peer| server.serve(peer)).collect();
        Self { server, urls }
    }

    fn url(&self, random: &mut Random) -> &str {
        let nth = random.below(self.urls.len() as u64);
        &self.urls[usize::try_from(nth).unwrap()]
    }
}

/// What the jobs need, and what they write down.
struct Jobs {
    left: AtomicU64,
    /// Closes in order, after the peer or before it.
    orderly: Peers,
    /// Breaks off.
    rough: Peers,
    /// WebSockets that were opened, by whoever opened them.
    orderly_opened: AtomicU64,
    rough_opened: AtomicU64,
    /// Attempts that were turned away from.
    given_up: AtomicU64,
    kept: Kept,
}

async fn piece_of(wire: Wire, websockets: u64, seed: u64) -> u64 {
    let capture = Capture::start().inspect_err(|refused| eprintln!("{refused}"));
    let (rig, told) = (Rig::new(wire), Arc::new(Told::new()));
    let fresh = rig
        .context()
        .leaks(LeakPolicy::Count)
        .observer(told.clone());
    let session = fresh.session_options();
    let pool = SessionPool::builder().session(session).max_size(4).build();
    let contexts = [fresh.clone(), fresh.pool(pool.clone())];
    let jobs = Arc::new(Jobs {
        left: AtomicU64::new(websockets),
        orderly: Peers::start(wire, orderly()),
        rough: Peers::start(wire, rough()),
        orderly_opened: AtomicU64::new(0),
        rough_opened: AtomicU64::new(0),
        given_up: AtomicU64::new(0),
        kept: Kept::default(),
    });
    let workers = (0..AT_ONCE).map(|nth| {
        let (jobs, contexts) = (Arc::clone(&jobs), contexts.clone());
        let mut random = Random::new((seed * AT_ONCE + nth) << 1);
        tokio::spawn(async move {
            while jobs.left.load(Ordering::Relaxed) > 0 {
                jobs.one(&contexts, &mut random).await;
            }
        })
    });
    for worker in workers.collect::<Vec<_>>() {
        worker.await.unwrap();
    }
    pool.close().await;
    for peers in [&jobs.orderly, &jobs.rough] {
        peers.server.wait_until(|counts| counts.open == 0).await;
    }
    let exported = rig
        .wait_until(|exported| {
            let closed = exported.sum("http_context_connections_closed_total", &[]);
            let gauges = [
                "http_context_upgraded_connections",
                "http_client_open_connections",
                "http_context_leaks_open",
                "http_context_contexts_active",
            ];
            jobs.kept.is_none()
                && gauges.iter().all(|gauge| exported.sum(gauge, &[]) == 0)
                && closed == exported.opened()
        })
        .await;
    let mut misfits = Vec::new();
    jobs.hold(&exported, &mut misfits);
    if let Ok(capture) = capture {
        let captured = capture.finish();
        let fronts = [&jobs.orderly, &jobs.rough].map(|peers| peers.server.addr());
        let captured = fronts.iter().flat_map(|front| captured.to(*front));
        let compared = Compared::of(&told.all(), captured.collect(), &mut misfits);
        compared.hold(&told, &mut misfits);
        println!("{wire:?}, WebSockets: {compared}");
    }
    assert!(
        misfits.is_empty(),
        "{wire:?}, {} differences, the first of them:\n{}\n{exported}",
        misfits.len(),
        misfits[..misfits.len().min(20)].join("\n")
    );
    websockets
}

fn orderly() -> Vec<WebSocketPeer> {
    let ping = Frame::new(opcode::PING, "?").bytes();
    vec![
        WebSocketPeer::echoes(),
        WebSocketPeer::echoes().then(Step::Send(Vec::new())),
        WebSocketPeer::opens()
            .then(Step::Repeat(3, ping))
            .then(Step::Repeat(20, Frame::text("hello").bytes()))
            .then(Step::Echo),
        // It closes first.
        WebSocketPeer::opens()
            .then(Step::Repeat(5, Frame::text("hello").bytes()))
            .sends(&Frame::close(1000, "bye"))
            .then(Step::AwaitClose),
    ]
}

fn rough() -> Vec<WebSocketPeer> {
    let hello = Frame::text("hello");
    vec![
        WebSocketPeer::opens().sends(&hello).then(Step::Reset),
        WebSocketPeer::opens().sends(&hello).then(Step::Cut),
        WebSocketPeer::opens().then(Step::Repeat(30, hello.bytes())),
        WebSocketPeer::opens().stays(),
        WebSocketPeer::opens()
            .sends(&hello.clone().masked())
            .stays(),
        WebSocketPeer::echoes(),
    ]
}

impl Jobs {
    /// One context, to its end.
    async fn one(self: &Arc<Self>, contexts: &[ContextBuilder; 2], random: &mut Random) {
        let is_rough = random.one_in(2);
        let context = contexts[usize::from(random.one_in(3))].clone();
        let context = context.drain_timeout(Duration::from_millis(random.below(10)));
        if is_rough {
            let work = Arc::clone(self).rough(random.another());
            let job = tokio::spawn(context.open(work));
            if random.one_in(4) {
                for _ in 0..random.below(100) {
                    yield_now().await;
                }
                job.abort();
            }
            drop(job.await);
        } else {
            let work = Arc::clone(self).orderly(random.another());
            context.open(work).await.unwrap();
        }
    }

    fn takes_one(&self) -> bool {
        let one_less = |left: u64| left.checked_sub(1);
        let left = &self.left;
        left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less)
            .is_ok()
    }

    async fn orderly(self: Arc<Self>, mut random: Random) -> Result<(), BoxError> {
        let mut sockets = JoinSet::new();
        for _ in 0..=random.below(3) {
            let (jobs, random) = (Arc::clone(&self), random.another());
            if self.takes_one() {
                sockets.spawn(jobs.in_order(random));
            }
        }
        while let Some(socket) = sockets.join_next().await {
            socket??;
        }
        Ok(())
    }

    /// One that both sides close.
    async fn in_order(self: Arc<Self>, mut random: Random) -> Result<(), BoxError> {
        let request = http_session()?.websocket(self.orderly.url(&mut random));
        let mut socket = request.connect().await?;
        self.orderly_opened.fetch_add(1, Ordering::Relaxed);
        for _ in 0..random.below(6) {
            let length = usize::try_from(random.below(3_000))?;
            let message = if random.one_in(2) {
                Message::text("x".repeat(length))
            } else {
                Message::binary(vec![7; length])
            };
            // Where the peer has closed it, nothing can be sent any more.
            if socket.send(message).await.is_err() || socket.next().await.is_none() {
                break;
            }
        }
        drop(socket.close(CloseCode::Normal, "bye").await);
        while socket.next().await.is_some() {}
        Ok(())
    }

    async fn rough(self: Arc<Self>, mut random: Random) -> Result<(), BoxError> {
        let mut sockets = JoinSet::new();
        for _ in 0..=random.below(3) {
            let (jobs, random) = (Arc::clone(&self), random.another());
            if self.takes_one() {
                sockets.spawn(jobs.broken(random));
            }
        }
        // Some of them wait for the exit, which ends the others too.
        let all = async { while sockets.join_next().await.is_some() {} };
        let limit = Duration::from_millis(random.below(30));
        let _ = tokio::time::timeout(limit, all).await;
        Ok(())
    }

    /// One that somebody breaks off.
    async fn broken(self: Arc<Self>, mut random: Random) -> Result<(), BoxError> {
        let mut request = http_session()?.websocket(self.rough.url(&mut random));
        if random.one_in(3) {
            // Mostly too short for the answer.
            request = request.heartbeat(Duration::from_millis(1 + random.below(20)));
        }
        // Turned away from, unless it says otherwise.
        self.given_up.fetch_add(1, Ordering::Relaxed);
        let mut socket = request.connect().await?;
        self.given_up.fetch_sub(1, Ordering::Relaxed);
        self.rough_opened.fetch_add(1, Ordering::Relaxed);
        match random.below(6) {
            0 => drop(socket),
            1 => self.kept.keep(socket, random.below(60)),
            2 => {
                let limit = Duration::from_millis(random.below(20));
                let reading = async { while socket.next().await.is_some() {} };
                let _ = tokio::time::timeout(limit, reading).await;
            }
            3 => {
                let big = Message::binary(vec![0; 1 << 18]);
                let limit = Duration::from_micros(random.below(500));
                let _ = tokio::time::timeout(limit, socket.send(big)).await;
            }
            4 => http_session()?.close(),
            _ => {
                socket.send(Message::text("hello")).await?;
                http_context::closing().await;
            }
        }
        Ok(())
    }

    fn hold(&self, exported: &Exported, misfits: &mut Vec<String>) {
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let orderly = Carried::of(exported, self.orderly.server.addr());
        let counts = self.orderly.server.counts();
        if Carried::counted(&counts) != orderly || counts.upgraded != load(&self.orderly_opened) {
            misfits.push(format!(
                "in order: exported {orderly:?}, counted {counts:?}, opened {}",
                load(&self.orderly_opened)
            ));
        }
        let rough = Carried::of(exported, self.rough.server.addr());
        let counts = self.rough.server.counts();
        let (opened, given_up) = (load(&self.rough_opened), load(&self.given_up));
        let is_right = (opened..=opened + given_up).contains(&rough.upgraded)
            && rough.upgraded <= counts.upgraded
            && rough.received.is_within(&Traffic::of(&counts.sent))
            && Traffic::of(&counts.received).is_within(&rough.sent);
        if !is_right {
            misfits.push(format!(
                "broken off: exported {rough:?}, counted {counts:?}, opened {opened}, given up {given_up}"
            ));
        }
        println!(
            "in order {}, broken off {}",
            orderly.upgraded, rough.upgraded
        );
    }
}
