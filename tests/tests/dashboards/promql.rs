//! Which series an expression reads.

use std::collections::BTreeSet;

use promql_parser::parser::{self, AggregateExpr, Expr, VectorSelector};
use promql_parser::util::{ExprVisitor, walk_expr};

/// One series selector of an expression.
#[derive(Debug)]
pub(crate) struct Selector {
    pub(crate) metric: String,
    /// Each matcher as label and value.
    pub(crate) matchers: Vec<(String, String)>,
}

/// What an expression reads.
#[derive(Debug, Default)]
pub(crate) struct Reads {
    pub(crate) selectors: Vec<Selector>,
    /// The labels by which it aggregates or joins.
    pub(crate) labels: BTreeSet<String>,
}

/// Parses an expression of a rule or of a panel.
///
/// # Panics
///
/// When it cannot be parsed.
pub(crate) fn reads(expression: &str) -> Reads {
    // What Grafana puts in place of its own durations is one.
    let expression = expression.replace("$__rate_interval", "1m");
    let parsed = parser::parse(&expression)
        .unwrap_or_else(|error| panic!("this is not PromQL: {error}\n{expression}"));
    let mut reads = Reads::default();
    let Ok(_) = walk_expr(&mut reads, &parsed);
    reads
}

impl Reads {
    fn add(&mut self, selector: &VectorSelector) {
        let matchers = &selector.matchers.matchers;
        let matchers = matchers.iter().map(|m| (m.name.clone(), m.value.clone()));
        let name = selector.name.clone();
        self.selectors.push(Selector {
            metric: name.expect("a selector names its metric"),
            matchers: matchers.collect(),
        });
    }
}

impl ExprVisitor for Reads {
    type Error = std::convert::Infallible;

    fn pre_visit(&mut self, expr: &Expr) -> Result<bool, Self::Error> {
        match expr {
            Expr::VectorSelector(selector) => self.add(selector),
            Expr::MatrixSelector(matrix) => self.add(&matrix.vs),
            Expr::Aggregate(AggregateExpr {
                modifier: Some(modifier),
                ..
            }) => self.labels.extend(modifier.labels().labels.clone()),
            Expr::Binary(binary) => {
                let modifier = binary.modifier.as_ref();
                let matching = modifier.and_then(|modifier| modifier.matching.as_ref());
                if let Some(matching) = matching {
                    self.labels.extend(matching.labels().labels.clone());
                }
            }
            _ => {}
        }
        Ok(true)
    }
}

#[test]
fn selectors_are_found_wherever_they_stand() {
    let reads = reads(
        r#"histogram_quantile(0.9, sum by (le) (rate(a_bucket{x=~"$y"}[$__rate_interval])))
           and on (job) (b offset 1h unless avg_over_time(c[5m:1m]) > scalar(d))"#,
    );
    let metrics: Vec<&str> = reads.selectors.iter().map(|s| &*s.metric).collect();
    assert_eq!(metrics, ["a_bucket", "b", "c", "d"]);
    let matchers = &reads.selectors[0].matchers;
    assert_eq!(*matchers, [("x".to_owned(), "$y".to_owned())]);
    assert!(reads.labels.iter().eq(["job", "le"]));
}

#[test]
#[should_panic(expected = "this is not PromQL")]
fn what_is_not_promql_is_a_failure() {
    reads("sum by (le (x)");
}
