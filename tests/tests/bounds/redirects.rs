//! Redirects that lead nowhere.

use http::{Response, StatusCode};
use http_context::{ErrorKind, OpenError, http_session};
use http_context_tests::{Server, empty_body};

use crate::rig::{Rig, Wire};

#[tokio::test]
async fn a_redirect_to_itself_is_followed_ten_times() {
    for wire in Wire::ALL {
        let server = Server::builder().handler("/loop", |_| async {
            let response = Response::builder()
                .status(StatusCode::FOUND)
                .header("location", "/loop");
            response.body(empty_body()).unwrap()
        });
        let (rig, server) = (Rig::new(wire), wire.server(server));
        let work = rig.context().open(async {
            let request = http_session()?.get(server.url("/loop"));
            let error = request.send().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Redirect, "{error:?}");
            Ok::<_, OpenError>(())
        });
        let report = work.with_report().await.1.unwrap();
        assert!(report.is_clean(), "{wire:?}: {report}");
        let exported = rig.wait_until(|e| e.open_connections() == 0).await;
        exported.assert_sound();
        assert_eq!(exported.sum("http_context_redirects_total", &[]), 10);
        let error = [("error_type", "redirect_error")];
        let duration = "http_client_request_duration_seconds";
        assert_eq!(exported.count(duration, &error), 1, "{exported}");
        assert_eq!(server.counts().requests, 11);
    }
}
