//! Recorders, subscribers and span processors may take their time and do what they like: no lock of
//! the instrumentation is held while one of them is called. So another thread gets through with
//! another fact about the same thing meanwhile.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use http::Extensions;
use http_context::{
    ConnectStarted, ConnectionInfo, ContextBuilder, Observer, OpenError, QueueWait, RequestInfo,
    ResponseHead, SessionPool, http_session,
};
use http_context_middleware::{Instrumentation, InstrumentationBuilder, Spans};
use http_context_tests::Server;
use metrics::{
    Counter, Gauge, GaugeFn, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};

use crate::stage::{Stage, on_span_end};

/// Without a lock in the way it takes no time at all.
const DEADLINE: Duration = Duration::from_secs(10);

/// A call into somebody else's code in the middle of one fact, during which another thread gets
/// through with another fact.
#[derive(Debug)]
struct Crossing {
    is_awaited: AtomicBool,
    has_crossed: AtomicBool,
    entered: (Sender<()>, Mutex<Receiver<()>>),
    crossed: (Sender<()>, Mutex<Receiver<()>>),
}

impl Crossing {
    fn new() -> Arc<Self> {
        let channel = || {
            let (send, receive) = mpsc::channel();
            (send, Mutex::new(receive))
        };
        Arc::new(Self {
            is_awaited: AtomicBool::new(false),
            has_crossed: AtomicBool::new(false),
            entered: channel(),
            crossed: channel(),
        })
    }

    /// Somebody else's code is called: the first time within a fact, it waits for the other thread.
    fn call(&self) {
        if self.is_awaited.swap(false, Ordering::AcqRel) {
            self.entered.0.send(()).unwrap();
            let crossed = self.crossed.1.lock().unwrap().recv_timeout(DEADLINE);
            // Not asserted here: what a panic in here does is not the question.
            self.has_crossed.store(crossed.is_ok(), Ordering::Release);
        }
    }

    /// Runs `other` while somebody else's code is called within `fact`.
    fn run(&self, fact: impl FnOnce(), other: impl FnOnce() + Send) {
        self.is_awaited.store(true, Ordering::Release);
        thread::scope(|scope| {
            scope.spawn(|| {
                if self
                    .entered
                    .1
                    .lock()
                    .unwrap()
                    .recv_timeout(DEADLINE)
                    .is_ok()
                {
                    other();
                    self.crossed.0.send(()).unwrap();
                }
            });
            fact();
        });
    }

    fn assert_crossed(&self) {
        let has_crossed = self.has_crossed.load(Ordering::Acquire);
        assert!(has_crossed, "the other thread waited for a lock");
    }
}

