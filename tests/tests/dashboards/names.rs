//! Every name that an expression uses exists, and every metric is on some panel.

use std::collections::{BTreeMap, BTreeSet};

use http_context_middleware::{Metric, MetricKind, catalogue};

use crate::files::{dashboards, rules};
use crate::panels::{expressions, variable_queries};
use crate::promql::{Selector, reads};

/// What Prometheus itself adds to every series.
const TARGET_LABELS: [&str; 2] = ["job", "instance"];

/// What a program with the telemetry of the worker says of its process, on Linux.
const PROCESS: [&str; 4] = [
    "process_cpu_seconds_total",
    "process_resident_memory_bytes",
    "process_open_fds",
    "process_max_fds",
];

/// The series of a metric, by name, with the labels that each can have.
fn series(metric: &Metric) -> Vec<(String, BTreeSet<String>)> {
    let attributes = metric.attributes.iter().map(|name| name.replace('.', "_"));
    let labels: BTreeSet<String> = attributes.chain(TARGET_LABELS.map(str::to_owned)).collect();
    let name = metric.prometheus_name;
    if metric.kind != MetricKind::Histogram {
        return vec![(name.to_owned(), labels)];
    }
    let mut bucket = labels.clone();
    bucket.insert("le".to_owned());
    vec![
        (format!("{name}_bucket"), bucket),
        (format!("{name}_sum"), labels.clone()),
        (format!("{name}_count"), labels),
    ]
}

/// All series that there are: of the catalogue, of the process, of Prometheus, and recorded by rules.
fn known() -> BTreeMap<String, BTreeSet<String>> {
    let mut known: BTreeMap<_, _> = catalogue().flat_map(series).collect();
    for name in PROCESS.iter().chain(&["up"]) {
        known.insert((*name).to_owned(), TARGET_LABELS.map(str::to_owned).into());
    }
    for rule in rules() {
        // What a recorded series is aggregated by is what it has left.
        let labels = reads(&rule.expr).labels;
        if let Some(name) = rule.record {
            known.entry(name).or_default().extend(labels);
        }
    }
    // A ratio of recorded series has their labels.
    for rule in rules() {
        let of_recorded: BTreeSet<String> = reads(&rule.expr)
            .selectors
            .iter()
            .filter(|selector| selector.metric.contains(':'))
            .flat_map(|selector| known[&selector.metric].clone())
            .collect();
        if let Some(name) = rule.record {
            known.entry(name).or_default().extend(of_recorded);
        }
    }
    known
}

fn unknown<'a>(
    known: &'a BTreeMap<String, BTreeSet<String>>,
    selector: &'a Selector,
) -> Vec<String> {
    let Some(labels) = known.get(&selector.metric) else {
        return vec![format!("no such series: {}", selector.metric)];
    };
    let missing = |(label, _): &(String, String)| {
        (!labels.contains(label)).then(|| format!("{} has no label {label}", selector.metric))
    };
    selector.matchers.iter().filter_map(missing).collect()
}

/// Every expression with where it stands.
fn all_expressions() -> Vec<(String, String)> {
    let of_rules = rules()
        .into_iter()
        .map(|rule| (rule.name().to_owned(), rule.expr));
    let of_panels = dashboards().into_iter().flat_map(|(file, dashboard)| {
        let variables = variable_queries(&dashboard);
        let panels = expressions(&dashboard).into_iter().chain(variables);
        panels
            .map(|(panel, expression)| (format!("{file}: {panel}"), expression))
            .collect::<Vec<_>>()
    });
    of_rules.chain(of_panels).collect()
}

#[test]
fn every_series_and_label_that_is_asked_for_exists() {
    let known = known();
    let labels: BTreeSet<&String> = known.values().flatten().collect();
    let mut wrong = Vec::new();
    for (place, expression) in all_expressions() {
        let reads = reads(&expression);
        let mut found: Vec<String> = reads
            .selectors
            .iter()
            .flat_map(|selector| unknown(&known, selector))
            .collect();
        let by = reads.labels.iter().filter(|label| !labels.contains(label));
        found.extend(by.map(|label| format!("no series has the label {label}")));
        wrong.extend(found.into_iter().map(|what| format!("{place}: {what}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_metric_of_the_catalogue_is_on_a_panel() {
    let shown: BTreeSet<String> = dashboards()
        .iter()
        .flat_map(|(_, dashboard)| expressions(dashboard))
        .flat_map(|(_, expression)| reads(&expression).selectors)
        .map(|selector| selector.metric)
        .collect();
    let unseen: Vec<&str> = catalogue()
        .filter(|metric| !series(metric).iter().any(|(name, _)| shown.contains(name)))
        .map(|metric| metric.prometheus_name)
        .collect();
    assert!(unseen.is_empty(), "on no panel: {}", unseen.join(", "));
}

#[test]
fn every_recorded_series_is_used() {
    let used: BTreeSet<String> = all_expressions()
        .iter()
        .flat_map(|(_, expression)| reads(expression).selectors)
        .map(|selector| selector.metric)
        .collect();
    for name in rules().into_iter().filter_map(|rule| rule.record) {
        assert!(used.contains(&name), "{name} is recorded and not used");
    }
}

#[test]
fn a_series_or_label_that_does_not_exist_is_found() {
    let known = known();
    let wrong = |expression: &str| unknown(&known, &reads(expression).selectors[0]);
    assert!(wrong(r#"http_context_leaks_total{kind="task"}"#).is_empty());
    assert!(wrong("http_client_request_duration_seconds_bucket{le=\"1\"}").is_empty());
    assert_eq!(
        wrong("http_context_leaks"),
        ["no such series: http_context_leaks"]
    );
    assert_eq!(
        wrong("http_client_request_duration_seconds"),
        ["no such series: http_client_request_duration_seconds"]
    );
    assert_eq!(
        wrong(r#"http_context_leaks_total{server_address="x"}"#),
        ["http_context_leaks_total has no label server_address"]
    );
}
