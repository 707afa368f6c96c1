//! What spans ask of a collector, and how many a worker can hand over before it loses some.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use http_context::http_session;
use http_context_worker::{JobError, JobQueue, JobResult, Plan, QueueAddress, Telemetry, Worker};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::children::{Foreign, Own};
use crate::kernel::usage;
use crate::loads::until;
use crate::role::runtime;
use crate::servers::free_port;

/// Workers, and jobs of one request a second of each, past what one of them can do.
const LOADS: [(usize, u64); 7] = [
    (1, 100),
    (1, 1_000),
    (1, 4_000),
    (1, 8_000),
    (1, 16_000),
    (4, 1_000),
    (10, 100),
];
const SECONDS: u64 = 10;
/// A context and a request.
const SPANS_OF_A_JOB: u64 = 2;
const FLUSHED_WITHIN: Duration = Duration::from_secs(20);

#[derive(Serialize, Deserialize)]
struct Job {
    url: String,
}

async fn ask(job: Job) -> Result<(), JobError> {
    let session = http_session().map_err(JobError::failed)?;
    let response = session
        .get(&job.url)
        .send()
        .await
        .map_err(JobError::failed)?;
    response.bytes().await.map_err(JobError::failed)?;
    Ok(())
}

/// A worker that exports its spans, queues jobs at this rate, and says how many it did, in how many
/// microseconds, and what became of its spans.
pub(crate) fn main(jobs: u64, rate: u64) {
    runtime().block_on(async {
        let telemetry = Telemetry::install("scale").unwrap();
        let server = http_context_tests::Server::start();
        let url = server.url("/ok");
        let queue = JobQueue::open(&QueueAddress::Embedded(None)).await.unwrap();
        let (done, mut is_done) = tokio::sync::mpsc::channel(64);
        let plan = Plan::on(&queue).pool(64).concurrency(64).results_to(
            "counted",
            move |results: Vec<JobResult>| {
                let done = done.clone();
                async move { done.send(results.len()).await }
            },
        );
        let (end, ended) = tokio::sync::oneshot::channel::<()>();
        let ran = tokio::spawn(async move {
            let ended = async { ended.await.unwrap_or(()) };
            Worker::new("scale", ask).run(plan, ended).await
        });
        let began = Instant::now();
        let mut tick = interval(Duration::from_millis(10));
        tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let (at_once, job) = (usize::try_from(rate / 100).unwrap(), Job { url });
        let ids: Vec<String> = (0..jobs).map(|number| format!("job-{number}")).collect();
        let queued = async {
            for some in ids.chunks(at_once) {
                tick.tick().await;
                let some = some.iter().map(|id| (id.as_str(), &job));
                assert!(queue.enqueue_all(some).await.unwrap().is_empty());
            }
        };
        let counted = async {
            let mut left = jobs;
            while left > 0 {
                left -= is_done.recv().await.unwrap() as u64;
            }
        };
        tokio::join!(queued, counted);
        let taken = began.elapsed();
        let _ = end.send(());
        ran.await.unwrap().unwrap();
        let lost = telemetry.flush(FLUSHED_WITHIN).await;
        println!("{}", taken.as_micros());
        println!("{}", lost.unwrap_or_else(|| "none".to_owned()));
    });
}

/// What the collector has been sent: it says so in a line for each batch, and bytes are counted on the way.
struct Collector {
    server: Foreign,
    port: u16,
    lines: mpsc::Receiver<u64>,
    bytes: Arc<AtomicU64>,
    _folder: tempfile::TempDir,
}

