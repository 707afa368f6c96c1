//! Every metric, in one table: the source of descriptions, buckets and docs.

use super::metric::{Metric, MetricKind, MetricUnit};
use crate::attribute::{
    DIRECTION, DNS_QUESTION_NAME, ERROR_TYPE, HTTP_CONNECTION_STATE, HTTP_REQUEST_METHOD,
    HTTP_RESPONSE_STATUS_CODE, KIND, NETWORK_PROTOCOL_VERSION, OUTCOME, POLICY, PROTOCOL, REASON,
    SERVER_ADDRESS, SERVER_PORT, SOURCE, STATE, STATUS, TYPE, URL_TEMPLATE,
};

const NONE: &[f64] = &[];
/// Durations of requests, in seconds (the advice of the OpenTelemetry conventions).
const REQUEST: &[f64] = &[
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];
/// Lifetimes, in seconds.
const LIFE: &[f64] = &[
    0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0,
];
/// Sizes of bodies, in bytes.
const SIZE: &[f64] = &[100.0, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];
/// Counts of requests.
const COUNT: &[f64] = &[
    0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0,
];

macro_rules! catalogue {
    ($($constant:ident: $kind:ident $name:literal, $prometheus_name:literal, $unit:ident,
       $buckets:ident, [$($attribute:ident),*], $description:literal;)*) => {
        $(
            #[doc = $description]
            pub(crate) const $constant: Metric = Metric {
                name: $name,
                prometheus_name: $prometheus_name,
                kind: MetricKind::$kind,
                unit: MetricUnit::$unit,
                buckets: $buckets,
                attributes: &[$($attribute),*],
                description: $description,
            };
        )*
        const METRICS: &[Metric] = &[$($constant),*];
    };
}

/// Every metric of the catalogue.
///
/// ```
/// let names: Vec<_> = http_context_middleware::catalogue().map(|metric| metric.name).collect();
/// assert!(names.contains(&"http.client.request.duration"));
/// ```
pub fn catalogue() -> impl ExactSizeIterator<Item = &'static Metric> + Clone {
    METRICS.iter()
}

