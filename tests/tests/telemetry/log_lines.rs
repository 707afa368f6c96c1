//! Log lines where people look: what happened, and both places of it, once for a pair of places.

use std::io::Write;
use std::panic::Location;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_context::{ContextBuilder, NestedPolicy, OpenError, Tls, builder, http_session};
use http_context_middleware::{Instrumentation, InstrumentationBuilder, Spans};
use http_context_tests::{Server, UpgradeServer};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::stage::attribute;
use crate::upgrade_spans::upgrade;

/// What is logged on this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn lines(&self, with: &str) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines()
            .filter(|line| line.contains(with))
            .map(str::to_owned)
            .collect()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn logged() -> (Log, tracing::subscriber::DefaultGuard) {
    let log = Log::default();
    let writer = log.clone();
    let layer = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .with_writer(move || writer.clone());
    let guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));
    (log, guard)
}

fn instrumentation() -> Arc<Instrumentation> {
    options().build()
}

fn options() -> InstrumentationBuilder {
    Instrumentation::builder()
        .spans(Spans::Off)
        .slow_queue(Duration::ZERO)
}

/// Three times a request while the body of another one is unread.
async fn ask_twice_at_once(context: ContextBuilder, server: &Server) {
    let work = context.open(async {
        let session = http_session().unwrap();
        for _ in 0..3 {
            let body = session.get(server.url("/slow-body")).send().await.unwrap();
            let mut second = Box::pin(session.get(server.url("/ok")).send());
            assert!(futures_util::poll!(&mut second).is_pending());
            drop(body);
            second.await.unwrap();
        }
        Ok::<_, OpenError>(())
    });
    work.await.unwrap();
}

#[tokio::test]
async fn a_request_that_waited_long_for_a_slot_is_logged_once_for_its_call_sites() {
    let (server, (log, _guard)) = (Server::start(), logged());
    let context = || builder().observer(instrumentation());
    ask_twice_at_once(context(), &server).await;
    assert_eq!(log.lines("waited long"), Vec::<String>::new());

    ask_twice_at_once(context().max_connections_per_host(1), &server).await;
    let lines = log.lines("waited long for a slot");
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains(" WARN "), "{lines:?}");
    for field in [
        format!("server={}", server.addr()),
        format!("requested_at={}:", file!()),
        format!("opened_at={}:", file!()),
    ] {
        assert!(lines[0].contains(&field), "{field} in {lines:?}");
    }
}

#[tokio::test]
async fn a_nested_open_is_logged_with_both_call_sites_at_the_level_of_its_policy() {
    for (policy, level) in [
        (NestedPolicy::PassThrough, "DEBUG"),
        (NestedPolicy::Warn, " WARN "),
    ] {
        let (log, _guard) = logged();
        let outer = Location::caller().line() + 4;
        let context = builder()
            .nested(policy)
            .observer(instrumentation())
            .open(async {
                for _ in 0..3 {
                    http_context::open(async { Ok::<_, OpenError>(()) }).await?;
                }
                Ok::<_, OpenError>(())
            });
        context.await.unwrap();
        let lines = log.lines("opened inside another one");
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].contains(level), "{lines:?}");
        let place = |name: &str, line| format!("{name}={}:{line}:", file!());
        assert!(
            lines[0].contains(&place("outer_opened_at", outer)),
            "{lines:?}"
        );
        assert!(
            lines[0].contains(&place("called_at", outer + 2)),
            "{lines:?}"
        );
    }
}

