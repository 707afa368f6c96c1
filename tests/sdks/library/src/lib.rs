//! A library that asks for the session of whoever calls it. It depends on `http-context` alone, with none of
//! its features, and has neither a client nor a parameter for one.

use http_context::http_session;
use http_context::reqwest::Response;

/// Whatever goes wrong.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// The weather of tomorrow, in a word.
///
/// # Errors
///
/// Under no context, and when the service does not answer well.
pub async fn tomorrow(service: &str, town: &str) -> Result<String, Error> {
    Ok(ask(service, town).await?.text().await?)
}

/// The weather of all days to come, as it comes.
///
/// # Errors
///
/// As [`tomorrow`].
pub async fn ask(service: &str, town: &str) -> Result<Response, Error> {
    let answer = http_session()?.get(format!("{service}/{town}")).send();
    Ok(answer.await?.error_for_status()?)
}
