//! What a [`WebSocketServer`](super::WebSocketServer) does with a connection.

use std::time::Duration;

use super::frame::Frame;

/// The head of an answer that opens a WebSocket. `{accept}` stands for what answers the key.
const OPENS: &str = "HTTP/1.1 101 Switching Protocols\r\n\
    upgrade: websocket\r\n\
    connection: Upgrade\r\n\
    sec-websocket-accept: {accept}\r\n\r\n";

/// What a server does with one connection: the head that it answers with, and the steps that it takes
/// afterwards. After the last of them it closes the connection.
///
/// It reads all the while, and answers nothing of what it reads but in [`Step::Echo`].
#[derive(Clone, Debug)]
pub struct WebSocketPeer {
    pub(super) head: String,
    /// What is sent with the head at once.
    pub(super) behind: Vec<u8>,
    pub(super) steps: Vec<Step>,
    /// Whether it reads what comes after the head before the gate is open.
    pub(super) reads: bool,
}

/// Something that a server does.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Step {
    /// Sends these bytes.
    Send(Vec<u8>),
    /// Sends them one by one.
    SendBytewise(Vec<u8>),
    /// Sends them so many times, as fast as they are taken.
    Repeat(usize, Vec<u8>),
    /// Sends what comes back, answers pings, and answers a Close frame with its own code, which is the
    /// end of this step.
    Echo,
    /// The same, and answers no ping.
    EchoWithoutPongs,
    /// As [`Echo`](Self::Echo), until a message comes that is these bytes, which is not sent back. A Close
    /// frame is the end of all steps.
    EchoUntil(Vec<u8>),
    /// Answers pings until a Close frame comes, which it leaves unanswered.
    Pong,
    /// Waits for so many frames beyond those that the steps before this one have waited for.
    AwaitFrames(usize),
    /// Waits for a Close frame.
    AwaitClose,
    /// Waits until the client has closed the connection.
    AwaitEnd,
    /// Waits until the [gate](super::WebSocketServer::gate) is open.
    AwaitGate,
    /// Waits for so long, for what is slow on purpose.
    Wait(Duration),
    /// Sends a FIN, or with TLS its end, and reads on.
    Shutdown,
    /// Resets the connection.
    Reset,
    /// Closes the connection; with TLS without a word.
    Cut,
}

impl WebSocketPeer {
    /// Opens a WebSocket.
    pub fn opens() -> Self {
        Self::answers(OPENS)
    }

    /// Opens one with these header lines in its answer, each with its end.
    pub fn opens_with(headers: &str) -> Self {
        Self::answers(OPENS.replace("\r\n\r\n", &format!("\r\n{headers}\r\n")))
    }

    /// Answers with a head of its own, or with what is none. `{accept}` stands for what answers the key.
    pub fn answers(head: impl Into<String>) -> Self {
        Self {
            head: head.into(),
            behind: Vec::new(),
            steps: Vec::new(),
            reads: true,
        }
    }

    /// Answers with a status and a body, and closes the connection.
    pub fn refuses(status: u16, headers: &str, body: &str) -> Self {
        let length = body.len();
        Self::answers(format!(
            "HTTP/1.1 {status} No\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
        ))
    }

    /// Opens a WebSocket and sends back what comes.
    pub fn echoes() -> Self {
        Self::opens().then(Step::Echo)
    }

    /// Sends these bytes together with the head.
    #[must_use]
    pub fn behind_the_head(mut self, bytes: Vec<u8>) -> Self {
        self.behind = bytes;
        self
    }

    /// Goes on with this step.
    #[must_use]
    pub fn then(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    /// Goes on by sending this frame.
    #[must_use]
    pub fn sends(self, frame: &Frame) -> Self {
        self.then(Step::Send(frame.bytes()))
    }

    /// Waits for the end of the connection, whatever comes.
    #[must_use]
    pub fn stays(self) -> Self {
        self.then(Step::AwaitEnd)
    }

    /// Reads nothing after the head before the gate is open.
    #[must_use]
    pub fn reads_nothing(mut self) -> Self {
        self.reads = false;
        self
    }
}
