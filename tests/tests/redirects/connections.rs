//! The connections that hops are on.

use http_context::{ConnectionUse, OpenError, http_session};
use http_context_tests::{Server, full_body};

use crate::rig::{Rig, Wire};

#[tokio::test]
async fn each_head_is_counted_on_the_connection_that_carried_it() {
    for wire in Wire::ALL {
        let (rig, server) = (Rig::new(wire), wire.server(Server::builder()));
        let work = rig.context().open(async {
            let response = http_session()?
                .get(server.url("/redirect/3"))
                .send()
                .await
                .unwrap();
            let used = response.extensions().get::<ConnectionUse>().copied();
            assert_eq!(used, Some(ConnectionUse::Reused), "{wire:?}");
            Ok::<_, OpenError>(())
        });
        let report = work.with_report().await.1.unwrap();
        assert_eq!(
            (report.connections_opened, report.connections_reused),
            (1, 3)
        );
        let exported = rig.wait_until(|e| e.open_connections() == 0).await;
        exported.assert_sound();
        assert_eq!(exported.sum("http_context_connection_requests_sum", &[]), 4);
        assert_eq!(server.counts().heads, 4);
    }
}

#[tokio::test]
async fn a_redirect_whose_body_has_come_gives_its_connection_back() {
    for length in [0, 138, 4096] {
        let server = Server::builder()
            .http1()
            .handler("/away", move |_| async move {
                let response = http::Response::builder()
                    .status(302)
                    .header("location", "/ok");
                response.body(full_body(vec![b'x'; length])).unwrap()
            })
            .start();
        let rig = Rig::new(Wire::Http1);
        let work = rig.context().open(async {
            http_session()?
                .get(server.url("/away"))
                .send()
                .await
                .unwrap();
            Ok::<_, OpenError>(())
        });
        work.await.unwrap();
        let exported = rig.wait_until(|e| e.open_connections() == 0).await;
        exported.assert_sound();
        assert_eq!(exported.sum("http_context_connection_requests_sum", &[]), 2);
        assert_eq!(server.counts().accepted, 1, "{length}");
    }
}
