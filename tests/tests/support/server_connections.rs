//! Each connection is counted once when it is accepted and once when it closes,
//! with the side that closed it.

use http_context_tests::{Server, Wire, sockets, tls};
use reqwest::Client;

#[tokio::test]
async fn a_client_that_is_dropped_closes_its_connection() {
    for wire in Wire::ALL {
        let (server, client) = wire.pair();
        for _ in 0..5 {
            let response = client.get(server.url("/ok")).send().await.unwrap();
            response.bytes().await.unwrap();
        }
        let counts = server.counts();
        assert_eq!((counts.accepted, counts.open()), (1, 1), "{wire:?}");
        assert_eq!(sockets::established_to(server.addr()), 1, "{wire:?}");

        drop(client);
        let counts = server.wait_until(|counts| counts.open() == 0).await;
        assert_eq!(
            (counts.closed(), counts.closed_by_server),
            (1, 0),
            "{wire:?}"
        );
        if !wire.is_http2() {
            assert_eq!(counts.closed_by_client, 1, "{wire:?}");
        }
        sockets::wait_until(server.addr(), 0).await;
    }
}

#[tokio::test]
async fn a_request_is_seen_on_the_connection_that_carried_it() {
    let (server, client) = Wire::Http1.pair();
    let held = tokio::spawn(client.get(server.url("/slow-head")).send());
    server.wait_until(|counts| counts.held == 1).await;
    for _ in 0..2 {
        let response = client.get(server.url("/ok")).send().await.unwrap();
        response.bytes().await.unwrap();
    }
    let connections: Vec<u64> = server.seen().iter().map(|seen| seen.connection).collect();
    assert_eq!(connections, [1, 2, 2]);

    let locals: Vec<_> = sockets::to(server.addr()).iter().map(|s| s.local).collect();
    assert!(server.seen().iter().all(|seen| locals.contains(&seen.peer)));
    server.gate().open();
    held.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_response_that_says_close_is_closed_by_the_server() {
    for wire in [Wire::Http1, Wire::TlsHttp1] {
        let (server, client) = wire.pair();
        let response = client.get(server.url("/close")).send().await.unwrap();
        response.bytes().await.unwrap();
        let counts = server.wait_until(|counts| counts.closed() == 1).await;
        assert_eq!(counts.closed_by_server, 1, "{wire:?}");
    }
}

#[tokio::test]
async fn idle_connections_are_closed_on_command_and_busy_ones_are_not() {
    for wire in Wire::ALL {
        let (server, client) = wire.pair();
        let (_, other) = wire.pair();
        client
            .get(server.url("/ok"))
            .send()
            .await
            .unwrap()
            .bytes()
            .await
            .unwrap();
        let busy = tokio::spawn(other.get(server.url("/slow-head")).send());
        server
            .wait_until(|counts| counts.held == 1 && counts.completed == 1)
            .await;

        server.close_idle();
        let counts = server.wait_until(|counts| counts.closed() == 1).await;
        assert_eq!((counts.closed_by_server, counts.open()), (1, 1), "{wire:?}");
        server.gate().open();
        assert_eq!(busy.await.unwrap().unwrap().text().await.unwrap(), "ok");
        // The busy one was left as it was, so it is there for the next request.
        let next = other.get(server.url("/ok")).send().await.unwrap();
        next.bytes().await.unwrap();
        assert_eq!(server.counts().accepted, 2, "{wire:?}");
    }
}

#[tokio::test]
async fn draining_closes_a_connection_when_its_request_has_ended() {
    for wire in Wire::ALL {
        let (server, client) = wire.pair();
        let request = tokio::spawn(client.get(server.url("/slow-head")).send());
        server.wait_until(|counts| counts.held == 1).await;
        server.drain();
        server.gate().open();
        assert_eq!(request.await.unwrap().unwrap().text().await.unwrap(), "ok");
        let counts = server.wait_until(|counts| counts.closed() == 1).await;
        assert_eq!(
            (counts.completed, counts.closed_by_server),
            (1, 1),
            "{wire:?}"
        );
    }
}

#[tokio::test]
async fn aborting_connections_cuts_requests_off() {
    for wire in Wire::ALL {
        let (server, client) = wire.pair();
        let request = tokio::spawn(client.get(server.url("/never")).send());
        server.wait_until(|counts| counts.held == 1).await;
        server.abort_connections();
        request.await.unwrap().unwrap_err();
        let counts = server
            .wait_until(|counts| counts.closed() == 1 && counts.aborted == 1)
            .await;
        assert_eq!(counts.closed_by_server, 1, "{wire:?}");
    }
}

#[tokio::test]
async fn a_reset_is_counted_as_an_error() {
    for wire in [Wire::Http1, Wire::Http2] {
        let (server, _) = wire.pair();
        let stream = tokio::net::TcpStream::connect(server.addr()).await.unwrap();
        server.wait_until(|counts| counts.open() == 1).await;
        stream.set_zero_linger().unwrap();
        drop(stream);
        let counts = server.wait_until(|counts| counts.closed() == 1).await;
        assert_eq!(counts.closed_by_error, 1, "{wire:?}");
    }
}

#[tokio::test]
async fn a_server_that_was_shut_down_has_closed_everything() {
    for wire in Wire::ALL {
        let (mut server, client) = wire.pair();
        let request = tokio::spawn(client.get(server.url("/never")).send());
        server.wait_until(|counts| counts.held == 1).await;
        server.shutdown();
        let counts = server.counts();
        assert_eq!((counts.open(), counts.closed_by_server), (0, 1), "{wire:?}");
        assert_eq!((counts.in_flight(), counts.aborted), (0, 1), "{wire:?}");
        request.await.unwrap().unwrap_err();
        assert!(
            client
                .get(server.url("/ok"))
                .send()
                .await
                .unwrap_err()
                .is_connect()
        );
    }
}

#[tokio::test]
async fn a_handshake_that_fails_is_counted_as_such() {
    for leaf in [
        tls::Leaf::WrongName,
        tls::Leaf::Expired,
        tls::Leaf::UnknownIssuer,
    ] {
        let server = Server::builder().tls_with(leaf).start();
        let client = tls::trusting(Client::builder()).build().unwrap();
        let error = client.get(server.url("/ok")).send().await.unwrap_err();
        assert!(error.is_connect(), "{leaf:?}: {error:?}");
        let counts = server.wait_until(|counts| counts.closed() == 1).await;
        assert_eq!(counts.requests, 0);
        assert_eq!(
            (counts.handshakes_failed, counts.closed_by_error),
            (1, 1),
            "{leaf:?}"
        );
        assert_eq!((counts.accepted, counts.made()), (1, 0), "{leaf:?}");
    }
}
