//! `compose.yaml`: the flags, addresses and files that it names are there.

use serde_json::Value;

use super::{admin_port, deploy_folder, flag, is_taken, read, texts, yaml};

#[test]
fn the_program_takes_each_flag_and_value_of_the_compose_file() {
    let compose = yaml("compose.yaml");
    for service in ["worker", "enqueue"] {
        is_taken(&texts(&compose["services"][service]["command"]));
    }
}

#[test]
fn what_is_queued_is_served() {
    let compose = yaml("compose.yaml");
    let queue = |service: &str| {
        let command = texts(&compose["services"][service]["command"]);
        flag(&command, "--queue").to_owned()
    };
    assert_eq!(queue("worker"), queue("enqueue"));
    // The port is that of Redis by default.
    assert_eq!(queue("worker"), "redis://redis:6379");
    assert!(compose["services"]["redis"]["image"].is_string());
}

#[test]
fn a_worker_is_given_longer_to_stop_than_it_drains() {
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
fn the_image_is_built_with_the_features_that_its_workers_ask_for() {
    let compose = yaml("compose.yaml");
    let worker = &compose["services"]["worker"];
    let protocol = &worker["environment"]["OTEL_EXPORTER_OTLP_PROTOCOL"];
    assert_eq!(protocol, "grpc");
    let image = read("Containerfile");
    let features = image.split("--features ").nth(1).unwrap();
    let features = features.split_whitespace().next().unwrap();
    assert_eq!(features, "otlp-grpc,redis");
}

#[test]
fn what_asks_the_admin_endpoint_asks_where_it_is() {
    let compose = yaml("compose.yaml");
    let service = &compose["services"]["worker"];
    let command = texts(&service["command"]);
    let served = admin_port(&command);

    let exposed = format!("\nEXPOSE {served}\n");
    assert!(read("Containerfile").contains(&exposed), "EXPOSE");
    let probe = texts(&service["healthcheck"]["test"]);
    let ready = format!("http://127.0.0.1:{served}/readyz");
    assert_eq!(*probe.last().unwrap(), ready);
    let scraped = &yaml("prometheus.yml")["scrape_configs"][0]["dns_sd_configs"][0];
    assert_eq!(texts(&scraped["names"]), ["worker"]);
    assert_eq!(scraped["port"].to_string(), served);
}

#[test]
fn the_health_check_uses_what_the_image_has() {
    let compose = yaml("compose.yaml");
    let probe = texts(&compose["services"]["worker"]["healthcheck"]["test"]);
    let copied = read("Containerfile").lines().any(|line| {
        line.starts_with("COPY --from=") && line.split_whitespace().last() == Some(probe[1])
    });
    assert!(copied, "{} is not in the image", probe[1]);
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