/// A recorder that gives out a gauge of this name which takes its time.
#[derive(Debug)]
struct SlowGauge(&'static str, Arc<Crossing>);

impl Recorder for SlowGauge {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        Counter::noop()
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        if key.name() == self.0 {
            Gauge::from_arc(Arc::new(SlowMoves(Arc::clone(&self.1))))
        } else {
            Gauge::noop()
        }
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

#[derive(Debug)]
struct SlowMoves(Arc<Crossing>);

impl GaugeFn for SlowMoves {
    fn increment(&self, _: f64) {
        self.0.call();
    }

    fn decrement(&self, _: f64) {
        self.0.call();
    }

    fn set(&self, _: f64) {
        self.0.call();
    }
}

/// A subscriber that takes its time at an event, or at the close of the span of a name.
#[derive(Debug)]
struct SlowSubscriber {
    closing: Option<&'static str>,
    crossing: Arc<Crossing>,
    last: AtomicU64,
    names: Mutex<HashMap<u64, &'static str>>,
}

fn install_slow_subscriber(
    closing: Option<&'static str>,
    crossing: &Arc<Crossing>,
) -> tracing::subscriber::DefaultGuard {
    tracing::subscriber::set_default(SlowSubscriber {
        closing,
        crossing: Arc::clone(crossing),
        last: AtomicU64::new(0),
        names: Mutex::default(),
    })
}

impl Subscriber for SlowSubscriber {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target() == "http_context"
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let id = 1 + self.last.fetch_add(1, Ordering::Relaxed);
        let name = span.metadata().name();
        self.names.lock().unwrap().insert(id, name);
        Id::from_u64(id)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {
        if self.closing.is_none() {
            self.crossing.call();
        }
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}

    fn try_close(&self, id: Id) -> bool {
        let name = self.names.lock().unwrap()[&id.into_u64()];
        if self.closing == Some(name) {
            self.crossing.call();
        }
        true
    }
}

/// Which fact another thread crosses, and so by which other one.
#[derive(Clone, Copy, Debug, PartialEq)]
enum At {
    Start,
    Dequeue,
    Connection,
    Answer,
}

/// Hands facts to an instrumentation, one of them crossed by another thread.
struct Crossed {
    instrumentation: Arc<Instrumentation>,
    at: At,
    crossing: Arc<Crossing>,
}

impl Crossed {
    fn run(&self, at: At, fact: impl FnOnce(), other: impl FnOnce() + Send) {
        if self.at == at {
            self.crossing.run(fact, other);
        } else {
            fact();
        }
    }
}

impl Observer for Crossed {
    fn request_started(&self, info: &RequestInfo, head: &reqwest::Request, more: &Extensions) {
        let fact = || self.instrumentation.request_started(info, head, more);
        self.run(At::Start, fact, fact);
    }

    fn request_queued(&self, info: &RequestInfo) {
        self.instrumentation.request_queued(info);
    }

    fn request_dequeued(&self, info: &RequestInfo, wait: &QueueWait) {
        let fact = || self.instrumentation.request_dequeued(info, wait);
        self.run(At::Dequeue, fact, || {
            self.instrumentation.request_queued(info);
        });
    }

    fn request_sending(&self, info: &RequestInfo, headers: &mut http::HeaderMap) {
        self.instrumentation.request_sending(info, headers);
    }

    fn connect_started(&self, info: &RequestInfo, connect: &ConnectStarted<'_>) {
        self.instrumentation.connect_started(info, connect);
    }

    fn connection_opened(&self, info: &RequestInfo, connection: &Arc<ConnectionInfo>) {
        let fact = || self.instrumentation.connection_opened(info, connection);
        self.run(At::Connection, fact, || {
            self.instrumentation.request_cancelled(info);
        });
    }

    fn request_answered(&self, info: &RequestInfo, head: &ResponseHead) {
        let fact = || self.instrumentation.request_answered(info, head);
        self.run(At::Answer, fact, || {
            self.instrumentation.request_cancelled(info);
        });
    }
}

fn crossed(at: At, crossing: &Arc<Crossing>, options: InstrumentationBuilder) -> ContextBuilder {
    let crossed = Crossed {
        instrumentation: options.build(),
        at,
        crossing: Arc::clone(crossing),
    };
    http_context::builder()
        .observer(Arc::new(crossed))
        .configure(reqwest::ClientBuilder::no_proxy)
}

async fn ask(context: ContextBuilder, server: &Server) {
    let work = context.open(async {
        let session = http_session()?;
        let response = session.get(server.url("/ok")).send().await.unwrap();
        response.bytes().await.unwrap();
        Ok::<_, OpenError>(())
    });
    work.await.unwrap();
}

#[tokio::test]
async fn a_server_is_found_while_it_is_logged_that_there_are_too_many() {
    let (server, crossing) = (Server::start(), Crossing::new());
    let _guard = install_slow_subscriber(None, &crossing);
    let options = Instrumentation::builder().spans(Spans::Off).max_servers(0);
    ask(crossed(At::Start, &crossing, options), &server).await;
    crossing.assert_crossed();
}

#[tokio::test]
async fn a_request_goes_on_while_a_recorder_counts_its_connection() {
    let (server, crossing) = (Server::start(), Crossing::new());
    let recorder = SlowGauge("http_client_open_connections", Arc::clone(&crossing));
    let options = Instrumentation::builder()
        .spans(Spans::Off)
        .recorder(Arc::new(recorder));
    ask(crossed(At::Connection, &crossing, options), &server).await;
    crossing.assert_crossed();
}

#[tokio::test]
async fn a_request_goes_on_while_a_subscriber_closes_the_span_of_its_wait() {
    let (server, crossing) = (Server::start(), Crossing::new());
    let _guard = install_slow_subscriber(Some("HTTP wait_for_connection"), &crossing);
    let options = Instrumentation::builder().queue_spans(true);
    let context = crossed(At::Dequeue, &crossing, options).max_connections_per_host(1);
    let work = context.open(async {
        let session = http_session()?;
        let first = session.get(server.url("/slow-body")).send().await.unwrap();
        let mut second = Box::pin(session.get(server.url("/ok")).send());
        assert!(futures_util::poll!(&mut second).is_pending());
        drop(first);
        second.await.unwrap().bytes().await.unwrap();
        Ok::<_, OpenError>(())
    });
    work.await.unwrap();
    crossing.assert_crossed();
}

#[tokio::test]
async fn a_request_goes_on_while_a_span_processor_takes_its_span() {
    let (server, crossing) = (Server::start(), Crossing::new());
    let _stage = Stage::new(Spans::OpenTelemetry);
    let called = Arc::clone(&crossing);
    let _hook = on_span_end(move || called.call());
    let options = Instrumentation::builder().spans(Spans::OpenTelemetry);
    ask(crossed(At::Answer, &crossing, options), &server).await;
    crossing.assert_crossed();
}

#[tokio::test]
async fn a_pool_is_heard_while_a_recorder_moves_the_gauges_of_pools() {
    let crossing = Crossing::new();
    let recorder = SlowGauge("http_context_pool_max", Arc::clone(&crossing));
    let instrumentation = Instrumentation::builder()
        .recorder(Arc::new(recorder))
        .build();
    let status = SessionPool::builder().build().status();
    let fact = || instrumentation.pool_wait_started(&status);
    crossing.run(fact, fact);
    crossing.assert_crossed();
}
