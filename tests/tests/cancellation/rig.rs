//! A server, a context whose facts are checked, and what must be so after each cut.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http_context::{
    ContextBuilder, HttpVersions, NoOpenContexts, SessionPool, builder, http_session,
};
use http_context_tests::{Gate, InvariantObserver, Server, Totals, sockets};

use crate::BoxError;
use crate::cut::{Cut, Moment};

/// More than any future here needs. One that is still not at its end would never be.
const MOST_POLLS: usize = 2_000;

/// Longer than any drain here takes.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(20);

#[derive(Clone, Copy, Debug)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

pub(crate) struct Rig {
    pub(crate) server: Server,
    pub(crate) invariants: Arc<InvariantObserver>,
    protocol: Protocol,
    /// That of every context of this rig, and of no other.
    name: String,
    gates: AtomicU64,
}

impl Rig {
    pub(crate) fn new(protocol: Protocol) -> Self {
        static RIGS: AtomicU64 = AtomicU64::new(0);
        let server = match protocol {
            Protocol::Http1 => Server::builder().http1().start(),
            Protocol::Http2 => Server::builder().http2().start(),
        };
        // What is slow here is slow in that it comes in several pieces.
        server.gate().open();
        Self {
            server,
            invariants: Arc::default(),
            protocol,
            gates: AtomicU64::new(0),
            name: format!("rig {}", RIGS.fetch_add(1, Ordering::Relaxed)),
        }
    }

    /// That of every context of this rig, and of no other.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// A path whose body pauses after its first piece, and the gate that it pauses at.
    pub(crate) fn paused_body(&self) -> (String, Gate) {
        let number = self.gates.fetch_add(1, Ordering::Relaxed);
        let gate = self.server.gate_named(&number.to_string());
        (format!("/slow-body/{number}"), gate)
    }

    pub(crate) fn context(&self) -> ContextBuilder {
        let versions = match self.protocol {
            Protocol::Http1 => HttpVersions::Http1,
            Protocol::Http2 => HttpVersions::Http2,
        };
        builder()
            .name(self.name.as_str())
            .observer(self.invariants.clone())
            .http_versions(versions)
            .drain_timeout(DRAIN_TIMEOUT)
    }

    pub(crate) fn pool(&self, max_size: usize) -> SessionPool {
        SessionPool::builder()
            .session(self.context().session_options())
            .observer(self.invariants.clone())
            .drain_timeout(DRAIN_TIMEOUT)
            .max_size(max_size)
            .build()
    }

    pub(crate) fn pooled(&self, pool: &SessionPool) -> ContextBuilder {
        self.context().pool(pool.clone())
    }

    pub(crate) async fn get(&self, path: &str) -> Result<reqwest::Response, BoxError> {
        let request = http_session()?.get(self.server.url(path));
        Ok(request.send().await?)
    }

    /// What must be so as soon as a future is gone, before any await.
    pub(crate) fn nothing_is_open_now(&self) {
        let name = self.name.clone();
        let only_these = move |context: &http_context::HttpContext| context.name() != Some(&name);
        let check = NoOpenContexts::new().ignore(only_these);
        check.check_now().unwrap();
        let open = self.invariants.balance().open;
        assert!(open.iter().all(|(what, _)| *what == "connects"), "{open:?}");
    }

    /// What must be so in the end: nothing is open, the server has seen every connection go, and
    /// the kernel shows none.
    pub(crate) async fn nothing_is_left(&self) -> Totals {
        let totals = self.invariants.settled().await;
        // The kernel first: a connection may wait to be accepted yet, and the server not know it.
        sockets::wait_until(self.server.addr(), 0).await;
        self.server.wait_until(|counts| counts.open() == 0).await;
        assert_eq!((totals.leaks, totals.late), (0, 0), "{totals:?}");
        totals
    }
}

/// Plays a scene with each cut, from none of its polls to all of them. A scene says whether what it
/// cuts came to its end.
pub(crate) async fn at_each_await(protocol: Protocol, scene: impl AsyncFn(&Rig, Cut) -> bool) {
    let awaits = awaits(protocol, scene).await;
    assert!(awaits > 0, "it was never cut at an await");
}

/// The same over both protocols.
pub(crate) async fn over_both(scene: impl AsyncFn(&Rig, Cut) -> bool) {
    let awaits = awaits(Protocol::Http1, &scene).await + awaits(Protocol::Http2, &scene).await;
    assert!(awaits > 0, "it was never cut at an await");
}

/// The same; says how often it was cut after it had been polled. A future that finds all it wants
/// ready has no await to be cut at.
async fn awaits(protocol: Protocol, scene: impl AsyncFn(&Rig, Cut) -> bool) -> usize {
    let mut awaits = 0;
    for moment in [Moment::AtOnce, Moment::Woken] {
        let rig = Rig::new(protocol);
        let mut polls = 0;
        // One more after the first that ends: polls come bunched at times.
        let mut ended = 0;
        while ended < 2 {
            assert!(
                polls < MOST_POLLS,
                "it never ends: {}",
                rig.invariants.balance()
            );
            let cut = Cut { polls, moment };
            if scene(&rig, cut).await {
                ended += 1;
            } else if polls > 0 {
                awaits += 1;
            }
            rig.nothing_is_left().await;
            polls += 1;
        }
    }
    awaits
}
