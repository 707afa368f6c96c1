//! What is exported of upgraded connections is what the server counts: while they are open, and after
//! they have ended, however they did.

use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use http::Extensions;
use http_context::{
    BodyEnd, LeakPolicy, Observer, OpenError, RequestInfo, ResponseHead, Upgrade, UpgradeEnd,
    http_session,
};
use http_context_middleware::Instrumentation;
use http_context_tests::{InvariantObserver, UpgradeCounts, UpgradeServer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::Instant;

use crate::rig::{Exported, Rig, Wire};
use crate::support::{By, echo};

pub(crate) const CONNECTIONS: &str = "http_context_upgraded_connections";
pub(crate) const DURATION: &str = "http_context_upgraded_duration_seconds";
pub(crate) const BYTES: &str = "http_context_upgraded_bytes_total";
const BODY: &str = "http_context_response_body_duration_seconds";
const SIZE: &str = "http_client_response_body_size_bytes";

/// In the clear, and over TLS with a server that offers HTTP/2.
const WIRES: [Wire; 2] = [Wire::Http1, Wire::TlsHttp1];

fn server(wire: Wire) -> UpgradeServer {
    match wire {
        Wire::TlsHttp1 => UpgradeServer::start_tls(),
        _ => UpgradeServer::start(),
    }
}

/// Bytes sent and received, by what is exported.
fn bytes(exported: &Exported) -> (u64, u64) {
    let of = |direction| {
        let labels = [("direction", direction), ("protocol", "websocket")];
        u64::try_from(exported.sum(BYTES, &labels)).unwrap()
    };
    (of("sent"), of("received"))
}

fn assert_as_counted(exported: &Exported, counts: UpgradeCounts, what: impl std::fmt::Debug) {
    let counted = (counts.received, counts.sent);
    assert_eq!(bytes(exported), counted, "{what:?} {exported}");
    assert_eq!(exported.sum(CONNECTIONS, &[]), 0, "{what:?} {exported}");
    let ended = exported.count(DURATION, &[]);
    assert_eq!(u64::try_from(ended).unwrap(), counts.upgraded, "{what:?}");
    // It has no body, neither one that takes time nor one of 0 bytes.
    assert_eq!(exported.count(BODY, &[]), 0, "{what:?} {exported}");
    assert_eq!(exported.count(SIZE, &[]), 0, "{what:?} {exported}");
}

/// What ends a connection.
#[derive(Clone, Copy, Debug)]
enum EndedBy {
    Drop,
    Shutdown,
    Peer,
    Close,
    Exit,
    Cancel,
}

impl EndedBy {
    const ALL: [Self; 6] = [
        Self::Drop,
        Self::Shutdown,
        Self::Peer,
        Self::Close,
        Self::Exit,
        Self::Cancel,
    ];

    fn reason(self, wire: Wire) -> &'static str {
        match self {
            Self::Drop | Self::Shutdown => "local",
            // It closes without a word, which over TLS may be anybody's doing.
            Self::Peer if wire == Wire::TlsHttp1 => "failed",
            Self::Peer => "remote",
            Self::Close | Self::Exit | Self::Cancel => "exit",
        }
    }
}

#[tokio::test]
async fn bytes_and_ends_are_those_that_the_server_counts() {
    for (wire, end) in WIRES.iter().flat_map(|w| EndedBy::ALL.map(|end| (*w, end))) {
        let (rig, server) = (Rig::new(wire), server(wire));
        let url = server.url("/");
        let started = Instant::now();
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let context = rig
            .context()
            .leaks(LeakPolicy::Off)
            .drain_timeout(Duration::from_millis(10));
        let work = context.open(async move {
            let mut io = By::Session.upgrade(&url).await;
            for length in [1, 100, 40_000] {
                echo(&mut io, &vec![b'.'; length]).await;
            }
            match end {
                EndedBy::Drop => drop(io),
                EndedBy::Shutdown => {
                    io.shutdown().await.unwrap();
                    assert_eq!(io.read(&mut [0; 8]).await.unwrap(), 0);
                }
                EndedBy::Peer => {
                    io.write_all(b"bye\n").await.unwrap();
                    io.flush().await.unwrap();
                    assert_eq!(io.read(&mut [0; 8]).await.unwrap_or(0), 0);
                }
                EndedBy::Close => {
                    http_session()?.close();
                    io.read(&mut [0; 8]).await.unwrap_err();
                }
                EndedBy::Exit => return Ok::<_, OpenError>(Some(io)),
                EndedBy::Cancel => {
                    let _ = sender.send(io);
                    std::future::pending::<()>().await;
                }
            }
            Ok(None)
        });
        let work = tokio::spawn(work);
        if let EndedBy::Cancel = end {
            let _io = receiver.await.unwrap();
            work.abort();
            assert!(work.await.is_err_and(|error| error.is_cancelled()));
        } else {
            drop(work.await.unwrap().unwrap());
        }
        let counts = server.wait_until(|counts| counts.open == 0).await;
        let exported = rig.exported();
        assert_as_counted(&exported, counts, (wire, end));
        let labels = [("reason", end.reason(wire)), ("protocol", "websocket")];
        assert_eq!(exported.count(DURATION, &labels), 1, "{end:?} {exported}");
        let lasted = exported.seconds(DURATION);
        assert!(lasted > 0.0 && lasted <= started.elapsed().as_secs_f64());
    }
}

