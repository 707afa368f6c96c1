//! Redirects are followed by the policy of the session, and show no stranger a credential.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use http_context::{
    ContextBuilder, RedirectAction, RedirectError, RedirectPolicy, builder, http_session,
};
use http_context_tests::{Seen, Server, empty_body};

use crate::rig::Wire;
use crate::{context, find, recorded, run};

/// Two servers, which are strangers to each other. Each redirects to where the query says.
struct Strangers([Server; 2]);

impl Strangers {
    fn start() -> Self {
        Self(std::array::from_fn(|_| {
            Server::builder()
                .handler("/to", |request| async move {
                    let to = request.uri().query().unwrap().to_owned();
                    let response = http::Response::builder().status(302).header("location", to);
                    response.body(empty_body()).unwrap()
                })
                .start()
        }))
    }

    /// The URL whose redirects lead by each of these servers.
    fn way(&self, servers: &[usize]) -> String {
        let (last, others) = servers.split_last().unwrap();
        let last = self.0[*last].url("/ok");
        others
            .iter()
            .rev()
            .fold(last, |to, server| self.0[*server].url(&format!("/to?{to}")))
    }

    /// What came to the second one.
    fn seen_by_stranger(&self) -> Vec<Seen> {
        self.0[1].seen()
    }
}

/// The text, or why there is none, of a request with these headers.
async fn send(
    context: &ContextBuilder,
    url: String,
    headers: HeaderMap,
) -> Result<String, reqwest::Error> {
    let (result, report) = run(context, async |session| {
        let client = session.reqwest_client()?;
        let answered = client.get(url).headers(headers).send().await;
        Ok(match answered {
            Ok(response) => response.text().await,
            Err(error) => Err(error),
        })
    })
    .await;
    assert!(report.is_clean(), "{report}");
    result
}

fn is_refused(result: &Result<String, reqwest::Error>) -> bool {
    let error = result.as_ref().err().filter(|error| error.is_redirect());
    let error = error.and_then(find::<RedirectError>);
    matches!(error, Some(RedirectError::PlainCredentials))
}

fn with(name: HeaderName, is_sensitive: bool) -> HeaderMap {
    let mut value = HeaderValue::from_static("secret");
    value.set_sensitive(is_sensitive);
    HeaderMap::from_iter([(name, value)])
}

#[tokio::test]
async fn a_request_without_credentials_is_followed_to_strangers_and_back() {
    let strangers = Strangers::start();
    let way = strangers.way(&[0, 1, 1, 0, 0, 1]);
    let text = send(&context(Wire::Http1), way, HeaderMap::new()).await;
    assert_eq!(text.unwrap(), "ok");
    for seen in strangers.seen_by_stranger() {
        assert_eq!(seen.headers.get(header::REFERER), None);
    }
}

#[tokio::test]
async fn no_stranger_is_shown_a_credential_whatever_it_is_called() {
    let key = HeaderName::from_static("x-key");
    let named = || RedirectPolicy::default().credential_headers([key.clone()]);
    for (headers, is_followed) in [
        (with(header::AUTHORIZATION, false), true),
        (with(header::AUTHORIZATION, true), true),
        (with(header::COOKIE, false), true),
        (with(key.clone(), false), false),
        (with(HeaderName::from_static("x-other"), true), false),
        (with(header::HOST, false), false),
    ] {
        let name = headers.keys().next().unwrap().clone();
        let strangers = Strangers::start();
        let context = context(Wire::Http1).redirect(named());
        for way in [
            &[0, 0, 0][..],
            &[0, 1],
            &[0, 1, 0],
            &[0, 1, 1],
            &[0, 0, 1, 0, 0],
        ] {
            let result = send(&context, strangers.way(way), headers.clone()).await;
            let stays = way.iter().all(|server| *server == 0);
            let hops_back = way.windows(2).skip_while(|two| two[0] == two[1]);
            let stays_after = hops_back.skip(1).any(|two| two[0] == two[1]);
            if stays || is_followed && !stays_after {
                assert_eq!(result.unwrap(), "ok", "{name} {way:?}");
            } else {
                assert!(is_refused(&result), "{name} {way:?}: {result:?}");
            }
        }
        for seen in strangers.seen_by_stranger() {
            assert_eq!(
                seen.headers.get(&name).filter(|_| name != header::HOST),
                None
            );
        }
        let came = strangers.seen_by_stranger().len();
        assert_eq!(came > 0, is_followed, "{name}: {came}");
    }
}

