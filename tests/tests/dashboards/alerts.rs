//! Every alert says what is wrong and where to read on, the runbook has it, and a test fires it.

use std::collections::BTreeSet;

use crate::files::{Rule, alert_tests, rules, runbook};

/// What a section of the runbook is made of.
const PARTS: [&str; 3] = ["**What it means.**", "**How to check.**", "**How to fix.**"];

fn alerts() -> Vec<Rule> {
    let rules = rules().into_iter();
    rules.filter(|rule| rule.alert.is_some()).collect()
}

/// The sections of the runbook: heading and text.
fn sections(runbook: &str) -> Vec<(&str, &str)> {
    let sections = runbook.split("\n## ").skip(1);
    sections
        .map(|section| section.split_once('\n').expect("a heading has a text"))
        .collect()
}

#[test]
fn each_alert_has_a_summary_a_description_a_severity_and_a_way_to_the_runbook() {
    for alert in alerts() {
        let name = alert.name();
        for annotation in ["summary", "description"] {
            let said = alert.annotations.get(annotation);
            assert!(said.is_some_and(|text| text.contains("{{")), "{name}");
        }
        let severity = alert.labels.get("severity").map(String::as_str);
        assert!(matches!(severity, Some("page" | "ticket")), "{name}");
        let anchor = format!("RUNBOOK.md#{}", name.to_lowercase());
        assert_eq!(
            alert.annotations.get("runbook_url"),
            Some(&anchor),
            "{name}"
        );
    }
}

#[test]
fn each_alert_has_a_section_in_the_runbook_and_each_section_an_alert() {
    let runbook = runbook();
    let sections = sections(&runbook);
    let alerts = alerts();
    let named: BTreeSet<&str> = alerts.iter().map(Rule::name).collect();
    let headings: BTreeSet<&str> = sections.iter().map(|(heading, _)| *heading).collect();
    assert_eq!(named, headings);
    for (heading, text) in sections {
        for part in PARTS {
            assert_eq!(text.matches(part).count(), 1, "{heading}: {part}");
        }
    }
}

#[test]
fn each_link_in_the_runbook_leads_to_a_section() {
    let runbook = runbook();
    let anchors: BTreeSet<String> = sections(&runbook)
        .iter()
        .map(|(heading, _)| heading.to_lowercase())
        .collect();
    for link in runbook.split("](#").skip(1) {
        let (anchor, _) = link.split_once(')').expect("a link ends");
        assert!(anchors.contains(anchor), "{anchor}");
    }
}

#[test]
fn each_alert_is_seen_firing_and_seen_quiet() {
    let tests = alert_tests();
    for alert in alerts() {
        let name = alert.name();
        let of_alert = || tests.iter().filter(|test| test.alertname == name);
        // Two alerts of one name differ in their labels.
        let fires = of_alert().flat_map(|test| &test.exp_alerts).any(|fired| {
            let labels = &fired.exp_labels;
            alert
                .labels
                .iter()
                .all(|(key, value)| labels.get(key) == Some(value))
        });
        let is_quiet = of_alert().any(|test| test.exp_alerts.is_empty());
        assert!(fires, "{name} {:?} is never seen firing", alert.labels);
        assert!(is_quiet, "{name} is never seen quiet");
    }
}
