//! The work of `open` returns a `Result`.

fn main() {
    let _ = http_context::open(async { 5 });
    let _ = http_context::builder().open(async || "text");
}
