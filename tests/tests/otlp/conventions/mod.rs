//! Names, types and units are those of the OpenTelemetry conventions, as a collector receives them.

// What the conventions have given up is not used.
#![deny(deprecated)]

mod ends;
mod metrics;
mod names;
mod spans;

use std::collections::BTreeMap;

use http_context_middleware::attribute;
use opentelemetry_semantic_conventions::attribute as semconv;
use serde_json::Value;

fn is_ours(name: &str) -> bool {
    // A label of ours alone has no namespace.
    name.starts_with("http_context.") || !name.contains('.')
}

/// How the value of an attribute is encoded.
fn type_of(name: &str) -> &'static str {
    match name {
        semconv::SERVER_PORT
        | semconv::HTTP_RESPONSE_STATUS_CODE
        | semconv::HTTP_REQUEST_RESEND_COUNT
        | semconv::NETWORK_PEER_PORT
        | attribute::HTTP_CONTEXT_ID
        | attribute::HTTP_CONTEXT_CONNECTION_ID
        | attribute::HTTP_CONTEXT_CONNECTION_IDLE_MS => "intValue",
        attribute::HTTP_CONTEXT_CONNECTION_REUSED => "boolValue",
        _ => "stringValue",
    }
}

/// The values of attributes, as texts; each has the type that it ought to have.
fn attributes(of: &Value) -> BTreeMap<String, String> {
    let all = of["attributes"].as_array().cloned().unwrap_or_default();
    let value = |attribute: Value| {
        let name = attribute["key"].as_str().unwrap().to_owned();
        let value = attribute["value"].as_object().unwrap();
        let expected = type_of(&name);
        let value = value.get(expected);
        let value = value.unwrap_or_else(|| panic!("{name} is no {expected}: {attribute}"));
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        (name, text)
    };
    let is_shown =
        |attribute: &Value| !matches!(attribute["key"].as_str(), Some("level" | "target"));
    all.into_iter().filter(is_shown).map(value).collect()
}
