//! What a context, a connection and a request take in memory, as the allocator counts it.

use allocation_counter::measure;
use http_context::builder;
use tokio::runtime::Runtime;

use crate::BoxError;
use crate::server::Server;
use crate::sizes::{connect, held, open_lazily, options};

/// How many of each are made; the figure is for one.
const CONTEXTS: usize = 100_000;
const SESSIONS: usize = 1_000;
const CONNECTIONS: usize = 1_000;
const REQUESTS: usize = 1_000;

/// Names and bytes for one. The runtime has one thread, so that all is counted.
pub(crate) fn measure_all(
    runtime: &Runtime,
    server: &Server,
) -> Result<Vec<(&'static str, f64)>, BoxError> {
    let lazy = builder().lazy();
    let eager = options();
    let mut contexts = Vec::with_capacity(CONTEXTS);
    let context = current(runtime, async {
        contexts.extend((0..CONTEXTS).map(|_| open_lazily(&lazy)));
        Ok(())
    })?;
    drop(contexts);
    let mut contexts = Vec::with_capacity(SESSIONS);
    let session = current(runtime, async {
        contexts.extend((0..SESSIONS).map(|_| open_lazily(&eager)));
        Ok(())
    })?;
    drop(contexts);

    let one = runtime.block_on(held(options()))?;
    runtime.block_on(connect(server, &one.session, 1))?;
    let connection = current(runtime, connect(server, &one.session, CONNECTIONS))?;

    // Over one connection that is there already, so that only requests are counted.
    let options = options().http_versions(http_context::HttpVersions::Http2);
    let one = runtime.block_on(held(options))?;
    runtime.block_on(connect(server, &one.session, 1))?;
    let mut requests = tokio::task::JoinSet::new();
    let request = current(runtime, async {
        for _ in 0..REQUESTS {
            requests.spawn(one.session.get(server.url("/hold")).send());
        }
        server.holds(REQUESTS).await
    })?;
    runtime.block_on(server.release())?;
    runtime.block_on(async { while requests.join_next().await.is_some() {} });

    #[allow(clippy::cast_precision_loss, reason = "counts are small")]
    let each = |bytes: i64, count: usize| bytes as f64 / count as f64;
    Ok(vec![
        ("an open context, lazy", each(context, CONTEXTS)),
        ("an open context with its session", each(session, SESSIONS)),
        (
            "a connection, HTTP/1.1, idle",
            each(connection, CONNECTIONS),
        ),
        (
            "a request in flight, HTTP/2, its task included",
            each(request, REQUESTS),
        ),
    ])
}

/// Bytes that the work allocates and does not free.
fn current(
    runtime: &Runtime,
    work: impl Future<Output = Result<(), BoxError>>,
) -> Result<i64, BoxError> {
    let mut result = Ok(());
    let counted = measure(|| result = runtime.block_on(work));
    result.map(|()| counted.bytes_current)
}
