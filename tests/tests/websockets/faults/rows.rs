//! How peers fail.

use http_context::UpgradeEndReason::{self, Failed, Remote};
use http_context_tests::{Frame, Step, WebSocketPeer, opcode};

use super::awaited::{Awaited, Awaited as Is, Row};

pub(super) const MOST_OF_FRAME: usize = 32 << 10;
pub(super) const MOST_OF_MESSAGE: usize = 64 << 10;

const OPENS: &str =
    "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n";
const SECRET: &str = "https://user:pass@example.com/?sig=secret";

pub(super) fn all() -> Vec<Row> {
    let all = [handshakes(), cuts(), frames(), closes(), silences()];
    all.into_iter().flatten().collect()
}

fn row(name: &'static str, peer: WebSocketPeer, awaited: Awaited) -> Row {
    Row {
        name,
        peer,
        awaited,
    }
}

fn handshakes() -> Vec<Row> {
    let refused = |name, status| {
        row(
            name,
            WebSocketPeer::refuses(status, "", SECRET),
            Is::Refused(status),
        )
    };
    let answers = |head: &str| WebSocketPeer::answers(head);
    let mismatch = |name, lines: &str| {
        row(
            name,
            answers(&format!("{OPENS}{lines}\r\n")).stays(),
            Is::Mismatch,
        )
    };
    let endless = "HTTP/1.1 403 No\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n";
    let flood = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
    vec![
        refused("refused by 200", 200),
        refused("refused by 400", 400),
        refused("refused by 401", 401),
        refused("refused by 403", 403),
        refused("refused by 404", 404),
        refused("refused by 426", 426),
        refused("refused by 500", 500),
        refused("refused by 503", 503),
        row(
            "redirected to nowhere",
            WebSocketPeer::refuses(301, "location: /none\r\n", ""),
            Is::Refused(404),
        ),
        row(
            "refused with a body that stalls",
            answers(endless).stays(),
            Is::RefusedLate(403),
        ),
        row(
            "refused with a body without an end",
            answers(endless).then(Step::Repeat(usize::MAX, flood.into())),
            Is::RefusedLate(403),
        ),
        mismatch("no accept key", ""),
        mismatch(
            "a wrong accept key",
            "sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n",
        ),
        mismatch(
            "an extension that nobody asked for",
            "sec-websocket-accept: {accept}\r\nsec-websocket-extensions: x\r\n",
        ),
        mismatch(
            "a subprotocol that nobody asked for",
            "sec-websocket-accept: {accept}\r\nsec-websocket-protocol: x\r\n",
        ),
        row("no head", answers("").stays(), Is::HandshakeTimeout),
        row(
            "half a head",
            answers(&OPENS[..40]).stays(),
            Is::HandshakeTimeout,
        ),
        row("the end before a head", answers(""), Is::NoResponse),
        row("the end in a head", answers(&OPENS[..40]), Is::NoResponse),
        row(
            "a reset before a head",
            answers("").then(Step::Reset),
            Is::NoResponse,
        ),
        row(
            "a reset in a head",
            answers(&OPENS[..40]).then(Step::Reset),
            Is::NoResponse,
        ),
    ]
}

/// One that has heard its client's hello.
fn greeted() -> WebSocketPeer {
    WebSocketPeer::opens().then(Step::AwaitFrames(1))
}

const ENDED: &[UpgradeEndReason] = &[Remote];
const BROKEN: &[UpgradeEndReason] = &[Failed];
const EITHER: &[UpgradeEndReason] = &[Remote, Failed];

fn cuts() -> Vec<Row> {
    let half = || {
        let mut bytes = Frame::text("half a frame").bytes();
        bytes.truncate(7);
        greeted().then(Step::Send(bytes))
    };
    let with_head = |frame: &Frame| WebSocketPeer::opens().behind_the_head(frame.bytes());
    vec![
        row("the end without a Close", greeted(), Is::Lost(ENDED)),
        row(
            "the end without a word",
            greeted().then(Step::Cut),
            Is::Lost(EITHER),
        ),
        row("a reset", greeted().then(Step::Reset), Is::Lost(BROKEN)),
        row(
            "a reset at once",
            WebSocketPeer::opens().then(Step::Reset),
            Is::Lost(BROKEN),
        ),
        row("the end in a frame", half(), Is::Lost(ENDED)),
        row(
            "a reset in a frame",
            half().then(Step::Reset),
            Is::Lost(BROKEN),
        ),
        row("silence in a frame", half().stays(), Is::Silent),
        row(
            "the end in a message",
            greeted().sends(&Frame::text("a").begun()),
            Is::Lost(ENDED),
        ),
        row(
            "a Close with the head",
            with_head(&Frame::close(1000, "")).then(Step::AwaitClose),
            Is::Closed(1000),
        ),
        row(
            "its last word with the head",
            with_head(&Frame::text("over")).then(Step::Echo),
            Is::Answered,
        ),
    ]
}

