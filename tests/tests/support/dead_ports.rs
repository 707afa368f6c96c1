//! Addresses that nobody answers at.

use std::{io::ErrorKind, net::TcpStream, time::Duration};

use http_context_tests::{RefusedPort, SilentPort, sockets};

#[test]
fn a_refused_port_refuses_every_connect() {
    let port = RefusedPort::new();
    for _ in 0..10 {
        let error = TcpStream::connect(port.addr()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    }
}

#[test]
fn a_silent_port_neither_accepts_nor_refuses() {
    let port = SilentPort::new();
    for _ in 0..3 {
        let limit = Duration::from_millis(50);
        let error = TcpStream::connect_timeout(&port.addr(), limit).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
    }
    let addr = port.addr();
    drop(port);
    assert_eq!(sockets::to(addr), []);
}
