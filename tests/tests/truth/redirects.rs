//! A request that is redirected is on one connection after the other.

use http_context::OpenError;
use http_context_tests::Server;

use crate::connections::read;
use crate::rig::{Rig, Wire};

#[tokio::test]
async fn redirects_are_counted_and_their_hops_are_not_responses() {
    for wire in Wire::ALL {
        let (rig, server) = (Rig::new(wire), wire.server(Server::builder()));
        rig.context()
            .open(async {
                for _ in 0..10 {
                    read(server.url("/redirect/3")).await;
                }
                Ok::<_, OpenError>(())
            })
            .await
            .unwrap();
        let exported = rig.wait_until(|e| e.open_connections() == 0).await;
        exported.assert_sound();
        assert_eq!(exported.sum("http_context_redirects_total", &[]), 30);
        assert_eq!(exported.ends().answered, 10);
        assert_eq!(server.counts().heads, 40);
        assert_eq!(
            exported.opened(),
            i64::try_from(server.counts().accepted).unwrap()
        );
    }
}

/// A server whose `/away` leads there.
fn leads_to(location: String) -> Server {
    let redirect = move |_| {
        let location = location.clone();
        async move {
            let response = http::Response::builder()
                .status(307)
                .header("location", location);
            response.body(http_context_tests::empty_body()).unwrap()
        }
    };
    Server::builder().handler("/away", redirect).start()
}

#[tokio::test]
async fn a_connection_belongs_to_the_host_that_a_redirect_leads_to() {
    let target = Server::start();
    let front = leads_to(target.url("/ok"));
    let rig = Rig::new(Wire::Http1);
    rig.context()
        .open(async {
            read(front.url("/away")).await;
            read(front.url("/away")).await;
            for server in [&front, &target] {
                let port = server.addr().port().to_string();
                let of_server = [("server_port", port.as_str())];
                let exported = rig.exported();
                let open = exported.sum("http_client_open_connections", &of_server);
                assert_eq!(open, 1, "{exported}");
            }
            Ok::<_, OpenError>(())
        })
        .await
        .unwrap();
    rig.wait_until(|e| e.open_connections() == 0)
        .await
        .assert_sound();
}

#[tokio::test]
async fn a_redirected_request_is_on_a_connection_to_the_host_that_it_leads_to() {
    let target = Server::start();
    let front = leads_to(target.url("/slow-head"));
    let rig = Rig::new(Wire::Http1);
    let states = |server: &Server| rig.exported().active_and_idle_to(server.addr());
    rig.context()
        .open(async {
            // Over connections that are made for it, and over those that are there.
            for _ in 0..2 {
                let request = read(front.url("/away"));
                let look = async {
                    target.wait_until(|counts| counts.held == 1).await;
                    assert_eq!((states(&front), states(&target)), ((0, 1), (1, 0)));
                    target.gate().let_one_pass();
                };
                tokio::join!(request, look);
                assert_eq!((states(&front), states(&target)), ((0, 1), (0, 1)));
            }
            Ok::<_, OpenError>(())
        })
        .await
        .unwrap();
}
