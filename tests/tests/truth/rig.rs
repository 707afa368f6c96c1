//! An instrumentation of its own for each test, and what it exported.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_context::{CloseReason, ContextBuilder, PoolBuilder, SessionPool};
use http_context_middleware::{
    ConnectionState, Instrumentation, InstrumentationBuilder, Spans, with_catalogue_buckets,
};
pub(crate) use http_context_tests::Wire;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

/// An instrumentation with a recorder of its own.
pub(crate) struct Rig {
    pub(crate) instrumentation: Arc<Instrumentation>,
    exported: PrometheusHandle,
    wire: Wire,
}

impl Rig {
    pub(crate) fn new(wire: Wire) -> Self {
        Self::with(wire, |builder| builder)
    }

    pub(crate) fn with(
        wire: Wire,
        options: impl FnOnce(InstrumentationBuilder) -> InstrumentationBuilder,
    ) -> Self {
        let recorder = with_catalogue_buckets(PrometheusBuilder::new()).build_recorder();
        let exported = recorder.handle();
        let builder = Instrumentation::builder()
            .spans(Spans::Off)
            .recorder(Arc::new(recorder));
        Self {
            instrumentation: options(builder).build(),
            exported,
            wire,
        }
    }

    /// A builder of contexts that this instrumentation observes.
    pub(crate) fn context(&self) -> ContextBuilder {
        self.wire
            .context(http_context::builder())
            .observer(self.observer())
            .configure(reqwest::ClientBuilder::no_proxy)
    }

    /// A builder of pools that this instrumentation observes.
    pub(crate) fn pool(&self) -> PoolBuilder {
        SessionPool::builder()
            .session(self.context().session_options())
            .observer(self.observer())
    }

    fn observer(&self) -> Arc<Instrumentation> {
        Arc::clone(&self.instrumentation)
    }

    pub(crate) fn exported(&self) -> Exported {
        Exported::parse(&self.exported.render())
    }

