//! Building a request never panics, and no error of it tells a secret.

use http_context::{OpenError, builder, http_session};
use reqwest::Method;

/// Stands where secrets stand, and nowhere else.
const SECRET: &str = "hunter2";

/// Builds a request of the lines of a text: method, scheme, rest of the URL, header and value.
pub(crate) fn check(text: &str) {
    let mut lines = text.split('\n');
    let mut next = || lines.next().unwrap_or_default();
    let method = Method::from_bytes(next().as_bytes()).unwrap_or(Method::GET);
    // Without what would make another part of a URL of what follows it.
    let scheme = next().replace([':', '/', '?', '#', '\\'], "");
    let rest = next().replace(['?', '#'], "");
    let url = format!("{scheme}://user:{SECRET}@{rest}?sig={SECRET}");
    let (name, value) = (next(), next());
    if [method.as_str(), &scheme, &rest, name, value]
        .iter()
        .any(|part| part.contains(SECRET))
    {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let opened = builder().open(async {
        let session = http_session().expect("bound by `open`");
        let request = session.request(method, url).header(name, value);
        let shown = format!("{request:?}");
        assert!(!shown.contains(SECRET), "{shown}");
        let Err(error) = request.build() else {
            return Ok::<_, OpenError>(());
        };
        let mut shown = format!("{error} {error:?}");
        let mut source = std::error::Error::source(&error);
        while let Some(error) = source {
            shown.push_str(&error.to_string());
            source = error.source();
        }
        assert!(!shown.contains(SECRET), "{shown}");
        Ok(())
    });
    let runtime = runtime.expect("a runtime without drivers can be built");
    runtime.block_on(opened).expect("nothing refuses it");
}
