//! A port that comes back: the socket that has the addresses of one that is gone is another one.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc;

use http_context::testing::Fact;
use http_context::{HeldSocket, Leak, builder, http_session};
use http_context_tests::{Server, sockets};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::net::{AddressFamily, SocketType, bind, connect, connect_unspec, socket, sockopt};

use crate::{BoxError, get, has_ended, held_after, recorded};

/// On an address that few others use: a port that another connection rests on cannot be had again.
fn server() -> Server {
    Server::builder().http1().ipv6().start()
}

/// A connection of nobody's session, between these addresses.
fn connect_from(local: SocketAddr, remote: SocketAddr) -> io::Result<TcpStream> {
    let socket = socket(AddressFamily::INET6, SocketType::STREAM, None)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    bind(&socket, &local)?;
    connect(&socket, &remote)?;
    let stream = TcpStream::from(socket);
    stream.set_nonblocking(true)?;
    Ok(stream)
}

/// Whether a server answers over it.
fn is_usable(stream: &TcpStream) -> bool {
    let mut stream = stream;
    stream.set_nonblocking(false).unwrap();
    let request = b"GET /ok HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let mut answer = Vec::new();
    let answered = stream
        .write_all(request)
        .and_then(|()| stream.read_to_end(&mut answer));
    answered.is_ok() && answer.starts_with(b"HTTP/1.1 200")
}

#[tokio::test]
async fn a_connection_with_the_addresses_of_one_that_is_gone_is_no_leak_and_left_alone() {
    // Without an observer nobody hears of closes.
    let (_, observed) = recorded();
    for context in [builder(), observed] {
        let server = server();
        let work = context.open(async {
            get(&server).await?;
            let local = sockets::to(server.addr())[0].local;
            server.abort_connections();
            sockets::wait_until(server.addr(), 0).await;
            Ok::<_, BoxError>(connect_from(local, server.addr())?)
        });
        let (other, report) = work.with_report().await;
        let (other, report) = (other.unwrap(), report.unwrap());
        assert!(report.is_clean(), "{report}");
        assert!(!has_ended(&other));
        assert!(is_usable(&other));
    }
}

/// How many connections are cut off, while others take their addresses.
const CONNECTIONS: usize = 200;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(http_context_no_kernel, ignore = "nobody shows what is held")]
async fn connections_that_take_the_addresses_of_those_that_are_being_cut_off_are_left_alone() {
    let server = server();
    let (recorder, context) = recorded();
    let (holds, held) = mpsc::channel::<Vec<TcpStream>>();
    let remote = server.addr();
    let others = std::thread::spawn(move || {
        let mut held = held.recv().unwrap();
        let replaced = |held: &TcpStream| {
            let local = held.local_addr().unwrap();
            // Its socket is gone at once.
            connect_unspec(held).unwrap();
            connect_from(local, remote)
        };
        // Some are gone when they are looked for. A port that another connection has as well, or has had
        // until a moment ago, cannot be taken.
        let gone = held.split_off(CONNECTIONS / 2);
        let mut others: Vec<_> = gone.iter().flat_map(replaced).collect();
        assert!(others.len() * 10 >= gone.len() * 9);
        // And some go from the moment that the first is cut off, against the way that they are. The
        // addresses of those that were cut off may have to rest.
        let first = held.remove(0);
        poll(&mut [PollFd::new(&first, PollFlags::RDHUP)], None).unwrap();
        others.extend(held.iter().rev().flat_map(replaced));
        others
    });
    let work = context.max_connections_per_host(CONNECTIONS).open(async {
        let mut held = held_after(remote, async {
            let session = http_session()?;
            let requests = (0..CONNECTIONS).map(|_| session.get(server.url("/slow-head")).send());
            let requests: Vec<_> = requests.map(tokio::spawn).collect();
            let all = CONNECTIONS as u64;
            server.wait_until(|counts| counts.held == all).await;
            server.gate().open();
            for request in requests {
                request.await??.bytes().await?;
            }
            Ok(())
        })?;
        holds.send(std::mem::take(&mut held.sockets))?;
        Ok::<_, BoxError>(held)
    });
    let (result, report) = work.with_report().await;
    let held = result.unwrap();
    let others = others.join().unwrap();
    assert!(others.len() >= CONNECTIONS / 2);
    assert!(others.iter().all(is_usable));
    let is_cut = |leak: &Leak| leak.socket == Some(HeldSocket::Cut);
    let leaks = report.unwrap().leaks;
    assert!(leaks.iter().all(is_cut) && !leaks.is_empty(), "{leaks:?}");
    let mut resolved = 0;
    let all_resolved = recorder.wait_for(|fact| {
        resolved += usize::from(matches!(fact, Fact::LeakResolved(_)));
        resolved == leaks.len()
    });
    all_resolved.await;
    drop(held);
}