#[tokio::test]
async fn what_it_carries_is_exported_while_it_is_open() {
    for wire in WIRES {
        let (rig, server) = (Rig::new(wire), server(wire));
        rig.context()
            .open(async {
                let mut io = By::Response.upgrade(&server.url("/")).await;
                assert_eq!(rig.exported().sum(CONNECTIONS, &[]), 1);
                assert_eq!(rig.exported().series(BYTES).len(), 2, "at zero, as yet");
                for rounds in [1, 2] {
                    echo(&mut io, &[b'.'; 1000]).await;
                    rig.wait_until(|e| bytes(e) == (1000 * rounds, 1000 * rounds))
                        .await;
                }
                assert_eq!(rig.exported().count(DURATION, &[]), 0);
                drop(io);
                Ok::<_, OpenError>(())
            })
            .await
            .unwrap();
        let counts = server.wait_until(|counts| counts.open == 0).await;
        assert_as_counted(&rig.exported(), counts, wire);
    }
}

/// Has the end of each connection come at the same time as several samples of what it has carried.
struct AllAtOnce(Arc<Instrumentation>);

impl Observer for AllAtOnce {
    fn request_started(
        &self,
        request: &RequestInfo,
        head: &reqwest::Request,
        extensions: &Extensions,
    ) {
        self.0.request_started(request, head, extensions);
    }

    fn request_answered(&self, request: &RequestInfo, head: &ResponseHead) {
        self.0.request_answered(request, head);
    }

    fn connection_upgraded(&self, request: &RequestInfo, upgrade: &Upgrade) {
        self.0.connection_upgraded(request, upgrade);
        request.attach(upgrade.clone());
    }

    fn upgrade_progressed(&self, request: &RequestInfo, upgrade: &Upgrade) {
        self.0.upgrade_progressed(request, upgrade);
    }

