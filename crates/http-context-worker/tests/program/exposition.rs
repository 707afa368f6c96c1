//! Reading Prometheus' text format.

/// Metrics as a scrape or a file told them.
pub(crate) struct Exposition(String);

impl Exposition {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The sum over all series of a metric that have these labels, `name="value"` each. For what
    /// is counted, not for what is measured.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "counts of a test are small"
    )]
    pub(crate) fn sum(&self, metric: &str, labels: &[&str]) -> i64 {
        self.series(metric)
            .filter(|(found, _)| labels.iter().all(|label| found.contains(label)))
            .map(|(_, value)| value as i64)
            .sum()
    }

    /// Whether there is such a series, be it 0.
    pub(crate) fn has(&self, metric: &str, labels: &[&str]) -> bool {
        self.series(metric)
            .any(|(found, _)| labels.iter().all(|label| found.contains(label)))
    }

    fn series(&self, metric: &str) -> impl Iterator<Item = (&str, f64)> {
        self.0
            .lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(move |line| {
                let rest = line.strip_prefix(metric)?;
                let (labels, value) = rest.rsplit_once(' ')?;
                (labels.is_empty() || labels.starts_with('{'))
                    .then(|| (labels, value.parse().unwrap()))
            })
    }
}
