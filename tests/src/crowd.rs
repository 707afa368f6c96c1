//! More to look after than is kept until it is due.

use std::convert::Infallible;
use std::time::Duration;

use http_context::builder;

/// Opens and closes so many contexts that would be overdue in an hour that what looks after them has forgotten those
/// which are over, several times, and looked at all else.
///
/// # Panics
///
/// When a context could not be opened.
pub async fn crowd() {
    let all = async {
        let context = builder().lazy().overdue_after(Duration::from_hours(1));
        for _ in 0..300 {
            let open = context.clone().job(async { Ok::<_, Infallible>(()) });
            let Ok(()) = open.await;
        }
    };
    // On a task of its own, which is in no context.
    tokio::spawn(all).await.expect("they open");
}
