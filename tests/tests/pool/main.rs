//! Warm sessions, handed from one context to the next.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails, and says where"
)]

mod bounds;
mod cancelled;
mod closing;
mod cookies;
mod expiry;
mod late_holders;
mod options;
mod reuse;
mod runtimes;
mod unclean;

use std::sync::Arc;

use http_context::testing::Recorder;
use http_context::{ConnectionUse, PoolBuilder, SessionPool, http_session};
use http_context_tests::Server;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A pool whose facts are recorded.
fn recorded(options: impl FnOnce(PoolBuilder) -> PoolBuilder) -> (SessionPool, Arc<Recorder>) {
    let recorder = Arc::new(Recorder::new());
    let pool = SessionPool::builder().observer(recorder.clone());
    (options(pool).build(), recorder)
}

/// One request on the session of this task; says whether its connection was new.
async fn get(server: &Server, path: &str) -> Result<ConnectionUse, BoxError> {
    let response = http_session()?.get(server.url(path)).send().await?;
    let connection_use = *response.extensions().get().unwrap();
    response.bytes().await?;
    Ok(connection_use)
}
