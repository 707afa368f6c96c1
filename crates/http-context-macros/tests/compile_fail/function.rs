//! Each of these is a mistake.

#[http_context_macros::test]
fn not_async() {}

#[http_context_macros::test]
async fn with_an_argument(_: u8) {}

#[http_context_macros::test]
async fn generic<T>() {}

#[http_context_macros::test]
#[tokio::test]
async fn two_attributes() {}

#[http_context_macros::test]
struct NotAFunction;

fn main() {}