catalogue! {
    REQUEST_DURATION: Histogram "http.client.request.duration", "http_client_request_duration_seconds", Seconds,
        REQUEST, [SERVER_ADDRESS, SERVER_PORT, HTTP_REQUEST_METHOD, HTTP_RESPONSE_STATUS_CODE, ERROR_TYPE, NETWORK_PROTOCOL_VERSION, URL_TEMPLATE],
        "Duration of HTTP client requests, from the call to the response head";
    ACTIVE_REQUESTS: Gauge "http.client.active_requests", "http_client_active_requests", Requests,
        NONE, [SERVER_ADDRESS, SERVER_PORT, HTTP_REQUEST_METHOD],
        "Requests that have no response head yet";
    REQUEST_BODY_SIZE: Histogram "http.client.request.body.size", "http_client_request_body_size_bytes", Bytes,
        SIZE, [SERVER_ADDRESS, SERVER_PORT, HTTP_REQUEST_METHOD, HTTP_RESPONSE_STATUS_CODE, ERROR_TYPE, NETWORK_PROTOCOL_VERSION, URL_TEMPLATE],
        "Size of request bodies that were sent whole";
    RESPONSE_BODY_SIZE: Histogram "http.client.response.body.size", "http_client_response_body_size_bytes", Bytes,
        SIZE, [SERVER_ADDRESS, SERVER_PORT, HTTP_REQUEST_METHOD, HTTP_RESPONSE_STATUS_CODE, ERROR_TYPE, NETWORK_PROTOCOL_VERSION, URL_TEMPLATE],
        "Size of response bodies that were read to their end";
    TIME_IN_QUEUE: Histogram "http.client.request.time_in_queue", "http_client_request_time_in_queue_seconds", Seconds,
        REQUEST, [SERVER_ADDRESS, SERVER_PORT, HTTP_REQUEST_METHOD],
        "How long requests waited for a slot at their host, those that waited";
    OPEN_CONNECTIONS: Gauge "http.client.open_connections", "http_client_open_connections", Connections,
        NONE, [SERVER_ADDRESS, SERVER_PORT, HTTP_CONNECTION_STATE],
        "Open connections, by whether a request is on them";
    CONNECTION_DURATION: Histogram "http.client.connection.duration", "http_client_connection_duration_seconds", Seconds,
        LIFE, [SERVER_ADDRESS, SERVER_PORT, NETWORK_PROTOCOL_VERSION],
        "How long connections were open";
    DNS_LOOKUP_DURATION: Histogram "dns.lookup.duration", "dns_lookup_duration_seconds", Seconds,
        REQUEST, [DNS_QUESTION_NAME, ERROR_TYPE],
        "Duration of name lookups";
    CONNECTION_CREATE_DURATION: Histogram "http_context.connection.create.duration", "http_context_connection_create_duration_seconds", Seconds,
        REQUEST, [SERVER_ADDRESS, SERVER_PORT, ERROR_TYPE],
        "How long it took to make a connection, or to fail: DNS, TCP and TLS";
    CONNECTIONS_CLOSED: Counter "http_context.connection.closed", "http_context_connections_closed_total", Connections,
        NONE, [SERVER_ADDRESS, SERVER_PORT, REASON],
        "Connections that closed, by reason";
    REQUEST_CONNECTIONS: Counter "http_context.request.connection", "http_context_request_connections_total", Requests,
        NONE, [SERVER_ADDRESS, SERVER_PORT, SOURCE],
        "Response heads, by whether their connection is new or reused";
    CONNECTION_REQUESTS: Histogram "http_context.connection.requests", "http_context_connection_requests", Requests,
        COUNT, [SERVER_ADDRESS, SERVER_PORT],
        "Requests of a connection over its life";
    CONNECTION_IDLE: Histogram "http_context.connection.idle", "http_context_connection_idle_seconds", Seconds,
        LIFE, [SERVER_ADDRESS, SERVER_PORT],
        "How long a reused connection had been idle";
    CONTEXTS_ACTIVE: Gauge "http_context.contexts.active", "http_context_contexts_active", Contexts,
        NONE, [],
        "Contexts that are open";
    CONTEXTS: Counter "http_context.contexts", "http_context_contexts_total", Contexts,
        NONE, [OUTCOME],
        "Contexts that exited, by how their work ended";
    CONTEXT_DURATION: Histogram "http_context.context.duration", "http_context_context_duration_seconds", Seconds,
        LIFE, [OUTCOME],
        "How long contexts were open";
    EXIT_DURATION: Histogram "http_context.exit.duration", "http_context_exit_duration_seconds", Seconds,
        REQUEST, [],
        "How long the exit of a context took, from drain to report";
    NESTED_OPENS: Counter "http_context.nested_opens", "http_context_nested_opens_total", Opens,
        NONE, [POLICY],
        "Opens inside a context that was bound already";
    LEAKS: Counter "http_context.leaks", "http_context_leaks_total", Leaks,
        NONE, [KIND],
        "Leaks";
    LEAKS_OPEN: Gauge "http_context.leaks.open", "http_context_leaks_open", Leaks,
        NONE, [KIND],
        "Leaked things that are not released yet";
    SESSIONS: Counter "http_context.sessions", "http_context_sessions_total", Sessions,
        NONE, [SOURCE],
        "Sessions, by origin";
    REQUESTS_ABORTED: Counter "http_context.requests.aborted", "http_context_requests_aborted_total", Requests,
        NONE, [SERVER_ADDRESS, SERVER_PORT],
        "Requests, bodies and upgraded connections that an exit cut off";
    REDIRECTS: Counter "http_context.redirects", "http_context_redirects_total", Redirects,
        NONE, [SERVER_ADDRESS, SERVER_PORT],
        "Redirects that were followed";
    POOL_SESSIONS: Gauge "http_context.pool.sessions", "http_context_pool_sessions", Sessions,
        NONE, [STATE],
        "Sessions of the pool";
    POOL_MAX: Gauge "http_context.pool.max", "http_context_pool_max", Sessions,
        NONE, [],
        "How many sessions the pool may have";
    POOL_PENDING_REQUESTS: Gauge "http_context.pool.pending_requests", "http_context_pool_pending_requests", Requests,
        NONE, [],
        "Contexts that wait for a session of the pool";
    POOL_WAIT_TIME: Histogram "http_context.pool.wait_time", "http_context_pool_wait_time_seconds", Seconds,
        REQUEST, [],
        "How long contexts waited for a session of the pool";
    POOL_CREATE_TIME: Histogram "http_context.pool.create_time", "http_context_pool_create_time_seconds", Seconds,
        REQUEST, [],
        "How long the pool took to make a session";
    POOL_USE_TIME: Histogram "http_context.pool.use_time", "http_context_pool_use_time_seconds", Seconds,
        LIFE, [],
        "How long a session of the pool was used at a time";
    POOL_TIMEOUTS: Counter "http_context.pool.timeouts", "http_context_pool_timeouts_total", Timeouts,
        NONE, [],
        "Contexts that waited too long for a session of the pool";
    UPGRADED_CONNECTIONS: Gauge "http_context.upgraded.connections", "http_context_upgraded_connections", Connections,
        NONE, [SERVER_ADDRESS, SERVER_PORT, PROTOCOL],
        "Upgraded connections that are open, such as WebSockets. They are active in `http.client.open_connections` too";
    UPGRADED_DURATION: Histogram "http_context.upgraded.duration", "http_context_upgraded_duration_seconds", Seconds,
        LIFE, [SERVER_ADDRESS, SERVER_PORT, PROTOCOL, REASON],
        "How long upgraded connections were open, from the head that upgraded them";
    UPGRADED_BYTES: Counter "http_context.upgraded.bytes", "http_context_upgraded_bytes_total", Bytes,
        NONE, [SERVER_ADDRESS, SERVER_PORT, PROTOCOL, DIRECTION],
        "What upgraded connections carry, framing included and TLS not, counted about once a second while they are open";
    WEBSOCKET_MESSAGES: Counter "http_context.websocket.messages", "http_context_websocket_messages_total", Messages,
        NONE, [SERVER_ADDRESS, SERVER_PORT, DIRECTION, TYPE],
        "Messages of WebSockets, counted about once a second while they are open";
    RESPONSE_BODY_DURATION: Histogram "http_context.response.body.duration", "http_context_response_body_duration_seconds", Seconds,
        LIFE, [SERVER_ADDRESS, SERVER_PORT, HTTP_REQUEST_METHOD, REASON],
        "From the response head to the end of the body. Empty bodies and upgraded connections have none";
    TIME_TO_FIRST_CHUNK: Histogram "http_context.response.time_to_first_chunk", "http_context_response_time_to_first_chunk_seconds", Seconds,
        REQUEST, [SERVER_ADDRESS, SERVER_PORT, HTTP_REQUEST_METHOD],
        "From the start of the request to the first bytes of the body, as the caller reads them";
    WORKER_JOBS: Counter "http_context.worker.jobs", "http_context_worker_jobs_total", Jobs,
        NONE, [STATUS],
        "Jobs, by how they ended";
    WORKER_QUEUE_JOBS: Gauge "http_context.worker.queue.jobs", "http_context_worker_queue_jobs", Jobs,
        NONE, [STATE],
        "Jobs that are not finished: running in this process, ended in it and being settled, and, of the whole queue, waiting for a worker or delayed until their next attempt";
    WORKER_JOB_DURATION: Histogram "http_context.worker.job.duration", "http_context_worker_job_duration_seconds", Seconds,
        LIFE, [STATUS, KIND],
        "How long attempts at jobs took, with the exit of their context, by what became of them";
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    #[test]
    fn prometheus_names_follow_from_kind_and_unit() {
        for metric in catalogue() {
            let name = metric.prometheus_name;
            let is_valid = |c: char| c.is_ascii_lowercase() || c == '_';
            assert!(name.chars().all(is_valid), "{name}");
            assert_eq!(
                metric.kind == MetricKind::Counter,
                name.ends_with("_total"),
                "{name}"
            );
            let suffix = match metric.unit {
                MetricUnit::Seconds => "_seconds",
                MetricUnit::Bytes => "_bytes",
                _ => "",
            };
            let name = name.strip_suffix("_total").unwrap_or(name);
            assert!(name.ends_with(suffix), "{name}");
        }
    }

    #[test]
    fn only_histograms_have_buckets_and_theirs_ascend() {
        for metric in catalogue() {
            let is_histogram = metric.kind == MetricKind::Histogram;
            assert_eq!(is_histogram, !metric.buckets.is_empty(), "{}", metric.name);
            assert!(metric.buckets.is_sorted(), "{}", metric.name);
        }
    }

    /// The table in the crate's documentation.
    fn table() -> String {
        let mut table = String::from(
            "| OpenTelemetry name | Prometheus name | kind | unit | attributes | what it is |\n\
             |---|---|---|---|---|---|\n",
        );
        for metric in catalogue() {
            let quoted: Vec<_> = metric.attributes.iter().map(|a| format!("`{a}`")).collect();
            writeln!(
                table,
                "| `{}` | `{}` | {} | {} | {} | {} |",
                metric.name,
                metric.prometheus_name,
                metric.kind.as_str(),
                metric.unit.ucum(),
                quoted.join(" "),
                metric.description,
            )
            .unwrap();
        }
        table
    }

    #[test]
    fn the_documentation_has_the_catalogue() {
        let (expected, documented) = (table(), include_str!("catalogue.md"));
        assert!(
            expected == documented,
            "catalogue.md should be:\n{expected}"
        );
    }

    #[test]
    fn no_name_stands_twice() {
        let mut names: Vec<_> = catalogue()
            .flat_map(|metric| [metric.name, metric.prometheus_name])
            .collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
