//! One event, one line.

use std::fmt::{self, Write as _};

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::{LogFormat, trace};

/// Writes events in this format.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lines {
    pub(super) format: LogFormat,
}

/// Now, as it stands in a line: UTC, RFC 3339.
pub(super) fn timestamp() -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = SystemTime.format_time(&mut Writer::new(&mut text));
    text
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'l> LookupSpan<'l>,
    N: for<'w> FormatFields<'w> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let metadata = event.metadata();
        let mut fields = Fields::default();
        event.record(&mut fields);
        if let Some((trace, span)) = trace::ids() {
            fields.others.push(("trace_id", trace.into()));
            fields.others.push(("span_id", span.into()));
        }
        let (level, target) = (metadata.level(), metadata.target());
        if self.format == LogFormat::Json {
            let mut line = Map::new();
            line.insert("timestamp".to_owned(), timestamp().into());
            line.insert("level".to_owned(), level.as_str().into());
            line.insert("target".to_owned(), target.into());
            line.insert("message".to_owned(), fields.message.into());
            for (name, value) in fields.others {
                line.insert(name.to_owned(), value);
            }
            return writeln!(writer, "{}", Value::Object(line));
        }
        write!(
            writer,
            "{} {level:>5} {target}: {}",
            timestamp(),
            fields.message
        )?;
        for (name, value) in fields.others {
            match value {
                // Text with a space in it would run into the next field.
                Value::String(text) if !text.contains([' ', '"', '\n']) => {
                    write!(writer, " {name}={text}")?;
                }
                value => write!(writer, " {name}={value}")?,
            }
        }
        writeln!(writer)
    }
}

/// The fields of an event.
#[derive(Default)]
struct Fields {
    message: String,
    others: Vec<(&'static str, Value)>,
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            // Writing to a string cannot fail.
            let _ = write!(self.message, "{value:?}");
        } else {
            self.others
                .push((field.name(), format!("{value:?}").into()));
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.others.push((field.name(), value.into()));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.others.push((field.name(), value.into()));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.others.push((field.name(), value.into()));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.others.push((field.name(), value.into()));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.others.push((field.name(), value.into()));
    }
}