    fn upgrade_ended(&self, request: &RequestInfo, end: &UpgradeEnd) {
        let upgrade = request.attached::<Upgrade>().unwrap();
        let begin = Barrier::new(4);
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    begin.wait();
                    self.0.upgrade_progressed(request, upgrade);
                });
            }
            begin.wait();
            self.0.upgrade_ended(request, end);
        });
        self.0.upgrade_progressed(request, upgrade);
    }

    fn response_body_ended(&self, request: &RequestInfo, end: &BodyEnd) {
        self.0.response_body_ended(request, end);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_exported_twice_by_threads_that_do_so_at_once() {
    let (rig, server) = (Rig::new(Wire::Http1), Arc::new(UpgradeServer::start()));
    let invariants = Arc::new(InvariantObserver::new());
    let all_at_once = Arc::new(AllAtOnce(Arc::clone(&rig.instrumentation)));
    let work = http_context::builder()
        .observer(all_at_once)
        .observer(invariants.clone())
        .configure(reqwest::ClientBuilder::no_proxy)
        .open(async {
            let mut sockets = http_context::JoinSet::new();
            for number in 0..40 {
                let url = server.url("/");
                sockets.spawn(async move {
                    let mut io = By::Session.upgrade(&url).await;
                    for round in 0..50 {
                        echo(&mut io, &vec![b'.'; 1 + (round * number) % 700]).await;
                    }
                });
            }
            while let Some(ended) = sockets.join_next().await {
                ended.unwrap();
            }
            Ok::<_, OpenError>(())
        });
    work.await.unwrap();
    let counts = server.wait_until(|counts| counts.open == 0).await;
    assert_eq!(counts.upgraded, 40);
    assert_eq!(invariants.balanced().upgraded, 40);
    assert_as_counted(&rig.exported(), counts, "at once");
}

#[tokio::test]
async fn other_protocols_are_told_apart() {
    let (rig, server) = (Rig::new(Wire::Http1), UpgradeServer::start());
    let work = rig.context().open(async {
        let session = http_session()?;
        let request = session.get(server.url("/")).header("upgrade", "chat");
        let request = request.header("connection", "upgrade").build().unwrap();
        let mut io = session.upgrade(request).await.unwrap();
        echo(&mut io, b"hello").await;
        Ok::<_, OpenError>(())
    });
    work.await.unwrap();
    let exported = rig.exported();
    let other = [("protocol", "other")];
    assert_eq!(exported.sum(BYTES, &other), 10, "{exported}");
    assert_eq!(exported.count(DURATION, &other), 1, "{exported}");
    let messages = exported.series("http_context_websocket_messages_total");
    assert_eq!(messages.len(), 0, "nothing that is no WebSocket has any");
}

#[tokio::test]
async fn a_request_that_is_not_instrumented_exports_nothing_of_what_it_was_upgraded_to() {
    let (rig, server) = (Rig::new(Wire::Http1), UpgradeServer::start());
    let work = rig.context().open(async {
        let request = http_session()?.get(server.url("/"));
        let request = request.with_extension(http_context_middleware::Uninstrumented);
        let request = request.header("connection", "upgrade");
        let response = request.header("upgrade", "websocket").send().await.unwrap();
        let mut io = response.upgrade().await.unwrap();
        echo(&mut io, b"hello").await;
        Ok::<_, OpenError>(())
    });
    work.await.unwrap();
    let exported = rig.exported();
    for name in [CONNECTIONS, BYTES, "http_client_active_requests"] {
        assert_eq!(exported.series(name).len(), 0, "{exported}");
    }
}

#[tokio::test]
async fn what_an_open_one_carries_is_exported_however_much_else_is_looked_after() {
    let (rig, server) = (Rig::new(Wire::Http1), UpgradeServer::start());
    let work = rig.context().open(async {
        let mut io = By::Session.upgrade(&server.url("/")).await;
        echo(&mut io, b"hello").await;
        http_context_tests::crowd().await;
        rig.wait_until(|exported| exported.sum(BYTES, &[]) == 10)
            .await;
        Ok::<_, OpenError>(())
    });
    work.await.unwrap();
}

pub(crate) const MESSAGES: &str = "http_context_websocket_messages_total";
const FINAL: u8 = 0x80;

/// A frame of a WebSocket whose mask changes nothing.
fn frame(head: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap();
    assert!(length < 126, "it has no longer length");
    [&[head, 0x80 | length, 0, 0, 0, 0], payload].concat()
}

#[tokio::test]
async fn messages_are_counted_by_type_each_way_while_it_is_open() {
    for wire in WIRES {
        let (rig, server) = (Rig::new(wire), server(wire));
        let by_type = [
            ("text", 0x1, 3),
            ("binary", 0x2, 2),
            ("ping", 0x9, 5),
            ("pong", 0xa, 4),
            ("close", 0x8, 1),
        ];
        let is_exported = |e: &Exported| {
            by_type.iter().all(|(of, _, count)| {
                ["sent", "received"].iter().all(|direction| {
                    let labels = [("type", *of), ("direction", *direction)];
                    // Beside the one in two fragments.
                    let count = count + i64::from(*of == "text");
                    e.sum(MESSAGES, &labels) == count
                })
            })
        };
        rig.context()
            .open(async {
                let mut io = By::Session.upgrade(&server.url("/")).await;
                assert_eq!(rig.exported().series(MESSAGES).len(), 10, "at zero");
                assert_eq!(rig.exported().sum(MESSAGES, &[]), 0);
                echo(&mut io, &frame(0x1, b"in ")).await;
                echo(&mut io, &frame(FINAL, b"two")).await;
                for (_, opcode, count) in by_type {
                    for _ in 0..count {
                        echo(&mut io, &frame(FINAL | opcode, &[3, 232])).await;
                    }
                }
                rig.wait_until(is_exported).await;
                Ok::<_, OpenError>(())
            })
            .await
            .unwrap();
        assert!(is_exported(&rig.exported()), "{}", rig.exported());
        let counts = server.wait_until(|counts| counts.open == 0).await;
        assert_as_counted(&rig.exported(), counts, wire);
    }
}
