//! Redirects that are not followed are not counted, and say why.

use http::Response;
use http_context::{ErrorKind, OpenError, RedirectError, http_session};
use http_context_tests::{Server, empty_body};

use crate::rig::{Rig, Wire};

fn redirecting(locations: &'static [&'static str]) -> Server {
    let away = move |_| async move {
        let mut response = Response::builder().status(302);
        for location in locations {
            response = response.header("location", *location);
        }
        response.body(empty_body()).unwrap()
    };
    Server::builder().handler("/away", away).start()
}

type IsIt = fn(&RedirectError) -> bool;

#[tokio::test]
async fn a_refused_redirect_is_no_redirect_and_a_redirect_error() {
    let refused: [(&[&str], IsIt); 6] = [
        (
            &["ftp://127.0.0.1/x"],
            |e| matches!(e, RedirectError::Scheme { scheme } if scheme == "ftp"),
        ),
        (&["mailto:a@b"], |e| {
            matches!(e, RedirectError::Scheme { .. })
        }),
        (&["javascript:alert(1)"], |e| {
            matches!(e, RedirectError::Scheme { .. })
        }),
        (&["http://[::1"], |e| {
            matches!(e, RedirectError::InvalidLocation)
        }),
        (&["/one", "/other"], |e| {
            matches!(e, RedirectError::InvalidLocation)
        }),
        (&["file:///etc/passwd"], |e| {
            matches!(e, RedirectError::Scheme { .. })
        }),
    ];
    for (locations, is_it) in refused {
        let (rig, server) = (Rig::new(Wire::Http1), redirecting(locations));
        let work = rig.context().open(async {
            let request = http_session()?.get(server.url("/away"));
            let error = request.send().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Redirect, "{locations:?}");
            let expected = format!("GET {}: a redirect was not followed", server.url("/away"));
            assert_eq!(error.to_string(), expected);
            assert!(is_it(error.as_redirect().unwrap()), "{error:?}");
            Ok::<_, OpenError>(())
        });
        let report = work.with_report().await.1.unwrap();
        assert!(report.is_clean(), "{report}");
        let exported = rig.wait_until(|e| e.open_connections() == 0).await;
        exported.assert_sound();
        assert_eq!(exported.sum("http_context_redirects_total", &[]), 0);
        let failed = [("error_type", "redirect_error")];
        let duration = "http_client_request_duration_seconds";
        assert_eq!(exported.count(duration, &failed), 1, "{exported}");
        assert_eq!(exported.sum("http_context_connection_requests_sum", &[]), 1);
        assert_eq!(server.counts().requests, 1);
    }
}

#[tokio::test]
async fn where_https_alone_is_allowed_a_redirect_to_http_is_refused() {
    let plain = Server::start();
    let front = Server::builder()
        .http1()
        .tls()
        .redirect("/away", 302, plain.url("/ok"))
        .start();
    let rig = Rig::new(Wire::TlsHttp1);
    let context = rig.context().configure(|client| client.https_only(true));
    let work = context.open(async {
        let error = http_session()?
            .get(front.url("/away"))
            .send()
            .await
            .unwrap_err();
        let refused = error.as_redirect();
        assert!(
            matches!(refused, Some(RedirectError::NotHttps)),
            "{error:?}"
        );
        Ok::<_, OpenError>(())
    });
    work.await.unwrap();
    let exported = rig.wait_until(|e| e.open_connections() == 0).await;
    assert_eq!(exported.sum("http_context_redirects_total", &[]), 0);
    assert_eq!(plain.counts().accepted, 0);
}

/// The status that a redirect to these ends with.
async fn status(locations: &'static [&'static str]) -> u16 {
    let server = redirecting(locations);
    let work = http_context::open(async {
        let request = http_session()?.get(server.url("/away"));
        Ok::<_, OpenError>(request.send().await.unwrap().status().as_u16())
    });
    work.await.unwrap()
}

#[tokio::test]
async fn a_redirect_without_a_location_is_a_response() {
    assert_eq!(status(&[]).await, 302);
}

#[tokio::test]
async fn the_same_location_twice_is_one() {
    assert_eq!(status(&["/ok", "/ok"]).await, 200);
}
