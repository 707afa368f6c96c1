//! Faults of the TLS handshake.

use bytes::Bytes;
use http_context_tests::tls::Leaf;
use http_context_tests::{At, Fault};

use crate::scene::{LIMIT, Protocol, Scene};

fn shown(protocol: Protocol, leaf: Leaf) -> Scene {
    let server = protocol.tls_server(leaf);
    Scene::stalled(&server, "/ok", At::ResponseBytes(0), &[]).opens_none()
}

fn faulty(protocol: Protocol, at: At, faults: &[Fault]) -> Scene {
    let server = protocol.tls_server(Leaf::Valid);
    Scene::stalled(&server, "/ok", at, faults).opens_none()
}

pub(crate) fn wrong_name(protocol: Protocol) -> Scene {
    shown(protocol, Leaf::WrongName)
}

pub(crate) fn expired(protocol: Protocol) -> Scene {
    shown(protocol, Leaf::Expired)
}

pub(crate) fn unknown_issuer(protocol: Protocol) -> Scene {
    shown(protocol, Leaf::UnknownIssuer)
}

pub(crate) fn garbage(protocol: Protocol) -> Scene {
    let garbage = Fault::Say(Bytes::from_static(b"SSH-2.0-OpenSSH_9.9\r\n"));
    faulty(protocol, At::Accept, &[garbage])
}

pub(crate) fn ends(protocol: Protocol) -> Scene {
    faulty(protocol, At::ResponseBytes(10), &[Fault::Close])
}

pub(crate) fn is_reset(protocol: Protocol) -> Scene {
    faulty(protocol, At::ResponseBytes(10), &[Fault::Reset])
}

pub(crate) fn stalls(protocol: Protocol) -> Scene {
    faulty(protocol, At::Accept, &[])
        .also(|context| context.configure(|client| client.connect_timeout(LIMIT)))
        .strike(|_| {})
}
