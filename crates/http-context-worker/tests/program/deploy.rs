//! The deployment example asks for what the program has, and its parts fit each other.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{Files, finish, worker};

/// The standard names that the exporters read.
const OTEL_VARIABLES: [&str; 6] = [
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_PROTOCOL",
    "OTEL_METRICS_EXPORTER",
    "OTEL_SERVICE_NAME",
    "OTEL_TRACES_SAMPLER",
    "OTEL_TRACES_SAMPLER_ARG",
];

pub(crate) fn deploy_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy")
}

fn read(file: &str) -> String {
    std::fs::read_to_string(deploy_folder().join(file)).unwrap()
}

fn yaml(file: &str) -> Value {
    serde_saphyr::from_str(&read(file)).unwrap()
}

fn texts(value: &Value) -> Vec<&str> {
    let list = value
        .as_array()
        .unwrap_or_else(|| panic!("no list: {value}"));
    list.iter().map(|text| text.as_str().unwrap()).collect()
}

/// The value of a flag that is written `--flag=value`.
fn flag<'a>(command: &[&'a str], name: &str) -> &'a str {
    let value = |word: &&'a str| word.strip_prefix(name)?.strip_prefix('=');
    command.iter().find_map(value).unwrap()
}

/// What follows the last colon.
fn port(address: &str) -> &str {
    address.rsplit_once(':').unwrap().1
}

#[test]
fn the_program_takes_each_flag_and_value_of_the_compose_file() {
    let (compose, files) = (yaml("compose.yaml"), Files::new());
    let command = texts(&compose["services"]["worker"]["command"]);
    let elsewhere = files.path("nothing.ndjson");
    let jobs = format!("--jobs={}", elsewhere.display());
    let command = command.iter().map(|word| match *word {
        "--jobs=/jobs.ndjson" => jobs.as_str(),
        // The network of the container, which is not ours.
        "--admin=0.0.0.0:9464" => "--admin=127.0.0.1:0",
        word => word,
    });
    let run = finish(worker().args(command).current_dir(files.path("")));
    // It got as far as to look for the jobs, which is beyond every flag.
    assert!(run.stderr.contains("nothing.ndjson"), "{}", run.stderr);
    assert_eq!(run.code(), 2);
}

#[test]
fn the_worker_is_given_longer_to_stop_than_it_drains() {
    let compose = yaml("compose.yaml");
    let service = &compose["services"]["worker"];
    let drain = flag(&texts(&service["command"]), "--drain-timeout");
    let grace = service["stop_grace_period"].as_str().unwrap();
    let grace = grace.strip_suffix('s').unwrap();
    let (drain, grace): (u64, u64) = (drain.parse().unwrap(), grace.parse().unwrap());
    // The exporters' last flush comes on top.
    assert!(grace >= drain + 5, "{grace} s, and it drains {drain} s");
}

#[test]
fn what_asks_the_admin_endpoint_asks_where_it_is() {
    let compose = yaml("compose.yaml");
    let service = &compose["services"]["worker"];
    let served = port(flag(&texts(&service["command"]), "--admin"));

    let help = finish(worker().args(["help", "run"])).stdout;
    let by_default = format!("127.0.0.1:{served}");
    assert!(help.contains(&by_default), "{served} is not the default");
    let exposed = format!("\nEXPOSE {served}\n");
    assert!(read("Containerfile").contains(&exposed), "EXPOSE");
    let probe = texts(&service["healthcheck"]["test"]);
    assert_eq!(
        *probe.last().unwrap(),
        format!("http://127.0.0.1:{served}/readyz")
    );
    let scraped = yaml("prometheus.yml");
    let targets = &scraped["scrape_configs"][0]["static_configs"][0]["targets"];
    assert_eq!(texts(targets), [format!("worker:{served}")]);
}

#[test]
fn the_health_check_uses_what_the_image_has() {
    let compose = yaml("compose.yaml");
    let probe = &compose["services"]["worker"]["healthcheck"]["test"];
    let program = texts(probe)[1].to_owned();
    let copied = read("Containerfile").lines().any(|line| {
        line.starts_with("COPY --from=") && line.split_whitespace().last() == Some(&program)
    });
    assert!(copied, "{program} is not in the image");
}

#[test]
fn the_collector_listens_where_the_worker_sends() {
    let (compose, collector) = (yaml("compose.yaml"), yaml("collector.yaml"));
    let environment = &compose["services"]["worker"]["environment"];
    for name in environment.as_object().unwrap().keys() {
        assert!(
            OTEL_VARIABLES.contains(&name.as_str()),
            "nobody reads {name}"
        );
    }
    let text = |name: &str| environment[name].as_str().unwrap();
    let protocol = match text("OTEL_EXPORTER_OTLP_PROTOCOL") {
        "http/protobuf" => "http",
        protocol => protocol,
    };
    let listens = &collector["receivers"]["otlp"]["protocols"][protocol]["endpoint"];
    let listens = listens.as_str().unwrap();
    let sends = text("OTEL_EXPORTER_OTLP_ENDPOINT");
    assert_eq!(sends, format!("http://collector:{}", port(listens)));
    let services = compose["services"].as_object().unwrap();
    assert!(services.contains_key("collector"));
}

#[test]
fn the_collector_has_what_its_pipelines_name_and_nothing_else() {
    let collector = yaml("collector.yaml");
    for kind in ["receivers", "processors", "exporters"] {
        let has: BTreeSet<&str> = collector[kind]
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        let pipelines = collector["service"]["pipelines"].as_object().unwrap();
        let named: BTreeSet<&str> = pipelines
            .values()
            .flat_map(|pipeline| texts(&pipeline[kind]))
            .collect();
        assert_eq!(has, named, "{kind}");
        for pipeline in pipelines.values() {
            assert_eq!(texts(&pipeline["processors"])[0], "memory_limiter");
        }
    }
}

#[test]
fn each_file_that_the_compose_file_mounts_is_there() {
    let compose = yaml("compose.yaml");
    let mut mounted = 0;
    for service in compose["services"].as_object().unwrap().values() {
        let volumes = service["volumes"].as_array().into_iter().flatten();
        for volume in volumes.filter_map(Value::as_str) {
            let source = volume.split(':').next().unwrap();
            if source.starts_with('.') {
                assert!(deploy_folder().join(source).exists(), "no {source}");
                mounted += 1;
            } else {
                assert!(compose["volumes"].get(source).is_some(), "no {source}");
            }
        }
    }
    assert!(mounted > 3);
}
