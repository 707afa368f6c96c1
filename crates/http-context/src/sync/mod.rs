//! What threads share, in the parts whose interleavings are tried out one by one.
//!
//! These are the atomics and cells of the standard library and the locks of `parking_lot`, under one name. In
//! tests with `--cfg http_context_loom` they are those of [`loom`](https://docs.rs/loom), which runs a model again
//! and again, each time with another order of the steps of its threads, and with another of the values that a
//! load may see. A model is a unit test beside the code, in a file `models.rs`, of that code and no copy.
//!
//! What is not from here is no step of its own for `loom`: it happens at once. That is right for what has no
//! part in what a model is about, as for `Arc`, and for a lock under which nothing is that is from here.

#[cfg(all(test, http_context_loom))]
mod modelled;

#[cfg(all(test, http_context_loom))]
pub(crate) use modelled::{Mutex, MutexGuard, Notify, OnceLock, atomic, lazy, model, spawn};

#[cfg(not(all(test, http_context_loom)))]
pub(crate) use parking_lot::{Mutex, MutexGuard};
#[cfg(not(all(test, http_context_loom)))]
pub(crate) use std::sync::{OnceLock, atomic};
#[cfg(not(all(test, http_context_loom)))]
pub(crate) use tokio::sync::Notify;

/// A static that is made when it is first used: in a model, for each of its runs.
#[cfg(not(all(test, http_context_loom)))]
macro_rules! lazy {
    ($(#[$meta:meta])* pub(crate) static $name:ident: $type:ty = $init:expr;) => {
        $(#[$meta])*
        pub(crate) static $name: std::sync::LazyLock<$type> = std::sync::LazyLock::new(|| $init);
    };
}
#[cfg(not(all(test, http_context_loom)))]
pub(crate) use lazy;
