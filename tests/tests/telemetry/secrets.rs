//! Nothing that leaves holds a secret.

use std::fmt::Write as _;
use std::io;
use std::sync::{Arc, Mutex};

use http_context::{LeakPolicy, NestedPolicy, OpenError, http_session};
use http_context_middleware::{Instrumentation, Spans};
use http_context_tests::Server;
use metrics_exporter_prometheus::PrometheusBuilder;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::stage::{Stage, WAYS, everything};

const SECRET: &str = "s3cr3t";

/// URLs with the secret wherever one may stand.
fn urls(base: &str) -> Vec<String> {
    let authority = base.strip_prefix("http://").unwrap();
    let mut urls = vec![
        format!("http://user:{SECRET}@{authority}/ok"),
        format!("http://{SECRET}@{authority}/ok"),
        format!("http://{SECRET}:x@{authority}/redirect/1"),
    ];
    let parameters = [
        "X-Amz-Signature",
        "X-Amz-Credential",
        "X-Amz-Security-Token",
        "AWSAccessKeyId",
        "Signature",
        "sig",
        "X-Goog-Signature",
        "SIG",
        "s%69g",
        "api_key",
    ];
    for parameter in parameters {
        urls.push(format!("{base}/ok?a=1&{parameter}={SECRET}&b=2"));
        urls.push(format!("{base}/ok#{parameter}={SECRET}"));
        urls.push(format!("{base}/status/500?{parameter}={SECRET}"));
    }
    urls
}

/// Headers whose values are secrets.
const HEADERS: [&str; 7] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "www-authenticate",
    "proxy-authenticate",
    "x-api-key",
    "set-cookie",
];

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_secret_leaves_in_spans_metrics_logs_errors_and_reports() {
    for way in WAYS {
        let server = Server::start();
        let mut dead = Server::start();
        let dead_base = format!("http://{}", dead.addr());
        dead.shutdown();
        // Installs the exporters; its own subscriber is replaced by one that logs everything too.
        let _stage = Stage::new(way);
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::registry()
            .with(tracing_subscriber::fmt::layer().with_writer(move || writer.clone()))
            .with(LevelFilter::TRACE);
        let _logging = tracing::subscriber::set_default(subscriber);
        let recorder = PrometheusBuilder::new().build_recorder();
        let metrics = recorder.handle();
        let instrumentation = Instrumentation::builder()
            .spans(way)
            .recorder(Arc::new(recorder))
            .connection_spans(true)
            .queue_spans(true)
            .request_headers(HEADERS.into_iter().filter(|header| *header != "x-api-key"))
            .response_headers(HEADERS)
            .build();
        let mut said = String::new();
        let mut kept = Vec::new();
        let context = http_context::builder()
            .observer(Arc::<Instrumentation>::clone(&instrumentation))
            .configure(reqwest::ClientBuilder::no_proxy)
            .redaction(http_context::Redaction::default().also(["api_key"]))
            .nested(NestedPolicy::Warn)
            .leaks(LeakPolicy::Warn)
            .drain_timeout(std::time::Duration::from_millis(10));
        let (_, report) = context
            .open(async {
                let session = http_session().unwrap();
                for base in [format!("http://{}", server.addr()), dead_base] {
                    for url in urls(&base) {
                        let mut request = session.get(&url);
                        for header in HEADERS {
                            request = request.header(header, SECRET);
                        }
                        write!(said, "{request:?}").unwrap();
                        match request.send().await {
                            // The response is the caller's own: it shows the URL as it is.
                            Ok(response) => drop(response.bytes().await),
                            Err(error) => write!(said, "{error} {error:?}").unwrap(),
                        }
                    }
                }
                // What leaks is reported as well.
                let url = format!("http://user:{SECRET}@{}/never?sig={SECRET}", server.addr());
                kept.push(http_context::spawn(async move {
                    let session = http_session().unwrap();
                    session.get(url).send().await.map(drop)
                }));
                server.wait_until(|counts| counts.held == 1).await;
                write!(said, "{session:?} {instrumentation:?}").unwrap();
                let ledger = instrumentation.ledger();
                write!(said, "{ledger:?} {:?}", ledger.connections()).unwrap();
                Ok::<_, OpenError>(())
            })
            .with_report()
            .await;
        let report = report.unwrap();
        assert!(!report.is_clean(), "the test leaks on purpose");
        write!(said, "{report} {report:?}").unwrap();
        let error = kept.remove(0).await.unwrap().unwrap_err();
        write!(said, "{error} {error:?}").unwrap();
        let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        assert!(logged.contains("TRACE"), "the log is at its finest");
        if way == Spans::Tracing {
            assert!(logged.contains("HTTP request"), "spans are logged");
        }
        for (what, text) in [
            ("spans", everything()),
            ("metrics", metrics.render()),
            ("log", logged),
            ("errors and reports", said),
        ] {
            let found = text.find(SECRET).map(|at| {
                let (from, to) = (at.saturating_sub(120), (at + 40).min(text.len()));
                text.get(from..to).unwrap_or("…").to_owned()
            });
            assert_eq!(found, None, "a secret is in the {what} ({way:?})");
        }
    }
}
