//! What the core's steps take in time. Noisy on a shared machine: compare within one run.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "the macros of the harness make public items, and a benchmark that cannot go on fails"
)]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use http_context::{ContextBuilder, OpenError, SessionPool, builder, http_session, open};
use tokio::runtime::{Builder, Runtime};

fn runtime() -> Runtime {
    http_context::warm_up().unwrap();
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn lookup(criterion: &mut Criterion) {
    let runtime = runtime();
    let work = open(async {
        criterion.bench_function("http_session", |bencher| {
            bencher.iter(|| black_box(http_session()));
        });
        Ok::<_, OpenError>(())
    });
    runtime.block_on(work).unwrap();
}

fn contexts(criterion: &mut Criterion) {
    let runtime = runtime();
    let pool = SessionPool::builder().build();
    let cases: [(&str, ContextBuilder); 3] = [
        ("open and close, eager", builder()),
        ("open and close, lazy", builder().lazy()),
        ("open and close, pooled", builder().pool(pool)),
    ];
    for (name, context) in cases {
        criterion.bench_function(name, |bencher| {
            bencher.iter(|| {
                let work = std::future::ready(Ok::<_, OpenError>(()));
                runtime.block_on(context.clone().open(work)).unwrap();
            });
        });
    }
    criterion.bench_function("open within a context", |bencher| {
        let nested = open(async {
            bencher.iter(|| {
                let work = std::future::ready(Ok::<_, OpenError>(()));
                let mut nested = std::pin::pin!(open(work));
                let waker = std::task::Waker::noop();
                let polled = nested
                    .as_mut()
                    .poll(&mut std::task::Context::from_waker(waker));
                assert!(black_box(polled).is_ready());
            });
            Ok::<_, OpenError>(())
        });
        runtime.block_on(nested).unwrap();
    });
    criterion.bench_function("reqwest::Client with shared TLS", |bencher| {
        let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        bencher.iter(|| {
            let client = reqwest::Client::builder().tls_backend_preconfigured(tls.clone());
            black_box(client.build().unwrap())
        });
    });
}

criterion_group!(time, lookup, contexts);
criterion_main!(time);
