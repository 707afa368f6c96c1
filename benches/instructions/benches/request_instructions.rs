//! Instructions of a hundred requests, with more and more around them, held to committed figures.
//!
//! One that exceeds its committed figure by more than 2 % fails the run, which prints both
//! figures. The difference of two, divided by a hundred, is what the one adds to a request.

#![allow(
    missing_docs,
    clippy::disallowed_methods,
    reason = "the macros make public items, and a main that exits"
)]

use gungraun::{library_benchmark, library_benchmark_group, main};
use http_context_benches::{Bench, Fact, ServerProcess, Urls, Variant};
use http_context_instructions::{counted, held_to};

const REQUESTS: usize = 100;

fn start(variant: Variant) -> Bench {
    let server = ServerProcess::start(env!("CARGO_BIN_EXE_bench-server"));
    Bench::start(variant, server)
}

fn start_asking(variant: Variant, urls: Urls) -> Bench {
    let server = ServerProcess::start(env!("CARGO_BIN_EXE_bench-server"));
    Bench::start_asking(variant, urls, server)
}

fn start_with(variant: Variant, fact: Fact) -> Bench {
    let server = ServerProcess::start(env!("CARGO_BIN_EXE_bench-server"));
    Bench::start_with(variant, Urls::One, fact, server)
}

/// The committed figures: instructions of [`REQUESTS`] requests.
mod committed {
    pub(super) const BARE: u64 = 6_195_000;
    pub(super) const SESSION: u64 = 6_349_000;
    pub(super) const NOTHING_INSTALLED: u64 = 6_680_000;
    pub(super) const METRICS: u64 = 6_810_000;
    pub(super) const TRACING_SPANS: u64 = 9_142_000;
    pub(super) const LEAN_TRACING_SPANS: u64 = 8_486_000;
    pub(super) const HYBRID_SPANS: u64 = 8_300_000;
    pub(super) const DIRECT_SPANS: u64 = 7_552_000;
    pub(super) const UNPROPAGATED_SPANS: u64 = 7_414_000;
    pub(super) const TEN_URLS: u64 = 6_822_000;
    pub(super) const DISTINCT_URLS: u64 = 6_823_000;
}

#[library_benchmark]
#[bench::bare(
    args = (Variant::Bare),
    setup = start,
    config = held_to(committed::BARE)
)]
#[bench::session(
    args = (Variant::Session),
    setup = start,
    config = held_to(committed::SESSION)
)]
#[bench::nothing_installed(
    args = (Variant::NothingInstalled),
    setup = start,
    config = held_to(committed::NOTHING_INSTALLED)
)]
#[bench::metrics(
    args = (Variant::Metrics),
    setup = start,
    config = held_to(committed::METRICS)
)]
#[bench::tracing_spans(
    args = (Variant::TracingSpans),
    setup = start,
    config = held_to(committed::TRACING_SPANS)
)]
#[bench::lean_tracing_spans(
    args = (Variant::LeanTracingSpans),
    setup = start,
    config = held_to(committed::LEAN_TRACING_SPANS)
)]
#[bench::hybrid_spans(
    args = (Variant::HybridSpans),
    setup = start,
    config = held_to(committed::HYBRID_SPANS)
)]
#[bench::direct_spans(
    args = (Variant::DirectSpans),
    setup = start,
    config = held_to(committed::DIRECT_SPANS)
)]
#[bench::unpropagated_spans(
    args = (Variant::UnpropagatedSpans),
    setup = start,
    config = held_to(committed::UNPROPAGATED_SPANS)
)]
#[bench::peers(
    args = (Variant::Peers),
    setup = start,
    config = counted()
)]
#[bench::lean_peers(
    args = (Variant::LeanPeers),
    setup = start,
    config = counted()
)]
fn a_hundred_requests(mut bench: Bench) -> Bench {
    bench.send(REQUESTS);
    bench
}

// As the others of those variants, which ask for one URL, and that without a query.
#[library_benchmark]
#[bench::ten_bare(
    args = (Variant::Bare, Urls::Ten),
    setup = start_asking,
    config = counted()
)]
#[bench::ten_session(
    args = (Variant::Session, Urls::Ten),
    setup = start_asking,
    config = held_to(committed::TEN_URLS)
)]
#[bench::distinct_bare(
    args = (Variant::Bare, Urls::Distinct),
    setup = start_asking,
    config = counted()
)]
#[bench::distinct_session(
    args = (Variant::Session, Urls::Distinct),
    setup = start_asking,
    config = held_to(committed::DISTINCT_URLS)
)]
fn a_hundred_urls(mut bench: Bench) -> Bench {
    bench.send(REQUESTS);
    bench
}

// One thing more, or less, than the others of those variants have: what it costs by itself.
#[library_benchmark]
#[bench::http1(
    args = (Variant::Session, Fact::Http1),
    setup = start_with,
    config = counted()
)]
#[bench::request_timeout(
    args = (Variant::Session, Fact::RequestTimeout),
    setup = start_with,
    config = counted()
)]
#[bench::read_timeout(
    args = (Variant::Session, Fact::ReadTimeout),
    setup = start_with,
    config = counted()
)]
#[bench::max_response_body(
    args = (Variant::Session, Fact::MaxResponseBody),
    setup = start_with,
    config = counted()
)]
#[bench::no_redirects(
    args = (Variant::Session, Fact::NoRedirects),
    setup = start_with,
    config = counted()
)]
#[bench::user_agent(
    args = (Variant::Session, Fact::UserAgent),
    setup = start_with,
    config = counted()
)]
#[bench::error_for_status(
    args = (Variant::Session, Fact::ErrorForStatus),
    setup = start_with,
    config = counted()
)]
#[bench::middleware(
    args = (Variant::Session, Fact::Middleware),
    setup = start_with,
    config = counted()
)]
#[bench::observer(
    args = (Variant::Session, Fact::Observer),
    setup = start_with,
    config = counted()
)]
#[bench::body_sizes(
    args = (Variant::DirectSpans, Fact::BodySizes),
    setup = start_with,
    config = counted()
)]
#[bench::response_header(
    args = (Variant::DirectSpans, Fact::ResponseHeader),
    setup = start_with,
    config = counted()
)]
#[bench::excluded_host(
    args = (Variant::DirectSpans, Fact::ExcludedHost),
    setup = start_with,
    config = counted()
)]
#[bench::global_propagation(
    args = (Variant::DirectSpans, Fact::GlobalPropagation),
    setup = start_with,
    config = counted()
)]
#[bench::unsampled(
    args = (Variant::DirectSpans, Fact::Unsampled),
    setup = start_with,
    config = counted()
)]
fn a_hundred_with(mut bench: Bench) -> Bench {
    bench.send(REQUESTS);
    bench
}

library_benchmark_group!(name = requests; benchmarks = a_hundred_requests, a_hundred_urls, a_hundred_with);
main!(library_benchmark_groups = requests);
