//! What is said of connections is what the server and the kernel saw.

use http_context::{OpenError, http_session};
use http_context_tests::{Server, sockets};

use crate::rig::{Rig, Wire};

#[tokio::test]
async fn open_connections_are_the_sockets_that_this_process_holds() {
    for wire in Wire::ALL {
        let (rig, server) = (Rig::new(wire), wire.server(Server::builder()));
        rig.context()
            .open(async {
                let session = http_session().unwrap();
                for round in 1..=5 {
                    let response = session.get(server.url("/ok")).send().await.unwrap();
                    response.bytes().await.unwrap();
                    let exported = rig.exported();
                    assert_eq!(exported.open_connections(), 1, "{wire:?} {exported}");
                    assert_eq!(sockets::established_to(server.addr()), 1);
                    assert_eq!(
                        rig.instrumentation.ledger().connections()[0].requests,
                        round
                    );
                }
                Ok::<_, OpenError>(())
            })
            .await
            .unwrap();
        let exported = rig.wait_until(|e| e.open_connections() == 0).await;
        exported.assert_sound();
        let closed = |reason| {
            exported.sum(
                "http_context_connections_closed_total",
                &[("reason", reason)],
            )
        };
        assert_eq!(closed("session_closed"), 1, "{wire:?} {exported}");
        let requests = "http_context_connection_requests";
        assert_eq!(exported.sum(&format!("{requests}_sum"), &[]), 5);
        let idle = "http_context_connection_idle_seconds";
        assert_eq!(exported.count(idle, &[]), 4);
    }
}
