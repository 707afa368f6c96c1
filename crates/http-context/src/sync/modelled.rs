//! What threads share, as `loom` steps through it, with the interface of what it stands for.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use loom::thread::JoinHandle;

/// Runs a model in every order of the steps of its threads, but for those in which threads are stopped more often
/// than `LOOM_MAX_PREEMPTIONS` says, where that is set. Says how many there were.
pub(crate) fn model(run: impl Fn() + Sync + Send + 'static) {
    let runs = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&runs);
    let mut builder = loom::model::Builder::new();
    builder.max_branches = 100_000;
    let run = Arc::new(run);
    builder.check(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        let run = Arc::clone(&run);
        spawn(move || run())
            .join()
            .expect("a model that panics has failed");
    });
    println!("interleavings: {}", runs.load(Ordering::Relaxed));
}

/// A thread of a model. There are four at most, with the one that the model begins in.
pub(crate) fn spawn<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    let thread = loom::thread::Builder::new().stack_size(STACK);
    thread.spawn(run).expect("loom starts every thread")
}

/// In words. Those that `loom` gives by itself are too small for a request.
const STACK: usize = 1 << 17;

/// As [`parking_lot::Mutex`].
#[derive(Default)]
pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

pub(crate) struct MutexGuard<'m, T>(loom::sync::MutexGuard<'m, T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(loom::sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        MutexGuard(self.0.lock().expect("a model that panics has failed"))
    }
}

impl<T> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mutex")
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

/// As [`std::sync::OnceLock`]: whoever finds it set sees all that was done before it was.
pub(crate) struct OnceLock<T> {
    value: std::sync::OnceLock<T>,
    is_set: loom::sync::atomic::AtomicBool,
    setting: loom::sync::Mutex<()>,
}

impl<T> OnceLock<T> {
    pub(crate) fn new() -> Self {
        Self {
            value: std::sync::OnceLock::new(),
            is_set: loom::sync::atomic::AtomicBool::new(false),
            setting: loom::sync::Mutex::new(()),
        }
    }

    pub(crate) fn get(&self) -> Option<&T> {
        let is_set = self.is_set.load(atomic::Ordering::Acquire);
        is_set.then(|| self.value.get()).flatten()
    }

    pub(crate) fn get_or_init(&self, init: impl FnOnce() -> T) -> &T {
        if let Some(value) = self.get() {
            return value;
        }
        let setting = self.setting.lock();
        if self.value.get().is_none() {
            let _ = self.value.set(init());
            self.is_set.store(true, atomic::Ordering::Release);
        }
        drop(setting);
        self.value.get().expect("it was set under the lock")
    }

    pub(crate) fn set(&self, value: T) -> Result<(), T> {
        let mut value = Some(value);
        self.get_or_init(|| value.take().expect("it is initialized once"));
        value.map_or(Ok(()), Err)
    }
}

impl<T> Default for OnceLock<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for OnceLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnceLock")
    }
}

/// As [`tokio::sync::Notify`]: whoever begins to listen after a call sees all that was done before it.
pub(crate) struct Notify {
    notify: tokio::sync::Notify,
    calls: loom::sync::atomic::AtomicUsize,
}

impl Notify {
    pub(crate) fn new() -> Self {
        Self {
            notify: tokio::sync::Notify::new(),
            calls: loom::sync::atomic::AtomicUsize::new(0),
        }
    }

    pub(crate) fn notified(&self) -> tokio::sync::futures::Notified<'_> {
        // A step of its own, as what comes after it.
        self.calls.load(atomic::Ordering::Relaxed);
        // Listens first: a call that is made in between is heard, or seen here.
        let notified = self.notify.notified();
        self.calls.fetch_add(0, atomic::Ordering::AcqRel);
        notified
    }

    pub(crate) fn notify_waiters(&self) {
        self.calls.fetch_add(1, atomic::Ordering::AcqRel);
        self.notify.notify_waiters();
    }
}

macro_rules! lazy {
    ($(#[$meta:meta])* pub(crate) static $name:ident: $type:ty = $init:expr;) => {
        loom::lazy_static! {
            $(#[$meta])*
            pub(crate) static ref $name: $type = $init;
        }
    };
}
pub(crate) use lazy;

/// As [`std::sync::atomic`].
///
/// `loom` takes a sequentially consistent access for one that acquires and releases, and knows a fence that is
/// sequentially consistent. So such an access has a fence before it where the one before it in its thread was
/// such an access too: all threads see the two in that order. What else gains by that fence is what comes before the
/// first of the two: no model sees that it is ordered by less.
pub(crate) mod atomic {
    use std::cell::Cell;
    use std::fmt;

    pub(crate) use loom::sync::atomic::{Ordering, fence};

    loom::thread_local! {
        static WAS_CONSISTENT: Cell<bool> = Cell::new(false);
    }

    /// The ordering as `loom` knows it, behind the fence that it needs.
    fn fenced(ordering: Ordering, as_known: Ordering) -> Ordering {
        let is_consistent = ordering == Ordering::SeqCst;
        let was_consistent = WAS_CONSISTENT.with(|was| was.replace(is_consistent));
        if !is_consistent {
            return ordering;
        }
        if was_consistent {
            fence(Ordering::SeqCst);
        }
        as_known
    }

    macro_rules! atomic {
        ($name:ident, $type:ty) => {
            pub(crate) struct $name(loom::sync::atomic::$name);

            #[allow(dead_code, reason = "each has what one of them needs")]
            impl $name {
                pub(crate) fn new(value: $type) -> Self {
                    Self(loom::sync::atomic::$name::new(value))
                }

                pub(crate) fn load(&self, ordering: Ordering) -> $type {
                    self.0.load(fenced(ordering, Ordering::Acquire))
                }

                pub(crate) fn store(&self, value: $type, ordering: Ordering) {
                    self.0.store(value, fenced(ordering, Ordering::Release));
                }

                pub(crate) fn swap(&self, value: $type, ordering: Ordering) -> $type {
                    self.0.swap(value, fenced(ordering, Ordering::AcqRel))
                }

                pub(crate) fn fetch_or(&self, value: $type, ordering: Ordering) -> $type {
                    self.0.fetch_or(value, fenced(ordering, Ordering::AcqRel))
                }

                pub(crate) fn compare_exchange(
                    &self,
                    current: $type,
                    new: $type,
                    success: Ordering,
                    failure: Ordering,
                ) -> Result<$type, $type> {
                    let success = fenced(success, Ordering::AcqRel);
                    let failure = match failure {
                        Ordering::SeqCst => Ordering::Acquire,
                        failure => failure,
                    };
                    self.0.compare_exchange(current, new, success, failure)
                }
            }

            impl Default for $name {
                fn default() -> Self {
                    Self::new(<$type>::default())
                }
            }

            impl fmt::Debug for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str(stringify!($name))
                }
            }
        };
    }

    macro_rules! number {
        ($name:ident, $type:ty) => {
            atomic!($name, $type);

            #[allow(dead_code, reason = "each has what one of them needs")]
            impl $name {
                pub(crate) fn fetch_add(&self, value: $type, ordering: Ordering) -> $type {
                    self.0.fetch_add(value, fenced(ordering, Ordering::AcqRel))
                }

                pub(crate) fn fetch_sub(&self, value: $type, ordering: Ordering) -> $type {
                    self.0.fetch_sub(value, fenced(ordering, Ordering::AcqRel))
                }
            }
        };
    }

    atomic!(AtomicBool, bool);
    number!(AtomicU8, u8);
    number!(AtomicU32, u32);
    number!(AtomicU64, u64);
    number!(AtomicUsize, usize);
}
