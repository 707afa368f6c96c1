//! The proxy does what its script says, to the byte.

use std::io::ErrorKind;

use http_context_tests::{At, Fault, FaultProxy, Script, Server};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::wire::Wire;

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

/// What a connection through the proxy reads. A reset may come so early that
/// the connect itself fails.
async fn said_by(proxy: &FaultProxy) -> Result<String, ErrorKind> {
    let said = async {
        let mut stream = TcpStream::connect(proxy.addr()).await?;
        let mut said = String::new();
        stream.read_to_string(&mut said).await.map(|_| said)
    };
    said.await.map_err(|error: std::io::Error| error.kind())
}

#[tokio::test]
async fn a_reset_at_accept_reaches_the_client_and_not_the_server() {
    let server = Server::start();
    let proxy = FaultProxy::start(server.addr());
    proxy.push(Script::fault(At::Accept, Fault::Reset));
    assert_eq!(said_by(&proxy).await, Err(ErrorKind::ConnectionReset));
    let counts = proxy.wait_until(|counts| counts.closed == 1).await;
    assert_eq!(counts.faults, 1);
    assert_eq!(server.counts().accepted, 0);
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
async fn a_close_truncates_the_response_without_an_error() {
    let script = Script::fault(At::ResponseBytes(20), Fault::Close);
    let (server, _proxy, mut stream) = through(script).await;
    stream.write_all(REQUEST).await.unwrap();
    assert_eq!(read_to_end(&mut stream).await, b"HTTP/1.1 200 OK\r\ncon");
    let counts = server.wait_until(|counts| counts.closed() == 1).await;
    assert_eq!(counts.closed_by_client, 1);
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
async fn what_the_proxy_says_stands_instead_of_the_response() {
    let fault = Fault::Say("SSH-2.0-nothing\r\n".into());
    let (_server, proxy, stream) = through(Script::fault(At::Accept, fault.clone())).await;
    drop(stream);
    proxy.push(Script::fault(At::RequestBytes(REQUEST.len() as u64), fault));
    let mut stream = TcpStream::connect(proxy.addr()).await.unwrap();
    stream.write_all(REQUEST).await.unwrap();
    assert_eq!(read_to_end(&mut stream).await, b"SSH-2.0-nothing\r\n");
}

#[tokio::test]
async fn a_sliced_response_comes_whole() {
    let script = Script::new().sliced(1);
    let (_server, proxy, mut stream) = through(script).await;
    stream.write_all(REQUEST).await.unwrap();
    let mut first = [0; 4];
    stream.read_exact(&mut first).await.unwrap();
    stream.shutdown().await.unwrap();
    let rest = read_to_end(&mut stream).await;
    assert!(first == *b"HTTP" && rest.ends_with(b"xxxxxxxxxx"));
    let counts = proxy.wait_until(|counts| counts.closed == 1).await;
    assert_eq!(counts.response_bytes, rest.len() as u64 + 4);
}

#[tokio::test]
async fn scripts_are_taken_in_order_and_then_the_usual_one() {
    let server = Server::start();
    let proxy = FaultProxy::start(server.addr());
    proxy.push(Script::fault(At::Accept, Fault::Close));
    proxy.push(Script::fault(At::Accept, Fault::Reset));
    proxy.set_usual(Script::fault(At::Accept, Fault::Say("usual".into())));

    let mut said = Vec::new();
    for _ in 0..4 {
        said.push(said_by(&proxy).await);
    }
    let (empty, usual) = (Ok(String::new()), Ok("usual".to_owned()));
    let reset = Err(ErrorKind::ConnectionReset);
    assert_eq!(said, [empty, reset, usual.clone(), usual]);
}

#[tokio::test]
async fn open_connections_are_reset_on_command() {
    let (server, proxy, mut stream) = through(Script::new()).await;
    proxy.wait_until(|counts| counts.connected == 1).await;
    server.wait_until(|counts| counts.open() == 1).await;
    proxy.reset_connections();
    assert_eq!(read_to_reset(&mut stream).await, b"");
    let counts = server.wait_until(|counts| counts.open() == 0).await;
    assert_eq!(counts.closed_by_error, 1);
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
