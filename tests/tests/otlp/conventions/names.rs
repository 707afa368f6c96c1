//! Every name of the conventions, in their own words.

use std::collections::BTreeSet;

use http_context_middleware::{MetricKind, attribute, catalogue};
use opentelemetry_semantic_conventions::{attribute as semconv, metric as semconv_metric};

use super::is_ours;

/// Attributes that the conventions have, in the words of the conventions.
pub(super) const ATTRIBUTES: &[(&str, &str)] = &[
    (attribute::HTTP_REQUEST_METHOD, semconv::HTTP_REQUEST_METHOD),
    (
        attribute::HTTP_REQUEST_METHOD_ORIGINAL,
        semconv::HTTP_REQUEST_METHOD_ORIGINAL,
    ),
    (attribute::SERVER_ADDRESS, semconv::SERVER_ADDRESS),
    (attribute::SERVER_PORT, semconv::SERVER_PORT),
    (attribute::URL_FULL, semconv::URL_FULL),
    (attribute::URL_TEMPLATE, semconv::URL_TEMPLATE),
    (
        attribute::HTTP_RESPONSE_STATUS_CODE,
        semconv::HTTP_RESPONSE_STATUS_CODE,
    ),
    (attribute::ERROR_TYPE, semconv::ERROR_TYPE),
    (
        attribute::NETWORK_PROTOCOL_VERSION,
        semconv::NETWORK_PROTOCOL_VERSION,
    ),
    (
        attribute::NETWORK_PEER_ADDRESS,
        semconv::NETWORK_PEER_ADDRESS,
    ),
    (attribute::NETWORK_PEER_PORT, semconv::NETWORK_PEER_PORT),
    (
        attribute::HTTP_REQUEST_RESEND_COUNT,
        semconv::HTTP_REQUEST_RESEND_COUNT,
    ),
    (
        attribute::HTTP_REQUEST_BODY_SIZE,
        semconv::HTTP_REQUEST_BODY_SIZE,
    ),
    (
        attribute::HTTP_RESPONSE_BODY_SIZE,
        semconv::HTTP_RESPONSE_BODY_SIZE,
    ),
    (
        attribute::HTTP_CONNECTION_STATE,
        semconv::HTTP_CONNECTION_STATE,
    ),
    (attribute::DNS_QUESTION_NAME, semconv::DNS_QUESTION_NAME),
];

/// A metric of the conventions: what they require of it.
pub(super) struct Convention {
    pub(super) name: &'static str,
    pub(super) kind: MetricKind,
    pub(super) unit: &'static str,
    /// The buckets that they advise.
    pub(super) buckets: Option<&'static [f64]>,
    /// Always there.
    pub(super) required: &'static [&'static str],
    /// There when there is something to say.
    pub(super) conditional: &'static [&'static str],
}

pub(super) const REQUEST_SECONDS: &[f64] = &[
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];
pub(super) const CONNECTION_SECONDS: &[f64] = &[
    0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0,
];

pub(super) const OF_A_REQUEST: &[&str] = &[
    semconv::HTTP_REQUEST_METHOD,
    semconv::SERVER_ADDRESS,
    semconv::SERVER_PORT,
];
pub(super) const OF_ITS_END: &[&str] = &[
    semconv::ERROR_TYPE,
    semconv::HTTP_RESPONSE_STATUS_CODE,
    semconv::NETWORK_PROTOCOL_VERSION,
    semconv::URL_TEMPLATE,
];

pub(super) const METRICS: &[Convention] = &[
    Convention {
        name: semconv_metric::HTTP_CLIENT_REQUEST_DURATION,
        kind: MetricKind::Histogram,
        unit: "s",
        buckets: Some(REQUEST_SECONDS),
        required: OF_A_REQUEST,
        conditional: OF_ITS_END,
    },
    Convention {
        name: semconv_metric::HTTP_CLIENT_REQUEST_BODY_SIZE,
        kind: MetricKind::Histogram,
        unit: "By",
        buckets: None,
        required: OF_A_REQUEST,
        conditional: OF_ITS_END,
    },
    Convention {
        name: semconv_metric::HTTP_CLIENT_RESPONSE_BODY_SIZE,
        kind: MetricKind::Histogram,
        unit: "By",
        buckets: None,
        required: OF_A_REQUEST,
        conditional: OF_ITS_END,
    },
    // An up-down counter, which the catalogue calls a gauge, without the template of the URL: it is
    // known before the request has an end.
    Convention {
        name: semconv_metric::HTTP_CLIENT_ACTIVE_REQUESTS,
        kind: MetricKind::Gauge,
        unit: "{request}",
        buckets: None,
        required: OF_A_REQUEST,
        conditional: &[],
    },
    Convention {
        name: semconv_metric::HTTP_CLIENT_OPEN_CONNECTIONS,
        kind: MetricKind::Gauge,
        unit: "{connection}",
        buckets: None,
        required: &[
            semconv::HTTP_CONNECTION_STATE,
            semconv::SERVER_ADDRESS,
            semconv::SERVER_PORT,
        ],
        conditional: &[],
    },
    Convention {
        name: semconv_metric::HTTP_CLIENT_CONNECTION_DURATION,
        kind: MetricKind::Histogram,
        unit: "s",
        buckets: Some(CONNECTION_SECONDS),
        required: &[semconv::SERVER_ADDRESS, semconv::SERVER_PORT],
        conditional: &[semconv::NETWORK_PROTOCOL_VERSION],
    },
    // The name is asked for by an option: a worker looks up as many as its jobs name.
    Convention {
        name: semconv_metric::DNS_LOOKUP_DURATION,
        kind: MetricKind::Histogram,
        unit: "s",
        buckets: Some(REQUEST_SECONDS),
        required: &[],
        conditional: &[semconv::DNS_QUESTION_NAME, semconv::ERROR_TYPE],
    },
];

/// Names in a namespace of the conventions that they lack.
pub(super) const MORE: &[&str] = &["http.client.request.time_in_queue"];

#[test]
fn each_name_of_the_conventions_is_theirs() {
    for (ours, theirs) in ATTRIBUTES {
        assert_eq!(ours, theirs);
    }
    let known: BTreeSet<&str> = ATTRIBUTES.iter().map(|(_, theirs)| *theirs).collect();
    let of_metrics = catalogue().flat_map(|metric| metric.attributes);
    for name in of_metrics.chain(attribute::REQUEST_SPAN) {
        assert!(known.contains(name) || is_ours(name), "{name}");
    }
    for metric in catalogue() {
        let convention = METRICS.iter().find(|one| one.name == metric.name);
        let Some(convention) = convention else {
            let name = metric.name;
            assert!(
                name.starts_with("http_context.") || MORE.contains(&name),
                "{name}"
            );
            continue;
        };
        assert_eq!(metric.kind, convention.kind, "{}", metric.name);
        assert_eq!(metric.unit.ucum(), convention.unit, "{}", metric.name);
        if let Some(buckets) = convention.buckets {
            assert_eq!(metric.buckets, buckets, "{}", metric.name);
        }
    }
    for convention in METRICS {
        assert!(
            catalogue().any(|one| one.name == convention.name),
            "{}",
            convention.name
        );
    }
}
