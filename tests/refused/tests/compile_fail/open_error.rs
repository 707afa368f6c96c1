//! The error of the work of `open` is made from `OpenError`.

struct MyError;

fn main() {
    let _ = http_context::open(async { Ok::<(), MyError>(()) });
    let _ = http_context::builder().open(async || Err::<(), _>(MyError));
}
