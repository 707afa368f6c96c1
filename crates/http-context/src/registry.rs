//! The contexts that are open in this process.

use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError, Weak};

use slab::Slab;

use crate::context::{ContextInner, HttpContext};
use crate::id::ContextId;

/// Contexts are spread over several lists, so that opening and closing them on many threads does
/// not wait for one lock.
const SHARDS: usize = 16;

type Shard = Mutex<Slab<Weak<ContextInner>>>;

static LIVE: LazyLock<[Shard; SHARDS]> = LazyLock::new(Default::default);

/// Where a context stands on the lists, until it has exited.
///
/// A context that is forgotten never gives its place back: that is how it is found.
#[derive(Debug)]
pub(crate) struct Registration {
    shard: usize,
    key: usize,
}

impl Registration {
    pub(crate) fn new(id: ContextId, context: Weak<ContextInner>) -> Self {
        #[allow(
            clippy::cast_possible_truncation,
            reason = "less than the number of shards"
        )]
        let shard = (id.get() % SHARDS as u64) as usize;
        let key = lock(&LIVE[shard]).insert(context);
        Self { shard, key }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        lock(&LIVE[self.shard]).remove(self.key);
    }
}

/// All contexts whose exit has not ended, oldest first. Those with [`LeakPolicy::Off`] are not
/// listed.
///
/// [`LeakPolicy::Off`]: crate::LeakPolicy::Off
///
/// ```
/// # use http_context::{OpenError, current, open, open_contexts};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), OpenError> {
/// open(async {
///     assert_eq!(open_contexts(), [current().expect("bound by `open`")]);
///     Ok::<_, OpenError>(())
/// })
/// .await?;
/// assert!(open_contexts().is_empty());
/// # Ok(())
/// # }
/// ```
pub fn open_contexts() -> Vec<HttpContext> {
    let mut open: Vec<_> = LIVE
        .iter()
        .flat_map(|shard| {
            lock(shard)
                .iter()
                .map(|(_, weak)| weak.clone())
                .collect::<Vec<_>>()
        })
        .filter_map(|weak| weak.upgrade().map(HttpContext::from_inner))
        .filter(|context| !context.has_exited())
        .collect();
    open.sort_by_key(HttpContext::id);
    open
}

fn lock(shard: &Shard) -> MutexGuard<'_, Slab<Weak<ContextInner>>> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::OpenError;

    fn is_listed(context: &HttpContext) -> bool {
        let is_it = |weak: &Weak<_>| std::ptr::eq(weak.as_ptr(), context.inner());
        LIVE.iter()
            .any(|shard| lock(shard).iter().any(|(_, weak)| is_it(weak)))
    }

    #[tokio::test]
    async fn a_context_stands_on_the_lists_until_it_has_exited() {
        let work = crate::open(async {
            let context = crate::current().unwrap();
            assert!(is_listed(&context));
            Ok::<_, OpenError>(context)
        });
        assert!(!is_listed(&work.await.unwrap()));
    }
}
