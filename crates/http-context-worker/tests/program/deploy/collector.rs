//! `collector.yaml`: it listens where workers send, and is whole.

use std::collections::BTreeSet;

use serde_json::Value;

use super::kubernetes::{manifest, manifests};
use super::{port, texts, yaml};

/// The standard names that the exporters read.
const OTEL_VARIABLES: [&str; 6] = [
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_PROTOCOL",
    "OTEL_METRICS_EXPORTER",
    "OTEL_SERVICE_NAME",
    "OTEL_TRACES_SAMPLER",
    "OTEL_TRACES_SAMPLER_ARG",
];

fn sends_to_the_collector(environment: &Value) {
    let collector = yaml("collector.yaml");
    let names = environment.as_object().unwrap().keys();
    for name in names.filter(|name| name.starts_with("OTEL_")) {
        assert!(OTEL_VARIABLES.contains(&name.as_str()), "who reads {name}?");
    }
    let text = |name: &str| environment[name].as_str().unwrap();
    let protocol = match text("OTEL_EXPORTER_OTLP_PROTOCOL") {
        "http/protobuf" => "http",
        protocol => protocol,
    };
    let listens = &collector["receivers"]["otlp"]["protocols"][protocol]["endpoint"];
    let port = port(listens.as_str().unwrap());
    let endpoint = format!("http://collector:{port}");
    assert_eq!(text("OTEL_EXPORTER_OTLP_ENDPOINT"), endpoint);
}

#[test]
fn the_collector_listens_where_the_workers_send() {
    let compose = yaml("compose.yaml");
    sends_to_the_collector(&compose["services"]["worker"]["environment"]);
    assert!(compose["services"]["collector"]["image"].is_string());
    sends_to_the_collector(&manifest(&manifests("worker.yaml"), "ConfigMap")["data"]);
}

#[test]
fn the_collector_has_what_its_pipelines_name_and_nothing_else() {
    let collector = yaml("collector.yaml");
    let pipelines = collector["service"]["pipelines"].as_object().unwrap();
    for kind in ["receivers", "processors", "exporters"] {
        let has = collector[kind].as_object().unwrap().keys();
        let has: BTreeSet<&str> = has.map(String::as_str).collect();
        let named = pipelines.values();
        let named: BTreeSet<&str> = named.flat_map(|line| texts(&line[kind])).collect();
        assert_eq!(has, named, "{kind}");
    }
    for pipeline in pipelines.values() {
        assert_eq!(texts(&pipeline["processors"])[0], "memory_limiter");
    }
}
