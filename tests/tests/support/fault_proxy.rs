//! The proxy does what its script says, to the byte.

use std::io::ErrorKind;

use http_context_tests::{At, Fault, FaultProxy, Script, Server, Wire};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

const REQUEST: &[u8] = b"GET /bytes/10 HTTP/1.1\r\nhost: x\r\n\r\n";

/// A server, a proxy with one script, and a connection through it.
async fn through(script: Script) -> (Server, FaultProxy, TcpStream) {
    let server = Server::start();
    let proxy = FaultProxy::start(server.addr());
    proxy.push(script);
    let stream = TcpStream::connect(proxy.addr()).await.unwrap();
    (server, proxy, stream)
}

/// All that comes until the end of the stream.
async fn read_to_end(stream: &mut TcpStream) -> Vec<u8> {
    let mut read = Vec::new();
    stream.read_to_end(&mut read).await.unwrap();
    read
}

/// What comes until the connection is reset.
async fn read_to_reset(stream: &mut TcpStream) -> Vec<u8> {
    let mut read = Vec::new();
    let error = stream.read_to_end(&mut read).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    read
}

#[tokio::test]
async fn without_a_script_everything_passes_on_every_wire() {
    for wire in Wire::ALL {
        let (server, client) = wire.pair();
        let proxy = FaultProxy::start(server.addr());
        let url = server.url("/echo");
        let url = url.replace(&server.addr().to_string(), &proxy.addr().to_string());
        let sent = vec![b'z'; 1_000_000];
        let response = client.post(url).body(sent.clone()).send().await.unwrap();
        assert_eq!(response.bytes().await.unwrap(), sent, "{wire:?}");

        drop(client);
        let counts = proxy.wait_until(|counts| counts.closed == 1).await;
        assert_eq!((counts.accepted, counts.faults), (1, 0));
        assert!(counts.request_bytes > 1_000_000 && counts.response_bytes > 1_000_000);
        server.wait_until(|counts| counts.open() == 0).await;
    }
}

#[tokio::test]
async fn a_reset_after_request_bytes_lets_exactly_so_many_through() {
    let script = Script::fault(At::RequestBytes(5), Fault::Reset);
    let (server, proxy, mut stream) = through(script).await;
    stream.write_all(REQUEST).await.unwrap();
    assert_eq!(read_to_reset(&mut stream).await, b"");
    assert_eq!(proxy.counts().request_bytes, 5);
    let counts = server.wait_until(|counts| counts.closed() == 1).await;
    assert_eq!((counts.requests, counts.closed_by_error), (0, 1));
}

#[tokio::test]
async fn a_reset_after_response_bytes_lets_exactly_so_many_through() {
    let script = Script::fault(At::ResponseBytes(20), Fault::Reset);
    let (server, proxy, mut stream) = through(script).await;
    stream.write_all(REQUEST).await.unwrap();
    assert_eq!(read_to_reset(&mut stream).await, b"HTTP/1.1 200 OK\r\ncon");
    assert_eq!(proxy.counts().response_bytes, 20);
    let counts = server.wait_until(|counts| counts.closed() == 1).await;
    assert_eq!((counts.requests, counts.closed_by_error), (1, 1));
}

#[tokio::test]
async fn a_half_close_ends_the_response_and_lets_the_request_through() {
    let script = Script::fault(At::RequestBytes(5), Fault::HalfClose);
    let (server, _proxy, mut stream) = through(script).await;
    stream.write_all(&REQUEST[..5]).await.unwrap();
    assert_eq!(read_to_end(&mut stream).await, b"");
    stream.write_all(&REQUEST[5..]).await.unwrap();
    let counts = server.wait_until(|counts| counts.completed == 1).await;
    assert_eq!((counts.requests, counts.open()), (1, 1));
    drop(stream);
    server.wait_until(|counts| counts.open() == 0).await;
}

#[tokio::test]
async fn a_stall_lasts_until_the_gate_lets_it_pass() {
    for at in [At::Accept, At::RequestBytes(0), At::ResponseBytes(3)] {
        let (server, proxy, mut stream) = through(Script::fault(at, Fault::Stall)).await;
        stream.write_all(REQUEST).await.unwrap();
        let counts = proxy.wait_until(|counts| counts.stalled == 1).await;
        assert_eq!(counts.faults, 1);
        let answered = u64::from(at == At::ResponseBytes(3));
        server
            .wait_until(|counts| counts.completed == answered)
            .await;
        assert_eq!(server.counts().requests, answered, "{at:?}");

        proxy.gate().let_one_pass();
        server.wait_until(|counts| counts.completed == 1).await;
        stream.shutdown().await.unwrap();
        let response = read_to_end(&mut stream).await;
        assert!(response.ends_with(b"\r\n\r\nxxxxxxxxxx"), "{at:?}");
        assert_eq!(proxy.counts().stalled, 0);
    }
}

#[tokio::test]
async fn a_client_that_resets_makes_the_proxy_reset_the_server() {
    let (server, _proxy, stream) = through(Script::new()).await;
    server.wait_until(|counts| counts.open() == 1).await;
    stream.set_zero_linger().unwrap();
    drop(stream);
    let counts = server.wait_until(|counts| counts.open() == 0).await;
    assert_eq!(counts.closed_by_error, 1);
}