#[tokio::test]
async fn default_headers_are_credentials_like_others() {
    let strangers = Strangers::start();
    let key = with(HeaderName::from_static("x-key"), true);
    for context in [
        context(Wire::Http1).default_headers(key.clone()),
        context(Wire::Http1).configure(move |client| client.default_headers(key.clone())),
    ] {
        let refused = send(&context, strangers.way(&[0, 1]), HeaderMap::new()).await;
        assert!(is_refused(&refused), "{refused:?}");
        let followed = send(&context, strangers.way(&[0, 0]), HeaderMap::new()).await;
        assert_eq!(followed.unwrap(), "ok");
    }
    assert!(strangers.seen_by_stranger().is_empty());
}

#[tokio::test]
async fn requests_that_are_not_seen_lead_to_no_stranger() {
    let strangers = Strangers::start();
    let (recorder, context) = recorded(Wire::Http1);
    let context = context.configure(|client| client.retry(reqwest::retry::never()));
    let refused = send(&context, strangers.way(&[0, 1]), HeaderMap::new()).await;
    assert!(is_refused(&refused), "{refused:?}");
    let followed = send(&context, strangers.way(&[0, 0]), HeaderMap::new()).await;
    assert_eq!(followed.unwrap(), "ok");
    assert!(strangers.seen_by_stranger().is_empty());
    let plain: u64 = recorder
        .reports()
        .iter()
        .map(|report| report.plain_requests)
        .sum();
    assert_eq!(plain, 0);
}

#[tokio::test]
async fn the_policy_of_the_session_decides() {
    let server = Server::start();
    let status = async |policy: RedirectPolicy, path: &str| {
        let context = context(Wire::Http1).redirect(policy);
        let url = server.url(path);
        let (result, _) = run(&context, async |session| {
            let client = session.reqwest_client()?;
            Ok(client
                .get(url)
                .send()
                .await
                .map(|response| response.status()))
        })
        .await;
        result
    };
    assert_eq!(
        status(RedirectPolicy::none(), "/redirect/2").await.unwrap(),
        302
    );
    assert_eq!(
        status(RedirectPolicy::limited(2), "/redirect/2")
            .await
            .unwrap(),
        200
    );
    let many = status(RedirectPolicy::limited(1), "/redirect/2")
        .await
        .unwrap_err();
    let many = find::<RedirectError>(&many);
    assert!(
        matches!(many, Some(RedirectError::TooMany { limit: 1 })),
        "{many:?}"
    );
    let stops = RedirectPolicy::custom(|attempt| match attempt.previous().len() {
        0..2 => RedirectAction::Follow,
        _ => RedirectAction::Stop,
    });
    assert_eq!(status(stops, "/redirect/5").await.unwrap(), 302);
    let never = RedirectPolicy::custom(|_| RedirectAction::Refuse("no".into()));
    let refused = status(never, "/redirect/1").await.unwrap_err();
    let refused = find::<RedirectError>(&refused);
    assert!(
        matches!(refused, Some(RedirectError::Refused(_))),
        "{refused:?}"
    );
}

/// What a session sends to a stranger is not less than what its plain client sends.
#[tokio::test]
async fn a_plain_client_sends_a_stranger_no_header_that_the_session_does_not() {
    let strangers = Strangers::start();
    let mut headers = with(header::AUTHORIZATION, true);
    headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_static("de"));
    let url = strangers.way(&[0, 1]);
    let work = builder().open(async {
        let request = http_session()?.get(&url).headers(headers.clone());
        Ok::<_, crate::BoxError>(request.send().await?.text().await?)
    });
    work.await.unwrap();
    send(&context(Wire::Http1), url.clone(), headers)
        .await
        .unwrap();
    let seen = strangers.seen_by_stranger();
    let names = |nth: usize| seen[nth].headers.keys().cloned().collect::<Vec<_>>();
    let by_session = names(0);
    for name in names(1) {
        assert!(by_session.contains(&name), "{name}");
    }
}
