//! A context that outlives the locals of its thread.
//!
//! In a process of its own: where another test has paused tokio's clock, the clock itself asks a
//! local of the thread.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, and says where"
)]

use std::cell::RefCell;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http_context::testing::Recorder;
use http_context::{OpenError, Outcome, builder};

/// Notes whether a context was bound when it was dropped.
struct Witness(Arc<AtomicBool>);

impl Drop for Witness {
    fn drop(&mut self) {
        self.0
            .store(http_context::current().is_some(), Ordering::SeqCst);
    }
}

#[test]
fn a_context_can_be_dropped_when_the_locals_of_its_thread_are_gone() {
    type Opened = Pin<Box<dyn Future<Output = Result<(), OpenError>>>>;
    thread_local! {
        static KEPT: RefCell<Option<Opened>> = const { RefCell::new(None) };
    }
    let (recorder, dropped) = (Arc::new(Recorder::new()), Arc::new(AtomicBool::new(true)));
    let (context, witness) = (
        builder().observer(recorder.clone()),
        Witness(dropped.clone()),
    );
    let thread = std::thread::spawn(move || {
        // First used here, and so the last to go.
        KEPT.with(|kept| assert!(kept.borrow().is_none()));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.unwrap().block_on(async {
            let mut opened: Opened = Box::pin(context.lazy().open(async move {
                let _witness = witness;
                std::future::pending().await
            }));
            assert!(futures_util::poll!(&mut opened).is_pending());
            KEPT.with(|kept| *kept.borrow_mut() = Some(opened));
        });
    });
    thread.join().unwrap();
    assert!(
        !dropped.load(Ordering::SeqCst),
        "nothing can be bound there"
    );
    assert_eq!(recorder.reports()[0].outcome, Outcome::Cancelled);
}

#[test]
fn a_response_can_be_dropped_there_as_well() {
    type Kept = http_context::ContextBody<Unread>;
    thread_local! {
        static KEPT: RefCell<Option<Kept>> = const { RefCell::new(None) };
    }
    let (recorder, dropped) = (Arc::new(Recorder::new()), Arc::new(AtomicBool::new(true)));
    let body = Unread(Witness(dropped.clone()));
    let layer = builder().observer(recorder.clone()).http_layer();
    let thread = std::thread::spawn(move || {
        KEPT.with(|kept| assert!(kept.borrow().is_none()));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.unwrap().block_on(async {
            let mut body = Some(body);
            let handler = tower::service_fn(move |()| {
                let response = http::Response::new(body.take().unwrap());
                async { Ok::<_, OpenError>(response) }
            });
            let mut service = tower::ServiceBuilder::new().layer(layer).service(handler);
            let response = tower::Service::call(&mut service, ()).await.unwrap();
            KEPT.with(|kept| *kept.borrow_mut() = Some(response.into_body()));
        });
    });
    thread.join().unwrap();
    assert!(!dropped.load(Ordering::SeqCst));
    assert_eq!(recorder.reports()[0].outcome, Outcome::Cancelled);
}

/// A body that nobody reads.
struct Unread(#[expect(dead_code, reason = "it notes its drop")] Witness);

impl http_body::Body for Unread {
    type Data = bytes::Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<bytes::Bytes>, Self::Error>>> {
        std::task::Poll::Pending
    }
}
