//! Cookies of a context.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use cookie_store::{CookieExpiration, CookieStore as Store, RawCookie};
use http::header::{COOKIE, HeaderMap, HeaderValue, SET_COOKIE};
use parking_lot::RwLock;
use reqwest::cookie::CookieStore;
use reqwest::{Request, Url};

/// Cookies that can be read: those of a context that has
/// [`cookie_store`](crate::ContextBuilder::cookie_store), from
/// [`HttpSession::cookies`](crate::HttpSession::cookies), or one's own for
/// [`cookie_provider`](crate::ContextBuilder::cookie_provider).
///
/// It goes by RFC 6265, with the crate `cookie_store`, as the jar of `reqwest` does. It knows no list of
/// public suffixes, so that a server of `a.example` can set a cookie for all of `example`, and has no
/// limit to how many cookies there may be. What is in it is gone with it.
///
/// ```
/// use http_context::{CookieJar, reqwest::Url};
///
/// let jar = CookieJar::new();
/// let url = Url::parse("https://example.com/login")?;
/// jar.set("session=7; Path=/; Secure", &url);
/// assert_eq!(jar.get("session", &url).as_deref(), Some("7"));
///
/// let elsewhere = Url::parse("https://example.org/")?;
/// assert_eq!(jar.get("session", &elsewhere), None);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Default)]
pub struct CookieJar {
    /// Nothing of a user runs under it.
    store: RwLock<Store>,
}

/// A cookie in a [`CookieJar`].
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cookie {
    /// Its name.
    pub name: String,
    /// Its value, which may be a secret.
    pub value: String,
    /// The host that it goes to, and with `includes_subdomains` those below it.
    pub domain: String,
    /// Whether it goes to hosts below its domain as well.
    pub includes_subdomains: bool,
    /// The path that it goes to, with what is below.
    pub path: String,
    /// Whether it goes over `https` only.
    pub is_secure: bool,
    /// Whether it was set with `HttpOnly`.
    pub is_http_only: bool,
    /// When it expires; `None` where it lasts as long as the jar.
    pub expires: Option<SystemTime>,
}

impl CookieJar {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps a cookie, written as in `Set-Cookie`, as if it came from this URL. One that the URL may
    /// not set, or that cannot be read, is passed by.
    pub fn set(&self, cookie: &str, url: &Url) {
        if let Ok(cookie) = RawCookie::parse(cookie.to_owned()) {
            let mut store = self.store.write();
            store.store_response_cookies(std::iter::once(cookie), url);
        }
    }

    /// The value of the cookie of this name that a request to the URL has.
    pub fn get(&self, name: &str, url: &Url) -> Option<String> {
        let store = self.store.read();
        let mut values = store.get_request_values(url);
        let found = values.find(|(found, _)| *found == name)?;
        Some(found.1.to_owned())
    }

    /// The cookies that a request to this URL has.
    pub fn of_url(&self, url: &Url) -> Vec<Cookie> {
        let store = self.store.read();
        store.matches(url).into_iter().map(Cookie::of).collect()
    }

    /// All cookies that have not expired, in no particular order.
    pub fn all(&self) -> Vec<Cookie> {
        let store = self.store.read();
        store.iter_unexpired().map(Cookie::of).collect()
    }

    /// Takes all cookies out.
    pub fn clear(&self) {
        self.store.write().clear();
    }
}

impl CookieStore for CookieJar {
    fn set_cookies(&self, headers: &mut dyn Iterator<Item = &HeaderValue>, url: &Url) {
        let cookies = headers.filter_map(|header| {
            let text = std::str::from_utf8(header.as_bytes()).ok()?;
            RawCookie::parse(text.to_owned()).ok()
        });
        self.store.write().store_response_cookies(cookies, url);
    }

    fn cookies(&self, url: &Url) -> Option<HeaderValue> {
        let store = self.store.read();
        let pairs = store.get_request_values(url);
        let pairs: Vec<_> = pairs
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        if pairs.is_empty() {
            return None;
        }
        HeaderValue::try_from(pairs.join("; ")).ok()
    }
}

impl CookieStore for Cookies {
    fn set_cookies(&self, headers: &mut dyn Iterator<Item = &HeaderValue>, url: &Url) {
        self.store().set_cookies(headers, url);
    }

    fn cookies(&self, url: &Url) -> Option<HeaderValue> {
        self.store().cookies(url)
    }
}

impl fmt::Debug for CookieJar {
    /// How many there are: their values may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.store.read().iter_unexpired().count();
        f.debug_struct("CookieJar")
            .field("cookies", &count)
            .finish()
    }
}

impl Cookie {
    fn of(cookie: &cookie_store::Cookie<'static>) -> Self {
        Self {
            name: cookie.name().to_owned(),
            value: cookie.value().to_owned(),
            domain: cookie.domain.as_cow().unwrap_or_default().into_owned(),
            includes_subdomains: matches!(cookie.domain, cookie_store::CookieDomain::Suffix(_)),
            path: String::from(cookie.path.clone()),
            is_secure: cookie.secure().unwrap_or(false),
            is_http_only: cookie.http_only().unwrap_or(false),
            expires: match cookie.expires {
                CookieExpiration::AtUtc(at) => Some(at.into()),
                CookieExpiration::SessionEnd => None,
            },
        }
    }
}

impl fmt::Debug for Cookie {
    /// Without its value, which may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cookie")
            .field("name", &self.name)
            .field("domain", &self.domain)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// Where the contexts of one builder keep cookies.
#[derive(Clone, Default)]
pub(crate) enum CookieOption {
    #[default]
    Nowhere,
    /// Each context in a jar of its own.
    OwnJar,
    /// All of them in the same place.
    Shared(Cookies),
}

impl CookieOption {
    pub(crate) fn shared<C: CookieStore + 'static>(provider: Arc<C>) -> Self {
        let any: &dyn Any = &provider;
        let jar = any.downcast_ref::<Arc<CookieJar>>().cloned();
        Self::Shared(match jar {
            Some(jar) => Cookies::Jar(jar),
            None => Cookies::Provider(provider),
        })
    }

    pub(super) fn is_on(&self) -> bool {
        !matches!(self, Self::Nowhere)
    }

    pub(super) fn of_context(&self) -> Option<Cookies> {
        match self {
            Self::Nowhere => None,
            Self::OwnJar => Some(Cookies::Jar(Arc::default())),
            Self::Shared(cookies) => Some(cookies.clone()),
        }
    }
}

/// Where one context keeps its cookies.
#[derive(Clone)]
pub(crate) enum Cookies {
    Jar(Arc<CookieJar>),
    /// Of which only requests know what is in it.
    Provider(Arc<dyn CookieStore>),
}

impl Cookies {
    fn store(&self) -> &dyn CookieStore {
        match self {
            Self::Jar(jar) => &**jar,
            Self::Provider(provider) => &**provider,
        }
    }

    pub(super) fn jar(&self) -> Option<&Arc<CookieJar>> {
        match self {
            Self::Jar(jar) => Some(jar),
            Self::Provider(_) => None,
        }
    }

    pub(super) fn add(&self, request: &mut Request) {
        if request.headers().contains_key(COOKIE) {
            return;
        }
        if let Some(mut cookies) = self.store().cookies(request.url()) {
            cookies.set_sensitive(true);
            request.headers_mut().insert(COOKIE, cookies);
        }
    }

    pub(super) fn keep(&self, headers: &HeaderMap, url: &Url) {
        let mut cookies = headers.get_all(SET_COOKIE).iter().peekable();
        if cookies.peek().is_some() {
            self.store().set_cookies(&mut cookies, url);
        }
    }
}
