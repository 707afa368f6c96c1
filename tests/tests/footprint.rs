//! What contexts cost in memory, counted by the allocator.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails, and says where"
)]

use std::pin::Pin;

use http_context::{OpenError, builder, http_session, open};

type Opened = Pin<Box<dyn Future<Output = Result<(), OpenError>>>>;

#[test]
fn a_hundred_thousand_open_lazy_contexts_take_at_most_a_kibibyte_each() {
    const CONTEXTS: usize = 100_000;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let lazy = builder().lazy();
    let mut open = Vec::with_capacity(CONTEXTS);
    let mut counted = None;
    runtime.block_on(async {
        counted = Some(allocation_counter::measure(|| {
            let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
            for _ in 0..CONTEXTS {
                let mut context: Opened = Box::pin(lazy.clone().open(std::future::pending()));
                assert!(context.as_mut().poll(&mut cx).is_pending());
                open.push(context);
            }
        }));
    });
    let bytes = usize::try_from(counted.unwrap().bytes_current).unwrap() / CONTEXTS;
    println!("{bytes} bytes for a context");
    assert!(bytes <= 1024, "{bytes} bytes for a context");
}

#[test]
fn a_builder_that_changes_no_default_allocates_nothing() {
    drop(builder());
    assert_eq!(
        allocation_counter::measure(|| drop(builder())).count_total,
        0
    );
}

#[tokio::test]
async fn the_exit_of_a_session_that_made_no_connection_allocates_nothing() {
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let mut opened = std::pin::pin!(open(async {
        ended.await.unwrap();
        Ok::<_, OpenError>(())
    }));
    assert!(opened.as_mut().poll(&mut cx).is_pending());
    end.send(()).unwrap();
    let counted = allocation_counter::measure(|| {
        assert!(opened.as_mut().poll(&mut cx).is_ready());
    });
    assert_eq!(counted.count_total, 0);
}

#[tokio::test]
async fn a_lookup_allocates_nothing() {
    open(async {
        let first = http_session().unwrap();
        let counted = allocation_counter::measure(|| {
            for _ in 0..1000 {
                assert_eq!(http_session().unwrap(), first);
            }
        });
        assert_eq!(counted.count_total, 0);
        Ok::<_, OpenError>(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_nested_open_allocates_nothing_once_its_call_site_is_known() {
    open(async {
        let nested = || {
            let mut nested = std::pin::pin!(open(std::future::ready(Ok::<_, OpenError>(()))));
            let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
            assert!(nested.as_mut().poll(&mut cx).is_ready());
        };
        nested();
        assert_eq!(allocation_counter::measure(nested).count_total, 0);
        Ok::<_, OpenError>(())
    })
    .await
    .unwrap();
}
