//! Work is a future: a function is called, and a closure is `async`.

use http_context::{OpenError, http_session};

async fn work() -> Result<(), OpenError> {
    Ok(())
}

async fn with_an_argument(_: u8) -> Result<(), OpenError> {
    Ok(())
}

async fn job() {
    let _ = http_context::open(with_an_argument).await;
    let _ = http_context::open(|| http_session().map(drop)).await;
    let _ = http_context::open(work().await).await;
    let _ = http_context::builder().open(|_session| work()).await;
}

fn main() {
    let _ = job;
}
