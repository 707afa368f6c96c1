//! Faults of the TLS handshake.

use bytes::Bytes;
use http_context_tests::tls::Leaf;
use http_context_tests::{At, Fault};

use crate::scene::{Column, Scene};

fn shown(column: Column, leaf: Leaf) -> Scene {
    let server = column.protocol.tls_server(leaf);
    Scene::stalled(&server, "/ok", At::ResponseBytes(0), &[]).opens_none()
}

fn faulty(column: Column, at: At, faults: &[Fault]) -> Scene {
    let server = column.protocol.tls_server(Leaf::Valid);
    Scene::stalled(&server, "/ok", at, faults).opens_none()
}

pub(crate) fn wrong_name(column: Column) -> Scene {
    shown(column, Leaf::WrongName)
}

pub(crate) fn expired(column: Column) -> Scene {
    shown(column, Leaf::Expired)
}

pub(crate) fn unknown_issuer(column: Column) -> Scene {
    shown(column, Leaf::UnknownIssuer)
}

pub(crate) fn garbage(column: Column) -> Scene {
    let garbage = Fault::Say(Bytes::from_static(b"SSH-2.0-OpenSSH_9.9\r\n"));
    faulty(column, At::Accept, &[garbage])
}

pub(crate) fn ends(column: Column) -> Scene {
    faulty(column, At::ResponseBytes(10), &[Fault::Close])
}

pub(crate) fn is_reset(column: Column) -> Scene {
    faulty(column, At::ResponseBytes(10), &[Fault::Reset])
}

pub(crate) fn stalls(column: Column) -> Scene {
    faulty(column, At::Accept, &[])
        .also(move |context| context.configure(move |client| client.connect_timeout(column.limit)))
        .strike(|_| {})
}
