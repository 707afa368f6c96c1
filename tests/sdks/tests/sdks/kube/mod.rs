//! `kube`, which takes a session as the service that it is. It calls that in a task of its own (a
//! `tower::buffer`), so it is made in each job; one that is made once for all takes
//! `AmbientSession::or` with the session of the whole service. An `exec` is an upgraded connection of
//! the context.

mod api;

use futures_util::{StreamExt as _, TryStreamExt as _};
use http_context::{HttpSession, LeakKind, builder, http_session};
use http_context_sdks::{BoxError, accounted, impatient, leak_at};
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::api::{AttachParams, AttachedProcess, WatchEvent, WatchParams};
use kube::client::ConfigExt as _;
use kube::{Api, Client, Config, ResourceExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tower::ServiceBuilder;

fn client(session: HttpSession, config: &Config) -> kube::Result<Client> {
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(config.auth_layer()?)
        .map_err(BoxError::from)
        .service(session);
    Ok(Client::new(service, &*config.default_namespace))
}

async fn job(config: Config) -> Result<(), BoxError> {
    let client = client(http_session()?, &config)?;
    assert_eq!(client.apiserver_version().await?.minor, "35");
    assert_eq!(watched(client.clone()).await?, ["first", "second"]);
    assert_eq!(echoed(client).await?, "hello");
    Ok(())
}

/// The names that a watch gives, until the server ends it.
async fn watched(client: Client) -> Result<Vec<String>, BoxError> {
    let maps: Api<ConfigMap> = Api::default_namespaced(client);
    let events = maps.watch(&WatchParams::default(), "0").await?;
    let names = events.map_ok(|event| match event {
        WatchEvent::Added(map) => map.name_any(),
        event => format!("{event:?}"),
    });
    Ok(names.boxed().try_collect().await?)
}

/// Runs `cat` in a pod.
async fn echoed(client: Client) -> Result<String, BoxError> {
    let mut cat = cat(client).await?;
    let (mut input, mut output) = (cat.stdin().unwrap(), cat.stdout().unwrap());
    let status = cat.take_status().unwrap();
    input.write_all(b"hello").await?;
    input.shutdown().await?;
    let mut echoed = String::new();
    output.read_to_string(&mut echoed).await?;
    assert_eq!(status.await.unwrap().status.unwrap(), "Success");
    cat.join().await?;
    Ok(echoed)
}

async fn cat(client: Client) -> Result<AttachedProcess, BoxError> {
    let pods: Api<Pod> = Api::default_namespaced(client);
    let attach = AttachParams::default().stdin(true).stderr(false);
    Ok(pods.exec("web", ["cat"], &attach).await?)
}

fn config(server: &http_context_sdks::Server) -> Config {
    Config::new(server.url("").parse().unwrap())
}

#[tokio::test]
async fn version_watch_and_exec_are_accounted_for() {
    let server = api::server();
    let (result, report) = builder().open(job(config(&server))).with_report().await;
    result.unwrap();
    let report = report.unwrap();
    assert_eq!(report.requests, 3);
    accounted(&server, [report]).await;
}

#[tokio::test]
async fn a_process_that_is_kept_is_a_leak_of_the_line_that_asked_for_the_session() {
    let server = api::server();
    let work = async {
        let client = client(http_session()?, &config(&server))?;
        cat(client).await
    };
    let (kept, report) = impatient().open(work).with_report().await;
    leak_at(
        &report.unwrap(),
        LeakKind::UpgradedConnection,
        "client(http_session()?, &config(",
    );
    assert!(kept.unwrap().join().await.is_err());
    server.wait_until(|counts| counts.open == 0).await;
}
