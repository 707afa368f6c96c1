//! Contexts with three WebSockets each that end in every way, many at once.

use std::any::Any;
use std::collections::{HashMap, HashSet};
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use http_context::websocket::{CloseCode, Message, WebSocketBuilder};
use http_context::{ContextBuilder, JoinSet, SessionPool, http_session, spawn};
use http_context_tests::{
    BoxError, Frame, InvariantObserver, LongRun, Random, Step, WebSocketPeer, WebSocketServer,
    opcode, sockets,
};
use tokio::runtime::Handle;
use tokio::task::yield_now;
use tokio::time::Instant;

use crate::ALONE;
use crate::rig::{Rig, Wire as HttpWire};
use crate::support::{Wire, in_time, no_socket_is_left};

/// Contexts at once.
const AT_ONCE: u64 = 4;
/// Contexts, unless `WEBSOCKET_CONTEXTS` is set.
const CONTEXTS: u64 = 400;
/// How long the work of a context waits for its WebSockets.
const MOST_OF_WORK: Duration = Duration::from_millis(30);
/// How long after an exit its server may see the last of its sockets. Unoptimized, and beside other
/// tests, the server is behind.
const GONE_WITHIN: Duration =
    Duration::from_millis(if cfg!(debug_assertions) { 2_000 } else { 100 });
/// The kernel's list of sockets is long by the end of a long run: of so many exits it is asked at one.
const ASKED_AT_ONE_OF: u64 = 16;

/// What is held past the exits.
type Kept = Arc<Mutex<Vec<Box<dyn Any + Send>>>>;

struct Storm {
    /// Whether the kernel is asked at each exit.
    asks_all: bool,
    server: WebSocketServer,
    context: ContextBuilder,
    pool: SessionPool,
    urls: Vec<String>,
    kept: Kept,
    exits: Mutex<HashMap<u64, Exited>>,
}

