//! What an error of a request answers.

use std::time::Duration;

use http_context::{RequestError, http_session, open};
use http_context_tests::{RefusedPort, Server};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

#[tokio::test]
async fn an_error_is_a_timeout_or_of_the_connect_or_of_the_end_of_the_session() {
    let (server, refused) = (Server::start(), RefusedPort::new());
    open(async {
        let session = http_session()?;
        let late = session
            .get(server.url("/never"))
            .timeout(Duration::from_millis(20));
        let lost = session.get(format!("http://{}/", refused.addr()));
        let after_close = session.get(server.url("/ok"));
        let answers = |error: RequestError| {
            (
                error.is_timeout(),
                error.is_connect(),
                error.is_session_closed(),
            )
        };
        let late = answers(late.send().await.unwrap_err());
        let lost = answers(lost.send().await.unwrap_err());
        session.close();
        let after_close = answers(after_close.send().await.unwrap_err());
        assert_eq!(late, (true, false, false));
        assert_eq!(lost, (false, true, false));
        assert_eq!(after_close, (false, false, true));
        Ok::<_, BoxError>(())
    })
    .await
    .unwrap();
}
