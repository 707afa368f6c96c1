//! Which futures may go to another thread. That of types stands in `api.txt`; these have no name.

use std::rc::Rc;

use http_context::{
    FutureExt, HttpSession, JoinSet, NoOpenContexts, OpenError, RequestBuilder, SessionPool,
    assert_no_open_contexts, builder, open,
};

/// Says of any value whether it is `Send`: the method of the trait that asks for it is found first,
/// and where that does not apply, the one behind one more reference.
struct Probe<'v, T>(&'v T);

trait WhenSend {
    fn is_send(&self) -> bool;
}

impl<T: Send> WhenSend for Probe<'_, T> {
    fn is_send(&self) -> bool {
        let _ = self.0;
        true
    }
}

trait Otherwise {
    fn is_send(&self) -> bool;
}

impl<T> Otherwise for &Probe<'_, T> {
    fn is_send(&self) -> bool {
        let _ = self.0;
        false
    }
}

macro_rules! is_send {
    ($value:expr) => {{
        let value = $value;
        #[allow(
            clippy::needless_borrow,
            reason = "which method is found depends on it"
        )]
        (&Probe(&value)).is_send()
    }};
}

#[test]
fn the_probe_distinguishes_what_is_send_from_what_is_not() {
    assert!(is_send!(1));
    assert!(!is_send!(Rc::new(1)));
}

#[test]
fn an_open_is_send_when_its_work_is() {
    assert!(is_send!(open(async { Ok::<_, OpenError>(()) })));
    assert!(is_send!(
        open(async || Ok::<_, OpenError>(())).with_report()
    ));
    // Work that has a name: of an `async` block the compiler does not say that it is not.
    let stays = std::future::ready(Ok::<_, OpenError>(Rc::new(())));
    assert!(!is_send!(open(stays)));
    let pooled = builder().pool(SessionPool::builder().build());
    assert!(is_send!(pooled.open(async { Ok::<_, OpenError>(()) })));
}

#[test]
fn a_future_that_carries_a_context_is_send_when_it_was() {
    assert!(is_send!(async {}.in_current_http_context()));
    let stays = std::future::ready(Rc::new(()));
    assert!(!is_send!(stays.in_current_http_context()));
}

/// What is made of a session is checked by the compiler alone: it needs none to be there.
#[allow(dead_code, reason = "never called, as said above")]
fn requests_are_send(session: &HttpSession, request: RequestBuilder, built: reqwest::Request) {
    fn is_send_and_static<T: Send + 'static>(_: T) {}
    is_send_and_static(session.get("http://host/").send());
    is_send_and_static(session.execute(built));
    is_send_and_static(session.client());
    is_send_and_static(request);
}

#[test]
fn waits_and_closes_are_send() {
    let pool = SessionPool::builder().build();
    assert!(is_send!(pool.close()));
    assert!(is_send!(assert_no_open_contexts()));
    assert!(is_send!(NoOpenContexts::new().check()));
    let mut children = JoinSet::<()>::new();
    assert!(is_send!(children.join_next()));
}
