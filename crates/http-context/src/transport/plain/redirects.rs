//! Which redirects a plain client follows: those of the session's policy with which `reqwest` sends no
//! stranger a credential.
//!
//! `reqwest` makes each hop from the headers that the request began with, and takes those of
//! [`Credentials::Removed`] off where that hop leads to another origin than the one before. So a
//! stranger who redirects within his own origin would get them, and everybody those of
//! [`Credentials::Kept`]; neither is followed.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

use hashbrown::HashSet;
use parking_lot::Mutex;
use reqwest::redirect::{Attempt, Policy};
use reqwest::{StatusCode, Url};

use super::credentials::{Credentials, SentCredentials};
use crate::error::RedirectError;
use crate::identity::is_same_origin;
use crate::transport::redirect::{RedirectAttempt, RedirectPolicy};

/// So many ways of requests with credentials are remembered. Beyond that, every way counts as one.
const MOST_WAYS: usize = 4096;

pub(super) struct PlainRedirects {
    policy: RedirectPolicy,
    sent: Arc<SentCredentials>,
    hasher: RandomState,
    /// Ways that have led to another origin and began with credentials: each the hash of all its URLs,
    /// since a policy is told no more of a request. Nothing of a user runs under it.
    with_credentials: Mutex<HashSet<u64>>,
}

impl PlainRedirects {
    pub(super) fn new(policy: &RedirectPolicy, sent: Arc<SentCredentials>) -> Self {
        Self {
            policy: policy.clone(),
            sent,
            hasher: RandomState::new(),
            with_credentials: Mutex::default(),
        }
    }

