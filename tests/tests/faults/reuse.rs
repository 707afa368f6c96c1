//! Connections that end while they are idle, seen and unseen by the client.

use std::sync::Arc;
use std::time::Duration;

use http_context_tests::{Server, sockets};
use tokio::io::AsyncWriteExt as _;

use crate::peer::{Peer, read_head};
use crate::scene::{Column, Front, Scene};

/// A request after one that was answered, and after what then became of its connection.
fn second<F>(then: impl FnOnce(Arc<Server>) -> F) -> Scene
where
    F: Future<Output = ()> + Send + 'static,
{
    let server = Arc::new(Server::start());
    let (held, gate) = (Arc::clone(&server), server.gate());
    let (url, first) = (server.url("/slow-head"), server.url("/ok"));
    let then = then(Arc::clone(&server));
    Scene::get(Front::Server(server), url)
        .after(first, then)
        .middle(async move {
            held.wait_until(|counts| counts.held == 1).await;
        })
        .strike(move |_| gate.open())
        .opens(2)
}

pub(crate) fn closed_while_idle(_: Column) -> Scene {
    second(|server| async move {
        server.close_idle();
        sockets::wait_until(server.addr(), 0).await;
    })
}

pub(crate) fn idle_for_too_long(_: Column) -> Scene {
    let idle = |server: Arc<Server>| async move { sockets::wait_until(server.addr(), 0).await };
    second(idle).also(|context| context.keep_alive(Duration::from_millis(50)))
}

/// The server has closed, and the client's runtime has had no turn to see it.
pub(crate) fn closed_unseen(_: Column) -> Scene {
    second(|server| async move {
        server.abort_connections();
        let closed = std::thread::spawn(move || {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = runtime.enable_time().build().unwrap();
            runtime.block_on(server.wait_until(|counts| counts.open() == 0));
        });
        // Blocks the one thread of the test on purpose.
        closed.join().unwrap();
    })
    .middle(async {})
    .opens(1)
}

/// The server reads a second request, and closes.
pub(crate) fn closed_as_it_is_asked(_: Column) -> Scene {
    let peer = Peer::start(|mut socket, cue| async move {
        if !read_head(&mut socket).await {
            return;
        }
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
        socket.write_all(answer).await.unwrap();
        if read_head(&mut socket).await {
            cue.here().await;
        }
    });
    let first = peer.url();
    Scene::peer(&peer).after(first, async {})
}
