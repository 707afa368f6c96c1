//! What is left behind is exported as open until it is let go.

use http_context::{LeakPolicy, OpenError, http_session};

use crate::rig::{Rig, Wire};

#[tokio::test]
async fn a_handle_that_is_kept_counts_as_open_until_it_is_dropped() {
    let rig = Rig::new(Wire::Http1);
    let kind = [("kind", "session_handle")];
    let leaks = || {
        let exported = rig.exported();
        (
            exported.sum("http_context_leaks_total", &kind),
            exported.sum("http_context_leaks_open", &kind),
        )
    };
    let context = rig.context().leaks(LeakPolicy::Warn);
    let open =
        context.open(async { Ok::<_, OpenError>([(); 2].map(|()| http_session().unwrap())) });
    let kept = open.await.unwrap();
    assert_eq!(leaks(), (2, 2));
    drop(kept);
    assert_eq!(leaks(), (2, 0));
}
