//! `kubernetes/`: the manifests name what the program has, and each other.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{admin_port, flag, is_taken, read, texts};

/// The manifests of a file, in order.
pub(super) fn manifests(file: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(&read(&format!("kubernetes/{file}"))).unwrap()
}

/// The only one of its kind.
pub(super) fn manifest<'a>(manifests: &'a [Value], kind: &str) -> &'a Value {
    let found = manifests.iter().find(|manifest| manifest["kind"] == kind);
    found.unwrap_or_else(|| panic!("no {kind}"))
}

/// The pod of the deployment.
fn pod(manifests: &[Value]) -> &Value {
    &manifest(manifests, "Deployment")["spec"]["template"]["spec"]
}

#[test]
fn the_program_takes_each_flag_and_value_of_the_deployment() {
    let manifests = manifests("worker.yaml");
    let args = texts(&pod(&manifests)["containers"][0]["args"]);
    is_taken(&args);
    // Kubernetes fills in what the environment has.
    let name = flag(&args, "--queue")
        .strip_prefix("$(")
        .and_then(|rest| rest.strip_suffix(')'))
        .unwrap();
    let environment = manifest(&manifests, "ConfigMap");
    let source = &pod(&manifests)["containers"][0]["envFrom"][0]["configMapRef"];
    assert_eq!(source["name"], environment["metadata"]["name"]);
    let queue = &environment["data"][name];
    assert!(queue.as_str().unwrap().starts_with("redis://"), "{queue}");
}

#[test]
fn a_pod_is_given_longer_to_stop_than_it_drains() {
    let manifests = manifests("worker.yaml");
    let pod = pod(&manifests);
    let drain = flag(&texts(&pod["containers"][0]["args"]), "--drain-timeout");
    let drain: u64 = drain.parse().unwrap();
    let grace = pod["terminationGracePeriodSeconds"].as_u64().unwrap();
    // The exporters' last flush comes on top.
    assert!(grace >= drain + 10, "{grace} s, and it drains {drain} s");
}

#[test]
fn probes_and_scrapes_ask_where_the_admin_endpoint_is() {
    let (manifests, monitors) = (manifests("worker.yaml"), manifests("podmonitor.yaml"));
    let container = &pod(&manifests)["containers"][0];
    let served = admin_port(&texts(&container["args"]));
    let port = &container["ports"][0];
    assert_eq!(port["containerPort"].to_string(), served);
    for (probe, path) in [("livenessProbe", "/livez"), ("readinessProbe", "/readyz")] {
        let ask = &container[probe]["httpGet"];
        assert_eq!((&ask["port"], &ask["path"]), (&port["name"], &path.into()));
    }
    let template = &manifest(&manifests, "Deployment")["spec"]["template"];
    let annotations = &template["metadata"]["annotations"];
    assert_eq!(annotations["prometheus.io/port"], served);
    assert_eq!(annotations["prometheus.io/path"], "/metrics");
    let allowed = &manifest(&manifests, "NetworkPolicy")["spec"]["ingress"];
    assert_eq!(allowed[0]["ports"][0]["port"], port["name"]);

    let endpoint = &monitors[0]["spec"]["podMetricsEndpoints"][0];
    assert_eq!(endpoint["port"], port["name"]);
    assert_eq!(endpoint["path"], "/metrics");
}

#[test]
fn each_selector_selects_the_pods() {
    let worker = manifests("worker.yaml");
    let deployment = manifest(&worker, "Deployment");
    let labels = &deployment["spec"]["template"]["metadata"]["labels"];
    let budget = &manifest(&worker, "PodDisruptionBudget")["spec"]["selector"];
    let policy = &manifest(&worker, "NetworkPolicy")["spec"]["podSelector"];
    let spread = &pod(&worker)["topologySpreadConstraints"][0]["labelSelector"];
    let monitor = manifests("podmonitor.yaml");
    let monitor = &monitor[0]["spec"]["selector"];
    for selector in [
        &deployment["spec"]["selector"],
        budget,
        policy,
        spread,
        monitor,
    ] {
        assert_eq!(selector["matchLabels"], *labels);
    }
}

#[test]
fn a_pod_may_do_nothing_that_a_worker_need_not() {
    let manifests = manifests("worker.yaml");
    let pod = pod(&manifests);
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(pod["automountServiceAccountToken"], false);
    let container = &pod["containers"][0];
    let security = &container["securityContext"];
    assert_eq!(security["readOnlyRootFilesystem"], true);
    assert_eq!(security["allowPrivilegeEscalation"], false);
    assert_eq!(texts(&security["capabilities"]["drop"]), ["ALL"]);
    // What it may write is a volume that the pod has.
    let names = |list: &Value| -> BTreeSet<String> {
        let list = list.as_array().unwrap().iter();
        list.map(|volume| volume["name"].to_string()).collect()
    };
    assert_eq!(names(&container["volumeMounts"]), names(&pod["volumes"]));
}

#[test]
fn the_scaler_counts_what_workers_of_the_deployment_export() {
    let worker = manifests("worker.yaml");
    let deployment = manifest(&worker, "Deployment");
    let scaler = &manifests("scaledobject.yaml")[0]["spec"];
    assert_eq!(
        scaler["scaleTargetRef"]["name"],
        deployment["metadata"]["name"]
    );
    // Two that set the number of replicas would be at odds.
    assert!(deployment["spec"]["replicas"].is_null());

    let trigger = &scaler["triggers"][0]["metadata"];
    let query = trigger["query"].as_str().unwrap();
    let mut series = query.split("avg_over_time(").skip(1).peekable();
    assert!(series.peek().is_some(), "{query}");
    let series: Vec<_> = series
        .map(|metric| metric.split_once('{').unwrap())
        .collect();
    for (metric, _) in &series {
        assert!(
            http_context_middleware::catalogue().any(|known| known.prometheus_name == *metric),
            "no metric {metric}"
        );
    }
    let monitors = manifests("podmonitor.yaml");
    let relabeling = &monitors[0]["spec"]["podMetricsEndpoints"][0]["relabelings"][0];
    assert_eq!(relabeling["targetLabel"], "job");
    let job = format!("job={}", relabeling["replacement"]);
    for (_, labels) in &series {
        let rest = labels.strip_prefix(&job);
        let is_of_it = rest.is_some_and(|rest| rest.starts_with([',', '}']));
        assert!(is_of_it, "{labels} and {job}");
    }

    // Full workers ask for more of them, or there would never be a second.
    let args = texts(&pod(&worker)["containers"][0]["args"]);
    let full: f64 = flag(&args, "--concurrency").parse().unwrap();
    let threshold: f64 = trigger["threshold"].as_str().unwrap().parse().unwrap();
    // Below a tenth the autoscaler does nothing.
    assert!(full / threshold > 1.1, "{full} of {threshold}");
}
