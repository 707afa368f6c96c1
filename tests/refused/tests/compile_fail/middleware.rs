//! Middleware of a context is that of `reqwest_middleware`.

#[derive(Clone)]
struct Signs;

fn main() {
    let _ = http_context::builder().with(Signs);
}
