//! No secret is printed of a thing by `{:?}`.

use http_context::{OpenError, http_session, open};

#[tokio::test]
async fn a_request_shows_none_of_its_secrets() {
    open(async {
        let session = http_session().unwrap();
        let request = session.get("http://user:hunter2@127.0.0.1/?sig=hunter2");
        let text = format!("{:?}", request.bearer_auth("hunter2"));
        assert!(!text.contains("hunter2"), "{text}");
        Ok::<_, OpenError>(())
    })
    .await
    .unwrap();
}
