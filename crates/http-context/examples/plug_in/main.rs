//! A text-to-speech plug-in as one is written for livekit-agents, ported from Python: what it had a session and
//! a place to keep it for is one call here, and what the session would have leaked fails its test.
//!
//! ```python
//! class TTS:
//!     def __init__(self, *, api_key, base_url, http_session: aiohttp.ClientSession | None = None): ...
//!
//!     def _ensure_session(self):
//!         if not self._session:
//!             self._session = utils.http_context.http_session()
//!         return self._session
//!
//!     async def synthesize(self, text, emitter):
//!         async with self._ensure_session().post(
//!             self._url, headers={"x-api-key": self._key}, json={"text": text},
//!             timeout=aiohttp.ClientTimeout(total=30, sock_connect=10),
//!         ) as response:
//!             response.raise_for_status()
//!             async for data, _ in response.content.iter_chunks():
//!                 emitter.push(data)
//! ```
//!
//! `cargo run -p http-context --features json --example plug_in`

#![allow(clippy::print_stdout, reason = "it shows what it does")]

#[path = "../support/mod.rs"]
mod server;

use std::time::Duration;

use http_context::bytes::Bytes;
use http_context::{http_session, open};
use serde_json::json;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// It keeps no session: one that it kept would be of the job that made it.
struct Tts {
    api_key: String,
    url: String,
}

impl Tts {
    async fn synthesize(&self, text: &str, mut push: impl FnMut(Bytes)) -> Result<(), BoxError> {
        let mut response = http_session()?
            .post(&self.url)
            .header("x-api-key", &self.api_key)
            .json(&json!({ "text": text }))
            .timeout(Duration::from_secs(30))
            .connect_timeout(Duration::from_secs(10))
            .error_for_status(true)
            .send()
            .await?;
        while let Some(data) = response.chunk().await? {
            push(data);
        }
        Ok(())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    run().await
}

async fn run() -> Result<(), BoxError> {
    // Made once, and used by every job.
    let tts = Tts {
        api_key: "secret".to_owned(),
        url: server::start().await?,
    };
    for job in 1..=2 {
        let mut bytes = 0;
        let speak = tts.synthesize("good morning", |data| bytes += data.len());
        let (spoken, report) = open(speak).with_report().await;
        spoken?;
        println!("job {job}: {bytes} bytes of sound");
        let report = report.ok_or("a context was opened")?;
        println!("{report}");
        assert!(report.is_clean());
    }
    Ok(())
}

#[cfg(test)]
#[tokio::test]
async fn it_runs() -> Result<(), BoxError> {
    run().await
}
