//! What the test server notes of its connections is what the wire shows.

use http_context_tests::{Capture, ClosedBy, Served, Server, Side, sockets};

use crate::truth::Witnessed;

async fn read(client: &reqwest::Client, url: String) {
    let response = client.get(url).send().await.unwrap();
    response.bytes().await.unwrap();
}

/// Connections that the client closes, that the server closes with its answer, that it closes while
/// they are idle, and that it aborts.
async fn all_ends(server: &Server) -> Vec<Served> {
    let client = reqwest::Client::new();
    read(&client, server.url("/ok")).await;
    drop(client);
    server.wait_until(|counts| counts.closed() == 1).await;
    let client = reqwest::Client::new();
    read(&client, server.url("/close")).await;
    server.wait_until(|counts| counts.closed() == 2).await;
    read(&client, server.url("/ok")).await;
    read(&client, server.url("/ok")).await;
    server.close_idle();
    server.wait_until(|counts| counts.closed() == 3).await;
    // A request on what the client still takes for open would fail.
    sockets::wait_until(server.addr(), 0).await;
    let held = tokio::spawn(client.get(server.url("/never")).send());
    server.wait_until(|counts| counts.held == 1).await;
    server.abort_connections();
    held.await.unwrap().unwrap_err();
    server.wait_until(|counts| counts.closed() == 4).await;
    server.served()
}

#[tokio::test]
async fn a_server_notes_who_closed_first_and_what_a_connection_carried() {
    let server = Server::start();
    let notes = all_ends(&server).await;
    let ends: Vec<_> = notes
        .iter()
        .map(|note| (note.closed_by, note.requests, note.heads))
        .collect();
    let expected = [
        (ClosedBy::Client, 1, 1),
        (ClosedBy::Server, 1, 1),
        (ClosedBy::Server, 2, 2),
        (ClosedBy::Server, 1, 0),
    ];
    assert_eq!(ends, expected);
    assert!(notes.iter().all(|note| note.accepted <= note.closed));
}

#[tokio::test]
async fn what_a_server_notes_of_its_connections_is_what_the_wire_shows() {
    let capture = match Capture::start() {
        Ok(capture) => capture,
        Err(refused) => return eprintln!("{refused}"),
    };
    let server = Server::start();
    let noted = Witnessed::served(&all_ends(&server).await);
    let captured = Witnessed::captured(capture.finish().to(server.addr()));
    let ends = |witnessed: &[Witnessed]| {
        let ends = witnessed.iter();
        let mut ends: Vec<_> = ends
            .map(|w| (w.client, w.closed.map(|(side, _)| side)))
            .collect();
        // At `Connection: close` both sides close at once, and a server cannot know who was first.
        ends.remove(1);
        ends
    };
    assert_eq!(ends(&noted), ends(&captured));
    assert_eq!(captured[0].closed.unwrap().0, Side::Local);
}

#[tokio::test]
async fn a_server_closes_a_connection_that_has_carried_enough() {
    let clear = reqwest::Client::builder;
    for (server, client) in [
        (Server::builder().http1(), clear()),
        (Server::builder().http2(), clear().http2_prior_knowledge()),
    ] {
        let server = server.requests_per_connection(3).start();
        let client = client.build().unwrap();
        for closed in 1..=2 {
            for _ in 0..3 {
                read(&client, server.url("/ok")).await;
            }
            server.wait_until(|counts| counts.closed() == closed).await;
            sockets::wait_until(server.addr(), 0).await;
        }
        let counts = server.counts();
        assert_eq!((counts.accepted, counts.heads), (2, 6), "{server:?}");
    }
}
