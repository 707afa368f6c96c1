//! Packed bodies are asked for and unpacked, and what is counted is what comes out.

use std::sync::Arc;

use http_context::testing::{Fact, Recorder};
use http_context::{builder, http_session};
use http_context_tests::{Server, edits_nothing, full_body};
use reqwest::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH};

use crate::{BoxError, sent};

/// `0123456789`, a hundred times, as the Python packages `zlib`, `brotli` and `zstandard` pack it.
const PACKED: [(&str, &[u8]); 4] = [
    (
        "gzip",
        &[
            0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0x33, 0x30, 0x34, 0x32,
            0x36, 0x31, 0x35, 0x33, 0xb7, 0xb0, 0x34, 0x18, 0x65, 0x8d, 0xb2, 0x46, 0x59, 0xc3,
            0x94, 0x05, 0x00, 0xf1, 0x8f, 0x85, 0x7c, 0xe8, 0x03, 0x00, 0x00,
        ],
    ),
    (
        "br",
        &[
            0x1b, 0xe7, 0x03, 0xf8, 0xc5, 0x0d, 0xc6, 0xe6, 0x25, 0x8d, 0x28, 0x30, 0x14, 0x00,
            0x33, 0x28, 0xa7, 0xb3, 0xf7,
        ],
    ),
    (
        "zstd",
        &[
            0x28, 0xb5, 0x2f, 0xfd, 0x60, 0xe8, 0x02, 0x8d, 0x00, 0x00, 0x50, 0x30, 0x31, 0x32,
            0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x01, 0x00, 0xdb, 0x5b, 0x15, 0x24,
        ],
    ),
    (
        "deflate",
        &[
            0x78, 0x9c, 0x33, 0x30, 0x34, 0x32, 0x36, 0x31, 0x35, 0x33, 0xb7, 0xb0, 0x34, 0x18,
            0x65, 0x8d, 0xb2, 0x46, 0x59, 0xc3, 0x94, 0x05, 0x00, 0xec, 0xb8, 0xcd, 0x15,
        ],
    ),
];

#[tokio::test]
async fn what_comes_packed_is_read_and_counted_unpacked() {
    for with_middleware in [false, true] {
        for (encoding, packed) in PACKED {
            let server = Server::builder().handler("/packed", move |_| async move {
                let response = http::Response::builder().header(CONTENT_ENCODING, encoding);
                response.body(full_body(packed)).unwrap()
            });
            let (server, recorder) = (server.start(), Arc::new(Recorder::new()));
            let mut context = builder().observer(recorder.clone());
            if with_middleware {
                context = context.with(edits_nothing());
            }
            let work = context.open(async {
                let response = http_session()?.get(server.url("/packed")).send().await?;
                for name in [CONTENT_ENCODING, CONTENT_LENGTH] {
                    assert!(!response.headers().contains_key(name));
                }
                assert_eq!(response.content_length(), None);
                assert_eq!(response.text().await?, "0123456789".repeat(100));
                Ok::<_, BoxError>(())
            });
            let (result, report) = work.with_report().await;
            result.unwrap();
            let report = report.unwrap();
            assert_eq!(report.bytes_received, 1000, "{encoding}");
            let bodies = recorder.all(|fact| match fact {
                Fact::ResponseBodyEnded { end, .. } => Some(end.bytes),
                _ => None,
            });
            assert_eq!(bodies, [1000], "{encoding}");
            let counts = server.counts();
            assert_eq!(counts.response_bytes, packed.len() as u64, "{encoding}");
            let asked = sent(&server, &ACCEPT_ENCODING).remove(0).1.unwrap();
            let mut asked: Vec<_> = asked
                .split([',', ' '])
                .filter(|one| !one.is_empty())
                .collect();
            asked.sort_unstable();
            assert_eq!(asked, ["br", "deflate", "gzip", "zstd"]);
        }
    }
}

#[tokio::test]
async fn a_session_and_a_request_may_ask_for_none() {
    let server = Server::start();
    let none = |client: reqwest::ClientBuilder| client.no_gzip().no_brotli().no_zstd().no_deflate();
    let work = builder().configure(none).open(async {
        http_session()?.get(server.url("/ok")).send().await?;
        Ok::<_, BoxError>(())
    });
    work.await.unwrap();
    let work = builder().open(async {
        let request = http_session()?.get(server.url("/upload"));
        request.header(ACCEPT_ENCODING, "identity").send().await?;
        Ok::<_, BoxError>(())
    });
    work.await.unwrap();
    let all = [("/ok", None), ("/upload", Some("identity"))];
    assert_eq!(sent(&server, &ACCEPT_ENCODING), crate::expected(&all));
}
