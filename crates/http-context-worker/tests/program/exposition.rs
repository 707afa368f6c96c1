//! Reading Prometheus' text format.

/// Metrics as a scrape or a file has them.
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

    /// The quantile that `PromQL`'s `histogram_quantile` gives over all series together.
    #[cfg(feature = "external-tools")]
    pub(crate) fn quantile(&self, metric: &str, q: f64) -> f64 {
        let mut buckets: Vec<(f64, f64)> = Vec::new();
        for (labels, count) in self.series(&format!("{metric}_bucket")) {
            let bound = labels.split("le=\"").nth(1).unwrap();
            let bound = bound.split('"').next().unwrap().parse().unwrap();
            match buckets
                .iter_mut()
                .find(|(known, _)| known.total_cmp(&bound).is_eq())
            {
                Some((_, sum)) => *sum += count,
                None => buckets.push((bound, count)),
            }
        }
        buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        let rank = q * buckets.last().unwrap().1;
        let (mut lower, mut below) = (0.0, 0.0);
        for (bound, count) in buckets {
            if count >= rank {
                if bound.is_infinite() {
                    return lower;
                }
                return lower + (bound - lower) * (rank - below) / (count - below);
            }
            (lower, below) = (bound, count);
        }
        lower
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
