//! In which order the context's layer and the engine's spawn must stand.
//!
//! apalis runs each job as a task of its own when it is built with `parallelize(tokio::spawn)`. The
//! context is bound to a task: added outside the spawn it does not reach the handler, added inside
//! it does.

use std::sync::{Arc, Mutex};

use apalis::prelude::{
    BoxDynError, Data, MemoryStorage, ParallelizeExt, TaskSink, WorkerBuilder, WorkerContext,
};
use http_context::http_session;

/// What the handler found: whether it had a session.
type Found = Arc<Mutex<Option<bool>>>;

async fn handler(_: u32, found: Data<Found>, worker: WorkerContext) -> Result<(), BoxDynError> {
    *found.lock().unwrap() = Some(http_session().is_ok());
    worker.stop()?;
    Ok(())
}

async fn one_job() -> MemoryStorage<u32> {
    let mut jobs = MemoryStorage::new();
    jobs.push(1).await.unwrap();
    jobs
}

#[tokio::test]
async fn a_layer_inside_the_spawn_reaches_the_handler() {
    let found = Found::default();
    let worker = WorkerBuilder::new("inside")
        .backend(one_job().await)
        .data(Arc::clone(&found))
        .parallelize(tokio::spawn)
        .layer(http_context::builder().layer())
        .build(handler);
    worker.run().await.unwrap();
    assert_eq!(*found.lock().unwrap(), Some(true));
}

#[tokio::test]
async fn a_layer_outside_the_spawn_does_not() {
    let found = Found::default();
    let worker = WorkerBuilder::new("outside")
        .backend(one_job().await)
        .data(Arc::clone(&found))
        .layer(http_context::builder().layer())
        .parallelize(tokio::spawn)
        .build(handler);
    worker.run().await.unwrap();
    assert_eq!(*found.lock().unwrap(), Some(false));
}