#[tokio::test]
async fn the_same_is_logged_again_after_the_interval_that_was_set() {
    let (log, _guard) = logged();
    let instrumentation = options().log_interval(Duration::ZERO).build();
    let context = builder().lazy().observer(instrumentation).open(async {
        for _ in 0..3 {
            http_context::open(async { Ok::<_, OpenError>(()) }).await?;
        }
        Ok::<_, OpenError>(())
    });
    context.await.unwrap();
    let lines = log.lines("opened inside another one");
    assert_eq!(lines.len(), 3, "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn a_leak_is_logged_with_its_call_sites_and_its_age() {
    let (log, _guard) = logged();
    let opened = Location::caller().line() + 1;
    let context = builder().observer(instrumentation()).open(async {
        let kept = http_session()?;
        tokio::time::advance(Duration::from_millis(1234)).await;
        Ok::<_, OpenError>(kept)
    });
    let kept = context.await.unwrap();
    assert_eq!(log.lines("left something behind").len(), 1);
    // The message is a block of several lines, and the fields follow it.
    let lines = log.lines("age_ms=");
    let place = |name: &str, line| format!("{name}={}:{line}:", file!());
    for field in [
        place("opened_at", opened),
        place("acquired_at", opened + 1),
        r#"kind="session_handle" count=1"#.to_owned(),
        "age_ms=1234".to_owned(),
    ] {
        assert!(lines[0].contains(&field), "{field} in {lines:?}");
    }
    drop(kept);
}

#[tokio::test]
async fn a_leak_of_a_body_is_logged_with_what_had_come_of_it() {
    let (log, _guard) = logged();
    let server = Server::start();
    let drain = Duration::from_millis(20);
    let context = builder().observer(instrumentation()).drain_timeout(drain);
    let work = context.open(async {
        let request = http_session()?.get(server.url("/slow-body"));
        let mut response = request.send().await.unwrap();
        assert_eq!(response.chunk().await.unwrap().unwrap(), "first");
        Ok::<_, OpenError>(response)
    });
    let kept = work.await.unwrap();
    let lines = log.lines("age_ms=");
    let quiet = lines[0].split("quiet_ms=").nth(1).unwrap();
    let quiet: u128 = quiet.split_whitespace().next().unwrap().parse().unwrap();
    assert!(quiet >= drain.as_millis(), "{lines:?}");
    let bytes = "sent_bytes=0 received_bytes=5";
    assert!(lines[0].contains(bytes), "{lines:?}");
    drop(kept);
}

#[tokio::test]
async fn one_that_breaks_is_logged_however_many_at_its_place_have_ended_well() {
    let (log, _guard) = logged();
    let (well, breaks) = (UpgradeServer::start(), UpgradeServer::start_tls());
    let tls = Tls::Config(http_context_tests::tls::client_config());
    let work = builder().observer(instrumentation()).tls(tls).open(async {
        for server in [&well, &well, &breaks, &breaks, &well] {
            upgrade(server.url("/"), true).await?;
        }
        Ok::<_, OpenError>(())
    });
    work.await.unwrap();
    let lines = ["has ended", "connection broke"].map(|message| log.lines(message).len());
    assert_eq!(lines, [1, 1]);
}

#[tokio::test]
async fn the_end_of_an_upgraded_connection_is_logged_and_one_that_breaks_is_a_warning() {
    for (is_tls, message, level, reason) in [
        (false, "has ended", "DEBUG", "reason=\"remote\""),
        (true, "connection broke", " WARN ", "reason=\"failed\""),
    ] {
        let (log, _guard) = logged();
        // It hangs up without a word, which over TLS may be anybody's doing.
        let server = if is_tls {
            UpgradeServer::start_tls()
        } else {
            UpgradeServer::start()
        };
        let tls = Tls::Config(http_context_tests::tls::client_config());
        let work = builder().observer(instrumentation()).tls(tls).open(async {
            for _ in 0..3 {
                upgrade(server.url("/"), true).await?;
            }
            Ok::<_, OpenError>(())
        });
        work.await.unwrap();
        let lines = log.lines(message);
        assert_eq!(lines.len(), 1, "{lines:?}");
        for text in [
            level.to_owned(),
            reason.to_owned(),
            "protocol=\"websocket\"".to_owned(),
            "sent_bytes=4 received_bytes=0".to_owned(),
            format!("server={}", server.addr()),
            "requested_at=tests/tests/telemetry/upgrade_spans.rs:".to_owned(),
            format!("opened_at={}:", file!()),
        ] {
            assert!(lines[0].contains(&text), "{text} in {lines:?}");
        }
    }
}

/// What is known of a response, where a layer logs the ends of spans: in each way through `tracing`, and with
/// OpenTelemetry behind it or without.
#[tokio::test]
async fn what_is_known_of_a_response_goes_past_logs_where_that_was_chosen_and_something_else_takes_it()
 {
    for (way, is_behind, is_logged) in [
        (Spans::Tracing, false, true),
        (Spans::Tracing, true, true),
        (Spans::Hybrid, false, true),
        (Spans::Hybrid, true, false),
    ] {
        let (server, log) = (Server::start(), Log::default());
        let writer = log.clone();
        let logs = tracing_subscriber::fmt::layer()
            .with_ansi(false)
            .with_span_events(FmtSpan::CLOSE)
            .with_writer(move || writer.clone());
        let exporter = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder()
            .with_simple_exporter(exporter.clone())
            .build();
        let tracer = provider.tracer("tests");
        let behind = is_behind.then(|| tracing_opentelemetry::layer().with_tracer(tracer));
        let subscriber = tracing_subscriber::registry().with(logs).with(behind);
        let guard = tracing::subscriber::set_default(subscriber.with(LevelFilter::INFO));
        let observer = Instrumentation::builder().spans(way).build();
        let work = builder().observer(observer).open(async {
            http_session()?.get(server.url("/ok")).send().await.unwrap();
            Ok::<_, OpenError>(())
        });
        work.await.unwrap();
        drop(guard);
        let lines = log.lines("HTTP request{");
        assert_eq!(lines.len(), 1, "{lines:?}");
        let in_log = lines[0].contains("http.response.status_code=200");
        assert_eq!(in_log, is_logged, "{way:?} {is_behind} {lines:?}");
        let spans = exporter.get_finished_spans().unwrap();
        let of_request = spans.iter().find(|span| span.name.starts_with("GET"));
        let status = of_request.map(|span| attribute(span, "http.response.status_code"));
        assert_eq!(status, is_behind.then_some(Some(200.into())), "{way:?}");
    }
}
