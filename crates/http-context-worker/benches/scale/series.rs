//! How many series a worker exports, by the hosts that it asks and the kinds of its jobs, as a Prometheus that
//! scrapes it counts them.

use std::fmt::Write as _;
use std::net::Ipv4Addr;

use axum::Router;
use http_context::http_session;
use http_context_worker::{
    Admin, Enqueued, JobError, JobQueue, Kind, Plan, QueueAddress, Telemetry, Worker,
};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

use crate::children::Own;
use crate::prometheus::Prometheus;
use crate::role::{asked_to_end, runtime};

/// Hosts and kinds of jobs. The last two are past the cap on hosts.
const WORKERS: [(usize, usize); 8] = [
    (0, 1),
    (1, 1),
    (10, 1),
    (10, 5),
    (100, 1),
    (200, 1),
    (300, 1),
    (1_000, 1),
];

/// One request to each of so many hosts.
#[derive(Serialize, Deserialize)]
struct Job {
    port: u16,
    hosts: usize,
}

async fn ask(job: Job) -> Result<(), JobError> {
    let session = http_session().map_err(JobError::failed)?;
    for number in 0..job.hosts {
        let url = format!("http://{}:{}/", host(number), job.port);
        let response = session.get(url).send().await.map_err(JobError::failed)?;
        response.bytes().await.map_err(JobError::failed)?;
    }
    Ok(())
}

/// One of the loopback addresses, of which there are 16 million.
pub(crate) fn host(number: usize) -> Ipv4Addr {
    let first = u32::from(Ipv4Addr::LOCALHOST);
    Ipv4Addr::from(first + u32::try_from(number).unwrap())
}

/// A worker that has asked so many hosts, in jobs of so many kinds. It says the port at which it is scraped, by
/// any loopback address, once it has.
pub(crate) fn start(hosts: usize, kinds: usize) -> (Own, u16) {
    let mut worker = Own::start(&["exposition", &hosts.to_string(), &kinds.to_string()], &[]);
    let port = worker.line().parse().unwrap();
    (worker, port)
}

pub(crate) fn main(hosts: usize, kinds: usize) {
    runtime().block_on(async {
        let telemetry = Telemetry::install("scale").unwrap();
        let admin = Admin::new("scale", telemetry.metrics());
        let port = serve(Router::new().fallback(async || "ok")).await;
        let exposition = serve(Router::new().fallback_service(admin.service().any_host())).await;

        let mut worker = Worker::builder("scale");
        for kind in 0..kinds {
            worker = worker.kind(Kind::new(ask).named(format!("kind-{kind}")));
        }
        let queue = JobQueue::open(&QueueAddress::Embedded(None)).await.unwrap();
        let (done, mut is_done) = tokio::sync::mpsc::channel(kinds.max(1));
        let plan = Plan::on(&queue)
            .admin(&admin)
            .results_to("counted", move |results| {
                let done = done.clone();
                async move { done.send(results.len()).await }
            });
        let ran = tokio::spawn(async move { worker.build().run(plan, asked_to_end()).await });
        for kind in 0..kinds {
            let queue = queue.kind(format!("kind-{kind}"));
            let job = Job { port, hosts };
            let queued = queue.enqueue(&format!("job-{kind}"), &job).await;
            assert_eq!(queued.unwrap(), Enqueued::Queued);
        }
        let mut left = kinds;
        while left > 0 {
            left -= is_done.recv().await.unwrap();
        }
        telemetry.settled().await;
        println!("{exposition}");
        ran.await.unwrap().unwrap();
    });
}

/// Serves at every address, until the runtime ends.
async fn serve(router: Router) -> u16 {
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move { axum::serve(listener, router).await });
    port
}

/// Its part of the document.
pub(crate) fn table() -> String {
    let mut text = "## Series of a worker\n\nOne request to each host from each kind of job, over a connection of its own \
        that is closed. The series are those of one scrape as Prometheus counts them, the bytes those of the text that it is sent. \
        More than 200 hosts are one, `_OTHER`.\n\n\
        | hosts | kinds of jobs | series | kB a scrape |\n|---:|---:|---:|---:|\n"
        .to_owned();
    for (hosts, kinds) in WORKERS {
        let (_worker, port) = start(hosts, kinds);
        let prometheus = Prometheus::start(&[format!("127.0.0.1:{port}")]);
        let series = prometheus.when_scraped("scrape_samples_scraped");
        let bytes = exposition(port).len();
        eprintln!("{hosts} hosts, {kinds} kinds: {series} series");
        let _ = writeln!(
            text,
            "| {hosts} | {kinds} | {series} | {:.0} |",
            bytes as f64 / 1e3
        );
    }
    text
}

fn exposition(port: u16) -> String {
    let url = format!("http://127.0.0.1:{port}/metrics");
    runtime().block_on(async { reqwest::get(url).await.unwrap().text().await.unwrap() })
}
