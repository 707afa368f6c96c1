//! Every panel says what it shows, in which unit, of which workers, and stands beside the others.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::files::dashboards;
use crate::promql::reads;

/// Every expression of a dashboard, with the title of its panel.
pub(crate) fn expressions(dashboard: &Value) -> Vec<(String, String)> {
    let of_panel = |panel: &Value| {
        let title = text(panel, "title").to_owned();
        let targets = list(panel, "targets").iter();
        targets
            .map(|target| (title.clone(), text(target, "expr").to_owned()))
            .collect::<Vec<_>>()
    };
    panels(dashboard).into_iter().flat_map(of_panel).collect()
}

/// The series that the variables take their values from.
pub(crate) fn variable_queries(dashboard: &Value) -> Vec<(String, String)> {
    variables(dashboard)
        .iter()
        .filter(|variable| text(variable, "type") == "query")
        .map(|variable| {
            let definition = text(variable, "definition");
            let inner = definition
                .strip_prefix("label_values(")
                .and_then(|rest| rest.strip_suffix(')'))
                .and_then(|rest| rest.rsplit_once(", "))
                .unwrap_or_else(|| panic!("not label_values(series, label): {definition}"));
            // The label becomes part of an expression, to be looked up like any other.
            let expression = format!("group by ({}) ({})", inner.1, inner.0);
            (text(variable, "name").to_owned(), expression)
        })
        .collect()
}

fn panels(dashboard: &Value) -> Vec<&Value> {
    let panels = list(dashboard, "panels").iter();
    panels
        .filter(|panel| text(panel, "type") != "row")
        .collect()
}

fn variables(dashboard: &Value) -> &[Value] {
    list(&dashboard["templating"], "list")
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key]
        .as_str()
        .unwrap_or_else(|| panic!("no text `{key}` in {value}"))
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key]
        .as_array()
        .unwrap_or_else(|| panic!("no list `{key}` in {value}"))
}

#[test]
fn each_panel_has_a_description_and_a_unit() {
    for (file, dashboard) in dashboards() {
        for panel in panels(&dashboard) {
            let title = text(panel, "title");
            let described = text(panel, "description").ends_with('.');
            assert!(described, "{file}: {title}: no sentence describes it");
            let unit = panel["fieldConfig"]["defaults"]["unit"].as_str();
            assert!(unit.is_some_and(|unit| !unit.is_empty()), "{file}: {title}");
        }
    }
}

#[test]
fn each_query_goes_to_the_chosen_datasource_and_workers() {
    for (file, dashboard) in dashboards() {
        let names: Vec<&str> = variables(&dashboard)
            .iter()
            .map(|variable| text(variable, "name"))
            .collect();
        assert!(
            names.starts_with(&["datasource", "job"]),
            "{file}: {names:?}"
        );
        for panel in panels(&dashboard) {
            let title = text(panel, "title");
            let targets = list(panel, "targets").iter();
            for source in targets
                .chain([panel])
                .map(|value| &value["datasource"]["uid"])
            {
                assert_eq!(source, "${datasource}", "{file}: {title}");
            }
        }
        for (title, expression) in expressions(&dashboard) {
            for selector in reads(&expression).selectors {
                // The objective is the same for all.
                let chosen = selector.metric == "http_client:error_budget:ratio"
                    || selector.matchers.contains(&("job".into(), "$job".into()));
                assert!(chosen, "{file}: {title}: {} of all jobs", selector.metric);
                for (_, value) in selector.matchers {
                    let variable = value.strip_prefix('$');
                    let exists = variable.is_none_or(|name| names.contains(&name));
                    assert!(exists, "{file}: {title}: no variable {value}");
                }
            }
            let fixed = expression.contains("rate(") && !expression.contains("[$__rate_interval]");
            assert!(!fixed, "{file}: {title}: a rate over a fixed time");
        }
    }
}

#[test]
fn each_panel_has_its_own_place_and_number() {
    for (file, dashboard) in dashboards() {
        let (mut numbers, mut taken) = (BTreeSet::new(), BTreeSet::new());
        for panel in list(&dashboard, "panels") {
            let title = text(panel, "title");
            assert!(numbers.insert(panel["id"].as_u64()), "{file}: {title}");
            let side = |key: &str| panel["gridPos"][key].as_u64().expect("a grid position");
            let (x, y) = (side("x"), side("y"));
            assert!(x + side("w") <= 24, "{file}: {title} is too wide");
            for cell in (x..x + side("w")).flat_map(|x| (y..y + side("h")).map(move |y| (x, y))) {
                assert!(taken.insert(cell), "{file}: {title} covers another panel");
            }
        }
    }
}

#[test]
fn dashboards_are_distinguished_and_lead_to_each_other() {
    let all = dashboards();
    let distinct = |key: &str| -> BTreeSet<&str> {
        all.iter()
            .map(|(_, dashboard)| text(dashboard, key))
            .collect()
    };
    assert_eq!(distinct("uid").len(), all.len());
    assert_eq!(distinct("title").len(), all.len());
    for (file, dashboard) in &all {
        let tags = &dashboard["tags"];
        assert_eq!(dashboard["links"][0]["tags"], *tags, "{file}");
        assert!(
            dashboard["id"].is_null(),
            "{file} has the number of one installation"
        );
    }
}
