//! What the `OTEL_*` variables ask for.

use crate::failure::Failure;

/// What can be exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    Traces,
    Metrics,
}

/// How it gets to the collector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Grpc,
    Http,
}

impl Signal {
    fn as_str(self) -> &'static str {
        match self {
            Self::Traces => "TRACES",
            Self::Metrics => "METRICS",
        }
    }
}

/// By which protocol the signal is to be exported, if it is.
///
/// It is when `OTEL_{SIGNAL}_EXPORTER` names `otlp`, and without that variable as soon as there is
/// an endpoint; never with `OTEL_SDK_DISABLED`. A variable that is empty counts as not set.
pub(super) fn requested(
    signal: Signal,
    get: impl Fn(&str) -> Option<String>,
) -> Result<Option<Protocol>, Failure> {
    let get = |name: &str| get(name).filter(|value| !value.trim().is_empty());
    let own = |what: &str| format!("OTEL_EXPORTER_OTLP_{}_{what}", signal.as_str());
    if get("OTEL_SDK_DISABLED").is_some_and(|value| value.trim().eq_ignore_ascii_case("true")) {
        return Ok(None);
    }
    let wanted = match get(&format!("OTEL_{}_EXPORTER", signal.as_str())) {
        Some(exporters) => exporters.split(',').any(|name| name.trim() == "otlp"),
        None => get("OTEL_EXPORTER_OTLP_ENDPOINT").is_some() || get(&own("ENDPOINT")).is_some(),
    };
    if !wanted {
        return Ok(None);
    }
    let names = [own("PROTOCOL"), "OTEL_EXPORTER_OTLP_PROTOCOL".to_owned()];
    let Some((name, protocol)) = names.iter().find_map(|name| Some((name, get(name)?))) else {
        return Ok(Some(Protocol::Http));
    };
    match protocol.trim() {
        "grpc" => Ok(Some(Protocol::Grpc)),
        "http/protobuf" => Ok(Some(Protocol::Http)),
        other => Err(Failure::Otlp(format!(
            "{name} is {other:?}, it can be grpc or http/protobuf"
        ))),
    }
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
}
