//! The processes that work, and the one that answers their requests.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;

use super::bare;
use super::counter::{Counted, read_reports};
use super::queue::{Kind, Queue, fill};
use super::role::runtime;
use super::servers::address;

/// What does the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    Worker,
    /// The engine alone, which acknowledges what is done.
    Bare,
    /// The engine alone, which hands jobs out and forgets them.
    BareForgets,
}

impl Engine {
    /// How this program is started for it.
    fn role(self) -> &'static str {
        match self {
            Self::Worker => "worker",
            Self::Bare | Self::BareForgets => "bare",
        }
    }
}

/// Jobs a second, of so many processes.
pub(crate) fn jobs_a_second(
    kind: Kind,
    engine: Engine,
    processes: usize,
    jobs: u64,
    url: &str,
) -> f64 {
    let queue = Queue::start(kind);
    let shares = jobs / processes as u64;
    let own = if queue.is_shared() {
        fill_shared(&queue, engine, jobs, url);
        0
    } else {
        shares
    };
    let (sender, reports) = mpsc::channel();
    let mut children: Vec<Child> = (0..processes)
        .map(|process| start(&queue, engine, process, own, url))
        .collect();
    for (process, child) in children.iter_mut().enumerate() {
        let (stdout, sender) = (child.stdout.take().unwrap(), sender.clone());
        std::thread::spawn(move || {
            read_reports(stdout, |counted| {
                let _ = sender.send((process, counted));
            });
        });
    }
    drop(sender);
    let mut latest = vec![Counted::default(); processes];
    while latest.iter().map(|counted| counted.jobs).sum::<u64>() < shares * processes as u64 {
        let (process, counted) = reports.recv().expect("a process ended before its work did");
        latest[process] = counted;
    }
    for mut child in children {
        drop(child.stdin.take());
        let _ = child.wait();
    }
    let first = latest.iter().filter(|counted| counted.jobs > 0);
    let first = first.map(|counted| counted.first).min().unwrap_or_default();
    let last = latest.iter().map(|counted| counted.last).max();
    let micros = last.unwrap_or_default().saturating_sub(first).max(1);
    #[expect(clippy::cast_precision_loss, reason = "counts are small")]
    let rate = jobs as f64 * 1e6 / micros as f64;
    rate
}

fn fill_shared(queue: &Queue, engine: Engine, jobs: u64, url: &str) {
    let name = queue.name(0);
    match engine {
        Engine::Worker => runtime().block_on(async {
            let queue = http_context_worker::JobQueue::open(&address(&name)).await;
            fill(&queue.unwrap(), jobs, url).await;
        }),
        Engine::Bare | Engine::BareForgets => {
            let jobs = jobs.to_string();
            let filled = this(&["bare", &name, &jobs, bare::FILL]).status().unwrap();
            assert!(filled.success());
        }
    }
}

fn start(queue: &Queue, engine: Engine, process: usize, jobs: u64, url: &str) -> Child {
    this(&[engine.role(), &queue.name(process), &jobs.to_string(), url])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// This program, in another role.
pub(crate) fn this(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(arguments);
    command
}

/// A server that answers, in a process of its own.
pub(crate) struct Server(Child, String);

impl Server {
    pub(crate) fn start() -> Self {
        let mut child = this(&["serve"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut url = String::new();
        let stdout = child.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut url).unwrap();
        Self(child, url.trim().to_owned())
    }

    pub(crate) fn url(&self) -> &str {
        &self.1
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// Answers until standard input ends.
pub(crate) fn serve() {
    let server = http_context_tests::Server::start();
    println!("{}", server.url("/ok"));
    std::io::stdout().flush().unwrap();
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}
