//! Messages over 64 WebSockets at once, beside those of `tokio-tungstenite` alone, and what ten
//! thousand idle ones take in memory.
//!
//! `cargo run --release -p http-context-benches --bin websockets` writes `benches/docs/websockets.md`.

#![allow(
    clippy::print_stdout,
    reason = "a program that prints what it has measured"
)]

use std::env;
use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use http_context::{HttpSession, builder, http_session};
use http_context_benches::echo_server;
use http_context_benches::websocket::{Echo, MESSAGE, alone, reqwest};
use peak_alloc::PeakAlloc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

const SOCKETS: usize = 64;
const MESSAGES: usize = 1_500;
const ROUNDS: usize = 25;
const IDLE: usize = 10_000;

fn main() -> Result<(), BoxError> {
    if env::args().nth(1).as_deref() == Some("serve") {
        println!("{}", echo_server());
        std::io::stdin().read_to_end(&mut Vec::new())?;
        return Ok(());
    }
    let server = Server::start()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let context = builder()
        .max_connections_per_host(2 * IDLE)
        .configure(::reqwest::ClientBuilder::no_proxy);
    let work = context.open(async {
        let session = http_session()?;
        let throughput = throughput(&server.url, &session).await?;
        let memory = memory(&server.url, &session).await?;
        Ok::<_, BoxError>((throughput, memory))
    });
    let (throughput, memory) = runtime.block_on(work)?;
    let text = format!(
        "# WebSockets\n\nWritten by `cargo run --release -p http-context-benches --bin websockets`. \
         The client runs on one thread, the server in a process of its own; sockets of either kind \
         have a read buffer of 8 KiB.\n\n{throughput}\n{memory}"
    );
    println!("{text}");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    std::fs::write(folder.join("websockets.md"), &text)?;
    Ok(())
}

/// Messages a second, in rounds that take turns.
async fn throughput(url: &str, session: &HttpSession) -> Result<String, BoxError> {
    let (mut raw, mut of_reqwest, mut ours) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..SOCKETS {
        raw.push(alone(url).await);
        of_reqwest.push(reqwest(url).await);
        ours.push(session.websocket(url).connect().await?);
    }
    let mut rounds: [Vec<f64>; 3] = Default::default();
    // The first is to warm up.
    for round in 0..=ROUNDS {
        let rates = [
            echo_all(&mut raw).await?,
            echo_all(&mut of_reqwest).await?,
            echo_all(&mut ours).await?,
        ];
        if round > 0 {
            for (rounds, rate) in rounds.iter_mut().zip(rates) {
                rounds.push(rate);
            }
        }
    }
    let [raw, of_reqwest, ours] = rounds;
    let ratio = |to: &[f64]| {
        let ratios = ours.iter().zip(to).map(|(ours, other)| ours / other);
        median(ratios.collect())
    };
    let (to_raw, to_reqwest) = (ratio(&raw), ratio(&of_reqwest));
    Ok(format!(
        "Messages of {} bytes echoed a second over {SOCKETS} sockets at once, medians of {ROUNDS} \
         rounds that take turns; the ratio is the median of those of each round.\n\n\
         | | messages a second | of a session, to that |\n|---|---:|---:|\n\
         | `tokio-tungstenite` on a `TcpStream` | {:.0} | {to_raw:.3} |\n\
         | `tokio-tungstenite` on an upgraded `reqwest` connection | {:.0} | {to_reqwest:.3} |\n\
         | of a session | {:.0} | |\n",
        MESSAGE.len(),
        median(raw),
        median(of_reqwest),
        median(ours),
    ))
}

/// Echoes messages over all of them at once; how many a second that were.
async fn echo_all<S: Echo>(sockets: &mut Vec<S>) -> Result<f64, BoxError> {
    let mut tasks = JoinSet::new();
    let start = Instant::now();
    for mut socket in sockets.drain(..) {
        tasks.spawn(async move {
            for _ in 0..MESSAGES {
                let echoed = socket.echo(Message::binary(&MESSAGE[..])).await;
                assert_eq!(echoed.len(), MESSAGE.len());
            }
            socket
        });
    }
    while let Some(socket) = tasks.join_next().await {
        sockets.push(socket?);
    }
    #[allow(clippy::cast_precision_loss, reason = "counts are small")]
    let messages = (SOCKETS * MESSAGES) as f64;
    Ok(messages / start.elapsed().as_secs_f64())
}

async fn memory(url: &str, session: &HttpSession) -> Result<String, BoxError> {
    let mut raw = Vec::with_capacity(IDLE);
    let of_raw = bytes_for_each(async {
        for _ in 0..IDLE {
            raw.push(used(alone(url).await).await);
        }
        Ok(())
    })
    .await?;
    drop(raw);
    let mut plain = Vec::with_capacity(IDLE);
    let of_plain = bytes_for_each(async {
        for _ in 0..IDLE {
            plain.push(used(session.websocket(url).connect().await?).await);
        }
        Ok(())
    })
    .await?;
    drop(plain);
    let mut ours = Vec::with_capacity(IDLE);
    let with_heartbeat = bytes_for_each(async {
        let heartbeat = Duration::from_secs(2);
        for _ in 0..IDLE {
            ours.push(
                session
                    .websocket(url)
                    .heartbeat(heartbeat)
                    .connect()
                    .await?,
            );
        }
        Ok(())
    })
    .await?;
    // Some heartbeats, which nobody reads the pongs of.
    let cpu = http_context_benches::cpu::thread_time();
    let beats = Duration::from_secs(10);
    tokio::time::sleep(beats).await;
    let busy = http_context_benches::cpu::micros_since(cpu) / beats.as_secs_f64() / 1e4;
    for socket in &mut ours {
        socket.send(Message::text("")).await?;
    }
    Ok(format!(
        "Heap of the client for each of {IDLE} idle sockets that have echoed a message, by the allocator:\n\n\
         | | bytes |\n|---|---:|\n\
         | `tokio-tungstenite` on a `TcpStream` | {of_raw} |\n\
         | of a session | {of_plain} |\n\
         | of a session, with a heartbeat | {with_heartbeat} |\n\n\
         With a heartbeat each 2 s, {IDLE} of them keep a core busy for {busy:.1} % of its time, and \
         none of them ends.\n"
    ))
}

/// One that has echoed a message: what is kept for the handshake alone is gone.
async fn used<S: Echo>(mut socket: S) -> S {
    socket.echo(Message::text("")).await;
    socket
}

async fn bytes_for_each(
    open: impl Future<Output = Result<(), BoxError>>,
) -> Result<usize, BoxError> {
    let before = HEAP.current_usage();
    open.await?;
    Ok(HEAP.current_usage().saturating_sub(before) / IDLE)
}

fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of[of.len() / 2]
}

/// This program as the server.
struct Server {
    child: Child,
    url: String,
}

impl Server {
    fn start() -> Result<Self, BoxError> {
        let mut child = Command::new(env::current_exe()?)
            .arg("serve")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take().ok_or("its output is piped")?;
        let mut url = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut url)?;
        let url = url.trim().to_owned();
        Ok(Self { child, url })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
