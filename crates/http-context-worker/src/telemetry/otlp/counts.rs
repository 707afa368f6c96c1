//! How many spans and exports of metrics there were, and how many of them a collector took.
//!
//! The SDK drops spans without a word to us: when its queue is full, when an export fails, when the
//! time for the last flush is over. What ended and was not taken is lost, whatever the reason. A
//! failed export of metrics is made up for by the next one, as the sums go on; what only the last one
//! had is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_otlp::{MetricExporter, SpanExporter as OtlpSpanExporter};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::trace::{BatchSpanProcessor, Span, SpanData, SpanExporter, SpanProcessor};

use crate::grouped::grouped;

/// What was to be exported, and what was.
#[derive(Debug)]
pub(super) struct Counts {
    what: &'static str,
    ended: AtomicU64,
    taken: AtomicU64,
    /// Whether the last export failed.
    fails: AtomicBool,
}

impl Counts {
    pub(super) fn new(what: &'static str) -> Arc<Self> {
        Arc::new(Self {
            what,
            ended: AtomicU64::new(0),
            taken: AtomicU64::new(0),
            fails: AtomicBool::new(false),
        })
    }

    /// What nobody took so far, in words.
    pub(super) fn lost(&self) -> Option<String> {
        let ended = self.ended.load(Ordering::Relaxed);
        let lost = ended.saturating_sub(self.taken.load(Ordering::Relaxed));
        let (lost_grouped, all, what) = (grouped(lost), grouped(ended), self.what);
        (lost > 0).then(|| format!("{lost_grouped} of {all} {what}"))
    }

    /// Counts what was exported, and says when the collector begins to fail and when it is back. The
    /// error is not said: it may hold an address with a password.
    fn exported(&self, count: u64, result: &OTelSdkResult) {
        match result {
            Ok(()) => {
                self.taken.fetch_add(count, Ordering::Relaxed);
                if self.fails.swap(false, Ordering::Relaxed) {
                    let lost = self.lost().unwrap_or_else(|| format!("no {}", self.what));
                    tracing::info!(
                        "the collector takes {} again; lost so far: {lost}",
                        self.what
                    );
                }
            }
            Err(_) => {
                if !self.fails.swap(true, Ordering::Relaxed) {
                    tracing::info!("the collector does not take {}; jobs go on", self.what);
                }
            }
        }
    }
}

/// Counts the spans that end, on their way to the batches.
#[derive(Debug)]
pub(super) struct CountedProcessor {
    batches: BatchSpanProcessor,
    counts: Arc<Counts>,
}

impl CountedProcessor {
    pub(super) fn new(batches: BatchSpanProcessor, counts: &Arc<Counts>) -> Self {
        let counts = Arc::clone(counts);
        Self { batches, counts }
    }
}

impl SpanProcessor for CountedProcessor {
    fn on_start(&self, span: &mut Span, context: &Context) {
        self.batches.on_start(span, context);
    }

    fn on_end(&self, span: SpanData) {
        if span.span_context.is_sampled() {
            self.counts.ended.fetch_add(1, Ordering::Relaxed);
        }
        self.batches.on_end(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.batches.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.batches.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.batches.set_resource(resource);
    }
}

/// Counts the spans that the collector takes.
#[derive(Debug)]
pub(super) struct CountedExporter {
    exporter: OtlpSpanExporter,
    counts: Arc<Counts>,
}

impl CountedExporter {
    pub(super) fn new(exporter: OtlpSpanExporter, counts: &Arc<Counts>) -> Self {
        let counts = Arc::clone(counts);
        Self { exporter, counts }
    }
}

impl SpanExporter for CountedExporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let count = batch.len() as u64;
        let result = self.exporter.export(batch).await;
        self.counts.exported(count, &result);
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

/// Counts the exports of metrics.
#[derive(Debug)]
pub(super) struct CountedMetrics {
    exporter: MetricExporter,
    counts: Arc<Counts>,
}

impl CountedMetrics {
    pub(super) fn new(exporter: MetricExporter, counts: &Arc<Counts>) -> Self {
        let counts = Arc::clone(counts);
        Self { exporter, counts }
    }
}

impl PushMetricExporter for CountedMetrics {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        self.counts.ended.fetch_add(1, Ordering::Relaxed);
        let result = self.exporter.export(metrics).await;
        self.counts.exported(1, &result);
        result
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.exporter.temporality()
    }
}
