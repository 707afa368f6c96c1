//! Latency over time: a ring of the quantiles of each ten seconds, as the metrics tell them.
//!
//! A histogram of Prometheus only ever grows, so what lies between two looks at it is what was recorded
//! meanwhile. The ring is the server's: it is there when somebody opens the page, and goes back an hour.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::time::Instant;

/// How long one point is.
pub(super) const EVERY: Duration = Duration::from_secs(10);
/// So many are kept, the last: an hour.
const POINTS: usize = 360;

/// The histograms that are looked at, with the names under which they are shown.
const SHOWN: [(&str, &str); 2] = [
    ("requests", "http_client_request_duration_seconds_bucket"),
    ("jobs", "http_context_worker_job_duration_seconds_bucket"),
];

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct Latency(Mutex<Ring>);

#[derive(Debug, Default)]
struct Ring {
    /// The histograms at the last look.
    before: Option<[Histogram; 2]>,
    points: VecDeque<Point>,
}

#[derive(Debug)]
struct Point {
    at: Instant,
    of: [Option<Quantiles>; 2],
}

/// Of what was recorded in one interval.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Quantiles {
    count: u64,
    p50: f64,
    p99: f64,
}

impl Latency {
    /// Looks at the metrics as they are, in Prometheus' text format.
    pub(super) fn look(&self, metrics: &str) {
        let now = SHOWN.map(|(_, series)| Histogram::read(metrics, series));
        let mut ring = self.0.lock();
        if let Some(before) = &ring.before {
            let of = [0, 1].map(|which| now[which].since(&before[which]).quantiles());
            let at = Instant::now();
            ring.points.push_back(Point { at, of });
            if ring.points.len() > POINTS {
                ring.points.pop_front();
            }
        }
        ring.before = Some(now);
    }

    /// The points, the oldest first.
    pub(super) fn to_json(&self) -> String {
        let ring = self.0.lock();
        let points = ring.points.iter().map(|point| {
            let ago = u64::try_from(point.at.elapsed().as_millis()).unwrap_or(u64::MAX);
            let mut shown = json!({"ago_ms": ago});
            for ((name, _), of) in SHOWN.iter().zip(point.of) {
                shown[*name] = of.map_or(Value::Null, Quantiles::to_json);
            }
            shown
        });
        let points: Vec<Value> = points.collect();
        json!({"every_ms": EVERY.as_millis(), "points": points}).to_string()
    }
}

impl Quantiles {
    fn to_json(self) -> Value {
        json!({"count": self.count, "p50_ms": self.p50 * 1e3, "p99_ms": self.p99 * 1e3})
    }
}

/// Counts up to each bound, over all series of a metric. The order of bounds that are positive is that of
/// their bits.
#[derive(Clone, Debug, Default, PartialEq)]
struct Histogram(BTreeMap<u64, u64>);

impl Histogram {
    fn read(metrics: &str, series: &str) -> Self {
        let mut counts = BTreeMap::new();
        for line in metrics.lines() {
            let labels = line
                .strip_prefix(series)
                .and_then(|rest| rest.strip_prefix('{'));
            let Some((labels, count)) = labels.and_then(|rest| rest.rsplit_once("} ")) else {
                continue;
            };
            // The last label, as a rule: a value of another one may look like it.
            let bound = labels
                .rsplit_once("le=\"")
                .and_then(|(_, rest)| rest.split('"').next());
            let bound = match bound {
                Some("+Inf") => Some(f64::INFINITY),
                Some(bound) => bound.parse().ok(),
                None => None,
            };
            let (Some(bound), Ok(count)) = (bound, count.trim().parse::<u64>()) else {
                continue;
            };
            if bound >= 0.0 {
                *counts.entry(bound.to_bits()).or_default() += count;
            }
        }
        Self(counts)
    }

    /// What was recorded since an earlier look.
    fn since(&self, before: &Self) -> Self {
        let counts = self.0.iter().map(|(bound, count)| {
            let earlier = before.0.get(bound).copied().unwrap_or(0);
            (*bound, count.saturating_sub(earlier))
        });
        Self(counts.collect())
    }

