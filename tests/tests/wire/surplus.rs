//! Connections that nobody needs any more by the time that they are made.

use std::sync::Arc;

use futures_util::future::join_all;
use http_context::{OpenError, http_session};
use http_context_tests::{Capture, Server};

use crate::cell::Sessions;
use crate::connections::{Compared, Told};
use crate::rig::{Rig, Wire};
use crate::variant::{Threads, Variant, alone};

const CONTEXTS: usize = 40;
/// Requests at once: each has a connection made, and where HTTP/2 is agreed on one of those is enough for all.
const AT_ONCE: usize = 6;

/// This side closes what it does not need, while the server has begun to speak on it: what it says then is
/// answered by a reset, and of the end of the socket nothing shows any more.
#[test]
fn a_connection_that_was_made_for_nothing_is_told_as_closed_here() {
    let _alone = alone();
    let threads = Variant {
        sessions: Sessions::Own,
        threads: Threads::Several,
    };
    threads.runtime().block_on(made_for_nothing());
}

async fn made_for_nothing() {
    let wire = Wire::TlsHttp2;
    let capture = match Capture::start() {
        Ok(capture) => capture,
        Err(refused) => return eprintln!("{refused}"),
    };
    let (server, rig, told) = (
        wire.server(Server::builder()),
        Rig::new(wire),
        Arc::new(Told::new()),
    );
    for _ in 0..CONTEXTS {
        let work = rig.context().observer(told.clone()).open(async {
            let session = http_session()?;
            let requests = (0..AT_ONCE).map(|_| async {
                let response = session.get(server.url("/ok")).send().await.unwrap();
                response.bytes().await.unwrap();
            });
            join_all(requests).await;
            Ok::<_, OpenError>(())
        });
        work.await.unwrap();
    }
    server.wait_until(|counts| counts.open() == 0).await;
    rig.wait_until(|exported| {
        let closed = exported.sum("http_context_connections_closed_total", &[]);
        exported.open_connections() == 0 && closed == exported.opened()
    })
    .await;
    let mut misfits = Vec::new();
    let captured = capture.finish().to(server.addr());
    let compared = Compared::of(&told.all(), captured, &mut misfits);
    println!("{compared}");
    assert!(misfits.is_empty(), "{}", misfits.join("\n"));
    assert!(
        compared.connections > CONTEXTS,
        "none was made for nothing: {compared}"
    );
    // Of one that was closed while something came, little shows.
    let most = compared.connections / 20;
    assert!(compared.told_as_remote <= most, "{compared}");
}
