//! A worker with a job type of its own: it hands mails to a server that sends them.

use http_context::http_session;
use http_context_worker::Worker;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Mail {
    server: String,
    text: String,
}

async fn send(mail: Mail) -> Result<u16, Box<dyn std::error::Error + Send + Sync>> {
    let request = http_session()?.post(mail.server).body(mail.text);
    Ok(request.send().await?.error_for_status()?.status().as_u16())
}

fn main() -> std::process::ExitCode {
    Worker::new("mailer", send).main()
}
