//! A Prometheus with the rules of this workspace, for which a minute is a second.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use url::form_urlencoded::byte_serialize;

use crate::Fallible;
use crate::network::{self, WORKERS};
use crate::process::Spec;
use crate::quickened::quickened;

const PORT: u16 = 9090;
/// Where workers are scraped.
pub(crate) const ADMIN_PORT: u16 = 9464;

/// Writes its files, and says how it is started.
pub(crate) fn spec(folder: &Path, logs: &Path) -> Fallible<Spec> {
    std::fs::create_dir_all(folder)?;
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dashboards/prometheus");
    let mut files = String::new();
    for file in std::fs::read_dir(rules)? {
        let file = file?;
        let name = file.file_name().to_string_lossy().into_owned();
        if name.ends_with(".rules.yml") {
            let quick = quickened(&std::fs::read_to_string(file.path())?);
            std::fs::write(folder.join(&name), quick)?;
            writeln!(files, "  - {name}")?;
        }
    }
    let targets = WORKERS.map(|worker| format!("'{}:{ADMIN_PORT}'", worker.address()));
    let targets = targets.join(", ");
    let config = format!(
        "global:\n  scrape_interval: 1s\n  scrape_timeout: 900ms\n  evaluation_interval: 1s\nrule_files:\n{files}\
         scrape_configs:\n  - job_name: machines\n    static_configs:\n      - targets: [{targets}]\n"
    );
    let name = folder.join("prometheus.yml");
    std::fs::write(&name, config)?;
    let address = network::PROMETHEUS.address();
    Ok(Spec::new(network::PROMETHEUS, "prometheus", logs)
        .args([format!("--config.file={}", name.display())])
        .args([format!(
            "--storage.tsdb.path={}",
            folder.join("data").display()
        )])
        .args([format!("--web.listen-address={address}:{PORT}")])
        .args([
            "--storage.tsdb.retention.time=1d",
            "--query.lookback-delta=5s",
        ]))
}

/// What it answers to this question, when it answers.
fn get(path: &str) -> Fallible<Value> {
    let address = format!("{}:{PORT}", network::PROMETHEUS.address()).parse()?;
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    // In this version it sends no chunks.
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (_, body) = answer.split_once("\r\n\r\n").ok_or("half an answer")?;
    let mut body: Value = serde_json::from_str(body)?;
    if body["status"] != "success" {
        return Err(format!("{path}: {body}").into());
    }
    Ok(body["data"]["result"].take())
}

fn encoded(expression: &str) -> String {
    byte_serialize(expression.as_bytes()).collect()
}

/// The series that an expression gives now.
pub(crate) fn query(expression: &str) -> Fallible<Vec<Value>> {
    let found = get(&format!("/api/v1/query?query={}", encoded(expression)))?;
    Ok(found.as_array().cloned().unwrap_or_default())
}

/// The series that it gave, second by second.
pub(crate) fn query_range(expression: &str, from: f64, to: f64) -> Fallible<Vec<Value>> {
    let expression = encoded(expression);
    let found = get(&format!(
        "/api/v1/query_range?query={expression}&start={from}&end={to}&step=1"
    ))?;
    Ok(found.as_array().cloned().unwrap_or_default())
}
