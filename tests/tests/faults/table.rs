//! The table of faults: a row is a fault, its columns are what is exported of it.

use http_context::ErrorKind;
use http_context::ErrorKind::{
    Connection, InvalidResponse, NameResolution, QueueTimeout, Redirect, RequestBody,
    ResponseEnded, SecureConnection, SessionClosed, Timeout,
};

use crate::scene::{Caller, Column, Protocol, Scene};
use crate::{
    connecting, disconnects, handshakes, http2, names, proxies, responses, reuse, sessions, uploads,
};

use Cancel::{Body, Never, Request};
use Expect::{Answered, BodyDropped, BodyFails, Fails, NotHere};

/// What a request comes to, when its caller waits for it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Expect {
    /// A response with this status, read to its end.
    Answered(u16),
    /// No response, and this kind of error.
    Fails(ErrorKind),
    /// A response, and this kind of error instead of the end of its body.
    BodyFails(ErrorKind),
    /// A response whose body the caller lets go of.
    BodyDropped,
    /// The fault cannot be had over this protocol, for this reason.
    NotHere(&'static str),
}

/// What a caller cancels that turns away in the middle.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cancel {
    /// The request: there is no response yet.
    Request,
    /// The body of the response.
    Body,
    /// Nothing, for this reason.
    Never(&'static str),
}

/// A fault.
pub(crate) struct Row {
    pub(crate) family: Family,
    pub(crate) fault: &'static str,
    pub(crate) scene: fn(Column) -> Scene,
    http1: Expect,
    http2: Expect,
    pub(crate) cancelled: Cancel,
}

impl Row {
    pub(crate) fn expect(&self, protocol: Protocol) -> Expect {
        match protocol {
            Protocol::Http1 => self.http1,
            Protocol::Http2 => self.http2,
        }
    }
}

const STREAMS: Expect = NotHere("HTTP/1.1 has no streams");
const CHUNKS: Expect = NotHere("HTTP/2 has no chunks");
const HEADS: Expect = NotHere("the head of HTTP/2 is one frame, and half a frame is no head");

