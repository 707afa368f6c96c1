//! A request is taken apart and put together without loss.

use async_trait::async_trait;
use http::Extensions;
use http_context::{LeakKind, OpenError, RequestBuilder, builder, http_session, open};
use http_context_tests::Server;
use reqwest::{Method, Request, Response, Url};
use reqwest_middleware::{Middleware, Next};

use crate::BoxError;

#[derive(Clone, Debug, PartialEq)]
struct Tenant(u32);

/// Sends the tenant of a request as a header.
struct SendsTenant;

#[async_trait]
impl Middleware for SendsTenant {
    async fn handle(
        &self,
        mut request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        if let Some(Tenant(tenant)) = extensions.get() {
            request.headers_mut().insert("x-tenant", (*tenant).into());
        }
        next.run(request, extensions).await
    }
}

#[tokio::test]
async fn a_request_from_elsewhere_is_gone_on_with() {
    let server = Server::start();
    let work = open(async {
        let request = Request::new(Method::POST, server.url("/echo").parse()?);
        let request = RequestBuilder::from_parts(http_session()?, request);
        let response = request.header("x-more", "1").body("all").send().await?;
        assert_eq!(response.text().await?, "all");
        Ok::<_, BoxError>(())
    });
    work.await.unwrap();
    let seen = &server.seen()[0];
    assert_eq!(
        (&seen.method, &seen.headers["x-more"]),
        (&Method::POST, &"1".parse().unwrap())
    );
}

#[tokio::test]
async fn a_request_goes_with_its_session_when_it_is_split() {
    let server = Server::start();
    let work = open(async {
        let built = http_session()?.put(server.url("/echo")).body("x");
        let (session, request) = built.build_split();
        assert_eq!(session, http_session()?);
        assert_eq!(session.execute(request?).await?.text().await?, "x");

        let (_, request) = session.get("http://host:port/").build_split();
        assert!(request.is_err());
        Ok::<_, BoxError>(())
    });
    let (result, report) = work.with_report().await;
    result.unwrap();
    let report = report.unwrap();
    assert!(report.is_clean(), "{report}");
    assert_eq!(report.requests, server.counts().requests);
}

#[tokio::test]
async fn the_session_that_a_request_was_split_from_leaks_where_it_was_begun() {
    let (mut kept, mut line) = (None, 0);
    let work = open(async {
        line = line!() + 1;
        let begun = http_session()?.get("http://127.0.0.1:1/");
        kept = Some(begun.build_split());
        Ok::<_, OpenError>(())
    });
    let report = work.with_report().await.1.unwrap();
    let leak = &report.leaks[0];
    assert_eq!(
        (report.leaks.len(), leak.kind),
        (1, LeakKind::SessionHandle)
    );
    assert_eq!(leak.acquired_at.unwrap().line(), line);
    drop(kept);
}

#[tokio::test]
async fn extensions_go_with_what_is_built() {
    let server = Server::start();
    let work = builder().with(SendsTenant).open(async {
        let session = http_session()?;
        let built = session.get(server.url("/ok")).with_extension(Tenant(7));
        let (request, mut extensions) = built.build_with_extensions()?;
        assert_eq!(extensions.get(), Some(&Tenant(7)));
        session
            .execute_with_extensions(request, &mut extensions)
            .await?;
        let copy = session.get(server.url("/ok")).with_extension(Tenant(8));
        copy.try_clone().unwrap().send().await?;
        Ok::<_, BoxError>(())
    });
    work.await.unwrap();
    let seen = server.seen();
    let tenants = seen
        .iter()
        .map(|seen| seen.headers["x-tenant"].to_str().unwrap());
    assert_eq!(tenants.collect::<Vec<_>>(), ["7", "8"]);
}

#[tokio::test]
async fn a_url_is_the_same_request_whether_or_not_it_was_parsed_before() {
    for base in [None, Some("http://base.test/v1/")] {
        let mut context = builder();
        if let Some(base) = base {
            context = context.base_url(base);
        }
        let work = context.open(async {
            let session = http_session()?;
            for text in [
                "http://host.test",
                "https://host.test:444/%20a?b=c#d",
                "http://user:pass@host.test/",
                "mailto:someone@host.test",
                "data:,x",
            ] {
                let (owned, parsed) = (text.to_owned(), text.parse::<Url>()?);
                let ways = [
                    session.get(text),
                    session.get(&owned),
                    session.get(owned),
                    session.get(parsed),
                ];
                let built = ways.map(|request| match request.build() {
                    Ok(request) => (
                        request.url().to_string(),
                        format!("{:?}", request.headers()),
                    ),
                    Err(error) => (error.to_string(), format!("{:?}", error.failure())),
                });
                for one in &built {
                    assert_eq!(*one, built[0], "{text} {base:?}");
                    assert!(!one.0.contains("pass"), "{one:?}");
                }
            }
            assert!(session.get("http://host:port/").try_clone().is_none());
            Ok::<_, BoxError>(())
        });
        work.await.unwrap();
    }
}
