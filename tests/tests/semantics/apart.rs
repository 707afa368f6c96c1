//! A middleware that sends a request with extensions of its own, as one does that makes requests itself.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use http::Extensions;
use http_context::{RequestInfo, builder, http_session};
use http_context_tests::Server;
use reqwest::{Request, Response};
use reqwest_middleware::{Middleware, Next};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Hands on nothing of what it was given with the request, and notes whose it is.
#[derive(Clone, Default)]
struct Apart(Arc<Mutex<Vec<String>>>);

#[async_trait]
impl Middleware for Apart {
    async fn handle(
        &self,
        request: Request,
        _: &mut Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        let method = RequestInfo::with_current(|info| info.unwrap().method().to_string());
        self.0.lock().unwrap().push(method);
        next.run(request, &mut Extensions::new()).await
    }
}

#[tokio::test]
async fn what_it_sends_is_on_connections_of_the_session_and_closed_with_it() {
    let apart = Apart::default();
    let server = Server::builder().redirect("/a", 307, "/ok").start();
    let work = builder().with(apart.clone()).open(async {
        let session = http_session()?;
        for path in ["/ok", "/a", "/bytes/70000"] {
            let response = session.get(server.url(path)).send().await?;
            assert!(!response.bytes().await?.is_empty());
        }
        assert!(RequestInfo::with_current(|info| info.is_none()));
        Ok::<_, BoxError>(())
    });
    let (done, report) = work.with_report().await;
    let report = report.unwrap();
    assert!(report.is_clean(), "{report}");
    assert_eq!(
        (report.requests, report.connections_opened),
        (3, 1),
        "{report}"
    );
    done.unwrap();
    assert_eq!(*apart.0.lock().unwrap(), ["GET"; 3]);
    let counts = server.wait_until(|counts| counts.open() == 0).await;
    assert_eq!((counts.requests, counts.accepted), (4, 1));
}

#[tokio::test]
async fn what_it_sends_by_another_session_is_on_a_connection_of_that_one() {
    /// Sends what it is given by this session.
    struct By(http_context::HttpSession);

    #[async_trait]
    impl Middleware for By {
        async fn handle(
            &self,
            request: Request,
            _: &mut Extensions,
            _: Next<'_>,
        ) -> reqwest_middleware::Result<Response> {
            Ok(self.0.execute(request).await?)
        }
    }

    let server = Server::start();
    let outer = builder().with(Apart::default());
    let work = outer.open(async {
        let by = By(http_session()?);
        let inner = http_context::builder().with(by).job(async {
            let session = http_session().unwrap();
            let response = session.get(server.url("/ok")).send().await.unwrap();
            response.text().await.unwrap()
        });
        let (text, inner) = inner.with_report().await;
        assert_eq!(text, "ok");
        assert_eq!(inner.unwrap().connections_opened, 0);
        Ok::<_, BoxError>(())
    });
    let (done, report) = work.with_report().await;
    done.unwrap();
    let report = report.unwrap();
    assert_eq!(
        (report.requests, report.connections_opened),
        (1, 1),
        "{report}"
    );
    server.wait_until(|counts| counts.open() == 0).await;
}

/// Where it is in no request.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_it_sends_from_a_thread_of_its_own_is_on_a_connection_of_the_session() {
    struct Elsewhere;

    #[async_trait]
    impl Middleware for Elsewhere {
        async fn handle(
            &self,
            request: Request,
            _: &mut Extensions,
            next: Next<'_>,
        ) -> reqwest_middleware::Result<Response> {
            let runtime = tokio::runtime::Handle::current();
            let send = || {
                assert!(RequestInfo::with_current(|info| info.is_none()));
                runtime.block_on(next.run(request, &mut Extensions::new()))
            };
            std::thread::scope(|scope| scope.spawn(send).join()).unwrap()
        }
    }

    let server = Server::start();
    let work = builder().with(Elsewhere).open(async {
        let response = http_session()?.get(server.url("/ok")).send().await?;
        Ok::<_, BoxError>(response.text().await?)
    });
    let (done, report) = work.with_report().await;
    assert_eq!(done.unwrap(), "ok");
    let report = report.unwrap();
    assert!(report.is_clean(), "{report}");
    server.wait_until(|counts| counts.open() == 0).await;
}
