//! The contexts that are open in this process.

use super::http_context::HttpContext;

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
    let mut open = HttpContext::all();
    open.retain(|context| !context.has_exited());
    open.sort_by_key(HttpContext::id);
    open
}
