//! What lies in `dashboards/`, read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

/// A file of rules.
#[derive(Debug, Deserialize)]
pub(crate) struct RuleFile {
    groups: Vec<Group>,
}

#[derive(Debug, Deserialize)]
struct Group {
    rules: Vec<Rule>,
}

/// A recording rule or an alert.
#[derive(Debug, Deserialize)]
pub(crate) struct Rule {
    pub(crate) record: Option<String>,
    pub(crate) alert: Option<String>,
    pub(crate) expr: String,
    #[serde(default)]
    pub(crate) labels: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) annotations: BTreeMap<String, String>,
}

impl Rule {
    pub(crate) fn name(&self) -> &str {
        let name = self.record.as_deref().or(self.alert.as_deref());
        name.expect("a rule records or alerts")
    }
}

/// A file of tests for `promtool`, as far as alerts are concerned.
#[derive(Debug, Deserialize)]
pub(crate) struct TestFile {
    pub(crate) tests: Vec<TestGroup>,
}

/// One test: series, and what is expected of them.
#[derive(Debug, Deserialize)]
pub(crate) struct TestGroup {
    #[serde(default)]
    pub(crate) alert_rule_test: Vec<AlertTest>,
}

/// Which alerts of one name fire at one time.
#[derive(Debug, Deserialize)]
pub(crate) struct AlertTest {
    pub(crate) alertname: String,
    pub(crate) exp_alerts: Vec<ExpectedAlert>,
}

/// An alert that fires.
#[derive(Debug, Deserialize)]
pub(crate) struct ExpectedAlert {
    pub(crate) exp_labels: BTreeMap<String, String>,
}

/// Every rule of every file.
pub(crate) fn rules() -> Vec<Rule> {
    read_yaml::<RuleFile>("prometheus", ".rules.yml")
        .into_iter()
        .flat_map(|file| file.groups)
        .flat_map(|group| group.rules)
        .collect()
}

/// Every test of an alert.
pub(crate) fn alert_tests() -> Vec<AlertTest> {
    read_yaml::<TestFile>("prometheus/tests", ".test.yml")
        .into_iter()
        .flat_map(|file| file.tests)
        .flat_map(|group| group.alert_rule_test)
        .collect()
}

/// Every dashboard with the name of its file.
pub(crate) fn dashboards() -> Vec<(String, Value)> {
    let read = |path: PathBuf| {
        let name = path
            .file_name()
            .expect("a file has a name")
            .to_string_lossy()
            .into_owned();
        let dashboard = serde_json::from_str(&read(&path))
            .unwrap_or_else(|error| panic!("{name} is not JSON: {error}"));
        (name, dashboard)
    };
    paths("grafana", ".json").into_iter().map(read).collect()
}

/// The runbook's text.
pub(crate) fn runbook() -> String {
    read(&folder().join("RUNBOOK.md"))
}

fn read_yaml<T: serde::de::DeserializeOwned>(within: &str, ending: &str) -> Vec<T> {
    let parse = |path: PathBuf| {
        serde_saphyr::from_str(&read(&path))
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    paths(within, ending).into_iter().map(parse).collect()
}

/// Never empty: a test of nothing proves nothing.
fn paths(within: &str, ending: &str) -> Vec<PathBuf> {
    let within = folder().join(within);
    let mut paths: Vec<PathBuf> = std::fs::read_dir(&within)
        .unwrap_or_else(|error| panic!("{}: {error}", within.display()))
        .map(|entry| entry.expect("the folder can be read").path())
        .filter(|path| path.to_string_lossy().ends_with(ending))
        .collect();
    assert!(!paths.is_empty(), "{} has no *{ending}", within.display());
    paths.sort();
    paths
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../dashboards")
}
