//! How many spans there were, and how many of them a collector took.
//!
//! The SDK drops spans without a word to us: when its queue is full, when an export fails, when the
//! time for the last flush is over. What ended and was not taken is lost, whatever the reason.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_otlp::SpanExporter as OtlpSpanExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{BatchSpanProcessor, Span, SpanData, SpanExporter, SpanProcessor};

use crate::summary::grouped;

#[derive(Debug, Default)]
pub(super) struct SpanCounts {
    ended: AtomicU64,
    taken: AtomicU64,
}

impl SpanCounts {
    /// The spans that nobody took so far, in words.
    pub(super) fn lost(&self) -> Option<String> {
        let ended = self.ended.load(Ordering::Relaxed);
        let lost = ended.saturating_sub(self.taken.load(Ordering::Relaxed));
        (lost > 0).then(|| format!("{} of {} spans", grouped(lost), grouped(ended)))
    }
}

/// Counts the spans that end, on their way to the batches.
#[derive(Debug)]
pub(super) struct CountedProcessor {
    batches: BatchSpanProcessor,
    counts: Arc<SpanCounts>,
}

impl CountedProcessor {
    pub(super) fn new(batches: BatchSpanProcessor, counts: &Arc<SpanCounts>) -> Self {
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
    counts: Arc<SpanCounts>,
}

impl CountedExporter {
    pub(super) fn new(exporter: OtlpSpanExporter, counts: &Arc<SpanCounts>) -> Self {
        let counts = Arc::clone(counts);
        Self { exporter, counts }
    }
}

impl SpanExporter for CountedExporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let count = batch.len() as u64;
        self.exporter.export(batch).await?;
        self.counts.taken.fetch_add(count, Ordering::Relaxed);
        Ok(())
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
