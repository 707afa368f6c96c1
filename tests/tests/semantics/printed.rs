//! What is printed of a thing by `{:?}`: enough to know it by, and no secret.

use std::time::Duration;

use http_context::{
    FutureExt, JoinSet, NestedPolicy, NoOpenContexts, OpenError, SessionPool, builder, current,
    http_session, open,
};

#[track_caller]
fn assert_parts(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part} is missing in: {text}");
    }
}

#[tokio::test]
async fn a_context_shows_which_it_is_and_whether_it_is_closed() {
    let line = line!() + 1;
    let work = builder().name("job 7").open(async {
        let context = current().unwrap();
        let (id, line) = (context.id(), format!("printed.rs:{line}:"));
        assert_parts(
            &format!("{context:?}"),
            &[&format!("{id:?}"), "job 7", &line, "is_closed: false"],
        );
        Ok::<_, OpenError>(context)
    });
    let context = work.await.unwrap();
    assert_parts(&format!("{context:?}"), &["is_closed: true"]);
}

#[test]
fn a_builder_shows_what_was_set() {
    let jobs = builder().name("job 7").nested(NestedPolicy::Deny).lazy();
    assert_parts(&format!("{jobs:?}"), &["job 7", "Deny", "is_lazy: true"]);
}

#[tokio::test]
async fn a_session_names_its_context_and_its_call_site() {
    open(async {
        let line = line!() + 1;
        let session = http_session().unwrap();
        let (id, context) = (session.id(), current().unwrap().id());
        let text = format!("{session:?}");
        let begins = format!("HttpSession {{ id: {id:?}, context: {context:?}, call_site: Some(");
        assert!(text.starts_with(&begins), "{text}");
        assert!(text.contains(&format!("printed.rs:{line}:")), "{text}");
        assert!(text.contains("is_closed: false"), "{text}");
        session.close();
        assert!(format!("{session:?}").contains("is_closed: true"));
        Ok::<_, OpenError>(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_request_names_its_session_and_its_call_site_and_not_its_secrets() {
    open(async {
        let session = http_session().unwrap();
        let line = line!() + 1;
        let request = session.get("http://user:hunter2@127.0.0.1/?sig=hunter2");
        let text = format!("{:?}", request.bearer_auth("hunter2"));
        let begins = format!("RequestBuilder {{ session: {:?}, call_site: ", session.id());
        assert!(text.starts_with(&begins), "{text}");
        assert!(text.contains(&format!("printed.rs:{line}:")), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
        Ok::<_, OpenError>(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_pool_shows_its_limits_and_its_counts() {
    let pool = SessionPool::builder().max_size(7).build();
    let text = format!("{pool:?}");
    assert_parts(
        &text,
        &["max_size: 7", "idle_timeout: 120s", "used: 0", "waiting: 0"],
    );
}

#[tokio::test]
async fn a_check_of_the_process_shows_what_it_will_do() {
    let check = NoOpenContexts::new()
        .retries(2)
        .pause(Duration::from_secs(1))
        .ignore(|_| true);
    assert_eq!(
        format!("{check:?}"),
        "NoOpenContexts { retries: 2, pause: 1s, ignored: 1 }"
    );
}

#[tokio::test]
async fn children_show_what_they_are_bound_to() {
    let bound = || format!("{:?}", std::future::ready(()).in_current_http_context());
    assert!(bound().contains("is_bound: false"), "{}", bound());
    open(async {
        assert!(bound().contains("is_bound: true"), "{}", bound());
        let mut tasks = JoinSet::new();
        tasks.spawn(async {});
        let text = format!("{tasks:?}");
        assert_eq!(text, format!("{:?}", tasks.into_inner()), "as of Tokio");
        Ok::<_, OpenError>(())
    })
    .await
    .unwrap();
}