impl Collector {
    fn start(runtime: &tokio::runtime::Runtime) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (grpc, http) = (free_port(), free_port());
        let mut server: Child = Command::new("rotel-agent")
            .args(["start", "--exporter", "blackhole", "--debug-log", "traces"])
            .args(["--otlp-grpc-endpoint", &format!("127.0.0.1:{grpc}")])
            .args(["--otlp-http-endpoint", &format!("127.0.0.1:{http}")])
            .arg("--pid-file")
            .arg(folder.path().join("pid"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("rotel-agent is on the search path");
        let stdout = server.stdout.take().unwrap();
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                // `… Received traces. … spans=512`, in colours.
                let digits = line.bytes().rev().take_while(u8::is_ascii_digit).count();
                let spans = line[line.len() - digits..].parse();
                let spans = spans.ok().filter(|_| line.contains("Received traces"));
                if let Some(spans) = spans {
                    let _ = sender.send(spans);
                }
            }
        });
        until(|| std::net::TcpStream::connect(("127.0.0.1", grpc)).is_ok());
        let bytes = Arc::new(AtomicU64::new(0));
        let port = runtime.block_on(relay(grpc, Arc::clone(&bytes)));
        Self {
            server: Foreign(server),
            port,
            lines,
            bytes,
            _folder: folder,
        }
    }
}

/// Passes connections on to a port, and counts the bytes on their way there.
async fn relay(to: u16, bytes: Arc<AtomicU64>) -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let bytes = Arc::clone(&bytes);
            tokio::spawn(async move {
                let server = TcpStream::connect(("127.0.0.1", to)).await.unwrap();
                let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
                    (client.into_split(), server.into_split());
                let back = tokio::io::copy(&mut from_server, &mut to_client);
                let there = async {
                    let mut buffer = vec![0; 64 * 1024];
                    while let Ok(read @ 1..) = from_client.read(&mut buffer).await {
                        bytes.fetch_add(read as u64, Ordering::Relaxed);
                        to_server.write_all(&buffer[..read]).await?;
                    }
                    to_server.shutdown().await
                };
                let _ = tokio::join!(back, there);
            });
        }
    });
    port
}

/// Its part of the document.
pub(crate) fn table() -> String {
    let mut text = format!(
        "## Spans\n\nJobs of one request with a span for the context and one for the request, all sampled, over gRPC to \
         a `rotel-agent` that keeps nothing, for {SECONDS} s; the exporter as it comes (a queue of 2,048 spans, batches of \
         512, one after the other). Taken are the spans that the collector says it had; the processor is that of the \
         collector, without a relay before it that counts the bytes.\n\n\
         | workers | jobs a second of each, asked for | done | spans | taken | of each span: bytes | processor, µs |\n\
         |---:|---:|---:|---:|---:|---:|---:|\n"
    );
    let runtime = runtime();
    for (workers, rate) in LOADS {
        let collector = Collector::start(&runtime);
        let endpoint = format!("http://127.0.0.1:{}", collector.port);
        let variables = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_METRICS_EXPORTER", "none"),
        ];
        let before = usage(collector.server.0.id()).cpu;
        let jobs = rate * SECONDS;
        let mut fleet: Vec<Own> = (0..workers)
            .map(|_| Own::start(&["spans", &jobs.to_string(), &rate.to_string()], &variables))
            .collect();
        let ended = fleet.iter_mut().map(|worker| {
            let micros: f64 = worker.line().parse().unwrap();
            eprintln!("{workers} of {rate}: lost {}", worker.line());
            jobs as f64 * 1e6 / micros
        });
        let done = ended.sum::<f64>() / workers as f64;
        drop(fleet);
        let cpu = usage(collector.server.0.id()).cpu - before;
        let bytes = collector.bytes.load(Ordering::Relaxed);
        let mut taken = 0;
        while let Ok(spans) = collector.lines.recv_timeout(Duration::from_secs(1)) {
            taken += spans;
        }
        let spans = jobs * SPANS_OF_A_JOB * workers as u64;
        let _ = writeln!(
            text,
            "| {workers} | {rate} | {done:.0} | {spans} | {taken} | {:.0} | {:.1} |",
            bytes as f64 / taken as f64,
            cpu * 1e6 / taken as f64,
        );
    }
    text
}
