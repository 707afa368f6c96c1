//! Many connections that end in one way, held against the wire and against what the server noted.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use http_context::{ContextBuilder, JoinSet, OpenError, SessionPool, http_session};
use http_context_tests::{Capture, LongRun, Server, ServerBuilder, cancelled};

use crate::bounds::{Case, Extent, Findings};
use crate::cell::Sessions;
use crate::exports::{Exports, all_served};
use crate::rig::{Rig, Wire};
use crate::truth::Witnessed;
use crate::variant::{Variant, alone, in_every_way};

/// Contexts one after another, with their own sessions or with one of a pool.
const CONTEXTS: u64 = 2;
/// Children of each context, at once.
const CHILDREN: u64 = 4;
/// What each child does, one after another.
const TURNS: u64 = 3;

in_every_way! {
    run:
    every_load_is_exported_as_the_wire_shows_it,
    every_load_is_exported_as_the_wire_shows_it_on_several_threads,
    every_load_is_exported_as_the_wire_shows_it_with_a_pool,
    every_load_is_exported_as_the_wire_shows_it_with_a_pool_on_several_threads
}

/// A way in which connections end.
struct Load {
    name: &'static str,
    wires: &'static [Wire],
    server: fn(ServerBuilder) -> ServerBuilder,
    context: fn(ContextBuilder) -> ContextBuilder,
    /// What a child does in each of its turns.
    turn: Turn,
    /// What is done when all children are over.
    last: fn(Arc<Server>) -> BoxFuture<'static, ()>,
    /// Whether both sides close at once, also over HTTP/1.1.
    at_once: bool,
}

/// A turn of a child at a server: the first of all is number 0.
type Turn = fn(Arc<Server>, u64) -> BoxFuture<'static, ()>;

/// In clear: with TLS the sides announce to each other that they close before they send a FIN, so that both
/// close at once whoever began.
const HTTP1: &[Wire] = &[Wire::Http1];
const HTTP2: &[Wire] = &[Wire::Http2];

/// Requests that are read, over connections that nobody closes before the session does.
const PLAIN: Load = Load {
    name: "closed with the session",
    wires: &[Wire::Http1, Wire::Http2],
    server: |builder| builder,
    context: |builder| builder,
    turn: |server, _| Box::pin(read(server, "/ok")),
    last: |_| Box::pin(async {}),
    at_once: false,
};

const LOADS: &[Load] = &[
    PLAIN,
    Load {
        name: "the server answers and closes",
        wires: HTTP1,
        turn: |server, _| Box::pin(read(server, "/close")),
        at_once: true,
        ..PLAIN
    },
    Load {
        name: "the server closes after the third answer",
        wires: HTTP1,
        server: |builder| builder.requests_per_connection(3),
        at_once: true,
        ..PLAIN
    },
    Load {
        name: "GOAWAY after the fifth request",
        wires: HTTP2,
        server: |builder| builder.requests_per_connection(5),
        at_once: true,
        ..PLAIN
    },
    Load {
        name: "the server closes what is idle",
        last: |server| {
            Box::pin(async move {
                server.close_idle();
                server.wait_until(|counts| counts.open() == 0).await;
            })
        },
        ..PLAIN
    },
    Load {
        name: "idle for too long",
        context: |builder| builder.keep_alive(Duration::from_millis(100)),
        last: |server| {
            Box::pin(async move {
                server.wait_until(|counts| counts.open() == 0).await;
            })
        },
        ..PLAIN
    },
    Load {
        name: "half a response",
        wires: HTTP1,
        turn: |server, _| Box::pin(read(server, "/cut/1000")),
        ..PLAIN
    },
    Load {
        name: "half a chunked response",
        wires: HTTP1,
        turn: |server, _| Box::pin(read(server, "/cut-chunked/1000")),
        ..PLAIN
    },
    Load {
        name: "no response",
        wires: HTTP1,
        turn: |server, _| Box::pin(read(server, "/reset/8")),
        ..PLAIN
    },
    Load {
        name: "redirects",
        turn: |server, _| Box::pin(read(server, "/redirect/3")),
        ..PLAIN
    },
    Load {
        name: "requests that are cancelled",
        turn: |server, nth| {
            Box::pin(async move {
                let session = http_session().unwrap();
                cancelled(session.get(server.url("/bytes/20000")), nth % 6).await;
            })
        },
        ..PLAIN
    },
    Load {
        name: "requests that are never answered",
        turn: |server, _| {
            Box::pin(async move {
                let session = http_session().unwrap();
                let request = session.get(server.url("/never"));
                let limit = Duration::from_millis(20);
                request.timeout(limit).send().await.unwrap_err();
            })
        },
        ..PLAIN
    },
    Load {
        name: "bodies that are dropped",
        turn: |server, _| {
            Box::pin(async move {
                let session = http_session().unwrap();
                let request = session.get(server.url("/bytes/2000000"));
                drop(request.send().await.unwrap());
            })
        },
        ..PLAIN
    },
    Load {
        name: "sessions that are closed in the middle",
        turn: |server, nth| {
            Box::pin(async move {
                let session = http_session().unwrap();
                if nth % 5 == 4 {
                    session.close();
                } else if let Ok(response) = session.get(server.url("/ok")).send().await {
                    drop(response.bytes().await);
                }
            })
        },
        ..PLAIN
    },
];

