//! A Prometheus that scrapes, and what a thousand workers are to it.

use std::fmt::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tokio::runtime::Runtime;
use tokio::time::Instant;

use crate::children::Foreign;
use crate::kernel::usage;
use crate::loads::{until, wait};
use crate::role::runtime;
use crate::series::{self, host};
use crate::servers::free_port;

const SCRAPED_EVERY: Duration = Duration::from_secs(5);
const WORKERS: [usize; 3] = [1, 10, 1_000];
/// Hosts that each worker asks.
const HOSTS: usize = 10;
/// After which it is watched, and for how long: a whole number of scrapes of each.
const SETTLED: Duration = Duration::from_secs(15);
const WATCHED: Duration = Duration::from_secs(20);

pub(crate) struct Prometheus {
    server: Foreign,
    runtime: Runtime,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Prometheus {
    pub(crate) fn start(targets: &[String]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("prometheus.yml");
        let text = format!(
            "global:\n  scrape_interval: {}s\nscrape_configs:\n  - job_name: scale\n    static_configs:\n      - targets: {targets:?}\n",
            SCRAPED_EVERY.as_secs()
        );
        std::fs::write(&config, text).unwrap();
        let port = free_port();
        let server = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stderr(Stdio::null())
            .spawn()
            .expect("prometheus is on the search path");
        Self {
            server: Foreign(server),
            runtime: runtime(),
            port,
            _folder: folder,
        }
    }

    /// The value of an expression that gives one, if it gives one.
    fn value(&self, expression: &str) -> Option<f64> {
        let mut url =
            url::Url::parse(&format!("http://127.0.0.1:{}/api/v1/query", self.port)).unwrap();
        url.query_pairs_mut().append_pair("query", expression);
        let answer = self.runtime.block_on(async {
            let text = reqwest::get(url).await.ok()?.text().await.ok()?;
            serde_json::from_str::<Value>(&text).ok()
        })?;
        answer["data"]["result"][0]["value"][1]
            .as_str()?
            .parse()
            .ok()
    }

    /// The same, once there is one.
    pub(crate) fn when_scraped(&self, expression: &str) -> f64 {
        let mut value = None;
        until(|| {
            value = self.value(expression);
            value.is_some()
        });
        value.unwrap()
    }

    /// A metric of its own, summed over its labels.
    fn own(&self, metric: &str) -> f64 {
        let url = format!("http://127.0.0.1:{}/metrics", self.port);
        let text = self
            .runtime
            .block_on(async { reqwest::get(url).await.unwrap().text().await.unwrap() });
        let lines = text.lines().filter_map(|line| line.rsplit_once(' '));
        let of_it = lines.filter(|(name, _)| name.split('{').next() == Some(metric));
        of_it.map(|(_, value)| value.parse::<f64>().unwrap()).sum()
    }
}

/// Its part of the document.
pub(crate) fn table() -> String {
    let (_worker, port) = series::start(HOSTS, 1);
    let mut text = format!(
        "## Prometheus\n\nWorkers that have asked {HOSTS} hosts each, scraped every {} s; what a thousand export is one \
         exposition here, at a thousand addresses. Watched for {} s, after the first scrapes of all.\n\n\
         | workers | series | samples a second | processor, % of a core | µs a sample | memory, MB |\n\
         |---:|---:|---:|---:|---:|---:|\n",
        SCRAPED_EVERY.as_secs(),
        WATCHED.as_secs()
    );
    for workers in WORKERS {
        let targets: Vec<String> = (0..workers)
            .map(|number| format!("{}:{port}", host(number)))
            .collect();
        let prometheus = Prometheus::start(&targets);
        until(|| prometheus.value("count(up == 1)") == Some(workers as f64));
        wait(SETTLED);
        let server = prometheus.server.0.id();
        let (began, before) = (Instant::now(), usage(server));
        let samples = prometheus.own("prometheus_tsdb_head_samples_appended_total");
        wait(WATCHED);
        let seconds = began.elapsed().as_secs_f64();
        let now = usage(server);
        let samples =
            (prometheus.own("prometheus_tsdb_head_samples_appended_total") - samples) / seconds;
        let series = prometheus.own("prometheus_tsdb_head_series");
        let cpu = (now.cpu - before.cpu) / seconds;
        eprintln!("{workers} workers: {series} series");
        let _ = writeln!(
            text,
            "| {workers} | {series:.0} | {samples:.0} | {:.1} | {:.1} | {:.0} |",
            cpu * 100.0,
            cpu / samples * 1e6,
            now.memory as f64 / 1e6,
        );
    }
    text
}
