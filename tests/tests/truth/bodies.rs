//! Sizes are those of whole bodies, and what is not known is not exported.

use http_context::{OpenError, http_session};
use http_context_tests::Server;

use crate::rig::{Rig, Wire};

const REQUEST: &str = "http_client_request_body_size_bytes";
const RESPONSE: &str = "http_client_response_body_size_bytes";

#[tokio::test]
async fn sizes_of_bodies_are_those_that_the_server_counts() {
    for wire in Wire::ALL {
        let (rig, server) = (Rig::new(wire), wire.server(Server::builder()));
        rig.context()
            .open(async {
                let session = http_session().unwrap();
                for path in ["/bytes/100000", "/chunked/50/1000", "/status/204"] {
                    let response = session.get(server.url(path)).send().await.unwrap();
                    response.bytes().await.unwrap();
                }
                let in_memory = session.post(server.url("/upload")).body(vec![0; 3000]);
                in_memory.send().await.unwrap().bytes().await.unwrap();
                let pieces = (0..10).map(|_| Ok::<_, std::io::Error>(vec![0; 700]));
                let streamed = reqwest::Body::wrap_stream(futures_util::stream::iter(pieces));
                let streamed = session.post(server.url("/upload")).body(streamed);
                streamed.send().await.unwrap().bytes().await.unwrap();
                // Its length is announced, and no body follows.
                session.head(server.url("/bytes/500")).send().await.unwrap();
                Ok::<_, OpenError>(())
            })
            .await
            .unwrap();
        let (exported, counts) = (rig.exported(), server.counts());
        let sum = |name| exported.sum(&format!("{name}_sum"), &[]);
        assert_eq!(exported.count(REQUEST, &[]), 2, "{wire:?} {exported}");
        assert_eq!(sum(REQUEST), 10_000);
        assert_eq!(sum(REQUEST), i64::try_from(counts.request_bytes).unwrap());
        assert_eq!(exported.count(RESPONSE, &[]), 6, "{wire:?} {exported}");
        assert_eq!(sum(RESPONSE), i64::try_from(counts.response_bytes).unwrap());
    }
}

#[tokio::test]
async fn a_body_that_is_not_read_to_its_end_has_no_size() {
    for wire in Wire::ALL {
        let (rig, server) = (Rig::new(wire), wire.server(Server::builder()));
        rig.context()
            .open(async {
                let session = http_session().unwrap();
                // Dropped unread.
                let response = session.get(server.url("/bytes/1000000")).send().await;
                drop(response.unwrap());
                // Dropped after its first piece.
                let mut response = session.get(server.url("/slow-body")).send().await.unwrap();
                assert!(response.chunk().await.unwrap().is_some());
                drop(response);
                // Cut off by the server.
                let mut cut = session.get(server.url("/slow-body")).send().await.unwrap();
                assert!(cut.chunk().await.unwrap().is_some());
                server.abort_connections();
                cut.chunk().await.unwrap_err();
                Ok::<_, OpenError>(())
            })
            .await
            .unwrap();
        let exported = rig.wait_until(|e| e.open_connections() == 0).await;
        assert_eq!(exported.count(RESPONSE, &[]), 0, "{wire:?} {exported}");
        assert_eq!(exported.ends().answered, 3);
        exported.assert_sound();
    }
}
