//! Identifiers that are unique in this process.

use std::fmt;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! process_unique_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(NonZeroU64);

        impl $name {
            pub(crate) fn next() -> Self {
                static NEXT: AtomicU64 = AtomicU64::new(1);
                // Relaxed: only uniqueness is asked of it, not an order with other memory.
                Self::from_raw(NEXT.fetch_add(1, Ordering::Relaxed))
                    .expect("64 bits outlast any process")
            }

            pub(crate) fn from_raw(raw: u64) -> Option<Self> {
                NonZeroU64::new(raw).map(Self)
            }

            /// The number itself: 1 for the first of its kind in this process.
            pub fn get(self) -> u64 {
                self.0.get()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

process_unique_id! {
    /// Names one context in this process.
    ContextId
}
process_unique_id! {
    /// Names one session in this process. A session that is built again after an early close has a
    /// new one.
    SessionId
}
process_unique_id! {
    /// Names one request, as its caller made it, in this process.
    RequestId
}
process_unique_id! {
    /// Names one connection in this process. Ephemeral ports come back; this does not.
    ConnectionId
}
process_unique_id! {
    /// Names one session pool in this process.
    PoolId
}