async fn read(server: Arc<Server>, path: &str) {
    let session = http_session().unwrap();
    if let Ok(response) = session.get(server.url(path)).send().await {
        drop(response.bytes().await);
    }
}

fn run(variant: Variant) {
    let _alone = alone();
    // The server's notes are a witness all the same.
    let capture = Capture::start().inspect_err(|refused| eprintln!("{refused}"));
    let asked = LongRun::from_env(&format!("{variant:?}"), "WIRE_ROUNDS", "WIRE_SEED");
    let mut played = Vec::new();
    for _ in 0..asked.wanted.unwrap_or(1) {
        for load in LOADS {
            for wire in load.wires {
                let played_load = variant.runtime().block_on(play(load, *wire, variant));
                played.push(played_load);
            }
        }
    }
    let extent = Extent::of(asked);
    let mut noted = Findings::by_notes(extent, capture.is_ok());
    for (case, server) in &played {
        noted.hold(case, Witnessed::served(&server.served()));
    }
    let captured = capture.ok().map(|capture| {
        let captured = capture.finish();
        let mut findings = Findings::by_capture(extent);
        for (case, server) in &played {
            let connections = captured.to(server.addr());
            findings.hold(case, Witnessed::captured(connections));
        }
        findings
    });
    // The wire is right where the two differ.
    captured
        .into_iter()
        .chain([noted])
        .for_each(Findings::check);
}

/// Runs a load; says what is exported, and keeps the server, whose port is then no other's.
async fn play(load: &Load, wire: Wire, variant: Variant) -> (Case, Arc<Server>) {
    let server = Arc::new(wire.server((load.server)(Server::builder())));
    let rig = Rig::new(wire);
    let context = (load.context)(rig.context());
    let (context, pool) = match variant.sessions {
        Sessions::Own => (context, None),
        Sessions::Pooled => {
            let session = context.session_options();
            let pool = SessionPool::builder().session(session).build();
            (context.pool(pool.clone()), Some(pool))
        }
    };
    for _ in 0..CONTEXTS {
        let work = context.clone().open(async {
            let mut children = JoinSet::new();
            for child in 0..CHILDREN {
                let (turn, server) = (load.turn, Arc::clone(&server));
                children.spawn(async move {
                    for nth in 0..TURNS {
                        turn(Arc::clone(&server), child * TURNS + nth).await;
                    }
                });
            }
            while let Some(child) = children.join_next().await {
                child.unwrap();
            }
            (load.last)(Arc::clone(&server)).await;
            Ok::<_, OpenError>(())
        });
        work.await.unwrap();
    }
    if let Some(pool) = pool {
        pool.close().await;
    }
    server.wait_until(|counts| counts.open() == 0).await;
    let exports = Exports::once_closed(&rig).await;
    let notes = all_served(&server, &exports).await;
    let sent: u64 = notes.iter().map(|note| note.heads).sum();
    let unused = notes.iter().filter(|note| note.heads == 0).count();
    let carried = notes.iter().filter(|note| note.requests > 0);
    let received = exports.answered + exports.redirects;
    let name = format!("{}, {wire:?}", load.name);
    let case = Case {
        lifetimes: name.clone(),
        name,
        // A head may be sent to one who has left, or asks again over another connection.
        heads: received..=i64::try_from(sent).unwrap(),
        given_up: 0..=usize::MAX,
        carried: carried.map(|note| note.peer).collect(),
        unused: Some(i64::try_from(unused).unwrap() + exports.not_answered),
        at_once: match wire {
            // Whoever ends a connection says so by a GOAWAY, at which the other ends it as well.
            Wire::Http2 | Wire::TlsHttp2 => Some("HTTP/2, both at once"),
            _ => load.at_once.then_some(load.name),
        },
        exports,
    };
    (case, server)
}
