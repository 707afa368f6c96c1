//! Lines, as a run writes them, of what no command line can make a job do: leak.

use std::io;
use std::sync::Arc;

use http_context::{HttpSession, SessionError, http_session};
use http_context_middleware::Instrumentation;
use parking_lot::Mutex;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::{LogFormat, LogLevel, subscriber};
use crate::{JobsFrom, Plan, Target, Worker};

/// Where lines are written.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Written {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().clone()).unwrap()
    }
}

static KEPT: Mutex<Vec<HttpSession>> = Mutex::new(Vec::new());

/// Keeps its session for ever.
async fn leaks(_: serde_json::Value) -> Result<(), SessionError> {
    KEPT.lock().push(http_session()?);
    Ok(())
}

/// Runs one job that leaks, on this thread, and returns what was written.
async fn run_a_job_that_leaks(format: LogFormat, instrumentation: Arc<Instrumentation>) -> String {
    let written = Written::default();
    let writer = {
        let written = written.clone();
        move || written.clone()
    };
    let level = LogLevel::of_ours(LevelFilter::DEBUG);
    let guard = subscriber(format, level, writer).set_default();
    let dir = tempfile::tempdir().unwrap();
    let jobs = dir.path().join("jobs");
    let id = "a https://me:hunter2@host/?sig=hunter2";
    let line = serde_json::json!({"id": id, "url": "http://localhost/"});
    std::fs::write(&jobs, line.to_string()).unwrap();
    let plan = Plan::run(JobsFrom::File(jobs))
        .results(Target::File(dir.path().join("results")))
        .concurrency(1)
        .max_crashes(1)
        .context(http_context::builder().observer(instrumentation));
    let worker = Worker::new("leaky", leaks);
    let ended = worker.run(plan, std::future::pending()).await.unwrap();
    assert_eq!(ended.progress.tally.leaks(), 1);
    drop(guard);
    written.text()
}

#[tokio::test]
async fn a_leak_is_a_line_that_says_what_and_where() {
    let text = run_a_job_that_leaks(LogFormat::Text, Instrumentation::builder().build()).await;
    let leak = text.split("WARN").nth(1).unwrap();
    assert!(
        leak.contains("http_context: an HTTP context left something behind\n"),
        "{text}"
    );
    assert!(
        leak.contains("session_handle: session handle kept past the exit\n"),
        "{text}"
    );
    assert!(leak.contains("kind=session_handle"), "{text}");
    assert!(leak.contains("log/tests.rs:"), "{text}");
    assert!(
        text.contains("DEBUG http_context_worker::handler: a job is done"),
        "{text}"
    );
}

#[cfg(feature = "otlp")]
#[tokio::test]
async fn as_json_each_line_parses_keeps_secrets_out_and_tells_the_trace_of_the_job() {
    use http_context_middleware::Spans;
    use opentelemetry_sdk::trace::SdkTracerProvider;

    opentelemetry::global::set_tracer_provider(SdkTracerProvider::builder().build());
    let instrumentation = Instrumentation::builder()
        .spans(Spans::OpenTelemetry)
        .build();
    let text = run_a_job_that_leaks(LogFormat::Json, instrumentation).await;
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    let line = |message: &str| {
        let mut found = lines.iter();
        found
            .find(|line| line["message"].as_str().unwrap().starts_with(message))
            .unwrap_or_else(|| panic!("{text}"))
    };
    let (leak, done) = (
        line("an HTTP context left something"),
        line("a job is done"),
    );
    assert_eq!(
        (&leak["level"], &leak["kind"]),
        (&"WARN".into(), &"session_handle".into())
    );
    assert_eq!(
        done["job"],
        "a https://REDACTED:REDACTED@host/?sig=REDACTED"
    );
    assert!(leak["timestamp"].as_str().unwrap().ends_with('Z'));
    assert_eq!(leak["trace_id"].as_str().unwrap().len(), 32);
    assert_eq!(leak["span_id"].as_str().unwrap().len(), 16);
    for id in ["trace_id", "span_id"] {
        assert_eq!(leak[id], done[id]);
    }
    assert!(!text.contains("hunter2"), "{text}");
}
