//! `aws-sdk-s3`, by the feature `aws-smithy` of `http-context-adapters`: a client that is made once goes by
//! the session of each job.

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Config, Credentials, Region};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use http_context::{LeakKind, SessionClosed, builder};
use http_context_adapters::SessionAdapter;
use http_context_sdks::{BoxError, accounted, impatient, leak_at};

use crate::s3;

fn client(endpoint: String, http: SessionAdapter) -> Client {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new("key", "secret", None, None, "example"))
        .endpoint_url(endpoint)
        .force_path_style(true)
        .http_client(http);
    Client::from_conf(config.build())
}

async fn job(client: &Client) -> Result<(), BoxError> {
    let put = client.put_object().bucket("reports").key("small.bin");
    put.body(vec![1; 5_000].into()).send().await?;
    let get = client.get_object().bucket("reports").key("small.bin");
    let whole = get.clone().send().await?.body.collect().await?;
    assert_eq!(whole.into_bytes().len(), 5_000);
    let part = get
        .range("bytes=10-14")
        .send()
        .await?
        .body
        .collect()
        .await?;
    assert_eq!(part.into_bytes().len(), 5);
    upload(client).await?;
    let head = client.head_object().bucket("reports").key("large.bin");
    assert_eq!(head.send().await?.content_length(), Some(300_000));
    Ok(())
}

/// In three parts.
async fn upload(client: &Client) -> Result<(), BoxError> {
    let begin = client.create_multipart_upload().bucket("reports");
    let upload = begin.key("large.bin").send().await?.upload_id.unwrap();
    let mut parts = CompletedMultipartUpload::builder();
    for number in 1..=3 {
        let part = client.upload_part().bucket("reports").key("large.bin");
        let part = part.upload_id(&upload).part_number(number);
        let part = part.body(vec![7; 100_000].into()).send().await?;
        let part = CompletedPart::builder().set_e_tag(part.e_tag);
        parts = parts.parts(part.part_number(number).build());
    }
    let complete = client.complete_multipart_upload().bucket("reports");
    let complete = complete.key("large.bin").upload_id(upload);
    complete.multipart_upload(parts.build()).send().await?;
    Ok(())
}

#[tokio::test]
async fn a_client_is_accounted_for_and_closes() {
    let server = s3::server();
    let client = client(server.url(""), SessionAdapter::ambient());
    let (result, report) = builder().open(job(&client)).with_report().await;
    result.unwrap();
    accounted(&server, report).await;
}

#[tokio::test]
async fn a_body_that_is_kept_is_a_leak_of_the_line_that_made_the_client() {
    let server = s3::server();
    let http = SessionAdapter::ambient();
    let client = client(server.url(""), http);
    let work = async {
        let put = client.put_object().bucket("reports").key("large.bin");
        put.body(vec![1; 1_000_000].into()).send().await?;
        let get = client.get_object().bucket("reports").key("large.bin");
        Ok::<ByteStream, BoxError>(get.send().await?.body)
    };
    let (kept, report) = impatient().open(work).with_report().await;
    leak_at(&report.unwrap(), LeakKind::ResponseBody, "let http =");
    let error = kept.unwrap().collect().await.unwrap_err();
    assert!(SessionClosed::find(&error).is_some(), "{error:?}");
    server.wait_until(|counts| counts.open == 0).await;
}
