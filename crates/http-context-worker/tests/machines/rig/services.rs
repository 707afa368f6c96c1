//! What runs on the machines, beside the store.

use std::path::Path;

use crate::network::{self, Machine, UPSTREAMS, WORKERS};
use crate::process::Spec;
use crate::prometheus::{self, ADMIN_PORT};
use crate::rig::Role;
use crate::{Asked, Fallible};

/// How each is started, in this order.
pub(crate) fn all(
    asked: &Asked,
    out: &Path,
    folder: &Path,
    logs: &Path,
) -> Fallible<Vec<(Role, Spec)>> {
    let own = std::env::current_exe()?;
    let proxy = |machine: Machine, port: u16| {
        let address = format!("{}:{port}", machine.address());
        Spec::new(machine, &own, logs).args(["proxy", &address])
    };
    let mut specs = vec![(Role::Gate, proxy(network::GATE, asked.engine.port()))];
    for (number, machine) in UPSTREAMS.into_iter().enumerate() {
        let history = out.join(format!("{}.jsonl", machine.name));
        let upstream = Spec::new(machine, &own, logs).args(["upstream", "127.0.0.1:8080"]);
        let upstream = upstream.args([history.to_string_lossy(), machine.name.into()]);
        specs.push((Role::Upstream(number), upstream));
        specs.push((Role::Door(number), proxy(machine, 80)));
    }
    let prometheus = prometheus::spec(&folder.join("prometheus"), logs)?;
    specs.push((Role::Prometheus, prometheus));
    specs.push((Role::Collector, collector(folder, logs)));
    for (number, machine) in WORKERS.into_iter().enumerate() {
        specs.push((Role::Worker(number), worker(asked, machine, folder, logs)));
    }
    Ok(specs)
}

fn collector(folder: &Path, logs: &Path) -> Spec {
    let address = network::COLLECTOR.address();
    Spec::new(network::COLLECTOR, "rotel-agent", logs)
        .args(["start", "--exporter", "blackhole", "--debug-log", "traces"])
        .args(["--otlp-grpc-endpoint", &format!("{address}:4317")])
        .args(["--otlp-http-endpoint", &format!("{address}:4318")])
        .args([
            "--pid-file",
            &folder.join("collector.pid").to_string_lossy(),
        ])
}

fn worker(asked: &Asked, machine: Machine, folder: &Path, logs: &Path) -> Spec {
    let results = folder.join(machine.name).join("results");
    let address = machine.address();
    Spec::new(machine, &asked.worker, logs)
        .args([
            "serve",
            "--json",
            "--queue",
            &asked.engine.url(&network::GATE.address()),
        ])
        .args(["--results", &results.to_string_lossy(), "--takeover", "2"])
        .args([
            "--concurrency",
            "8",
            "--max-attempts",
            "1000",
            "--fail-on-status",
        ])
        // Each kill of the script counts.
        .args(["--max-crashes", "1000", "--drain-timeout", "3"])
        .args(["--admin", &format!("{address}:{ADMIN_PORT}")])
        .env(
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            format!("http://{}:4318", network::COLLECTOR.address()),
        )
        .env("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
        .env("OTEL_SERVICE_NAME", machine.name)
        .env("TOKIO_WORKER_THREADS", "2")
}
