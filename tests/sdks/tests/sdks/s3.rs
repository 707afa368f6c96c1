//! A store that speaks as much of the protocol of S3 as its clients need here: objects, ranges, and
//! uploads in parts.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http_context_sdks::Server;

type Parts = BTreeMap<u32, Bytes>;

#[derive(Clone, Default)]
struct Store {
    objects: Arc<Mutex<HashMap<String, Bytes>>>,
    /// The parts of the upload of each object.
    uploads: Arc<Mutex<HashMap<String, Parts>>>,
}

type Asked = Query<HashMap<String, String>>;

pub(crate) fn server() -> Server {
    let object = get(read).put(write).post(upload);
    Server::start(
        Router::new()
            .route("/{bucket}/{*key}", object)
            .with_state(Store::default()),
    )
}

/// `HEAD` is this without the body.
async fn read(
    State(store): State<Store>,
    Path((_, key)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let Some(object) = store.objects.lock().unwrap().get(&key).cloned() else {
        return (
            StatusCode::NOT_FOUND,
            "<Error><Code>NoSuchKey</Code></Error>",
        )
            .into_response();
    };
    let meta = [
        (header::ETAG, "\"1\""),
        (header::LAST_MODIFIED, "Thu, 01 Jan 2026 00:00:00 GMT"),
    ];
    let Some(range) = headers.get(header::RANGE) else {
        return (meta, object).into_response();
    };
    let (start, end) = range_of(range.to_str().unwrap());
    let says = format!("bytes {start}-{end}/{}", object.len());
    let part = object.slice(start..=end);
    (
        StatusCode::PARTIAL_CONTENT,
        meta,
        [(header::CONTENT_RANGE, says)],
        part,
    )
        .into_response()
}

/// `bytes=10-14`.
pub(crate) fn range_of(range: &str) -> (usize, usize) {
    let (start, end) = range["bytes=".len()..].split_once('-').unwrap();
    (start.parse().unwrap(), end.parse().unwrap())
}

/// An object, or a part of one.
async fn write(
    State(store): State<Store>,
    Path((_, key)): Path<(String, String)>,
    Query(asked): Asked,
    body: Bytes,
) -> Response {
    match asked.get("partNumber") {
        Some(number) => {
            let mut uploads = store.uploads.lock().unwrap();
            let parts = uploads.entry(key).or_default();
            parts.insert(number.parse().unwrap(), body);
        }
        None => {
            store.objects.lock().unwrap().insert(key, body);
        }
    }
    [(header::ETAG, "\"1\"")].into_response()
}

/// Begins an upload in parts, or completes it.
async fn upload(
    State(store): State<Store>,
    Path((bucket, key)): Path<(String, String)>,
    Query(asked): Asked,
    _: Bytes,
) -> Body {
    let xml = |name: &str, rest: &str| {
        Body::from(format!(
            "<{name}><Bucket>{bucket}</Bucket><Key>{key}</Key>{rest}</{name}>"
        ))
    };
    if asked.contains_key("uploads") {
        return xml(
            "InitiateMultipartUploadResult",
            "<UploadId>upload</UploadId>",
        );
    }
    let parts = store.uploads.lock().unwrap().remove(&key).unwrap();
    let object: Vec<u8> = parts.into_values().flatten().collect();
    let mut objects = store.objects.lock().unwrap();
    objects.insert(key.clone(), object.into());
    xml("CompleteMultipartUploadResult", "<ETag>\"1\"</ETag>")
}