/// A context that is over.
struct Exited {
    at: Instant,
    /// The ports of this process that were open to the server, if its exit was awaited and the kernel
    /// was asked.
    open: Option<HashSet<u16>>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn contexts_that_end_in_every_way_leave_no_socket_no_task_and_no_descriptor() {
    let _alone = ALONE.lock().await;
    let run = LongRun::from_env("websockets", "WEBSOCKET_CONTEXTS", "WEBSOCKET_SEED");
    let contexts = run.wanted.unwrap_or(CONTEXTS);
    for wire in Wire::ALL {
        // What is made once, such as what hears of closes, is there afterwards.
        run_storm(wire, AT_ONCE, run.seed).await;
        let before = left_behind();
        let took = Instant::now();
        run_storm(wire, contexts / 2, run.seed).await;
        let after = in_time(settled(before)).await;
        println!(
            "{wire:?}: {before:?} and {after:?} descriptors and tasks, {:?}",
            took.elapsed()
        );
    }
}

#[expect(clippy::print_stdout, reason = "the figures of a long run")]
async fn run_storm(wire: Wire, contexts: u64, seed: u64) {
    let (server, rig) = (wire.server(), Rig::new(HttpWire::Http1));
    let invariants = Arc::new(InvariantObserver::new());
    let context = rig
        .context()
        .leaks(http_context::LeakPolicy::Count)
        .observer(invariants.clone());
    let storm = Arc::new(Storm {
        asks_all: contexts <= CONTEXTS,
        pool: SessionPool::builder()
            .session(context.session_options())
            .build(),
        context,
        urls: peers().into_iter().map(|peer| server.serve(peer)).collect(),
        server,
        kept: Kept::default(),
        exits: Mutex::default(),
    });
    let storms = (0..AT_ONCE).map(|nth| {
        let (storm, mut random) = (Arc::clone(&storm), Random::new((seed * AT_ONCE + nth) << 1));
        tokio::spawn(async move {
            for round in 0..contexts / AT_ONCE {
                storm.one(round * AT_ONCE + nth, &mut random).await;
            }
        })
    });
    for storm in storms.collect::<Vec<_>>() {
        storm.await.unwrap();
    }
    in_time(storm.pool.close()).await;
    let kept = std::mem::take(&mut *storm.kept.lock().unwrap());
    drop(kept);
    let server = &storm.server;
    let totals = invariants.settled().await;
    let counts = server.wait_until(|counts| counts.open == 0).await;
    let accepted =
        totals.connections_opened..=totals.connections_opened + totals.connects_abandoned;
    assert!(accepted.contains(&counts.accepted), "{counts:?} {totals:?}");
    assert!(totals.upgraded <= counts.upgraded, "{counts:?} {totals:?}");
    assert!(no_socket_is_left(server.addr()).await);
    let exported = rig
        .wait_until(|exported| exported.open_connections() == 0)
        .await;
    exported.assert_sound();
    for gauge in [
        "http_context_upgraded_connections",
        "http_context_leaks_open",
    ] {
        assert_eq!(exported.sum(gauge, &[]), 0, "{gauge} {exported}");
    }
    let exits = std::mem::take(&mut *storm.exits.lock().unwrap());
    let lateness = lateness(server, &exits);
    let worst = lateness.last().copied().unwrap_or_default();
    let half = lateness
        .get(lateness.len() / 2)
        .copied()
        .unwrap_or_default();
    println!(
        "{wire:?}: {contexts} contexts, {} accepted, {} opened, {} abandoned, {} upgraded, {} leaks; \
         {} ended after their exit, half of them {half:?}, the last {worst:?} after it",
        counts.accepted,
        totals.connections_opened,
        totals.connects_abandoned,
        counts.upgraded,
        totals.leaks,
        lateness.len(),
    );
    assert!(worst <= GONE_WITHIN, "{worst:?}");
}

/// By how much the server saw sockets end after their contexts, in order.
fn lateness(server: &WebSocketServer, exits: &HashMap<u64, Exited>) -> Vec<Duration> {
    let mut late = Vec::new();
    for seen in server.seen_all() {
        let line = seen.head.lines().next().unwrap();
        let (_, of) = line.split_once("?of=").unwrap();
        let of: u64 = of.split(' ').next().unwrap().parse().unwrap();
        let Exited { at, open } = &exits[&of];
        if let (Some(open), Some(client)) = (open, seen.client) {
            assert!(
                !open.contains(&client.port()),
                "{line} is open after the exit of its context"
            );
        }
        let after = seen.gone_at.unwrap().saturating_duration_since(*at);
        if !after.is_zero() {
            late.push(after);
        }
    }
    late.sort_unstable();
    late
}

/// Descriptors and tasks of this process.
fn left_behind() -> (usize, usize) {
    let descriptors = std::fs::read_dir("/proc/self/fd").unwrap().count();
    (descriptors, Handle::current().metrics().num_alive_tasks())
}

/// Waits until there are no more than before: what was aborted is dropped when it is next run.
#[expect(
    clippy::disallowed_methods,
    reason = "there is no signal, as said above"
)]
async fn settled(before: (usize, usize)) -> (usize, usize) {
    loop {
        let now = left_behind();
        if now.0 <= before.0 && now.1 <= before.1 {
            return now;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn peers() -> Vec<WebSocketPeer> {
    let hello = Frame::text("hello");
    vec![
        WebSocketPeer::echoes(),
        WebSocketPeer::echoes(),
        // Never answers anything.
        WebSocketPeer::opens().stays(),
        WebSocketPeer::opens().then(Step::Pong).stays(),
        WebSocketPeer::opens()
            .then(Step::Repeat(50, hello.bytes()))
            .then(Step::Echo),
        WebSocketPeer::opens()
            .sends(&hello)
            .sends(&Frame::close(1000, ""))
            .then(Step::AwaitClose),
        WebSocketPeer::opens().sends(&hello).then(Step::Reset),
        WebSocketPeer::opens().sends(&hello),
        WebSocketPeer::opens()
            .sends(&hello.clone().masked())
            .stays(),
        WebSocketPeer::opens()
            .then(Step::Repeat(100, Frame::new(opcode::PING, "?").bytes()))
            .stays(),
        WebSocketPeer::refuses(403, "", "no"),
        WebSocketPeer::answers("").stays(),
        WebSocketPeer::answers("").then(Step::Reset),
    ]
}

impl Storm {
    /// Opens one context, and sees it to its end.
    async fn one(self: &Arc<Self>, of: u64, random: &mut Random) {
        let mut context = self.context.clone();
        context = context.drain_timeout(Duration::from_millis(random.below(20)));
        let is_pooled = random.one_in(3);
        if is_pooled {
            context = context.pool(self.pool.clone());
        }
        if random.one_in(2) {
            context = context.lazy();
        }
        let work = work(Arc::clone(self), of, random.another());
        let job = tokio::spawn(context.open(work));
        if random.one_in(3) {
            if random.one_in(2) {
                pause(random.below(10)).await;
            }
            for _ in 0..random.below(60) {
                yield_now().await;
            }
            job.abort();
        }
        // It panics, or was aborted; otherwise its exit was awaited.
        let is_awaited = job.await.is_ok();
        let at = Instant::now();
        // The connections of a pooled session are not all of its contexts'.
        let is_asked =
            is_awaited && !is_pooled && (self.asks_all || of.is_multiple_of(ASKED_AT_ONE_OF));
        let open = is_asked.then(|| {
            let open = sockets::to(self.server.addr()).into_iter();
            open.map(|socket| socket.local.port()).collect()
        });
        self.exits.lock().unwrap().insert(of, Exited { at, open });
        // So that the server is not behind with what others have opened when it is to see an end.
        self.server
            .wait_until(|counts| counts.open <= 3 * AT_ONCE)
            .await;
        if random.one_in(4) {
            let kept = std::mem::take(&mut *self.kept.lock().unwrap());
            drop(kept);
        }
    }
}

async fn work(storm: Arc<Storm>, of: u64, mut random: Random) -> Result<(), BoxError> {
    let mut sockets = JoinSet::new();
    for _ in 0..3 {
        let peer = random.below(storm.urls.len() as u64);
        let url = format!("{}?of={of}", storm.urls[usize::try_from(peer)?]);
        sockets.spawn(socket(url, Arc::clone(&storm.kept), random.another()));
    }
    match random.below(6) {
        0 => {
            // None of them may end before its context does.
            let _ = tokio::time::timeout(MOST_OF_WORK, sockets.join_next()).await;
        }
        1 => {}
        2 => {
            pause(random.below(10)).await;
            std::panic::resume_unwind(Box::new("on purpose"));
        }
        3 => {
            pause(random.below(10)).await;
            return Err("on purpose".into());
        }
        _ => {
            let all = async { while sockets.join_next().await.is_some() {} };
            let _ = tokio::time::timeout(MOST_OF_WORK, all).await;
        }
    }
    Ok(())
}

/// One WebSocket, which ends in one way or another.
async fn socket(url: String, kept: Kept, mut random: Random) -> Result<(), BoxError> {
    let mut request = http_session()?
        .websocket(&url)
        .close_timeout(Duration::from_millis(10));
    if random.one_in(3) {
        request = request.heartbeat(Duration::from_millis(1 + random.below(20)));
    }
    if random.one_in(8) {
        cancelled(request, random.below(8)).await;
        return Ok(());
    }
    let mut socket = request.connect().await?;
    match random.below(10) {
        0 => drop(socket),
        1 => socket.close(CloseCode::Normal, "bye").await?,
        2 => kept.lock().unwrap().push(Box::new(socket)),
        3 => while socket.next().await.is_some() {},
        4 => {
            for _ in 0..5 {
                socket.send(Message::text("hello")).await?;
                drop(socket.next().await);
            }
        }
        5 => {
            let (mut reader, mut writer) = socket.into_split();
            spawn(async move { while reader.next().await.is_some() {} });
            writer.send(Message::text("hello")).await?;
            if random.one_in(2) {
                writer.close(CloseCode::Away, "").await?;
            } else {
                kept.lock().unwrap().push(Box::new(writer));
            }
        }
        6 => {
            let mut send = pin!(socket.send(Message::binary(vec![0; 1 << 20])));
            for _ in 0..random.below(6) {
                if poll_fn(|cx| Poll::Ready(send.as_mut().poll(cx).is_ready())).await {
                    break;
                }
                yield_now().await;
            }
        }
        7 => http_session()?.close(),
        // Of no context, and for as long as it lasts.
        8 => drop(tokio::spawn(async move {
            while socket.next().await.is_some() {}
        })),
        _ => {
            socket.send(Message::text("hello")).await?;
            http_context::closing().await;
        }
    }
    Ok(())
}

async fn cancelled(request: WebSocketBuilder, polls: u64) {
    let mut connect = pin!(request.connect());
    for _ in 0..polls {
        if poll_fn(|cx| Poll::Ready(connect.as_mut().poll(cx).is_ready())).await {
            return;
        }
        yield_now().await;
    }
}

/// Some time, so that what comes from the server is in the middle of it.
#[expect(
    clippy::disallowed_methods,
    reason = "what happens meanwhile is not said"
)]
async fn pause(millis: u64) {
    tokio::time::sleep(Duration::from_millis(millis)).await;
}
