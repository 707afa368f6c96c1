//! A thread with a runtime of its own, for servers.
//!
//! A server that shared the test's runtime would stop with it, would stand
//! still while the test blocks, and would see time stop where the test pauses
//! it. So each server has its own.

use std::{future::Future, sync::mpsc, thread};

use tokio::sync::oneshot;

/// A thread that runs one future until it ends, or until this value is
/// dropped; the drop waits until the thread is gone, and its sockets with it.
#[derive(Debug)]
pub(crate) struct RuntimeThread {
    /// Dropping it stops the thread.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl RuntimeThread {
    /// Runs `prepare` inside a new runtime on a new thread, hands its first
    /// result back, and then runs the future that is its second.
    pub(crate) fn start<T, F>(
        name: &str,
        prepare: impl FnOnce() -> (T, F) + Send + 'static,
    ) -> (Self, T)
    where
        T: Send + 'static,
        F: Future<Output = ()>,
    {
        let (stop, stopped) = oneshot::channel();
        let (ready, is_ready) = mpsc::channel();
        let thread = thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .expect("a current-thread runtime can be built");
                runtime.block_on(async move {
                    let (result, run) = prepare();
                    ready
                        .send(result)
                        .expect("the starting thread waits for this");
                    tokio::select! {
                        () = run => {}
                        _ = stopped => {}
                    }
                });
            })
            .expect("a thread can be spawned");
        let result = is_ready
            .recv()
            .expect("the server's thread panicked while it started");
        let started = Self {
            stop: Some(stop),
            thread: Some(thread),
        };
        (started, result)
    }
}

impl Drop for RuntimeThread {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(Err(panic)) = self.thread.take().map(thread::JoinHandle::join)
            && !thread::panicking()
        {
            std::panic::resume_unwind(panic);
        }
    }
}
