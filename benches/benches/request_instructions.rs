//! Instructions of a hundred requests, with more and more around them.

#![allow(
    missing_docs,
    clippy::disallowed_methods,
    reason = "the macros make public items, and a main that exits"
)]

use gungraun::{
    Callgrind, LibraryBenchmarkConfig, library_benchmark, library_benchmark_group, main,
};
use http_context_benches::{Bench, ServerProcess, Variant};

const REQUESTS: usize = 100;

fn start(variant: Variant) -> Bench {
    let server = ServerProcess::start(env!("CARGO_BIN_EXE_bench-server"));
    Bench::start(variant, server)
}

#[library_benchmark]
#[bench::bare(args = (Variant::Bare), setup = start)]
#[bench::session(args = (Variant::Session), setup = start)]
#[bench::nothing_installed(args = (Variant::NothingInstalled), setup = start)]
#[bench::metrics(args = (Variant::Metrics), setup = start)]
#[bench::tracing_spans(args = (Variant::TracingSpans), setup = start)]
#[bench::lean_tracing_spans(args = (Variant::LeanTracingSpans), setup = start)]
#[bench::direct_spans(args = (Variant::DirectSpans), setup = start)]
#[bench::peers(args = (Variant::Peers), setup = start)]
#[bench::lean_peers(args = (Variant::LeanPeers), setup = start)]
fn a_hundred_requests(mut bench: Bench) -> Bench {
    bench.send(REQUESTS);
    bench
}

library_benchmark_group!(name = requests; benchmarks = a_hundred_requests);
main!(
    // The server is not measured.
    config = LibraryBenchmarkConfig::default()
        .tool(Callgrind::with_args(["--trace-children=no"]));
    library_benchmark_groups = requests
);
