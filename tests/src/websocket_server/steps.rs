//! The steps that a server takes on one connection.

use std::io;

use tokio::io::{AsyncWriteExt as _, WriteHalf};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::frame::{Frame, opcode};
use super::peer::Step;
use super::serve::{Connection, End, Io, Sent};

/// Where a connection is in the steps of its peer.
pub(super) struct Steps<'c, S> {
    pub(super) connection: &'c Connection,
    pub(super) writer: &'c mut WriteHalf<S>,
    pub(super) sent: Sent,
    pub(super) frames: mpsc::UnboundedReceiver<Frame>,
    /// The Close frame that came.
    pub(super) close: Option<Frame>,
}

impl<S: Io> Steps<'_, S> {
    pub(super) async fn all(&mut self, steps: &[Step]) -> io::Result<End> {
        for step in steps {
            match step {
                Step::Send(bytes) => self.send(bytes).await?,
                Step::SendBytewise(bytes) => {
                    for byte in bytes {
                        self.send(&[*byte]).await?;
                        // So that they come one by one.
                        tokio::task::yield_now().await;
                    }
                }
                Step::Repeat(times, bytes) => {
                    for _ in 0..*times {
                        self.send(bytes).await?;
                    }
                }
                Step::Echo => self.echo(true, None).await?,
                Step::EchoWithoutPongs => self.echo(false, None).await?,
                Step::EchoUntil(end) => {
                    self.echo(true, Some(end.as_slice())).await?;
                    if self.close.is_some() {
                        return Ok(End::Shutdown);
                    }
                }
                Step::Pong => {
                    while self.close.is_none() {
                        let mut frame = self.next().await;
                        if frame.opcode == opcode::PING {
                            (frame.opcode, frame.is_masked) = (opcode::PONG, false);
                            self.send(&frame.bytes()).await?;
                        }
                    }
                }
                Step::AwaitFrames(frames) => {
                    for _ in 0..*frames {
                        self.next().await;
                    }
                }
                Step::AwaitClose => {
                    while self.close.is_none() {
                        self.next().await;
                    }
                }
                Step::AwaitEnd => loop {
                    self.next().await;
                },
                Step::AwaitGate => self.connection.shared.gate.pass().await,
                Step::Wait(time) => wait(*time).await,
                Step::Shutdown => self.writer.shutdown().await?,
                Step::Reset => return Ok(End::Reset),
                Step::Cut => return Ok(End::Cut),
            }
        }
        Ok(End::Shutdown)
    }

    /// The next frame; never, once the client is gone.
    async fn next(&mut self) -> Frame {
        let Some(frame) = self.frames.recv().await else {
            return std::future::pending().await;
        };
        if frame.opcode == opcode::CLOSE {
            self.close.get_or_insert(frame.clone());
        }
        frame
    }

    async fn echo(&mut self, answers_pings: bool, end: Option<&[u8]>) -> io::Result<()> {
        while self.close.is_none() {
            let mut frame = self.next().await;
            if end.is_some_and(|end| frame.payload == end) {
                return Ok(());
            }
            frame.is_masked = false;
            match frame.opcode {
                opcode::PING if !answers_pings => continue,
                opcode::PING => frame.opcode = opcode::PONG,
                opcode::PONG => continue,
                _ => {}
            }
            self.send(&frame.bytes()).await?;
        }
        Ok(())
    }

    async fn send(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let written = self.writer.write(bytes).await?;
            self.writer.flush().await?;
            let (now, later) = bytes.split_at(written);
            bytes = later;
            self.connection.count_sent(&mut self.sent, now);
        }
        self.connection
            .note(|seen| seen.answered_at = Some(Instant::now()));
        Ok(())
    }
}

#[expect(clippy::disallowed_methods, reason = "it is what the peer is slow by")]
async fn wait(time: std::time::Duration) {
    tokio::time::sleep(time).await;
}
