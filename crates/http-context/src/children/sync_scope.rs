//! Binds a context to a thread.

use std::panic::Location;

use super::guard::Binding;
use crate::context::{BOUND, HttpContext};

impl HttpContext {
    /// Binds the context to this thread while `f` runs, for blocking code that calls
    /// `http_session()`.
    ///
    /// ```
    /// # use http_context::{OpenError, current, http_session};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), OpenError> {
    /// http_context::open(async {
    ///     let context = current().expect("bound by `open`");
    ///     let thread = std::thread::spawn(move || context.sync_scope(|| http_session().is_ok()));
    ///     assert!(thread.join().expect("the thread does not panic"));
    ///     Ok(())
    /// })
    /// .await
    /// # }
    /// ```
    #[track_caller]
    pub fn sync_scope<R>(&self, f: impl FnOnce() -> R) -> R {
        let Binding { bound, guard } = Binding::new(self.clone(), Location::caller());
        let result = BOUND.sync_scope(bound, f);
        drop(guard);
        result
    }
}