#[rustfmt::skip]
pub(crate) const TABLE: &[Row] = &[
    //  family, fault, how it is set up, over HTTP/1.1, over HTTP/2, cancelled
    row(Family::Names, "the lookup of the name fails", names::fails, Fails(NameResolution), Fails(NameResolution), Request),
    row(Family::Names, "the name has no address", names::finds_nothing, Fails(NameResolution), Fails(NameResolution), Request),
    row(Family::Names, "the lookup stalls", names::stalls, Fails(Timeout), Fails(Timeout), Request),
    row(Family::Names, "the first of two addresses refuses", names::first_address_refuses, Answered(200), Answered(200), Request),

    row(Family::Connecting, "the connection is refused", connecting::refused, Fails(Connection), Fails(Connection), Request),
    row(Family::Connecting, "the connect hangs", connecting::times_out, Fails(Timeout), Fails(Timeout), Request),

    row(Family::Handshakes, "the server does not speak TLS", handshakes::garbage, Fails(SecureConnection), Fails(SecureConnection), Request),
    row(Family::Handshakes, "the handshake stalls", handshakes::stalls, Fails(Timeout), Fails(Timeout), Request),
    row(Family::Handshakes, "the server closes in the handshake", handshakes::ends, Fails(Connection), Fails(Connection), Request),
    row(Family::Handshakes, "the server resets in the handshake", handshakes::is_reset, Fails(Connection), Fails(Connection), Request),
    row(Family::Handshakes, "the certificate is for another name", handshakes::wrong_name, Fails(SecureConnection), Fails(SecureConnection), Request),
    row(Family::Handshakes, "the certificate has expired", handshakes::expired, Fails(SecureConnection), Fails(SecureConnection), Request),
    row(Family::Handshakes, "the issuer of the certificate is unknown", handshakes::unknown_issuer, Fails(SecureConnection), Fails(SecureConnection), Request),

    row(Family::Disconnects, "closed before a byte", disconnects::before_a_byte, Fails(ResponseEnded), Fails(Connection), Request),
    row(Family::Disconnects, "reset before a byte", disconnects::reset_before_a_byte, Fails(Connection), Fails(Connection), Request),
    row(Family::Disconnects, "closed after the request was read", disconnects::after_the_request, Fails(ResponseEnded), Fails(Connection), Request),
    row(Family::Disconnects, "reset after the request was read", disconnects::reset_after_the_request, Fails(Connection), Fails(Connection), Request),
    row(Family::Disconnects, "half-closed before the head", disconnects::half_close_before_the_head, Fails(ResponseEnded), HEADS, Request),
    row(Family::Disconnects, "closed in the head", disconnects::half_a_head, Fails(ResponseEnded), HEADS, Request),
    row(Family::Disconnects, "closed in the body", disconnects::in_the_body, BodyFails(ResponseEnded), BodyFails(Connection), Body),
    row(Family::Disconnects, "reset in the body", disconnects::reset_in_the_body, BodyFails(Connection), BodyFails(Connection), Body),

    row(Family::Uploads, "nobody reads the upload", uploads::nobody_reads, Fails(Timeout), Fails(Timeout), Request),
    row(Family::Uploads, "the source of the upload fails", uploads::source_fails, Fails(RequestBody), Fails(RequestBody), Request),
    row(Family::Uploads, "the upload is shorter than announced", uploads::shorter_than_announced, Fails(RequestBody), Fails(ResponseEnded), Request),
    row(Family::Uploads, "a 401 comes during the upload", uploads::early_answer, Answered(401), Answered(401), Request),
    row(Family::Uploads, "silence after 100 Continue", uploads::silence_after_continue, Fails(Timeout), Fails(Timeout), Request),

    row(Family::Responses, "the head is late", responses::head_is_late, Fails(Timeout), Fails(Timeout), Request),
    row(Family::Responses, "the body is late", responses::body_is_late, BodyFails(Timeout), BodyFails(Timeout), Body),
    row(Family::Responses, "no byte of the head comes for too long", responses::head_stalls, Fails(Timeout), Fails(Timeout), Request),
    row(Family::Responses, "no byte of the body comes for too long", responses::body_stalls, BodyFails(Timeout), BodyFails(Timeout), Body),
    row(Family::Responses, "the head is not read in time", responses::head_is_not_read_in_time, Fails(Timeout), Fails(Timeout), Request),
    row(Family::Responses, "the body is not read in time", responses::body_is_not_read_in_time, BodyFails(Timeout), BodyFails(Timeout), Body),
    row(Family::Responses, "the response comes in single bytes", responses::in_single_bytes, Answered(200), Answered(200), Request),
    row(Family::Responses, "the response is not HTTP", responses::is_garbage, Fails(InvalidResponse), Fails(InvalidResponse), Request),
    row(Family::Responses, "the head is too large", responses::head_is_too_large, Fails(InvalidResponse), Fails(InvalidResponse), Request),
    row(Family::Responses, "the body is shorter than announced", responses::shorter_than_announced, BodyFails(ResponseEnded), BodyFails(InvalidResponse), Body),
    row(Family::Responses, "the body is longer than announced", responses::longer_than_announced, Answered(200), BodyFails(InvalidResponse), Body),
    row(Family::Responses, "a chunk is cut", responses::chunk_is_cut, BodyFails(ResponseEnded), CHUNKS, Body),
    row(Family::Responses, "a chunk is garbage", responses::chunk_is_garbage, BodyFails(InvalidResponse), CHUNKS, Body),
    row(Family::Responses, "there are too many redirects", responses::redirects_too_often, Fails(Redirect), Fails(Redirect), Request),

    row(Family::Reuse, "closed while idle", reuse::closed_while_idle, Answered(200), Answered(200), Request),
    row(Family::Reuse, "idle for too long", reuse::idle_for_too_long, Answered(200), Answered(200), Request),
    row(Family::Reuse, "closed while idle, and not seen yet", reuse::closed_unseen, Fails(ResponseEnded), Fails(Connection), Request),
    row(Family::Reuse, "closed as it is asked again", reuse::closed_as_it_is_asked, Fails(ResponseEnded), NotHere("see the rows of closed and reset connections"), Request),

    row(Family::Http2, "GOAWAY in order", http2::goes_away_in_order, STREAMS, Answered(200), Request),
    row(Family::Http2, "GOAWAY with an error", http2::goes_away_with_an_error, STREAMS, Fails(Connection), Request),
    row(Family::Http2, "REFUSED_STREAM once", http2::stream_refused_once, STREAMS, Answered(200), Request),
    row(Family::Http2, "REFUSED_STREAM twice", http2::stream_refused_twice, STREAMS, Answered(200), Request),
    row(Family::Http2, "REFUSED_STREAM three times", http2::stream_refused_thrice, STREAMS, Fails(ResponseEnded), Request),
    row(Family::Http2, "RST_STREAM with CANCEL", http2::stream_cancelled, STREAMS, Fails(ResponseEnded), Request),
    row(Family::Http2, "RST_STREAM with CANCEL in the body", http2::stream_cancelled_in_the_body, STREAMS, BodyFails(ResponseEnded), Body),
    row(Family::Http2, "all streams of the connection are taken", http2::streams_are_taken, STREAMS, Answered(200), Request),

    row(Family::Proxies, "the proxy refuses connections", proxies::refuses_connections, Fails(Connection), Fails(Connection), Request),
    row(Family::Proxies, "the proxy wants credentials", proxies::wants_credentials, Fails(Connection), Fails(Connection), Request),
    row(Family::Proxies, "the proxy cannot reach the server", proxies::cannot_reach_the_server, Fails(Connection), Fails(Connection), Request),
    row(Family::Proxies, "the proxy drops the connection", proxies::drops_the_connection, Fails(Connection), Fails(Connection), Request),
    row(Family::Proxies, "the proxy stalls", proxies::stalls, Fails(Timeout), Fails(Timeout), Request),
    row(Family::Proxies, "the proxy cuts the tunnel", proxies::cuts_the_tunnel, Fails(ResponseEnded), Fails(ResponseEnded), Request),

    row(Family::Sessions, "no slot of the host is free", sessions::waits_for_a_slot, Answered(200), Answered(200), Request),
    row(Family::Sessions, "no slot of the host is free for too long", sessions::waits_too_long, Fails(QueueTimeout), Fails(QueueTimeout), Request),
    row(Family::Sessions, "closed while it waits for a slot", sessions::closed_while_it_waits, Fails(SessionClosed), Fails(SessionClosed), Request),
    row(Family::Sessions, "closed while connecting", sessions::closed_during_connect, Fails(SessionClosed), Fails(SessionClosed), Request),
    row(Family::Sessions, "closed with a request in flight", sessions::closed_with_a_request, Fails(SessionClosed), Fails(SessionClosed), Request),
    row(Family::Sessions, "closed with a body in flight", sessions::closed_with_a_body, BodyFails(SessionClosed), BodyFails(SessionClosed), Body),
    row(Family::Sessions, "the caller drops the body", sessions::body_dropped_early, BodyDropped, BodyDropped, Never("it is what the row does")),
];

const fn row(
    family: Family,
    fault: &'static str,
    scene: fn(Column) -> Scene,
    http1: Expect,
    http2: Expect,
    cancelled: Cancel,
) -> Row {
    Row {
        family,
        fault,
        scene,
        http1,
        http2,
        cancelled,
    }
}

/// Faults of one place on the way of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    Names,
    Connecting,
    Handshakes,
    Disconnects,
    Uploads,
    Responses,
    Reuse,
    Http2,
    Proxies,
    Sessions,
}

impl Row {
    /// Why there is no such cell, when there is none.
    pub(crate) fn missing(&self, column: Column) -> Option<&'static str> {
        match (self.expect(column.protocol), column.caller, self.cancelled) {
            (NotHere(why), _, _) | (_, Caller::Cancels, Never(why)) => Some(why),
            _ => None,
        }
    }
}