    fn quantiles(&self) -> Option<Quantiles> {
        let count = self.0.last_key_value().map(|(_, count)| *count)?;
        (count > 0).then(|| Quantiles {
            count,
            p50: self.quantile(count, 0.5),
            p99: self.quantile(count, 0.99),
        })
    }

    /// As `histogram_quantile` of `PromQL` has it.
    #[expect(clippy::cast_precision_loss, reason = "counts of requests")]
    fn quantile(&self, count: u64, quantile: f64) -> f64 {
        let rank = quantile * count as f64;
        let (mut lower, mut below) = (0.0, 0.0);
        for (bound, up_to) in &self.0 {
            let (bound, up_to) = (f64::from_bits(*bound), *up_to as f64);
            if up_to >= rank {
                return if bound.is_finite() {
                    lower + (bound - lower) * (rank - below) / (up_to - below)
                } else {
                    lower
                };
            }
            (lower, below) = (bound, up_to);
        }
        lower
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics(counts: [u64; 3]) -> String {
        let [a, b, all] = counts;
        format!(
            "# TYPE http_client_request_duration_seconds histogram\n\
             http_client_request_duration_seconds_bucket{{host=\"le=\\\"9\\\"\",le=\"0.1\"}} {a}\n\
             http_client_request_duration_seconds_bucket{{host=\"a\",le=\"0.1\"}} 0\n\
             http_client_request_duration_seconds_bucket{{host=\"a\",le=\"1\"}} {b}\n\
             http_client_request_duration_seconds_bucket{{host=\"a\",le=\"+Inf\"}} {all}\n\
             http_client_request_duration_seconds_count{{host=\"a\"}} {all}\n"
        )
    }

    fn points(latency: &Latency) -> Vec<Value> {
        let shown: Value = serde_json::from_str(&latency.to_json()).unwrap();
        assert_eq!(shown["every_ms"], 10_000);
        shown["points"].as_array().unwrap().clone()
    }

    #[test]
    fn a_point_has_what_was_recorded_since_the_one_before() {
        let latency = Latency::default();
        latency.look(&metrics([7, 8, 9]));
        assert_eq!(points(&latency), [] as [Value; 0]);
        latency.look(&metrics([7, 8, 9]));
        assert_eq!(points(&latency)[0]["requests"], Value::Null);
        // 60 below 0.1 s, 40 between that and 1 s.
        latency.look(&metrics([67, 108, 109]));
        let last = &points(&latency)[1]["requests"];
        assert_eq!(last["count"], 100);
        let of = |name: &str| last[name].as_f64().unwrap();
        assert!((of("p50_ms") - 83.333).abs() < 0.01, "{last}");
        assert!((of("p99_ms") - 977.5).abs() < 0.01, "{last}");
        // Beyond all bounds it is the last one that is known.
        latency.look(&metrics([67, 108, 110]));
        assert_eq!(points(&latency)[2]["requests"]["p99_ms"], 1000.0);
        assert_eq!(points(&latency)[2]["jobs"], Value::Null);
    }

    #[test]
    fn the_ring_is_bounded_and_a_counter_that_starts_anew_is_no_negative_count() {
        let latency = Latency::default();
        for _ in 0..2 * POINTS {
            latency.look(&metrics([5, 5, 5]));
        }
        assert_eq!(points(&latency).len(), POINTS);
        latency.look(&metrics([1, 1, 1]));
        assert_eq!(points(&latency)[POINTS - 1]["requests"], Value::Null);
    }

    #[test]
    fn the_metrics_are_in_the_catalogue() {
        for (_, series) in SHOWN {
            let name = series.strip_suffix("_bucket").unwrap();
            let mut catalogue = http_context_middleware::catalogue();
            assert!(
                catalogue.any(|metric| metric.prometheus_name == name),
                "{name}"
            );
        }
    }
}
