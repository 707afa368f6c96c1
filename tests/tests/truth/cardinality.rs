//! Labels are bounded, whatever is requested.

use std::net::SocketAddr;
use std::sync::Arc;

use http_context::{OpenError, http_session};
use http_context_middleware::{Uninstrumented, UrlTemplate};
use http_context_tests::Server;
use reqwest::Method;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::rig::{Rig, Wire};

const DURATION: &str = "http_client_request_duration_seconds";

#[tokio::test]
async fn unknown_methods_far_servers_and_many_templates_are_other() {
    let rig = Rig::with(Wire::Http1, |b| b.max_servers(2).max_url_templates(2));
    let servers: Vec<Server> = (0..4).map(|_| Server::start()).collect();
    rig.context()
        .open(async {
            let session = http_session().unwrap();
            for server in &servers {
                session.get(server.url("/ok")).send().await.unwrap();
            }
            for n in 0..20 {
                let method = Method::from_bytes(format!("M{n}").as_bytes()).unwrap();
                let request = session.request(method, servers[0].url("/ok"));
                request.send().await.unwrap();
                let request = session.post(servers[0].url("/ok"));
                let template = UrlTemplate::new(format!("/{n}"));
                request.with_extension(template).send().await.unwrap();
            }
            Ok::<_, OpenError>(())
        })
        .await
        .unwrap();
    let exported = rig.wait_until(|e| e.open_connections() == 0).await;
    exported.assert_sound();
    let count = |label, value| exported.count(DURATION, &[(label, value)]);
    assert_eq!(count("http_request_method", "_OTHER"), 20, "{exported}");
    assert_eq!(count("server_address", "_OTHER"), 2, "{exported}");
    assert_eq!(count("url_template", "/0"), 1, "{exported}");
    assert_eq!(count("url_template", "_OTHER"), 18, "{exported}");
}

#[tokio::test]
async fn a_request_can_be_kept_out_and_its_connection_is_still_known() {
    let (rig, server) = (Rig::new(Wire::Http1), Server::start());
    rig.context()
        .open(async {
            let session = http_session().unwrap();
            let request = session
                .get(server.url("/ok"))
                .with_extension(Uninstrumented);
            request.send().await.unwrap().bytes().await.unwrap();
            assert_eq!(rig.exported().open_connections(), 1);
            Ok::<_, OpenError>(())
        })
        .await
        .unwrap();
    let exported = rig.wait_until(|e| e.open_connections() == 0).await;
    assert_eq!(exported.count(DURATION, &[]), 0, "{exported}");
    assert_eq!(exported.opened(), 1);
}

#[tokio::test]
async fn a_server_keeps_its_place_below_the_cap_in_every_context() {
    let rig = Rig::with(Wire::Http1, |b| b.max_servers(2));
    let servers = [Server::start(), Server::start()];
    for _ in 0..3 {
        let work = rig.context().open(async {
            let session = http_session().unwrap();
            for server in &servers {
                session.get(server.url("/ok")).send().await.unwrap();
            }
            Ok::<_, OpenError>(())
        });
        work.await.unwrap();
    }
    let exported = rig.exported();
    for server in &servers {
        let port = server.addr().port().to_string();
        let own = [("server_address", "127.0.0.1"), ("server_port", &*port)];
        assert_eq!(exported.count(DURATION, &own), 3, "{exported}");
    }
}

/// Finds one address, whatever the name.
struct Finds(SocketAddr);

impl Resolve for Finds {
    fn resolve(&self, _: Name) -> Resolving {
        let addr = self.0;
        Box::pin(async move { Ok(Box::new(std::iter::once(addr)) as Addrs) })
    }
}

#[tokio::test]
async fn as_many_servers_as_the_cap_are_distinguished() {
    const SERVERS: usize = 200;
    let (rig, server) = (Rig::new(Wire::Http1), Server::start());
    let context = rig.context().dns_resolver(Arc::new(Finds(server.addr())));
    let work = context.open(async {
        let session = http_session().unwrap();
        for n in 0..SERVERS {
            let url = server.url_at(&format!("host{n}.test"), "/close");
            session.get(url).send().await.unwrap();
        }
        Ok::<_, OpenError>(())
    });
    work.await.unwrap();
    let exported = rig.exported();
    for n in 0..SERVERS {
        let own = [("server_address", &*format!("host{n}.test"))];
        assert_eq!(exported.count(DURATION, &own), 1, "host{n}.test");
    }
}
