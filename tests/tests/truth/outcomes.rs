//! Each request is told once, by how it ended.

use http_context::{OpenError, http_session};
use http_context_tests::Server;

use crate::rig::{Ends, Rig, Wire};

const DURATION: &str = "http_client_request_duration_seconds";

#[tokio::test]
async fn an_answered_request_is_told_with_its_attributes() {
    for wire in Wire::ALL {
        let (rig, server) = (Rig::new(wire), wire.server(Server::builder()));
        rig.context()
            .open(async {
                let session = http_session().unwrap();
                for path in ["/bytes/1000", "/status/404", "/status/503"] {
                    let response = session.get(server.url(path)).send().await.unwrap();
                    response.bytes().await.unwrap();
                }
                Ok::<_, OpenError>(())
            })
            .await
            .unwrap();
        let exported = rig.wait_until(|e| e.open_connections() == 0).await;
        let version = if wire.is_http2() { "2" } else { "1.1" };
        let port = server.addr().port().to_string();
        for status in ["200", "404", "503"] {
            let labels = [
                ("server_address", "127.0.0.1"),
                ("server_port", &port),
                ("http_request_method", "GET"),
                ("http_response_status_code", status),
                ("network_protocol_version", version),
            ];
            assert_eq!(exported.count(DURATION, &labels), 1, "{wire:?} {exported}");
            let failed = [
                ("http_response_status_code", status),
                ("error_type", status),
            ];
            let expected = i64::from(status != "200");
            assert_eq!(exported.count(DURATION, &failed), expected, "{exported}");
        }
        let sizes = "http_client_response_body_size_bytes";
        assert_eq!(exported.sum(&format!("{sizes}_sum"), &[]), 1000);
        assert_eq!(exported.count(sizes, &[]), 3);
        let ends = Ends {
            answered: 3,
            ..Ends::default()
        };
        assert_eq!(exported.ends(), ends);
        exported.assert_sound();
        assert_eq!(
            exported.opened(),
            i64::try_from(server.counts().accepted).unwrap()
        );
    }
}
