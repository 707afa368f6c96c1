//! A set of child tasks.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::panic::Location;

use tokio::task::{self, AbortHandle};

use super::spawn::{FutureExt, bind_blocking};

/// [`tokio::task::JoinSet`], whose tasks carry the context of the one that spawns them.
///
/// What it does not define itself is that of Tokio, by `Deref`.
///
/// ```
/// # use http_context::{JoinSet, OpenError, http_session};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), OpenError> {
/// http_context::open(async {
///     let mut tasks = JoinSet::new();
///     for _ in 0..3 {
///         tasks.spawn(async { http_session().map(|session| session.id()) });
///     }
///     while let Some(id) = tasks.join_next().await {
///         assert!(id.expect("does not panic").is_ok());
///     }
///     Ok(())
/// })
/// .await
/// # }
/// ```
pub struct JoinSet<T>(task::JoinSet<T>);

impl<T> JoinSet<T> {
    /// An empty set.
    pub fn new() -> Self {
        Self(task::JoinSet::new())
    }

    /// Tokio's set, with the tasks in it.
    pub fn into_inner(self) -> task::JoinSet<T> {
        self.0
    }
}

impl<T: 'static> JoinSet<T> {
    /// Spawns a task that carries the context; see [`spawn`](crate::spawn).
    ///
    /// # Panics
    ///
    /// When called outside of a Tokio runtime.
    #[track_caller]
    pub fn spawn<F>(&mut self, future: F) -> AbortHandle
    where
        F: Future<Output = T> + Send + 'static,
        T: Send,
    {
        self.0.spawn(future.in_current_http_context())
    }

    /// Spawns a task on the current thread's `LocalSet` that carries the context.
    ///
    /// # Panics
    ///
    /// When called outside of a `LocalSet`.
    #[track_caller]
    pub fn spawn_local<F>(&mut self, future: F) -> AbortHandle
    where
        F: Future<Output = T> + 'static,
    {
        self.0.spawn_local(future.in_current_http_context())
    }

    /// Runs a closure on a thread for blocking work; see
    /// [`spawn_blocking`](crate::spawn_blocking()).
    ///
    /// # Panics
    ///
    /// When called outside of a Tokio runtime.
    #[track_caller]
    pub fn spawn_blocking<F>(&mut self, f: F) -> AbortHandle
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        self.0.spawn_blocking(bind_blocking(f, Location::caller()))
    }
}

impl<T> Default for JoinSet<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Deref for JoinSet<T> {
    type Target = task::JoinSet<T>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<T> DerefMut for JoinSet<T> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl<T> fmt::Debug for JoinSet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
