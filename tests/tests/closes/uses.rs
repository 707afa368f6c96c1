//! Who uses a connection, and whose ledger shows it.

use std::io;

use http_context::{
    CloseReason, ConnectionSnapshot, ContextBuilder, OpenError, http_session, open_connections,
    sees_connection_closes,
};
use http_context_middleware::Uninstrumented;
use http_context_tests::{Gate, Server, edits_nothing, full_body};
use reqwest::header::CONTENT_ENCODING;
use reqwest_middleware::{Middleware, Next};

use crate::ledger::read;
use crate::rig::{Rig, Wire};
use crate::scripted::Closes;

/// A context, with a middleware that changes nothing or without.
fn context(rig: &Rig, with_middleware: bool) -> ContextBuilder {
    let context = rig.context();
    if with_middleware {
        context.with(edits_nothing())
    } else {
        context
    }
}

/// Requests on the one connection to this server.
fn in_flight(server: &Server) -> u32 {
    let open = open_connections();
    let remote = |one: &ConnectionSnapshot| one.info.addresses.map(|pair| pair.remote);
    let one = open.iter().find(|one| remote(one) == Some(server.addr()));
    one.unwrap().in_flight
}

#[tokio::test]
async fn one_response_of_two_ends_and_the_connection_is_in_use_until_the_other_has() {
    for with_middleware in [false, true] {
        let (_turn, rig) = (Closes::take_turn().await, Rig::new(Wire::Http2));
        let server = Server::start();
        let mut context = rig.context();
        if with_middleware {
            context = context.with(edits_nothing());
        }
        let work = context.open(async {
            let request = http_session()?.get(server.url("/slow-body"));
            let (first, second) = (request.try_clone().unwrap().send(), request.send());
            let (first, second) = (first.await.unwrap(), second.await.unwrap());
            assert_eq!(in_flight(&server), 2);
            assert_eq!(rig.exported().active_and_idle(), (1, 0));
            drop(first);
            assert_eq!(in_flight(&server), 1);
            assert_eq!(rig.exported().active_and_idle(), (1, 0));
            server.gate().open();
            second.bytes().await.unwrap();
            assert_eq!(in_flight(&server), 0);
            assert_eq!(rig.exported().active_and_idle(), (0, 1));
            Ok::<_, OpenError>(())
        });
        work.await.unwrap();
        assert_eq!(server.counts().accepted, 1);
    }
}

#[tokio::test]
async fn a_body_that_is_dropped_closes_its_connection_and_one_that_was_read_does_not() {
    let ways = [false, true].map(|with_middleware| {
        [
            (true, CloseReason::Remote),
            (false, CloseReason::SessionClosed),
        ]
        .map(|(is_read, reason)| (with_middleware, is_read, reason))
    });
    for (with_middleware, is_read, reason) in ways.into_iter().flatten() {
        let ((rig, closes), server) = (Closes::rig().await, Server::start());
        let work = context(&rig, with_middleware).open(async {
            let request = http_session()?.get(server.url("/bytes/1000000"));
            let response = request.send().await.unwrap();
            if is_read {
                response.bytes().await.unwrap();
            } else {
                drop(response);
            }
            closes.close_the_one(&server);
            Ok::<_, OpenError>(())
        });
        work.await.unwrap();
        let exported = rig.exported();
        assert_eq!(exported.closed(reason), 1, "{with_middleware} {exported}");
    }
}

#[tokio::test]
async fn the_answer_to_a_head_is_whole_without_being_read_however_its_body_would_be_packed() {
    for with_middleware in [false, true] {
        let packed = |_| async {
            let response = http::Response::builder().header(CONTENT_ENCODING, "gzip");
            response.body(full_body("never sent")).unwrap()
        };
        let server = Server::builder().handler("/packed", packed).start();
        let (rig, closes) = Closes::rig().await;
        let work = context(&rig, with_middleware).open(async {
            let request = http_session()?.head(server.url("/packed"));
            drop(request.send().await.unwrap());
            closes.close_the_one(&server);
            Ok::<_, OpenError>(())
        });
        work.await.unwrap();
        let exported = rig.exported();
        let by_peer = exported.closed(CloseReason::Remote);
        assert_eq!(by_peer, 1, "{with_middleware} {exported}");
    }
}

/// As one does that has a time limit of its own.
#[tokio::test]
async fn an_attempt_that_a_middleware_gives_up_closes_its_connection() {
    struct GivesUp(Gate);

    #[async_trait::async_trait]
    impl Middleware for GivesUp {
        async fn handle(
            &self,
            request: reqwest::Request,
            extensions: &mut http::Extensions,
            next: Next<'_>,
        ) -> reqwest_middleware::Result<reqwest::Response> {
            tokio::select! {
                response = next.run(request, extensions) => response,
                () = self.0.pass() => Err(reqwest_middleware::Error::middleware(io::Error::other("late"))),
            }
        }
    }

    let ((rig, closes), server) = (Closes::rig().await, Server::start());
    let gate = Gate::new();
    let work = rig.context().with(GivesUp(gate.clone())).open(async {
        let request = http_session()?.get(server.url("/never")).send();
        let give_up = async {
            server.wait_until(|counts| counts.held == 1).await;
            gate.open();
        };
        let (result, ()) = tokio::join!(request, give_up);
        result.unwrap_err();
        closes.close_the_one(&server);
        Ok::<_, OpenError>(())
    });
    work.await.unwrap();
    let exported = rig.exported();
    assert_eq!(exported.closed(CloseReason::SessionClosed), 1, "{exported}");
}

#[tokio::test]
async fn a_connection_of_a_request_that_is_not_instrumented_is_idle_while_none_is_on_it() {
    let (_turn, rig) = (Closes::take_turn().await, Rig::new(Wire::Http1));
    let server = Server::start();
    let work = rig.context().open(async {
        let request = http_session()?.get(server.url("/ok"));
        let request = request.with_extension(Uninstrumented);
        request.send().await.unwrap().bytes().await.unwrap();
        assert_eq!(rig.exported().active_and_idle(), (0, 1));
        Ok::<_, OpenError>(())
    });
    work.await.unwrap();
}

#[tokio::test]
async fn a_ledger_shows_the_connections_of_its_own_instrumentation() {
    let _turn = Closes::take_turn().await;
    let (mine, other) = (Rig::new(Wire::Http1), Rig::new(Wire::Http1));
    let server = Server::start();
    let work = mine.context().open(async {
        read(&server).await;
        let shown = |rig: &Rig| rig.instrumentation.ledger().connections().len();
        assert_eq!((shown(&mine), shown(&other)), (1, 0));
        Ok::<_, OpenError>(())
    });
    work.await.unwrap();
    let ledger = mine.instrumentation.ledger();
    assert_eq!(ledger.sees_closes(), sees_connection_closes());
    assert!(ledger.sees_closes(), "a test says them");
}
