//! What the program says while it runs, on standard error: of its contexts (leaks, nested opens,
//! slow queues), of its jobs, and of itself.
//!
//! A line is for a person or, with `--log-format json`, one JSON object; then everything else that
//! the program says there is one too, so that a collector of logs meets nothing but JSON. A line
//! from inside a job or a request has the ids of its trace and span, when traces are exported.
//!
//! Ids of jobs and names of contexts may hold URLs: their secrets are taken out. Error texts hold
//! no URL, and no line has a header or a body.

mod lines;
mod trace;

use std::io::Write as _;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::ValueEnum;
use serde_json::{Value, json};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use self::lines::{Lines, timestamp};
pub(crate) use self::trace::JobTrace;
use crate::terminal::Beside;

/// What a log line looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object.
    Json,
}

/// Which log lines are shown.
///
/// Parsed from a level (`off`, `error`, `warn`, `info`, `debug`, `trace`), which is that of what this
/// workspace says and of nothing else, or from a list of targets, such as `shop=info,http_context=warn`.
///
/// ```
/// use http_context_worker::LogLevel;
///
/// let level: LogLevel = "warn,mailer=info".parse().expect("these are levels");
/// # drop(level);
/// ```
#[derive(Clone, Debug)]
pub struct LogLevel(Targets);

impl LogLevel {
    /// What this workspace says, from this level on. What other libraries say is not shown.
    pub(crate) fn of_ours(level: LevelFilter) -> Self {
        Self(Targets::new().with_target("http_context", level))
    }
}

impl LogLevel {
    /// And what these targets say, from this level on.
    pub(crate) fn and_of(self, targets: &[String], level: LevelFilter) -> Self {
        let add = |known: Targets, target: &String| known.with_target(target.clone(), level);
        Self(targets.iter().fold(self.0, add))
    }
}

impl FromStr for LogLevel {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(level) = text.parse() {
            return Ok(Self::of_ours(level));
        }
        let targets = text.parse().map(Self).map_err(|_| ());
        targets.map_err(|()| {
            "a level is off, error, warn, info, debug or trace; or a list such as \
             http_context=info,apalis_core=debug"
                .to_owned()
        })
    }
}

/// Whether everything that is said is JSON.
static IS_JSON: AtomicBool = AtomicBool::new(false);

/// Writes lines to standard error from now on. Does nothing where the process has a subscriber
/// already.
pub(crate) fn install(format: LogFormat, level: LogLevel) {
    IS_JSON.store(format == LogFormat::Json, Ordering::Relaxed);
    let _ = subscriber(format, level, || Beside(std::io::stderr())).try_init();
}

fn subscriber<W>(format: LogFormat, level: LogLevel, writer: W) -> impl SubscriberInitExt
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .with_ansi(false)
        .event_format(Lines { format });
    tracing_subscriber::registry().with(lines).with(level.0)
}

/// Says something to whoever started the program, whatever the level. Standard error may be gone,
/// and then nobody reads it.
pub(crate) fn say(text: &str) {
    say_with(text, json!({}));
}

/// Says it with figures, which a person does not get.
pub(crate) fn say_with(text: &str, figures: Value) {
    let line = if is_json() {
        let level = if text.starts_with("error: ") {
            "ERROR"
        } else {
            "INFO"
        };
        let mut line = json!({
            "timestamp": timestamp(),
            "level": level,
            "target": env!("CARGO_CRATE_NAME"),
            "message": text.trim_start_matches("error: ").trim(),
        });
        if let (Value::Object(line), Value::Object(figures)) = (&mut line, figures) {
            line.extend(figures);
        }
        format!("{line}\n")
    } else {
        text.to_owned()
    };
    let _ = Beside(std::io::stderr()).write_all(line.as_bytes());
}

pub(crate) fn is_json() -> bool {
    IS_JSON.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests;
