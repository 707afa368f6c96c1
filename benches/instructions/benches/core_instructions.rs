//! What the core's steps cost in instructions, held to committed figures.
//!
//! Instructions are counted by callgrind: the figures of one build are the same in every run. One
//! that exceeds its committed figure by more than 2 % fails the run, which prints both figures.
//! Needs valgrind, and `gungraun-runner` at the version of `gungraun`.

#![allow(
    missing_docs,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "the macros of the harness make public items and exit, and a benchmark that cannot go on fails"
)]

use std::hint::black_box;
use std::pin::{Pin, pin};
use std::task::{Context, Waker};

use gungraun::{
    Callgrind, EntryPoint, LibraryBenchmarkConfig, library_benchmark, library_benchmark_group, main,
};
use http_context::{
    ContextBuilder, HttpContext, HttpSession, OpenError, SessionError, SessionPool, builder,
    current, http_session, open,
};
use http_context_benches::one_connection_server;
use http_context_instructions::held;
use tokio::runtime::{Builder, Runtime};

/// The committed figures: instructions of one step, of [`REQUESTS`] requests, or of
/// [`OPENS`] contexts.
mod committed {
    pub(super) const LOOKUP: u64 = 60;
    pub(super) const LOOKUP_AND_DROP: u64 = 91;
    pub(super) const NESTED_OPEN: u64 = 259;
    pub(super) const EAGER: u64 = 2_184_000;
    pub(super) const LAZY: u64 = 245_300;
    pub(super) const POOLED: u64 = 662_000;
    pub(super) const REQUESTS_BARE: u64 = 6_122_000;
    /// Among a hundred thousand others, which is the dearer case.
    pub(super) const REQUESTS_IN_CONTEXT: u64 = 6_304_000;
}

const REQUESTS: usize = 100;
const OPENS: usize = 100;

/// Counts what the function of this name does, wherever it is called from.
fn counts(function: &str, committed: u64) -> LibraryBenchmarkConfig {
    let mut callgrind = Callgrind::default();
    callgrind.entry_point(EntryPoint::Custom(format!("*::{function}")));
    held(callgrind, committed)
}

fn runtime() -> Runtime {
    http_context::warm_up().unwrap();
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// A line of its own, so that all calls have one place: a place is entered in a table when it is
/// first seen.
fn look_up() -> Result<HttpSession, SessionError> {
    http_session()
}

#[inline(never)]
fn count_lookup() -> Result<HttpSession, SessionError> {
    look_up()
}

#[library_benchmark(config = counts("count_lookup", committed::LOOKUP), setup = runtime)]
fn lookup(runtime: Runtime) {
    let work = open(async {
        drop(look_up());
        drop(black_box(count_lookup()));
        Ok::<_, OpenError>(())
    });
    runtime.block_on(work).unwrap();
}

#[inline(never)]
fn count_lookup_and_drop() {
    drop(black_box(look_up()));
}

#[library_benchmark(
    config = counts("count_lookup_and_drop", committed::LOOKUP_AND_DROP),
    setup = runtime
)]
fn lookup_and_drop(runtime: Runtime) {
    let work = open(async {
        drop(look_up());
        count_lookup_and_drop();
        Ok::<_, OpenError>(())
    });
    runtime.block_on(work).unwrap();
}

/// Opens and closes a context around work that does nothing.
fn open_and_close(context: ContextBuilder) {
    let mut opened = pin!(context.open(std::future::ready(Ok::<_, OpenError>(()))));
    let polled = opened
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()));
    assert!(black_box(polled).is_ready());
}

/// A line of its own, as for [`look_up`].
fn open_nested() {
    let mut nested = pin!(open(std::future::ready(Ok::<_, OpenError>(()))));
    let waker = Waker::noop();
    let polled = nested.as_mut().poll(&mut Context::from_waker(waker));
    assert!(black_box(polled).is_ready());
}

#[inline(never)]
fn count_nested_open() {
    open_nested();
}

#[library_benchmark(config = counts("count_nested_open", committed::NESTED_OPEN), setup = runtime)]
fn nested_open(runtime: Runtime) {
    let work = open(async {
        open_nested();
        count_nested_open();
        Ok::<_, OpenError>(())
    });
    runtime.block_on(work).unwrap();
}

#[inline(never)]
fn count_open_and_close(context: &ContextBuilder) {
    for _ in 0..OPENS {
        open_and_close(context.clone());
    }
}

