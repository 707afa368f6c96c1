//! Sockets of this process, and what the kernel says of them.

use std::io::Read as _;
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use super::*;
use crate::connection::kernel::proc_fs;

/// Whichever socket has these addresses.
fn any(addresses: AddressPair) -> Socket {
    Socket {
        addresses,
        cookie: None,
    }
}

fn is_open(pair: AddressPair) -> bool {
    matches!(
        states(&[any(pair)]).unwrap()[..],
        [SocketState::Open(Some(_))]
    )
}

/// A connected socket, its addresses, and the end of its peer.
fn socket(address: &str) -> (TcpStream, AddressPair, TcpStream) {
    let listener = TcpListener::bind(address).unwrap();
    let socket = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let pair = AddressPair {
        local: socket.local_addr().unwrap(),
        remote: socket.peer_addr().unwrap(),
    };
    let (peer, _) = listener.accept().unwrap();
    (socket, pair, peer)
}

#[test]
fn both_ways_say_that_a_socket_is_held_from_connect_to_close() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let (socket, pair, _peer) = socket(address);
        let by_proc = || proc_fs::held().unwrap().contains_key(&pair);
        let by_diag = || held(&[any(pair)]).unwrap() == [pair];
        assert!(by_proc() && by_diag(), "{address}");
        // The peer holds on, so the kernel keeps the socket without an owner (FIN-WAIT-2).
        drop(socket);
        assert!(!by_proc() && !by_diag(), "{address}");
    }
}

#[test]
fn a_connection_is_not_held_by_a_listener_that_has_its_port_now() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let listener = TcpListener::bind(address).unwrap();
        let local = listener.local_addr().unwrap();
        let remote = SocketAddr::new(local.ip(), 1);
        let gone = AddressPair { local, remote };
        assert_eq!(held(&[any(gone)]), Some(vec![]), "{address}");
        assert!(!proc_fs::held().unwrap().contains_key(&gone), "{address}");
    }
}

#[test]
fn a_socket_whose_half_this_side_has_closed_is_not_closed_by_its_peer() {
    let (socket, pair, _peer) = socket("127.0.0.1:0");
    socket.shutdown(std::net::Shutdown::Write).unwrap();
    assert!(is_open(pair));
}

#[test]
fn a_socket_that_its_peer_has_closed_is_held_and_says_so() {
    let (mut socket, pair, peer) = socket("127.0.0.1:0");
    assert!(is_open(pair));
    drop(peer);
    // The end is read once it is there.
    assert_eq!(socket.read(&mut [0]).unwrap(), 0);
    let state = states(&[any(pair)]).unwrap()[0];
    assert!(matches!(state, SocketState::ClosedByPeer(ago) if ago < Duration::from_secs(5)));
    assert_eq!(held(&[any(pair)]), Some(vec![pair]));
}

#[test]
fn however_many_are_asked_for_one_socket_asks() {
    let sockets: Vec<_> = (0..=AT_ONCE).map(|_| socket("127.0.0.1:0")).collect();
    let pairs: Vec<_> = sockets.iter().map(|(_, pair, _)| *pair).collect();
    let before = ASKING_SOCKETS.get();
    let asked: Vec<_> = pairs.iter().copied().map(any).collect();
    assert_eq!(held(&asked), Some(pairs));
    assert!(ASKING_SOCKETS.get() <= before + 1);
}

#[test]
fn a_socket_whose_fin_stands_behind_data_has_not_begun_to_close() {
    let (mut socket, pair, mut peer) = socket("127.0.0.1:0");
    socket.set_nonblocking(true).unwrap();
    // Until the peer has no room for more.
    while std::io::Write::write(&mut socket, &[0; 1 << 14]).is_ok() {}
    drop(socket);
    assert_eq!(closings(&[pair]), Some(vec![Closing::NotBegun]));
    std::io::copy(&mut peer, &mut std::io::sink()).unwrap();
    let here = Closing::By(SocketEnd::Here);
    assert_eq!(closings(&[pair]), Some(vec![here]));
}
