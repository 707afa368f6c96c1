//! A connection lives on the runtime that opened it, and so does its session.

use http_context::{ConnectionUse, FutureExt as _, builder};
use http_context_tests::{FactLines as _, Server};
use tokio::runtime::{Builder, Runtime};

use crate::{BoxError, get, recorded};

fn runtime() -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap()
}

#[test]
fn a_session_is_never_handed_to_another_runtime() {
    let (server, (pool, recorder)) = (Server::start(), recorded(|pool| pool));
    let pooled = builder().pool(pool);
    let (one, two) = (runtime(), runtime());
    let used = |runtime: &Runtime| {
        let work = pooled.clone().open(get(&server, "/ok"));
        runtime.block_on(work).unwrap()
    };
    // Whether a connection is free again when the next request comes is a matter of moments: where
    // the session was before shows by the first request alone.
    for runtime in [&one, &two] {
        assert_eq!(used(runtime), ConnectionUse::New);
        used(runtime);
    }
    assert_eq!(recorder.count("pool_checked_out warm 1/0/0"), 2);
    assert_eq!(recorder.count("pool_session_closed other_runtime"), 1);
}

#[test]
fn a_runtime_that_is_gone_leaves_no_session_behind() {
    let (server, (pool, _)) = (Server::start(), recorded(|pool| pool));
    let pooled = builder().pool(pool);
    for _ in 0..3 {
        let work = pooled.clone().open(get(&server, "/ok"));
        assert_eq!(runtime().block_on(work).unwrap(), ConnectionUse::New);
    }
}

#[test]
fn a_session_that_sent_on_two_runtimes_is_closed() {
    let (server, (pool, recorder)) = (Server::start(), recorded(|pool| pool));
    let server = std::sync::Arc::new(server);
    let (one, two) = (runtime(), runtime());
    let work = builder().pool(pool.clone()).open(async {
        get(&server, "/ok").await?;
        let elsewhere = server.clone();
        let child = async move { get(&elsewhere, "/ok").await }.in_current_http_context();
        two.spawn(child).await??;
        Ok::<_, BoxError>(())
    });
    one.block_on(work).unwrap();
    assert_eq!(recorder.count("pool_session_closed other_runtime"), 1);
    assert_eq!(pool.status().idle, 0);
}
