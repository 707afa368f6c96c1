//! Work is a future, or a closure that makes one.

fn main() {
    let _ = http_context::job(5);
    let _ = http_context::job(|| 5);
    let _ = http_context::open("text");
    let _ = http_context::builder().job(());
}
