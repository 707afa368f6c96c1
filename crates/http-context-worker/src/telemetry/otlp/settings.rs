//! What the `OTEL_*` variables ask for.

use http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::percent_decode_str;

use crate::failure::Failure;
use crate::telemetry::asked::{Signal, asked_by};

/// How it gets to the collector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    #[cfg(feature = "otlp-grpc")]
    Grpc,
    Http,
}

/// By which protocol the signal is to be exported, if it is.
pub(super) fn requested(
    signal: Signal,
    get: impl Fn(&str) -> Option<String>,
) -> Result<Option<Protocol>, Failure> {
    if asked_by(signal, &get).is_none() {
        return Ok(None);
    }
    let get = |name: &str| get(name).filter(|value| !value.trim().is_empty());
    let names = [
        signal.own("PROTOCOL"),
        "OTEL_EXPORTER_OTLP_PROTOCOL".to_owned(),
    ];
    let Some((name, protocol)) = names.iter().find_map(|name| Some((name, get(name)?))) else {
        return Ok(Some(Protocol::Http));
    };
    match protocol.trim() {
        #[cfg(feature = "otlp-grpc")]
        "grpc" => Ok(Some(Protocol::Grpc)),
        #[cfg(not(feature = "otlp-grpc"))]
        "grpc" => {
            let missing = crate::features::missing("otlp-grpc", "telemetry is exported over gRPC");
            Err(Failure::Otlp(format!(
                "{name} is \"grpc\", and {missing}, or use http/protobuf"
            )))
        }
        "http/protobuf" => Ok(Some(Protocol::Http)),
        other => Err(Failure::Otlp(format!(
            "{name} is {other:?}, it can be grpc or http/protobuf"
        ))),
    }
}

/// What is to be said to the exporter of a signal, since it would take a variable of the signal that
/// is empty for an answer, and not look at that of all signals.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Shadowed {
    pub(super) headers: HeaderMap,
    /// An endpoint for gRPC that names no scheme, with one.
    #[cfg(feature = "otlp-grpc")]
    pub(super) endpoint: Option<String>,
}

impl Shadowed {
    pub(super) fn of(signal: Signal, get: impl Fn(&str) -> Option<String>) -> Self {
        let own = |what: &str| get(&signal.own(what));
        let of_all = |what: &str| get(&format!("OTEL_EXPORTER_OTLP_{what}"));
        let said = |value: Option<String>| value.filter(|value| !value.trim().is_empty());
        let shadowed = |what: &str| {
            let is_empty = own(what).is_some_and(|value| value.trim().is_empty());
            said(of_all(what)).filter(|_| is_empty)
        };
        #[cfg(feature = "otlp-grpc")]
        let endpoint = {
            let is_insecure = shadowed("INSECURE").is_some_and(|v| v.eq_ignore_ascii_case("true"));
            let endpoint = said(own("ENDPOINT")).or_else(|| said(of_all("ENDPOINT")));
            endpoint.filter(|endpoint| is_insecure && !endpoint.contains("://"))
        };
        Self {
            headers: shadowed("HEADERS")
                .as_deref()
                .map(headers)
                .unwrap_or_default(),
            #[cfg(feature = "otlp-grpc")]
            endpoint: endpoint.map(|endpoint| format!("http://{endpoint}")),
        }
    }
}

/// `name=value,name=value`, each value percent-encoded. What is no header is left out.
fn headers(text: &str) -> HeaderMap {
    let header = |pair: &str| {
        let (name, value) = pair.split_once('=')?;
        let value = percent_decode_str(value.trim()).collect::<Vec<u8>>();
        let name = HeaderName::from_bytes(name.trim().as_bytes()).ok()?;
        Some((name, HeaderValue::from_bytes(&value).ok()?))
    };
    text.split(',').filter_map(header).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traces(variables: &[(&str, &str)]) -> Result<Option<Protocol>, String> {
        let get = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        requested(Signal::Traces, get).map_err(|failure| failure.to_string())
    }

    #[test]
    fn an_endpoint_or_the_name_of_the_exporter_asks_for_it() {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318");
        let own = (
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            "http://collector:4318",
        );
        let others = (
            "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
            "http://collector:4318",
        );
        for (variables, expected) in [
            (&[][..], None),
            (&[others], None),
            (&[("OTEL_EXPORTER_OTLP_ENDPOINT", " ")], None),
            (&[endpoint], Some(Protocol::Http)),
            (&[own], Some(Protocol::Http)),
            (&[("OTEL_TRACES_EXPORTER", "otlp")], Some(Protocol::Http)),
            (
                &[("OTEL_TRACES_EXPORTER", "console, otlp")],
                Some(Protocol::Http),
            ),
            (&[endpoint, ("OTEL_TRACES_EXPORTER", "none")], None),
            (&[endpoint, ("OTEL_SDK_DISABLED", "true")], None),
        ] {
            assert_eq!(traces(variables), Ok(expected), "{variables:?}");
        }
    }

    #[cfg(feature = "otlp-grpc")]
    #[test]
    fn the_protocol_of_the_signal_goes_before_that_of_all() {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4317");
        let all = |value| ("OTEL_EXPORTER_OTLP_PROTOCOL", value);
        let own = |value| ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", value);
        assert_eq!(traces(&[endpoint, all("grpc")]), Ok(Some(Protocol::Grpc)));
        assert_eq!(
            traces(&[endpoint, all("grpc"), own("http/protobuf")]),
            Ok(Some(Protocol::Http))
        );
        let error = traces(&[endpoint, all("smoke")]).unwrap_err();
        assert!(
            error.contains("OTEL_EXPORTER_OTLP_PROTOCOL is \"smoke\""),
            "{error}"
        );
    }
    fn shadowed(variables: &[(&str, &str)]) -> Shadowed {
        let get = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        Shadowed::of(Signal::Traces, get)
    }

    #[test]
    fn a_variable_of_the_signal_that_is_empty_hides_none_of_all_signals() {
        let all = (
            "OTEL_EXPORTER_OTLP_HEADERS",
            " a = x%20y , b=z,none, =,c=%0A",
        );
        let own = |value| ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", value);
        let expected = [("a", "x y"), ("b", "z")];
        let expected = expected.map(|(name, value)| {
            let value = HeaderValue::from_static(value);
            (HeaderName::from_static(name), value)
        });
        assert_eq!(
            shadowed(&[all, own("")]).headers,
            HeaderMap::from_iter(expected)
        );
        for variables in [&[all][..], &[all, own("k=v")], &[own("")]] {
            assert_eq!(shadowed(variables), Shadowed::default(), "{variables:?}");
        }
    }

    #[cfg(feature = "otlp-grpc")]
    #[test]
    fn without_a_word_of_the_signal_a_collector_is_as_insecure_as_that_of_all_signals() {
        let insecure = ("OTEL_EXPORTER_OTLP_INSECURE", "True");
        let own = |value| ("OTEL_EXPORTER_OTLP_TRACES_INSECURE", value);
        let endpoint = |value| ("OTEL_EXPORTER_OTLP_ENDPOINT", value);
        for (variables, expected) in [
            (
                [insecure, own(" "), endpoint("host:4317")],
                Some("http://host:4317"),
            ),
            ([insecure, own("false"), endpoint("host:4317")], None),
            ([insecure, own(""), endpoint("https://host:4317")], None),
            ([insecure, own(""), endpoint("")], None),
        ] {
            assert_eq!(
                shadowed(&variables).endpoint.as_deref(),
                expected,
                "{variables:?}"
            );
        }
    }
}
