//! Responses whose body cannot be read to its end.

use std::time::Duration;

use futures_util::StreamExt as _;
use http_context::{ContextBuilder, HttpSession, OpenError, builder, http_session};
use http_context_tests::{Server, full_body};
use reqwest::{Error, Response};

use super::{kind, row};
use crate::SECRET;

/// What is done with a response.
#[derive(Clone, Copy)]
enum Operation {
    Bytes,
    Text,
    Json,
    Chunk,
    Stream,
}

impl Operation {
    const ALL: [(Self, &str); 5] = [
        (Self::Bytes, "bytes"),
        (Self::Text, "text"),
        (Self::Json, "json"),
        (Self::Chunk, "chunk"),
        (Self::Stream, "bytes_stream"),
    ];

    /// Does it to the end, or to the first error.
    async fn of(self, mut response: Response) -> Result<(), Error> {
        match self {
            Self::Bytes => response.bytes().await.map(drop),
            Self::Text => response.text().await.map(drop),
            Self::Json => response.json::<u8>().await.map(drop),
            Self::Chunk => {
                while response.chunk().await?.is_some() {}
                Ok(())
            }
            Self::Stream => {
                let mut stream = response.bytes_stream();
                while let Some(bytes) = stream.next().await {
                    bytes?;
                }
                Ok(())
            }
        }
    }
}

/// What goes wrong with a body, and how.
struct Fault {
    what: &'static str,
    path: &'static str,
    context: fn() -> ContextBuilder,
    /// What is done once the head is there.
    then: fn(&HttpSession),
}

const FAULTS: [Fault; 7] = [
    Fault {
        what: "it is not what is asked for",
        path: "/ok",
        context: builder,
        then: |_| {},
    },
    Fault {
        what: "it is cut off",
        path: "/cut/5",
        context: builder,
        then: |_| {},
    },
    Fault {
        what: "its time is over",
        path: "/slow-body",
        context: builder,
        then: |_| {},
    },
    Fault {
        what: "nothing comes of it for too long",
        path: "/slow-body",
        context: || builder().read_timeout(Duration::from_millis(100)),
        then: |_| {},
    },
    Fault {
        what: "it is too long",
        path: "/bytes/1000",
        context: || builder().max_response_body(3),
        then: |_| {},
    },
    Fault {
        what: "the session closes",
        path: "/slow-body",
        context: builder,
        then: HttpSession::close,
    },
    Fault {
        what: "it is not packed as it says",
        path: "/packed",
        context: builder,
        then: |_| {},
    },
];

pub(super) async fn rows() -> Vec<String> {
    let packed = |_| async {
        let answer = http::Response::builder().header("content-encoding", "gzip");
        answer.body(full_body("not so")).unwrap()
    };
    let server = Server::builder().handler("/packed", packed).start();
    let mut rows = Vec::new();
    for fault in FAULTS {
        let texts = Operation::ALL.map(|(operation, _)| said(&server, &fault, operation));
        let texts = futures_util::future::join_all(texts).await;
        let mut said: Vec<(Vec<&str>, String)> = Vec::new();
        for ((_, name), text) in Operation::ALL.into_iter().zip(texts) {
            match said.iter_mut().find(|(_, said)| *said == text) {
                Some((names, _)) => names.push(name),
                None => said.push((vec![name], text)),
            }
        }
        for (names, text) in said {
            let names = names.join("`, `");
            rows.push(format!("| {} | `{names}` {text}", fault.what));
        }
    }
    rows
}

/// The row of an operation, without its beginning.
async fn said(server: &Server, fault: &Fault, operation: Operation) -> String {
    let work = (fault.context)().open(async {
        let session = http_session()?;
        let url = server.url(&format!("{}?page=2&sig={SECRET}", fault.path));
        // Those that are to end otherwise do so before; the others are not late for their head.
        let is_late = fault.what == "its time is over";
        let limit = Duration::from_secs(if is_late { 1 } else { 60 });
        let response = session.get(url).timeout(limit).send().await.unwrap();
        (fault.then)(&session);
        Ok::<_, OpenError>(operation.of(response).await)
    });
    match work.await.unwrap() {
        Ok(()) => "| no error | | |".to_owned(),
        Err(error) => {
            let row = row("", &error);
            let row = row.strip_prefix("|  ").unwrap();
            format!("{row} `{}` |", kind(&error))
        }
    }
}
