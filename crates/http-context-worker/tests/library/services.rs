//! Telemetry and the admin endpoint in a service that has no queue.

use http_context_worker::program::upstream::Upstream;
use http_context_worker::{Admin, JobError, JobQueue, Plan, QueueAddress, Telemetry, Worker};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::support::Files;

#[expect(dead_code, reason = "the example is a program as well")]
#[path = "../../examples/axum_service.rs"]
mod axum_service;

/// The answer to a request for this host.
async fn ask(client: &Client, method: Method, url: &str, host: &str) -> (StatusCode, String) {
    let request = client.request(method, url).header("host", host);
    let answer = request.send().await.unwrap();
    (answer.status(), answer.text().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_axum_service_has_the_telemetry_and_the_admin_page_of_a_worker() {
    let upstream = Upstream::start().await.unwrap();
    let telemetry = Telemetry::install("shop").unwrap();
    let admin = Admin::new("shop <1>", telemetry.metrics());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let page = format!("{}/item/1", upstream.plain_url());
    let router = axum_service::router(page, &admin);
    tokio::spawn(async { axum::serve(listener, router).await });

    let client = Client::builder().no_proxy().build().unwrap();
    let get =
        async |path: &str| ask(&client, Method::GET, &format!("{url}{path}"), "localhost").await;
    for _ in 0..3 {
        assert_eq!(get("/page").await.0, StatusCode::OK);
    }
    assert_eq!(upstream.seen().requests(), 3);
    let (status, metrics) = get("/admin/metrics").await;
    assert_eq!(status, StatusCode::OK);
    let port = upstream.plain_url().rsplit(':').next().unwrap().to_owned();
    let of_upstream = |line: &&str| {
        line.starts_with("http_client_request_duration_seconds_count") && line.contains(&port)
    };
    let counted: Vec<&str> = metrics.lines().filter(of_upstream).collect();
    assert!(
        counted.len() == 1 && counted[0].ends_with(" 3"),
        "{metrics}"
    );
    let (_, contexts) = get("/admin/debug/contexts").await;
    let contexts: Value = serde_json::from_str(&contexts).unwrap();
    assert_eq!(contexts["queue"], Value::Null);
    // Of the service; what other tests have open at the moment is in this process too.
    let mut open = contexts["contexts"].as_array().unwrap().iter();
    let of_service = |one: &Value| one["opened_at"].as_str().unwrap().contains("axum_service");
    assert!(!open.any(of_service), "{contexts}");
    assert!(get("/admin/").await.1.contains("<h1>shop &lt;1></h1>"));
    assert_eq!(
        get("/admin/readyz").await,
        (StatusCode::OK, "ready\n".to_owned())
    );
    #[cfg(target_os = "linux")]
    process_metrics_are_those_of_the_kernel(&get("/admin/metrics").await.1);
    admin.set_ready(false);
    assert_eq!(
        get("/admin/readyz").await.0,
        StatusCode::SERVICE_UNAVAILABLE
    );
    assert_eq!(get("/admin/nothing").await.0, StatusCode::NOT_FOUND);
    for path in ["", "metrics", "livez", "readyz", "debug/contexts"] {
        let path = format!("{url}/admin/{path}");
        for method in [
            Method::POST,
            Method::PUT,
            Method::DELETE,
            Method::OPTIONS,
            Method::TRACE,
        ] {
            let (status, _) = ask(&client, method, &path, "localhost").await;
            assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED, "{path}");
        }
        let (status, _) = ask(&client, Method::GET, &path, "evil.example").await;
        assert_eq!(status, StatusCode::MISDIRECTED_REQUEST, "{path}");
    }
    Telemetry::install("shop").unwrap_err();
}

/// What `/proc` says of this process, beside what the metrics say.
#[cfg(target_os = "linux")]
fn process_metrics_are_those_of_the_kernel(metrics: &str) {
    let figure = |name: &str| -> f64 {
        let line = metrics.lines().find_map(|line| line.strip_prefix(name));
        let line = line.unwrap_or_else(|| panic!("no {name}: {metrics}"));
        line.trim().parse().unwrap()
    };
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let of_status = |name: &str| -> f64 {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap()
            .split_whitespace()
            .next()
            .unwrap()
            .parse()
            .unwrap()
    };
    let resident = of_status("VmRSS:") * 1024.0;
    let said = figure("process_resident_memory_bytes ");
    assert!(
        (0.5..2.0).contains(&(said / resident)),
        "{said} of {resident}"
    );
    let open = std::fs::read_dir("/proc/self/fd").unwrap().count();
    #[expect(clippy::cast_precision_loss, reason = "a handful")]
    let open = open as f64;
    let said = figure("process_open_fds ");
    assert!((said - open).abs() < 50.0 && said > 3.0, "{said} of {open}");
    assert!(figure("process_max_fds ") >= said);
    let (threads, said) = (of_status("Threads:"), figure("process_threads "));
    assert!(
        (said - threads).abs() < 30.0 && said >= 2.0,
        "{said} of {threads}"
    );
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    let age = now.as_secs_f64() - figure("process_start_time_seconds ");
    assert!((-2.0..600.0).contains(&age), "{age}");
    assert!(figure("process_cpu_seconds_total ") < 600.0);
    assert!(
        metrics.contains("# TYPE process_cpu_seconds_total counter\n"),
        "{metrics}"
    );
}

#[tokio::test]
async fn a_run_is_shown_with_its_jobs_and_how_far_they_are() {
    let (files, admin) = (Files::new(), Admin::new("shop", String::new));
    let server = admin.serve("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let queue = JobQueue::open(&QueueAddress::Embedded(None)).await.unwrap();
    for id in ["a https://me:hunter2@host/", "b"] {
        let _ = queue.enqueue(id, &json!({})).await.unwrap();
    }
    let (said, mut hears) = tokio::sync::mpsc::channel(2);
    let lasts = move |_: Value, job: http_context_worker::JobContext| {
        let said = said.clone();
        async move {
            job.progress(3, 7);
            said.send(()).await.map_err(JobError::failed)?;
            job.closing().await;
            Ok::<_, JobError>(())
        }
    };
    let url = format!("{}debug/contexts", server.url());
    let look = async {
        hears.recv().await.unwrap();
        hears.recv().await.unwrap();
        let client = Client::builder().no_proxy().build().unwrap();
        ask(&client, Method::GET, &url, "localhost").await.1
    };
    let worker = Worker::new("lasts", lasts);
    let results = http_context_worker::Target::File(files.path("results"));
    let plan = Plan::on(&queue).results(results).admin(&admin);
    let mut seen = None;
    worker
        .run(plan, async { seen = Some(look.await) })
        .await
        .unwrap();
    let seen: Value = serde_json::from_str(&seen.unwrap()).unwrap();
    assert_eq!(
        (&seen["jobs_running"], &seen["queue"]["unfinished"]),
        (&json!(2), &json!(2))
    );
    let job = &seen["jobs"][0];
    assert_eq!(job["progress"], json!({"done": 3, "all": 7}));
    assert_eq!(
        (&job["kind"], &job["attempt"]),
        (&json!("lasts"), &json!(1))
    );
    let ids: Vec<_> = seen["jobs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|job| &job["id"])
        .collect();
    assert!(
        ids.contains(&&json!("a https://REDACTED:REDACTED@host/")),
        "{ids:?}"
    );
}

#[tokio::test]
async fn it_answers_for_the_hosts_that_it_is_told_of_or_for_any() {
    let admin = Admin::new("shop", String::new);
    let router = axum::Router::new()
        .nest_service("/named", admin.service().host("shop.internal"))
        .nest_service("/any", admin.service().any_host());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async { axum::serve(listener, router).await });
    let client = Client::builder().no_proxy().build().unwrap();
    let hosts = [
        "localhost",
        "shop.internal",
        "SHOP.internal:80",
        "evil.example",
    ];
    for (path, answered) in [("named", [true, true, true, false]), ("any", [true; 4])] {
        for (host, is_answered) in hosts.into_iter().zip(answered) {
            let url = format!("{url}/{path}/livez");
            let (status, _) = ask(&client, Method::GET, &url, host).await;
            let expected = if is_answered {
                StatusCode::OK
            } else {
                StatusCode::MISDIRECTED_REQUEST
            };
            assert_eq!(status, expected, "{path} {host}");
        }
    }
}

/// Two jobs are in hand, of a kind that has one at a time.
#[tokio::test]
async fn a_job_that_waits_for_its_turn_in_hand_is_cancelled_before_it_begins() {
    const TOKEN: &str = "correct-horse-battery-staple";
    let (files, token) = (Files::new(), TOKEN.parse().unwrap());
    let admin = Admin::new("shop", String::new).token(token);
    let server = admin.serve("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let queue = JobQueue::open(&QueueAddress::Embedded(None)).await.unwrap();
    for id in ["first", "second"] {
        let _ = queue.enqueue(id, &json!({})).await.unwrap();
    }
    let (said, mut hears) = tokio::sync::mpsc::channel(2);
    let lasts = move |_: Value, job: http_context_worker::JobContext| {
        let said = said.clone();
        async move {
            said.send(job.id().to_owned())
                .await
                .map_err(JobError::failed)?;
            job.closing().await;
            Ok::<_, JobError>(())
        }
    };
    let cancel = async {
        assert_eq!(hears.recv().await.unwrap(), "first");
        let client = Client::builder().no_proxy().build().unwrap();
        let asked = client
            .post(format!("{}jobs/cancel", server.url()))
            .bearer_auth(TOKEN)
            .header("content-type", "application/json")
            .body(r#"{"id":"second"}"#);
        let answer = asked.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::ACCEPTED);
        // It is settled while the first still has its turn.
        let mut left = usize::MAX;
        while left > 1 {
            let url = format!("{}debug/contexts", server.url());
            let (_, shown) = ask(&client, Method::GET, &url, "localhost").await;
            let shown: Value = serde_json::from_str(&shown).unwrap();
            left = usize::try_from(shown["queue"]["unfinished"].as_u64().unwrap()).unwrap();
        }
    };
    let worker = Worker::builder("lasts")
        .kind(http_context_worker::Kind::new(lasts).concurrency(1))
        .build();
    let results = http_context_worker::Target::File(files.path("results"));
    let plan = Plan::on(&queue)
        .results(results)
        .admin(&admin)
        .concurrency(2);
    worker.run(plan, cancel).await.unwrap();
    let results = files.json("results");
    assert_eq!(results[1]["id"], "second");
    assert_eq!(results[1]["error"], "cancelled at the admin endpoint");
    assert!(hears.try_recv().is_err(), "the second has begun");
}
