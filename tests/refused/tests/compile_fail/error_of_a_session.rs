//! The errors of a function are made from those of what it calls.

#[derive(Debug)]
struct MyError;

async fn fetch(url: &str) -> Result<String, MyError> {
    let response = http_context::http_session()?.get(url).send().await?;
    Ok(response.text().await?)
}

fn main() {
    let _ = fetch;
}
