//! Policies: a limit, none, and a function.

use http_context::{
    ErrorKind, OpenError, RedirectAction, RedirectError, RedirectPolicy, RequestError, builder,
    http_session,
};
use http_context_tests::{Server, edits_nothing};

/// The status that a policy ends with, or the error.
async fn status(policy: RedirectPolicy, url: String) -> Result<u16, RequestError> {
    let mut outcome = None;
    let work = builder().redirect(policy).open(async {
        let sent = http_session()?.get(url).send().await;
        outcome = Some(sent.map(|response| response.status().as_u16()));
        Ok::<_, OpenError>(())
    });
    work.await.unwrap();
    outcome.unwrap()
}

#[tokio::test]
async fn a_limit_is_how_many_are_followed() {
    let server = Server::start();
    for limit in [0, 1, 10] {
        let policy = RedirectPolicy::limited(limit);
        let at = server.url(&format!("/redirect/{limit}"));
        assert_eq!(status(policy.clone(), at).await.unwrap(), 200);
        let beyond = server.url(&format!("/redirect/{}", limit + 1));
        let error = status(policy, beyond).await.unwrap_err();
        let refused = error.as_redirect();
        assert!(
            matches!(refused, Some(RedirectError::TooMany { limit: l }) if *l == limit),
            "{error:?}"
        );
    }
    let none = status(RedirectPolicy::none(), server.url("/redirect/1")).await;
    assert_eq!(none.unwrap(), 302);
}

#[tokio::test]
async fn a_function_sees_the_status_the_url_and_those_before() {
    let server = Server::builder()
        .redirect("/a", 307, "/redirect/1?q=1")
        .start();
    let (seen, seen_here) = std::sync::mpsc::channel();
    let policy = RedirectPolicy::custom(move |attempt| {
        let previous = attempt.previous().iter().map(|url| url.path().to_owned());
        let to = attempt.url().to_string();
        seen.send((attempt.status().as_u16(), to, previous.collect::<Vec<_>>()))
            .unwrap();
        assert!(!format!("{attempt:?}").contains("q=1"));
        RedirectAction::Follow
    });
    assert_eq!(status(policy, server.url("/a")).await.unwrap(), 200);
    let path = |path: &str| path.to_owned();
    let expected = [
        (307, server.url("/redirect/1?q=1"), vec![path("/a")]),
        (
            302,
            server.url("/redirect/0"),
            vec![path("/a"), path("/redirect/1")],
        ),
    ];
    assert_eq!(seen_here.iter().collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn a_fragment_is_inherited_unless_there_is_a_new_one() {
    let server = Server::builder()
        .redirect("/a", 302, "/b")
        .redirect("/b", 302, "/c#new")
        .redirect("/c", 302, "/ok")
        .start();
    let (seen, seen_here) = std::sync::mpsc::channel();
    let policy = RedirectPolicy::custom(move |attempt| {
        let fragment = attempt.url().fragment().map(str::to_owned);
        seen.send(fragment).unwrap();
        RedirectAction::Follow
    });
    assert_eq!(status(policy, server.url("/a#old")).await.unwrap(), 200);
    let seen: Vec<_> = seen_here.iter().flatten().collect();
    assert_eq!(seen, ["old", "new", "new"]);
}

#[tokio::test]
async fn a_function_can_stop_or_refuse() {
    let server = Server::builder()
        .redirect("/app", 302, "myapp://callback?code=1")
        .start();
    let stop = || RedirectPolicy::custom(|_| RedirectAction::Stop);
    for path in ["/redirect/1", "/app"] {
        assert_eq!(
            status(stop(), server.url(path)).await.unwrap(),
            302,
            "{path}"
        );
    }
    let refuse = RedirectPolicy::custom(|_| RedirectAction::Refuse("not today".into()));
    let error = status(refuse, server.url("/redirect/1")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Redirect);
    let Some(RedirectError::Refused(reason)) = error.as_redirect() else {
        panic!("{error:?}")
    };
    assert_eq!(reason.to_string(), "not today");
}

#[tokio::test]
async fn a_request_may_be_given_the_redirect_itself() {
    for with_middleware in [false, true] {
        let server = Server::start();
        let mut context = builder();
        if with_middleware {
            context = context.with(edits_nothing());
        }
        let work = context.open(async {
            let session = http_session()?;
            let request = session.get(server.url("/redirect/2")).without_redirects();
            let copy = request.try_clone().unwrap();
            for request in [request, copy] {
                let response = request.send().await.unwrap();
                assert_eq!(response.status(), 302);
                assert_eq!(response.headers()["location"], "/redirect/1");
            }
            let followed = session.get(server.url("/redirect/2")).send().await.unwrap();
            assert_eq!(followed.status(), 200);
            Ok::<_, OpenError>(())
        });
        work.await.unwrap();
        assert_eq!(server.counts().requests, 2 + 3);
    }
}