    /// Waits until what is exported is as asked. The kernel announces a close a few milliseconds
    /// after it, and to another thread, so there is nothing to await.
    #[expect(
        clippy::disallowed_methods,
        reason = "there is no signal to wait for, as said above"
    )]
    pub(crate) async fn wait_until(&self, condition: impl Fn(&Exported) -> bool) -> Exported {
        let waiting = async {
            loop {
                if condition(&self.exported()) {
                    // Again: one metric is read after the other while they change.
                    return self.exported();
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        match tokio::time::timeout(Duration::from_secs(20), waiting).await {
            Ok(exported) => exported,
            Err(elapsed) => panic!(
                "it did not come to what was waited for, {elapsed}:\n{}",
                self.exported()
            ),
        }
    }
}

/// What a scrape would have got.
#[derive(Debug)]
pub(crate) struct Exported {
    samples: Vec<Sample>,
}

#[derive(Debug)]
struct Sample {
    name: String,
    labels: Vec<(String, String)>,
    value: f64,
}

impl Sample {
    fn parse(line: &str) -> Option<Self> {
        if line.starts_with('#') || line.is_empty() {
            return None;
        }
        let (series, value) = line.rsplit_once(' ')?;
        let (name, labels) = match series.split_once('{') {
            Some((name, labels)) => (name, labels.strip_suffix('}')?),
            None => (series, ""),
        };
        let labels = labels.split(',').filter_map(|label| {
            let (name, value) = label.split_once('=')?;
            Some((name.to_owned(), value.trim_matches('"').to_owned()))
        });
        Some(Self {
            name: name.to_owned(),
            labels: labels.collect(),
            value: value.parse().ok()?,
        })
    }

    fn has(&self, label: &str, value: &str) -> bool {
        self.labels.iter().any(|(l, v)| l == label && v == value)
    }
}

impl Exported {
    pub(crate) fn parse(text: &str) -> Self {
        let samples = text.lines().filter_map(Sample::parse).collect();
        Self { samples }
    }

    /// Every value, by its name and its sorted labels.
    pub(crate) fn into_numbers(
        self,
    ) -> impl Iterator<Item = ((String, Vec<(String, String)>), f64)> {
        self.samples.into_iter().map(|mut sample| {
            sample.labels.sort();
            ((sample.name, sample.labels), sample.value)
        })
    }

    /// The sum over all series of a metric with these labels; 0 when there is none.
    pub(crate) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> i64 {
        let values = self.samples.iter().filter(|sample| {
            sample.name == name && labels.iter().all(|(label, value)| sample.has(label, value))
        });
        #[allow(clippy::cast_possible_truncation, reason = "tests count in thousands")]
        {
            values.map(|sample| sample.value).sum::<f64>() as i64
        }
    }

    /// As [`sum`](Self::sum) of the counts of a histogram.
    pub(crate) fn count(&self, name: &str, labels: &[(&str, &str)]) -> i64 {
        self.sum(&format!("{name}_count"), labels)
    }

    /// The seconds that all series of a histogram add up to.
    pub(crate) fn seconds(&self, histogram: &str) -> f64 {
        let name = format!("{histogram}_sum");
        let values = self.samples.iter().filter(|sample| sample.name == name);
        values.map(|sample| sample.value).sum()
    }

    /// Every series of a metric, as its sorted labels.
    pub(crate) fn series(&self, name: &str) -> Vec<Vec<(String, String)>> {
        let of_metric = |sample: &&Sample| sample.name == name;
        self.samples
            .iter()
            .filter(of_metric)
            .map(|sample| {
                let mut labels = sample.labels.clone();
                labels.sort();
                labels
            })
            .collect()
    }

    pub(crate) fn open_connections(&self) -> i64 {
        self.sum("http_client_open_connections", &[])
    }

    /// The connections with a request on them, and those without.
    pub(crate) fn active_and_idle(&self) -> (i64, i64) {
        self.active_and_idle_with(&[])
    }

    /// As [`active_and_idle`](Self::active_and_idle), to one server of this address.
    pub(crate) fn active_and_idle_to(&self, server: SocketAddr) -> (i64, i64) {
        let (address, port) = (server.ip().to_string(), server.port().to_string());
        self.active_and_idle_with(&[("server_address", &*address), ("server_port", &*port)])
    }

    fn active_and_idle_with(&self, labels: &[(&str, &str)]) -> (i64, i64) {
        let of = |state: ConnectionState| {
            let state = ("http_connection_state", state.as_str());
            let labels = [labels, &[state]].concat();
            self.sum("http_client_open_connections", &labels)
        };
        (of(ConnectionState::Active), of(ConnectionState::Idle))
    }

    /// The connections that closed for this reason.
    pub(crate) fn closed(&self, reason: CloseReason) -> i64 {
        let reason = [("reason", reason.as_str())];
        self.sum("http_context_connections_closed_total", &reason)
    }

    /// How many connections this side has closed for this reason. With TLS and HTTP/2 it says so before
    /// its FIN, and a peer that closes at that may be faster with its own.
    pub(crate) fn closed_here(&self, wire: Wire, reason: CloseReason) -> i64 {
        let faster = match wire {
            Wire::Http1 => 0,
            Wire::Http2 | Wire::TlsHttp1 | Wire::TlsHttp2 => self.closed(CloseReason::Remote),
        };
        self.closed(reason) + faster
    }

    /// Requests that ended, each once, by how they did.
    pub(crate) fn ends(&self) -> Ends {
        let all = self.count("http_client_request_duration_seconds", &[]);
        let mut ends = Ends::default();
        for sample in &self.samples {
            if sample.name != "http_client_request_duration_seconds_count" {
                continue;
            }
            #[allow(clippy::cast_possible_truncation, reason = "tests count in thousands")]
            let count = sample.value as i64;
            let has = |name| sample.labels.iter().any(|(label, _)| label == name);
            if has("http_response_status_code") {
                ends.answered += count;
            } else if has("error_type") {
                ends.failed += count;
            } else {
                ends.cancelled += count;
            }
        }
        assert_eq!(all, ends.answered + ends.failed + ends.cancelled);
        ends
    }

    /// The invariants that hold whatever happened, once nothing is in flight.
    pub(crate) fn assert_sound(&self) {
        let sources = ["new", "reused", "unknown"].map(|source| {
            self.sum(
                "http_context_request_connections_total",
                &[("source", source)],
            )
        });
        assert_eq!(sources.iter().sum::<i64>(), self.ends().answered, "{self}");
        assert_eq!(self.sum("http_client_active_requests", &[]), 0, "{self}");
        assert_eq!(self.sum("http_context_contexts_active", &[]), 0, "{self}");
        for gauge in [
            "http_client_open_connections",
            "http_client_active_requests",
        ] {
            let negative = |s: &&Sample| s.name == gauge && s.value < 0.0;
            assert_eq!(self.samples.iter().filter(negative).count(), 0, "{self}");
        }
        let opened = self.count("http_context_connection_create_duration_seconds", &[])
            - self.failed_connects();
        let closed = self.sum("http_context_connections_closed_total", &[]);
        assert_eq!(opened, closed + self.open_connections(), "{self}");
        assert_eq!(
            self.count("http_client_connection_duration_seconds", &[]),
            closed,
            "{self}"
        );
    }

    pub(crate) fn opened(&self) -> i64 {
        self.count("http_context_connection_create_duration_seconds", &[]) - self.failed_connects()
    }

    fn failed_connects(&self) -> i64 {
        let name = "http_context_connection_create_duration_seconds_count";
        let failed = self
            .samples
            .iter()
            .filter(|s| s.name == name && s.labels.iter().any(|(label, _)| label == "error_type"));
        #[allow(clippy::cast_possible_truncation, reason = "tests count in thousands")]
        {
            failed.map(|sample| sample.value).sum::<f64>() as i64
        }
    }
}

/// How requests ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ends {
    pub(crate) answered: i64,
    pub(crate) failed: i64,
    pub(crate) cancelled: i64,
}

impl fmt::Display for Exported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quiet = |s: &&Sample| !s.name.ends_with("_bucket") && !s.name.ends_with("_sum");
        for Sample {
            name,
            labels,
            value,
        } in self.samples.iter().filter(quiet)
        {
            writeln!(f, "{name} {labels:?} {value}")?;
        }
        Ok(())
    }
}
