//! Whether the `OTEL_*` variables ask for exporters, and by which variable.

/// What can be exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    Traces,
    Metrics,
}

impl Signal {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Traces => "TRACES",
            Self::Metrics => "METRICS",
        }
    }

    /// The name of a variable of this signal's own.
    pub(super) fn own(self, what: &str) -> String {
        format!("OTEL_EXPORTER_OTLP_{}_{what}", self.as_str())
    }
}

/// The variable that asks for the signal to be exported over OTLP, if one does.
///
/// It is `OTEL_{SIGNAL}_EXPORTER` when that names `otlp`, and where that variable is not set one that gives an
/// endpoint; none with `OTEL_SDK_DISABLED`. A variable that is empty counts as not set.
pub(super) fn asked_by(signal: Signal, get: impl Fn(&str) -> Option<String>) -> Option<String> {
    let get = |name: &str| get(name).filter(|value| !value.trim().is_empty());
    if get("OTEL_SDK_DISABLED").is_some_and(|value| value.trim().eq_ignore_ascii_case("true")) {
        return None;
    }
    let by_name = format!("OTEL_{}_EXPORTER", signal.as_str());
    if let Some(exporters) = get(&by_name) {
        let is_named = exporters.split(',').any(|name| name.trim() == "otlp");
        return is_named.then_some(by_name);
    }
    let mut endpoints = [
        "OTEL_EXPORTER_OTLP_ENDPOINT".to_owned(),
        signal.own("ENDPOINT"),
    ]
    .into_iter();
    endpoints.find(|name| get(name).is_some())
}

/// Without exporters: what is said where one is asked for.
#[cfg(not(feature = "otlp"))]
pub(super) fn refuse(get: impl Fn(&str) -> Option<String>) -> Result<(), crate::failure::Failure> {
    let mut signals = [Signal::Traces, Signal::Metrics].into_iter();
    let Some(name) = signals.find_map(|signal| asked_by(signal, &get)) else {
        return Ok(());
    };
    let missing = crate::features::missing("otlp", "telemetry is exported");
    Err(crate::failure::Failure::Otlp(format!(
        "{name} asks for it, and {missing}, or set OTEL_SDK_DISABLED=true"
    )))
}
