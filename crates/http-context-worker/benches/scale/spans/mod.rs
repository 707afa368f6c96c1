//! What spans ask of a collector, and how many a worker can hand over before it loses some.

mod collector;
mod worker;

use std::fmt::Write as _;
use std::time::Duration;

use collector::Collector;
pub(crate) use worker::main;

use crate::children::Own;
use crate::kernel::usage;
use crate::role::runtime;

/// Workers, and jobs of one request a second of each, past what one of them can do.
const LOADS: [(usize, u64); 7] = [
    (1, 100),
    (1, 1_000),
    (1, 4_000),
    (1, 8_000),
    (1, 16_000),
    (4, 1_000),
    (10, 100),
];
const SECONDS: u64 = 10;
/// A context and a request.
const SPANS_OF_A_JOB: u64 = 2;

/// Its part of the document.
pub(crate) fn table() -> String {
    let mut text = format!(
        "## Spans\n\nJobs of one request with a span for the context and one for the request, all sampled, over gRPC to \
         a `rotel-agent` that keeps nothing, for {SECONDS} s; the exporter as it comes (a queue of 2,048 spans, batches of \
         512, one after the other). Taken are the spans that the collector says it had; the processor is that of the \
         collector, without a relay before it that counts the bytes.\n\n\
         | workers | jobs a second of each, asked for | done | spans | taken | of each span: bytes | processor, µs |\n\
         |---:|---:|---:|---:|---:|---:|---:|\n"
    );
    let runtime = runtime();
    for (workers, rate) in LOADS {
        let collector = Collector::start(&runtime);
        let endpoint = format!("http://127.0.0.1:{}", collector.port);
        let variables = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_METRICS_EXPORTER", "none"),
        ];
        let before = usage(collector.server.0.id()).cpu;
        let jobs = rate * SECONDS;
        let mut fleet: Vec<Own> = (0..workers)
            .map(|_| Own::start(&["spans", &jobs.to_string(), &rate.to_string()], &variables))
            .collect();
        let ended = fleet.iter_mut().map(|worker| {
            let micros: f64 = worker.line().parse().unwrap();
            eprintln!("{workers} of {rate}: lost {}", worker.line());
            jobs as f64 * 1e6 / micros
        });
        let done = ended.sum::<f64>() / workers as f64;
        drop(fleet);
        let cpu = usage(collector.server.0.id()).cpu - before;
        let bytes = collector.bytes();
        let mut taken = 0;
        while let Ok(spans) = collector.lines.recv_timeout(Duration::from_secs(1)) {
            taken += spans;
        }
        let spans = jobs * SPANS_OF_A_JOB * workers as u64;
        let _ = writeln!(
            text,
            "| {workers} | {rate} | {done:.0} | {spans} | {taken} | {:.0} | {:.1} |",
            bytes as f64 / taken as f64,
            cpu * 1e6 / taken as f64,
        );
    }
    text
}