fn frames() -> Vec<Row> {
    let broken = |name, frame: Frame| row(name, greeted().sends(&frame).stays(), Is::Broken);
    let broken_close =
        |name, frame: Frame| row(name, greeted().sends(&frame).stays(), Is::BrokenClose);
    let of = |opcode| Frame::new(opcode, "x");
    let long = Frame::new(opcode::BINARY, vec![0; MOST_OF_FRAME]);
    let mut endless = vec![0x82, 127];
    endless.extend((1_u64 << 62).to_be_bytes());
    let continued = Frame::new(opcode::CONTINUATION, vec![0; MOST_OF_FRAME]).begun();
    let begun = greeted().sends(&Frame::text("x").begun());
    vec![
        broken("a masked frame", Frame::text("x").masked()),
        broken("a reserved bit", Frame::text("x").reserved(4)),
        broken("an unknown data frame", of(3)),
        broken("an unknown control frame", of(11)),
        broken("a continuation of nothing", of(opcode::CONTINUATION)),
        broken("a ping in fragments", of(opcode::PING).begun()),
        broken(
            "a ping that is too long",
            Frame::new(opcode::PING, vec![0; 126]),
        ),
        broken_close(
            "a Close that is too long",
            Frame::close(1000, &"x".repeat(124)),
        ),
        broken_close("a Close of one byte", of(opcode::CLOSE)),
        broken("bad UTF-8", Frame::new(opcode::TEXT, vec![0xff, 0xfe])),
        broken_close(
            "bad UTF-8 in a Close",
            Frame::new(opcode::CLOSE, vec![3, 232, 0xff]),
        ),
        row(
            "a message in a message",
            begun.sends(&Frame::text("y")).stays(),
            Is::Broken,
        ),
        row(
            "a frame over the limit",
            greeted().then(Step::Send(endless)).stays(),
            Is::TooLong,
        ),
        row(
            "a message over the limit",
            greeted()
                .sends(&long.begun())
                .then(Step::Repeat(4, continued.bytes()))
                .stays(),
            Is::TooLong,
        ),
        row(
            "fragments without an end",
            greeted()
                .sends(&Frame::text("").begun())
                .then(Step::Repeat(usize::MAX, continued.bytes())),
            Is::TooLong,
        ),
        row(
            "a flood of pings",
            greeted()
                .then(Step::Repeat(5_000, Frame::new(opcode::PING, "?").bytes()))
                .sends(&Frame::close(1000, ""))
                .then(Step::AwaitClose),
            Is::Closed(1000),
        ),
    ]
}

fn closes() -> Vec<Row> {
    let closes = |name, code: u16| {
        let frame = Frame::close(code, "why");
        row(
            name,
            greeted().sends(&frame).then(Step::AwaitClose),
            Is::Closed(code),
        )
    };
    let over = || greeted().sends(&Frame::text("over")).then(Step::Pong);
    let codeless = Frame::new(opcode::CLOSE, "");
    vec![
        closes("a Close of 1000", 1000),
        closes("a Close of 1001", 1001),
        closes("a Close of 1011", 1011),
        closes("a Close of 4000", 4000),
        row(
            "a Close without a code",
            greeted().sends(&codeless).then(Step::AwaitClose),
            Is::Closed(1005),
        ),
        // It is answered with 1002.
        row(
            "a Close of 999",
            greeted().sends(&Frame::close(999, "")).stays(),
            Is::Closed(1002),
        ),
        row(
            "a Close of 1005",
            greeted().sends(&Frame::close(1005, "")).stays(),
            Is::Closed(1002),
        ),
        row(
            "a Close, and more after it",
            greeted()
                .sends(&Frame::close(1000, ""))
                .then(Step::Repeat(100, Frame::text("x").bytes())),
            Is::Closed(1000),
        ),
        row(
            "a Close, and a reset",
            greeted().sends(&Frame::close(1000, "")).then(Step::Reset),
            Is::ClosedOrLost(1000),
        ),
        row("no answer to a Close", over().stays(), Is::CloseTimeout),
        row("the end for an answer to a Close", over(), Is::Answered),
        row(
            "a reset for an answer to a Close",
            over().then(Step::Reset),
            Is::Answered,
        ),
        row(
            "an answer to a Close after much else",
            over()
                .then(Step::Repeat(
                    200,
                    Frame::new(opcode::BINARY, vec![0; 1_000]).bytes(),
                ))
                .sends(&Frame::close(1000, "")),
            Is::Answered,
        ),
        row(
            "no answer to a Close, and much else",
            over().then(Step::Repeat(
                usize::MAX,
                Frame::new(opcode::BINARY, vec![0; 1_000]).bytes(),
            )),
            Is::CloseTimeout,
        ),
    ]
}

fn silences() -> Vec<Row> {
    vec![
        row("no pong", greeted().stays(), Is::Silent),
        row(
            "no pong, and all else",
            WebSocketPeer::opens().then(Step::EchoWithoutPongs).stays(),
            Is::Silent,
        ),
        row(
            "nothing is read",
            WebSocketPeer::opens().reads_nothing().then(Step::AwaitGate),
            Is::Silent,
        ),
        row(
            "a flood of pings, and nothing is read",
            WebSocketPeer::opens()
                .reads_nothing()
                .then(Step::Repeat(5_000, Frame::new(opcode::PING, "?").bytes()))
                .then(Step::AwaitGate),
            Is::Silent,
        ),
    ]
}
