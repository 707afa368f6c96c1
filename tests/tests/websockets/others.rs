//! Servers made with the libraries of others.

use std::io::{BufRead as _, BufReader, Lines};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use http_context::spawn;
use http_context::websocket::{CloseCode, Message};

use crate::support::{clean, context, echo, in_time, open};

const WEBSOCKETS: &str = r#"
import asyncio
from websockets.asyncio.server import serve

async def echo(socket):
    async for message in socket:
        await socket.send(message)
    print(socket.close_code, flush=True)

async def main():
    async with serve(echo, "127.0.0.1", 0, max_size=None) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.get_running_loop().create_future()

asyncio.run(main())
"#;

const AIOHTTP: &str = r#"
import asyncio
from aiohttp import web, WSMsgType

async def echo(request):
    socket = web.WebSocketResponse(max_msg_size=0)
    await socket.prepare(request)
    async for message in socket:
        if message.type == WSMsgType.TEXT:
            await socket.send_str(message.data)
        elif message.type == WSMsgType.BINARY:
            await socket.send_bytes(message.data)
    print(socket.close_code, flush=True)
    return socket

async def main():
    app = web.Application()
    app.add_routes([web.get("/", echo)])
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.get_running_loop().create_future()

asyncio.run(main())
"#;

/// A server in Python, which says first where it listens, and then with which code each of its
/// WebSockets has closed.
struct Python {
    process: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Python {
    fn start(script: &str) -> Self {
        let mut process = Command::new(python())
            .args(["-c", script])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, lines }
    }

    fn line(&mut self) -> String {
        self.lines.next().expect("it goes on").unwrap()
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The first on the search path that has the libraries.
fn python() -> std::path::PathBuf {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let has_both = |python: &std::path::PathBuf| {
        let mut ask = Command::new(python);
        ask.args(["-c", "import aiohttp, websockets.asyncio.server"]);
        ask.stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    };
    std::env::split_paths(&folders)
        .map(|folder| folder.join("python3"))
        .find(has_both)
        .expect("`cargo xtask test` installs the libraries")
}

#[tokio::test]
#[cfg_attr(
    not(feature = "external-tools"),
    ignore = "needs aiohttp and websockets: run `cargo xtask test`"
)]
async fn servers_of_others_get_what_is_sent_and_how_it_ends() {
    for script in [WEBSOCKETS, AIOHTTP] {
        let mut server = Python::start(script);
        let url = format!("ws://127.0.0.1:{}/", server.line());
        let long = Duration::from_secs(15);
        let work = clean(context().drain_timeout(long), async {
            let mut socket = open(&url).await;
            for length in [0, 1, 200, 70_000, 1 << 20] {
                echo(&mut socket, Message::text("ä".repeat(length / 2))).await;
                echo(&mut socket, Message::binary(vec![0xfe; length])).await;
            }
            socket.send(Message::Ping("mine".into())).await.unwrap();
            let pong = socket.next().await.unwrap().unwrap();
            assert_eq!(pong, Message::Pong("mine".into()));
            socket.close(CloseCode::Normal, "bye").await.unwrap();
            assert_eq!(server.line(), "1000");
            // The next is closed by the exit.
            let mut socket = open(&url).await;
            echo(&mut socket, Message::text("hello")).await;
            spawn(async move { while socket.next().await.is_some() {} });
        });
        let ((), report) = in_time(work).await;
        assert!(report.exit_duration < long / 3, "{report}");
        assert_eq!(server.line(), "1001");
    }
}
