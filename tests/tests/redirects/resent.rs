//! Middleware that sends a request again, and one that sends it elsewhere.

use std::sync::{Arc, Mutex};

use http::{Extensions, StatusCode};
use http_context::{ConnectionUse, Observer, OpenError, RequestInfo, ResponseHead, http_session};
use http_context_tests::{Edit, Server};
use reqwest::{Request, Response};
use reqwest_middleware::{Middleware, Next};

use crate::rig::{Rig, Wire};

/// Sends again what was not answered with 200, at most so often.
struct Again(u32);

#[async_trait::async_trait]
impl Middleware for Again {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        let mut left = self.0;
        loop {
            let copy = request.try_clone().unwrap();
            let sent = next.clone().run(copy, extensions).await;
            let is_ok = sent
                .as_ref()
                .is_ok_and(|response| response.status() == StatusCode::OK);
            if is_ok || left == 0 {
                return sent;
            }
            left -= 1;
        }
    }
}

/// How often each request was sent again, once it is answered.
#[derive(Default)]
struct Resends(Mutex<Vec<u32>>);

impl Observer for Resends {
    fn request_answered(&self, request: &RequestInfo, _: &ResponseHead) {
        self.0.lock().unwrap().push(request.resends());
    }
}

/// Redirects the first time, and answers after that.
fn away_once(to: String) -> Server {
    let asked = Arc::new(std::sync::atomic::AtomicU32::new(0));
    Server::builder()
        .handler("/", move |_| {
            let is_first = asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0;
            let mut response = http::Response::builder();
            if is_first {
                response = response.status(302).header("location", &to);
            }
            let body = http_context_tests::full_body("ok");
            std::future::ready(response.body(body).unwrap())
        })
        .start()
}

#[tokio::test]
async fn a_request_that_is_sent_again_after_a_redirect_is_booked_on_its_own_server() {
    let b = Server::start();
    let a = away_once(b.url("/status/503"));
    let rig = Rig::new(Wire::Http1);
    let resends = Arc::new(Resends::default());
    let context = rig.context().with(Again(1)).observer(resends.clone());
    let work = context.open(async {
        let response = http_session()?.get(a.url("/")).send().await.unwrap();
        assert_eq!(response.text().await.unwrap(), "ok");
        let exported = rig.exported();
        assert_eq!(exported.active_and_idle_to(a.addr()), (0, 1), "{exported}");
        assert_eq!(exported.active_and_idle_to(b.addr()), (0, 1), "{exported}");
        Ok::<_, OpenError>(())
    });
    let report = work.with_report().await.1.unwrap();
    assert!(report.is_clean(), "{report}");
    assert_eq!(
        (report.connections_opened, report.connections_reused),
        (2, 1)
    );
    let exported = rig.wait_until(|e| e.open_connections() == 0).await;
    exported.assert_sound();
    for (server, heads) in [(&a, 2), (&b, 1)] {
        let port = server.addr().port().to_string();
        let of_it = [("server_port", port.as_str())];
        let made = "http_context_connection_create_duration_seconds";
        assert_eq!(exported.count(made, &of_it), 1, "{exported}");
        let carried = "http_context_connection_requests_sum";
        assert_eq!(exported.sum(carried, &of_it), heads, "{exported}");
        assert_eq!(server.counts().requests, u64::try_from(heads).unwrap());
    }
    // The redirect, and the second time.
    assert_eq!(*resends.0.lock().unwrap(), [2]);
}

#[tokio::test]
async fn what_came_over_a_connection_is_seen_below_middleware_that_sends_again() {
    let server = Server::start();
    let rig = Rig::new(Wire::Http1);
    let work = rig.context().with(Again(2)).open(async {
        let request = http_session()?.get(server.url("/status/503"));
        let response = request.send().await.unwrap();
        let used = response.extensions().get::<ConnectionUse>().copied();
        assert_eq!(used, Some(ConnectionUse::Reused));
        Ok::<_, OpenError>(())
    });
    let report = work.with_report().await.1.unwrap();
    assert_eq!((report.requests, report.connections_opened), (1, 1));
    assert_eq!(report.connections_reused, 2);
    let exported = rig.wait_until(|e| e.open_connections() == 0).await;
    exported.assert_sound();
    assert_eq!(exported.sum("http_context_connection_requests_sum", &[]), 3);
    assert_eq!(server.counts().heads, 3);
}

#[tokio::test]
async fn a_request_that_a_middleware_sends_elsewhere_has_a_slot_of_where_it_goes() {
    let (own, other) = (Server::start(), Server::start());
    let to = other.url("/slow-head");
    let elsewhere = Edit(move |request: &mut Request, _: &Extensions| {
        *request.url_mut() = to.parse().unwrap();
    });
    let rig = Rig::new(Wire::Http1);
    let context = rig.context().with(elsewhere).max_connections_per_host(1);
    let work = context.open(async {
        let session = http_session()?;
        let mut first = Box::pin(session.get(own.url("/ok")).send());
        let mut second = Box::pin(session.get(own.url("/ok")).send());
        assert!(futures_util::poll!(&mut first).is_pending());
        assert!(futures_util::poll!(&mut second).is_pending());
        let held = other.wait_until(|counts| counts.held == 1);
        tokio::select! {
            _ = held => {}
            _ = futures_util::future::join(&mut first, &mut second) => panic!("nobody let them"),
        }
        assert_eq!(other.counts().requests, 1);
        let exported = rig.exported();
        assert_eq!(
            exported.active_and_idle_to(other.addr()),
            (1, 0),
            "{exported}"
        );
        other.gate().open();
        let (first, second) = tokio::join!(
            async { first.await.unwrap().text().await.unwrap() },
            async { second.await.unwrap().text().await.unwrap() },
        );
        assert_eq!((&*first, &*second), ("ok", "ok"));
        Ok::<_, OpenError>(())
    });
    work.await.unwrap();
    assert_eq!((own.counts().accepted, other.counts().accepted), (0, 1));
    let exported = rig.wait_until(|e| e.open_connections() == 0).await;
    exported.assert_sound();
}
