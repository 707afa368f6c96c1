//! What is printed for debugging, of that which users hold.

use http_context::{NestedPolicy, OpenError, builder, current};

#[track_caller]
fn assert_parts(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part} is missing in: {text}");
    }
}

#[tokio::test]
async fn a_context_tells_which_one_it_is_and_whether_it_is_closed() {
    let line = line!() + 1;
    let work = builder().name("job 7").open(async {
        let context = current().unwrap();
        let (id, place) = (context.id(), format!("printed.rs:{line}:"));
        assert_parts(
            &format!("{context:?}"),
            &[&format!("{id:?}"), "job 7", &place, "is_closed: false"],
        );
        Ok::<_, OpenError>(context)
    });
    let context = work.await.unwrap();
    assert_parts(&format!("{context:?}"), &["is_closed: true"]);
}

#[test]
fn a_builder_tells_what_was_set() {
    let jobs = builder().name("job 7").nested(NestedPolicy::Deny).lazy();
    assert_parts(&format!("{jobs:?}"), &["job 7", "Deny", "is_lazy: true"]);
}
