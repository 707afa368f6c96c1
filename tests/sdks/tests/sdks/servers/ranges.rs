//! Downloads of a part of a file, and of one that is given up.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use http_context::{Outcome, http_session};
use http_context_sdks::accounted;

use super::{Failed, Scene, client};

const SIZE: usize = 8_000_000;

/// A file of others, or the part of it that the client asks for. Status and headers are theirs.
pub(super) async fn file(
    State(upstream): State<String>,
    headers: HeaderMap,
) -> Result<Response, Failed> {
    let mut request = http_session()?.get(format!("{upstream}/file"));
    if let Some(range) = headers.get(header::RANGE) {
        request = request.header(header::RANGE, range);
    }
    let file = axum::http::Response::<reqwest::Body>::from(request.send().await?);
    Ok(file.map(Body::new))
}

/// Bytes that say where in the file they are.
pub(super) async fn source(headers: HeaderMap) -> Response {
    let file: Vec<u8> = (0..=250).cycle().take(SIZE).collect();
    let Some(range) = headers.get(header::RANGE) else {
        return file.into_response();
    };
    let (start, end) = crate::s3::range_of(range.to_str().unwrap());
    let says = [(header::CONTENT_RANGE, format!("bytes {start}-{end}/{SIZE}"))];
    let part = file[start..=end].to_vec();
    (StatusCode::PARTIAL_CONTENT, says, part).into_response()
}

#[tokio::test]
async fn a_part_is_what_was_asked_for() {
    let scene = Scene::new();
    let request = client().get(scene.service.url("/file"));
    let part = request
        .header(header::RANGE, "bytes=500-1499")
        .send()
        .await
        .unwrap();
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(
        part.headers()[header::CONTENT_RANGE],
        "bytes 500-1499/8000000"
    );
    let part = part.bytes().await.unwrap();
    assert_eq!((part.len(), usize::from(part[0])), (1_000, 500 % 251));
    accounted(&scene.upstream, [scene.report().await]).await;
}

#[tokio::test]
async fn a_download_that_is_given_up_is_given_up_upstream() {
    let scene = Scene::new();
    let mut file = client()
        .get(scene.service.url("/file"))
        .send()
        .await
        .unwrap();
    assert_eq!(file.content_length(), Some(SIZE as u64));
    assert!(file.chunk().await.unwrap().is_some());
    drop(file);
    let report = scene.report().await;
    assert_eq!(report.outcome, Outcome::Cancelled);
    assert!(report.is_clean(), "{report}");
    assert!(report.bytes_received < SIZE as u64, "{report}");
    scene.upstream_is_idle().await;
}
