//! A child may move to another thread.

use std::rc::Rc;

async fn parent() {
    http_context::spawn(async {
        let count = Rc::new(1);
        std::future::ready(()).await;
        *count
    });
}

fn main() {
    drop(parent());
}
