//! An observer implements `Observer`, and is shared.

use std::sync::Arc;

struct Counts;

fn main() {
    let _ = http_context::builder().observer(Arc::new(Counts));
    let _ = http_context::builder().observer(Counts);
    let _ = http_context::set_default_observer(Arc::new(Counts));
}
