//! A gRPC service without a queue, beside its admin page.

use http::uri::PathAndQuery;
use http_context_worker::Admin;
use http_context_worker::program::upstream::Upstream;
use reqwest::{Client, StatusCode};
use tokio::net::TcpListener;
use tonic::client::Grpc;
use tonic::transport::Endpoint;
use tonic::{Code, Request};
use tonic_prost::ProstCodec;

#[expect(dead_code, reason = "the example is a program as well")]
#[path = "../../examples/tonic_service.rs"]
mod tonic_service;

#[tokio::test(flavor = "multi_thread")]
async fn a_tonic_service_answers_calls_in_contexts_of_their_own_and_has_the_admin_page_on_its_port()
{
    let upstream = Upstream::start().await.unwrap();
    let admin = Admin::new("pages", || "a_metric 1\n".to_owned());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = tonic_service::router(upstream.plain_url().clone(), &admin);
    tokio::spawn(async { axum::serve(listener, router).await });

    let channel = Endpoint::from_shared(url.clone()).unwrap().connect_lazy();
    let call = async |method: &'static str, path: &str| {
        let mut grpc = Grpc::new(channel.clone());
        grpc.ready().await.unwrap();
        let (method, codec) = (
            PathAndQuery::from_static(method),
            ProstCodec::<String, String>::default(),
        );
        grpc.unary(Request::new(path.to_owned()), method, codec)
            .await
    };
    let page = call("/shop.Pages/Get", "/item/1").await.unwrap();
    assert!(!page.get_ref().is_empty());
    assert_eq!(upstream.seen().requests(), 1);
    let other = call("/shop.Pages/Put", "/item/1").await.unwrap_err();
    assert_eq!(other.code(), Code::Unimplemented);
    // Nobody listens there, and the call is told so.
    let broken = call("/shop.Pages/Get", ":1/").await.unwrap_err();
    assert_eq!(broken.code(), Code::Unavailable);

    let client = Client::builder().no_proxy().build().unwrap();
    let get = async |path: &str| {
        let answer = client
            .get(format!("{url}{path}"))
            .header("host", "localhost");
        let answer = answer.send().await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    };
    let (status, metrics) = get("/admin/metrics").await;
    assert_eq!((status, metrics.as_str()), (StatusCode::OK, "a_metric 1\n"));
    assert!(get("/admin/").await.1.contains("<h1>pages</h1>"));
}
