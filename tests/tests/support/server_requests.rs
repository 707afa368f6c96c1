//! Each request is counted once when it starts and once when it ends.

use http_context_tests::Wire;
use reqwest::Response;

#[tokio::test]
async fn every_request_of_many_is_counted_once() {
    for wire in Wire::ALL {
        let (server, client) = wire.pair();
        let mut requests = tokio::task::JoinSet::new();
        for n in 0..200 {
            let (client, url) = (client.clone(), server.url(&format!("/bytes/{n}")));
            requests.spawn(async move {
                let response = client.get(url).send().await.unwrap();
                response.bytes().await.unwrap().len()
            });
        }
        let bytes: usize = requests.join_all().await.iter().sum();
        let counts = server.wait_until(|counts| counts.completed == 200).await;
        assert_eq!((counts.requests, counts.heads), (200, 200), "{wire:?}");
        assert_eq!((counts.aborted, counts.in_flight()), (0, 0), "{wire:?}");
        assert_eq!(counts.response_bytes, bytes as u64);
        assert_eq!(server.seen().len(), 200);
    }
}

#[tokio::test]
async fn a_request_held_at_its_head_goes_on_when_the_gate_lets_it_pass() {
    for wire in Wire::ALL {
        let (server, client) = wire.pair();
        let request = tokio::spawn(client.get(server.url("/slow-head")).send());
        let counts = server.wait_until(|counts| counts.held == 1).await;
        assert_eq!(
            (counts.requests, counts.heads, counts.in_flight()),
            (1, 0, 1)
        );

        server.gate().let_one_pass();
        assert_eq!(request.await.unwrap().unwrap().text().await.unwrap(), "ok");
        let counts = server.wait_until(|counts| counts.completed == 1).await;
        assert_eq!((counts.held, counts.heads), (0, 1));
    }
}

#[tokio::test]
async fn a_request_held_in_its_body_goes_on_when_the_gate_lets_it_pass() {
    for wire in Wire::ALL {
        let (server, client) = wire.pair();
        let mut response: Response = client.get(server.url("/slow-body")).send().await.unwrap();
        assert_eq!(response.chunk().await.unwrap().unwrap(), "first");
        let counts = server.wait_until(|counts| counts.held == 1).await;
        assert_eq!(
            (counts.heads, counts.completed, counts.in_flight()),
            (1, 0, 1)
        );

        server.gate().open();
        assert_eq!(response.chunk().await.unwrap().unwrap(), "rest.");
        assert_eq!(response.chunk().await.unwrap(), None);
        let counts = server.wait_until(|counts| counts.completed == 1).await;
        assert_eq!((counts.held, counts.response_bytes), (0, 10));
    }
}

#[tokio::test]
async fn a_client_that_leaves_before_the_head_is_counted_as_an_abort() {
    for wire in Wire::ALL {
        for path in ["/slow-head", "/never"] {
            let (server, client) = wire.pair();
            let request = tokio::spawn(client.get(server.url(path)).send());
            server.wait_until(|counts| counts.held == 1).await;
            request.abort();
            let counts = server.wait_until(|counts| counts.aborted == 1).await;
            assert_eq!(
                (counts.aborted_before_head, counts.heads),
                (1, 0),
                "{wire:?}"
            );
            assert_eq!((counts.in_flight(), counts.held), (0, 0), "{wire:?}");
        }
    }
}

#[tokio::test]
async fn a_client_that_leaves_the_body_is_counted_as_an_abort() {
    for wire in Wire::ALL {
        // One that waits, and one that is more than any buffer holds.
        for path in ["/slow-body", "/bytes/1000000000"] {
            let (server, client) = wire.pair();
            let response = client.get(server.url(path)).send().await.unwrap();
            drop(response);
            let counts = server.wait_until(|counts| counts.aborted == 1).await;
            assert_eq!(
                (counts.aborted_before_head, counts.heads),
                (0, 1),
                "{wire:?}"
            );
            assert_eq!(
                (counts.completed, counts.in_flight(), counts.held),
                (0, 0, 0)
            );
        }
    }
}

#[tokio::test]
async fn a_body_that_is_never_sent_is_complete_with_its_head() {
    for wire in Wire::ALL {
        let (server, client) = wire.pair();
        client.head(server.url("/bytes/1000")).send().await.unwrap();
        client.get(server.url("/status/204")).send().await.unwrap();
        let counts = server.wait_until(|counts| counts.completed == 2).await;
        assert_eq!((counts.aborted, counts.response_bytes), (0, 0), "{wire:?}");
    }
}

#[tokio::test]
#[should_panic(expected = "accepted: 1")]
async fn a_wait_that_is_in_vain_ends_in_a_panic_that_shows_the_counts() {
    let (server, client) = Wire::Http1.pair();
    client.get(server.url("/ok")).send().await.unwrap();
    tokio::time::pause();
    server.wait_until(|counts| counts.requests == 2).await;
}