/// The first context makes what later ones share, and of several in a row no one stands for the
/// others: where the allocator finds room depends on what was freed before.
fn later_ones(runtime: &Runtime, context: &ContextBuilder) {
    runtime.block_on(async {
        open_and_close(context.clone());
        count_open_and_close(context);
    });
}

#[library_benchmark(config = counts("count_open_and_close", committed::EAGER), setup = runtime)]
fn open_and_close_eager(runtime: Runtime) {
    later_ones(&runtime, &builder());
}

#[library_benchmark(config = counts("count_open_and_close", committed::LAZY), setup = runtime)]
fn open_and_close_lazy(runtime: Runtime) {
    later_ones(&runtime, &builder().lazy());
}

#[library_benchmark(config = counts("count_open_and_close", committed::POOLED), setup = runtime)]
fn open_and_close_pooled(runtime: Runtime) {
    later_ones(&runtime, &builder().pool(SessionPool::builder().build()));
}

#[inline(never)]
fn count_requests_bare(runtime: &Runtime, client: &reqwest::Client, url: &str) {
    runtime.block_on(async {
        for _ in 0..REQUESTS {
            let response = client.get(url).send().await.unwrap();
            black_box(response.bytes().await.unwrap());
        }
    });
}

#[library_benchmark(
    config = counts("count_requests_bare", committed::REQUESTS_BARE),
    setup = runtime
)]
fn requests_bare(runtime: Runtime) {
    let url = one_connection_server();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    runtime.block_on(async {
        for _ in 0..10 {
            client
                .get(&url)
                .send()
                .await
                .unwrap()
                .bytes()
                .await
                .unwrap();
        }
    });
    count_requests_bare(&runtime, &client, &url);
}

#[inline(never)]
fn count_requests_in_context(runtime: &Runtime, context: &HttpContext, url: &str) {
    context.sync_scope(|| {
        runtime.block_on(async {
            for _ in 0..REQUESTS {
                let response = http_session().unwrap().get(url).send().await.unwrap();
                black_box(response.bytes().await.unwrap());
            }
        });
    });
}

type Opened = Pin<Box<dyn Future<Output = Result<(), OpenError>>>>;

/// A context that stays open, and one connection of it.
fn opened(runtime: &Runtime, url: &str) -> (Opened, HttpContext) {
    let (hand_out, mut handed_out) = tokio::sync::mpsc::unbounded_channel();
    let url = url.to_owned();
    let context = builder().configure(reqwest::ClientBuilder::no_proxy);
    let mut opened: Opened = Box::pin(context.open(async move {
        for _ in 0..10 {
            let response = http_session().unwrap().get(&url).send().await.unwrap();
            response.bytes().await.unwrap();
        }
        hand_out.send(current().unwrap()).unwrap();
        std::future::pending().await
    }));
    let context = runtime.block_on(async {
        tokio::select! {
            _ = &mut opened => unreachable!("it stays open"),
            context = handed_out.recv() => context.unwrap(),
        }
    });
    (opened, context)
}

#[library_benchmark(
    config = counts("count_requests_in_context", committed::REQUESTS_IN_CONTEXT)
)]
#[bench::alone(args = (0), setup = contexts)]
#[bench::among_a_hundred_thousand_contexts(args = (100_000), setup = contexts)]
fn requests_in_context((runtime, _others): (Runtime, Vec<Opened>)) {
    let url = one_connection_server();
    let (_opened, context) = opened(&runtime, &url);
    count_requests_in_context(&runtime, &context, &url);
}

fn contexts(count: usize) -> (Runtime, Vec<Opened>) {
    let runtime = runtime();
    let lazy = builder().lazy();
    let others = runtime.block_on(async {
        let mut cx = Context::from_waker(Waker::noop());
        let open = |_| {
            let mut opened: Opened = Box::pin(lazy.clone().open(std::future::pending()));
            assert!(opened.as_mut().poll(&mut cx).is_pending());
            opened
        };
        (0..count).map(open).collect()
    });
    (runtime, others)
}

library_benchmark_group!(
    name = core,
    benchmarks = [
        lookup,
        lookup_and_drop,
        nested_open,
        open_and_close_eager,
        open_and_close_lazy,
        open_and_close_pooled,
        requests_bare,
        requests_in_context
    ]
);
main!(library_benchmark_groups = core);
