//! How often a request was sent again.

use async_trait::async_trait;
use http_context::{OpenError, http_session};
use http_context_tests::Server;
use reqwest_middleware::{Middleware, Next};

use crate::stage::{Stage, WAYS, attribute, spans_to};

/// Sends each request a second time.
struct Again;

#[async_trait]
impl Middleware for Again {
    async fn handle(
        &self,
        request: reqwest::Request,
        extensions: &mut http::Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<reqwest::Response> {
        let again = request.try_clone().unwrap();
        next.clone().run(request, extensions).await?;
        next.run(again, extensions).await
    }
}

#[tokio::test]
async fn a_redirect_is_a_resend_as_any_other() {
    for way in WAYS {
        for (path, expected) in [("/ok", None), ("/redirect/2", Some(2.into()))] {
            let (stage, server) = (Stage::new(way), Server::start());
            let work = stage.context().open(async {
                let request = http_session()?.get(server.url(path));
                request.send().await.unwrap();
                Ok::<_, OpenError>(())
            });
            work.await.unwrap();
            let spans = spans_to(server.addr().port());
            assert_eq!(spans.len(), 1, "{way:?}");
            let resends = attribute(&spans[0], "http.request.resend_count");
            assert_eq!(resends, expected, "{way:?}");
        }
    }
}

#[tokio::test]
async fn a_request_that_is_sent_again_counts_how_often() {
    for way in WAYS {
        let (stage, server) = (Stage::new(way), Server::start());
        stage
            .context()
            .with(Again)
            .open(async {
                let session = http_session().unwrap();
                session.get(server.url("/ok")).send().await.unwrap();
                Ok::<_, OpenError>(())
            })
            .await
            .unwrap();
        let spans = spans_to(server.addr().port());
        assert_eq!(
            spans.len(),
            1,
            "one span for a request as the caller made it"
        );
        let resends = attribute(&spans[0], "http.request.resend_count");
        assert_eq!(resends, Some(1.into()), "{way:?}");
        // Each is sent with the trace context of the one span.
        let id = spans[0].span_context.span_id().to_string();
        let sent = server.seen();
        assert_eq!(sent.len(), 2);
        let carries = |seen: &http_context_tests::Seen| {
            seen.headers["traceparent"].to_str().unwrap().contains(&id)
        };
        assert!(sent.iter().all(carries));
    }
}