    pub(super) fn into_policy(self) -> Policy {
        if self.policy.is_none() {
            return Policy::none();
        }
        Policy::custom(move |attempt: Attempt<'_>| {
            match self.follows(attempt.status(), attempt.url(), attempt.previous()) {
                Ok(true) => attempt.follow(),
                Ok(false) => attempt.stop(),
                Err(error) => attempt.error(error),
            }
        })
    }

    /// `previous` has the URLs that were requested, the one that redirects last.
    fn follows(
        &self,
        status: StatusCode,
        url: &Url,
        previous: &[Url],
    ) -> Result<bool, RedirectError> {
        let Some(from) = previous.last() else {
            return Ok(false);
        };
        let credentials = self.sent.take(from, status);
        let mut shown = url.clone();
        // Both fail where a URL cannot have user info.
        let _ = shown.set_username("");
        let _ = shown.set_password(None);
        let attempt = RedirectAttempt {
            status,
            url: &shown,
            previous,
        };
        if !self.policy.follows(&attempt)? {
            return Ok(false);
        }
        let was_foreign = previous
            .windows(2)
            .any(|two| !is_same_origin(&two[0], &two[1]));
        let is_foreign = !is_same_origin(from, url);
        let had_credentials = was_foreign && self.had_credentials(previous);
        if is_foreign && credentials == Credentials::Kept || !is_foreign && had_credentials {
            return Err(RedirectError::PlainCredentials);
        }
        if is_foreign && (had_credentials || credentials != Credentials::None) {
            let mut ways = self.with_credentials.lock();
            if ways.len() < MOST_WAYS {
                ways.insert(self.way(previous.iter().chain([url])));
            }
        }
        Ok(true)
    }

    /// Whether a request that came this way began with credentials, or another one that did.
    fn had_credentials(&self, way: &[Url]) -> bool {
        let ways = self.with_credentials.lock();
        ways.len() >= MOST_WAYS || ways.contains(&self.way(way.iter()))
    }

    fn way<'u>(&self, urls: impl Iterator<Item = &'u Url>) -> u64 {
        self.hasher
            .hash_one(urls.map(Url::as_str).collect::<Vec<_>>())
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue, Request, Uri};

    use super::*;
    use crate::transport::redirect::RedirectAction;

    const FOUND: StatusCode = StatusCode::FOUND;

    fn redirects(policy: &RedirectPolicy) -> PlainRedirects {
        PlainRedirects::new(policy, Arc::new(SentCredentials::new(policy)))
    }

    fn urls(urls: &[&str]) -> Vec<Url> {
        urls.iter().map(|url| Url::parse(url).unwrap()).collect()
    }

    /// Whether the last hop of this way is followed by a request that began with this header, or by one
    /// that nobody has seen. All hops before it have been.
    fn follows(
        redirects: &PlainRedirects,
        way: &[&str],
        header: Option<&str>,
    ) -> Result<bool, String> {
        let way = urls(way);
        let mut followed = Ok(true);
        for end in 1..way.len() {
            let from = &way[end - 1];
            let mut request = Request::new(());
            let was_foreign = way[..end]
                .windows(2)
                .any(|two| !is_same_origin(&two[0], &two[1]));
            if let Some(name) = header {
                let name = HeaderName::try_from(name).unwrap();
                // As `reqwest` removes it.
                if !was_foreign || name != "authorization" {
                    request
                        .headers_mut()
                        .insert(name, HeaderValue::from_static("x"));
                }
            }
            let uri: Uri = from.as_str().parse().unwrap();
            redirects.sent.note(&uri, FOUND, &request);
            followed = redirects
                .follows(FOUND, &way[end], &way[..end])
                .map_err(|error| error.to_string());
            if followed != Ok(true) {
                assert_eq!(end + 1, way.len(), "{followed:?}");
            }
        }
        followed
    }

    #[test]
    fn a_request_without_credentials_is_followed_everywhere() {
        let redirects = redirects(&RedirectPolicy::default());
        for way in [
            &["http://a/", "http://a/1"][..],
            &["http://a/", "http://b/", "http://b/1", "http://a/"],
        ] {
            assert_eq!(follows(&redirects, way, None), Ok(true), "{way:?}");
        }
    }

    #[test]
    fn credentials_stay_with_the_origin_that_they_were_sent_to() {
        let redirects = redirects(&RedirectPolicy::default());
        let authorization = Some("authorization");
        for (way, is_followed) in [
            (&["http://a/", "http://a/1", "http://a/2"][..], true),
            (&["http://a/", "http://b/"], true),
            (&["http://a/", "http://b/", "http://c/"], true),
            (&["http://a/", "http://b/", "http://b/1"], false),
            (
                &["http://a/", "http://b/", "http://c/", "http://c/1"],
                false,
            ),
            (&["http://a/", "https://a/", "https://a/1"], false),
            (
                &["http://a/", "http://a:81/", "http://a/", "http://a/1"],
                false,
            ),
        ] {
            let followed = follows(&redirects, way, authorization);
            assert_eq!(followed.is_ok(), is_followed, "{way:?}: {followed:?}");
        }
    }

    #[test]
    fn what_reqwest_does_not_remove_leads_to_no_other_origin() {
        let policy =
            RedirectPolicy::default().credential_headers([HeaderName::from_static("x-key")]);
        let redirects = redirects(&policy);
        let key = Some("x-key");
        assert_eq!(
            follows(&redirects, &["http://a/", "http://a/1"], key),
            Ok(true)
        );
        let refused = follows(&redirects, &["http://a/", "http://b/"], key);
        assert!(refused.is_err(), "{refused:?}");
    }

    #[test]
    fn a_request_that_nobody_saw_leads_to_no_other_origin() {
        let redirects = redirects(&RedirectPolicy::default());
        let way = urls(&["http://a/", "http://a/1", "http://b/"]);
        assert!(redirects.follows(FOUND, &way[1], &way[..1]).unwrap());
        let refused = redirects.follows(FOUND, &way[2], &way[..1]);
        assert!(matches!(refused, Err(RedirectError::PlainCredentials)));
    }

    #[test]
    fn when_ways_are_too_many_each_counts_as_one_with_credentials() {
        let redirects = redirects(&RedirectPolicy::default());
        let way = ["http://a/", "http://b/", "http://b/1"];
        assert_eq!(follows(&redirects, &way, None), Ok(true));
        for nth in 0..=MOST_WAYS {
            let to = format!("http://b/{nth}");
            let _ = follows(&redirects, &["http://a/", &to], Some("authorization"));
        }
        assert_eq!(redirects.with_credentials.lock().len(), MOST_WAYS);
        assert!(follows(&redirects, &way, None).is_err());
    }

    #[test]
    fn the_policy_of_the_session_decides_first() {
        let custom = RedirectPolicy::custom(|attempt| {
            assert_eq!(attempt.url().username(), "");
            if attempt.previous().len() < 2 {
                RedirectAction::Follow
            } else {
                RedirectAction::Stop
            }
        });
        let way = ["http://a/", "http://user:secret@a/1", "http://a/2"];
        assert_eq!(follows(&redirects(&custom), &way, None), Ok(false));
        let limited = redirects(&RedirectPolicy::limited(1));
        let refused = follows(&limited, &way, None);
        assert!(refused.is_err(), "{refused:?}");
    }
}
