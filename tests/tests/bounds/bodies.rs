//! Bodies that are longer than anybody wants to read.

use std::io::Write as _;
use std::time::Duration;

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use futures_util::stream;
use http::Response;
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use http_context::{BodyTooLarge, ErrorKind, OpenError, http_session};
use http_context_tests::{ResponseBody, Server, full_body, sockets};

use crate::rig::{Ends, Rig, Wire};

const LIMIT: u64 = 1_000_000;

/// As much as is read of it.
fn endless() -> ResponseBody {
    const PIECE: Bytes = Bytes::from_static(&[b'x'; 16 * 1024]);
    StreamBody::new(stream::repeat_with(|| Ok(Frame::data(PIECE)))).boxed_unsync()
}

fn server(wire: Wire) -> Server {
    let builder = Server::builder().handler("/endless", |_| async { Response::new(endless()) });
    wire.server(builder)
}

/// Reads a body piece by piece, up to `most` bytes; what was read, and how it ended.
async fn read(mut response: reqwest::Response, most: u64) -> (u64, reqwest::Result<()>) {
    let mut read = 0;
    while read < most {
        match response.chunk().await {
            Ok(Some(chunk)) => read += chunk.len() as u64,
            Ok(None) => break,
            Err(error) => return (read, Err(error)),
        }
    }
    (read, Ok(()))
}

#[tokio::test]
async fn a_body_without_end_is_cut_at_the_limit_and_its_connection_released() {
    for wire in Wire::ALL {
        let (rig, server) = (Rig::new(wire), server(wire));
        let work = rig.context().max_response_body(LIMIT).open(async {
            let response = http_session()?.get(server.url("/endless")).send().await;
            let (read, end) = read(response.unwrap(), 10 * LIMIT).await;
            assert!(read <= LIMIT, "{wire:?}: {read} bytes");
            assert!(read > LIMIT / 2, "{wire:?}: only {read} bytes");
            let error = end.unwrap_err();
            let found = BodyTooLarge::find(&error);
            assert_eq!(found.map(|error| error.limit), Some(LIMIT), "{error:?}");
            Ok::<_, OpenError>(read)
        });
        let (read, report) = work.with_report().await;
        let report = report.unwrap();
        assert!(report.is_clean(), "{wire:?}: {report}");
        assert_eq!(report.bytes_received, read.unwrap());
        assert_eq!(sockets::to(server.addr()), []);
        let exported = rig.wait_until(|e| e.open_connections() == 0).await;
        exported.assert_sound();
        let answered = Ends {
            answered: 1,
            ..Ends::default()
        };
        assert_eq!(exported.ends(), answered, "{exported}");
        let sizes = "http_client_response_body_size_bytes";
        assert_eq!(exported.count(sizes, &[]), 0, "it has no size: {exported}");
    }
}

#[tokio::test]
async fn a_body_that_is_announced_to_be_too_long_is_not_read_at_all() {
    for wire in Wire::ALL {
        let (rig, server) = (Rig::new(wire), server(wire));
        let work = rig.context().max_response_body(LIMIT).open(async {
            let request = http_session()?.get(server.url("/bytes/1000001"));
            let response = request.send().await.unwrap();
            assert_eq!(
                (response.status(), response.content_length()),
                (http::StatusCode::OK, Some(LIMIT + 1))
            );
            let error = response.bytes().await.unwrap_err();
            assert!(BodyTooLarge::find(&error).is_some(), "{error:?}");
            Ok::<_, OpenError>(())
        });
        let report = work.with_report().await.1.unwrap();
        assert!(report.is_clean(), "{wire:?}: {report}");
        assert_eq!(report.bytes_received, 0);
    }
}

#[tokio::test]
async fn a_body_that_is_as_long_as_is_allowed_is_whole() {
    for wire in Wire::ALL {
        let (rig, server) = (Rig::new(wire), server(wire));
        let work = rig.context().max_response_body(LIMIT).open(async {
            let session = http_session()?;
            for path in ["/bytes/1000000", "/chunked/1000/1000", "/status/204"] {
                let response = session.get(server.url(path)).send().await.unwrap();
                let (read, end) = read(response, 10 * LIMIT).await;
                end.unwrap();
                assert!(read == LIMIT || path == "/status/204");
            }
            // What is announced and does not follow takes nothing.
            let head = session.head(server.url("/bytes/2000000"));
            head.send().await.unwrap().bytes().await.unwrap();
            Ok::<_, OpenError>(())
        });
        let report = work.with_report().await.1.unwrap();
        assert!(report.is_clean(), "{wire:?}: {report}");
        assert_eq!(report.connections_opened, 1, "{wire:?}: it was kept");
    }
}

#[tokio::test]
async fn a_body_without_end_ends_with_the_time_of_its_request() {
    for wire in Wire::ALL {
        let (rig, server) = (Rig::new(wire), server(wire));
        let work = rig.context().open(async {
            let request = http_session()?.get(server.url("/endless"));
            let request = request.timeout(Duration::from_millis(100));
            // Over before the head on a machine that is busy enough, and else in the body.
            let kind = match request.send().await {
                Ok(response) => ErrorKind::of(&read(response, u64::MAX).await.1.unwrap_err()),
                Err(error) => error.kind(),
            };
            assert_eq!(kind, ErrorKind::Timeout, "{wire:?}");
            Ok::<_, OpenError>(())
        });
        let report = work.with_report().await.1.unwrap();
        assert!(report.is_clean(), "{wire:?}: {report}");
    }
}

/// 200 MB of zeros, in about 200 kB.
fn bomb() -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let zeros = vec![0; 1 << 20];
    for _ in 0..200 {
        encoder.write_all(&zeros).unwrap();
    }
    encoder.finish().unwrap().into()
}

#[tokio::test]
async fn a_compressed_body_is_as_long_as_what_comes_out_of_it() {
    let bomb = bomb();
    let packed = bomb.len() as u64;
    assert!(packed < LIMIT, "{packed} bytes");
    let server = Server::builder().handler("/bomb", move |_| {
        let response = Response::builder().header("content-encoding", "gzip");
        let response = response.body(full_body(bomb.clone())).unwrap();
        async move { response }
    });
    let server = server.start();
    let work = http_context::builder()
        .max_response_body(LIMIT)
        .open(async {
            let response = http_session()?.get(server.url("/bomb")).send().await;
            let (read, end) = read(response.unwrap(), 10 * LIMIT).await;
            assert!(read > packed, "it was unpacked: {read} bytes");
            assert!(read <= LIMIT, "{read} bytes");
            assert!(BodyTooLarge::find(&end.unwrap_err()).is_some());
            Ok::<_, OpenError>(())
        });
    let report = work.with_report().await.1.unwrap();
    assert!(report.is_clean(), "{report}");
}
