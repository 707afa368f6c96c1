//! `object_store` on S3, by the feature `object-store` of `http-context-adapters`: a store that is made
//! once goes by the session of each job.

use http_context::{LeakKind, SessionError, builder};
use http_context_adapters::SessionAdapter;
use http_context_sdks::{BoxError, accounted, caused_by, impatient, leak_at};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};

use crate::s3;

fn store(endpoint: String, http: SessionAdapter) -> object_store::Result<AmazonS3> {
    AmazonS3Builder::new()
        .with_endpoint(endpoint)
        .with_allow_http(true)
        .with_bucket_name("reports")
        .with_access_key_id("key")
        .with_secret_access_key("secret")
        .with_http_connector(http)
        .build()
}

async fn job(store: &dyn ObjectStore) -> Result<(), BoxError> {
    let (small, large) = (Path::from("small.bin"), Path::from("large.bin"));
    store.put(&small, vec![1; 5_000].into()).await?;
    assert_eq!(store.get(&small).await?.bytes().await?.len(), 5_000);
    assert_eq!(store.get_range(&small, 10..15).await?.len(), 5);

    let mut upload = store.put_multipart(&large).await?;
    for part in [1, 2, 3] {
        upload.put_part(vec![part; 100_000].into()).await?;
    }
    upload.complete().await?;
    assert_eq!(store.head(&large).await?.size, 300_000);
    Ok(())
}

#[tokio::test]
async fn a_store_is_accounted_for_and_closes() {
    let server = s3::server();
    let store = store(server.url(""), SessionAdapter::ambient()).unwrap();
    let (result, report) = builder().open(job(&store)).with_report().await;
    result.unwrap();
    accounted(&server, report).await;
}

#[tokio::test]
async fn a_body_that_is_kept_is_a_leak_of_the_line_that_made_the_store() {
    let server = s3::server();
    let http = SessionAdapter::ambient();
    let store = store(server.url(""), http).unwrap();
    let work = async {
        let path = Path::from("large.bin");
        store.put(&path, vec![1; 1_000_000].into()).await?;
        Ok::<_, BoxError>(store.get(&path).await?)
    };
    let (kept, report) = impatient().open(work).with_report().await;
    leak_at(&report.unwrap(), LeakKind::ResponseBody, "let http =");
    // It is cut off, and the store asks for the rest of it, under no context any more.
    let error = kept.unwrap().bytes().await.unwrap_err();
    assert!(caused_by::<SessionError>(&error), "{error:?}");
    server.wait_until(|counts| counts.open == 0).await;
}
