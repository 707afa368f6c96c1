//! Responses by their status.

use http_context::{OpenError, builder, http_session};
use http_context_tests::{Server, empty_body};

use super::told;
use crate::SECRET;

pub(super) async fn rows() -> Vec<String> {
    let mut server = Server::builder();
    // Of 1xx, only this one ends a request.
    let statuses = [101, 200, 204, 301, 304, 400, 404, 429, 500, 503];
    for status in statuses {
        let answer = move |_| async move {
            let answer = http::Response::builder().status(status);
            answer.body(empty_body()).unwrap()
        };
        server = server.handler(format!("/x/{status}"), answer);
    }
    let server = server.start();
    let at = |status| server.url(&format!("/x/{status}?page=2&sig={SECRET}"));
    let work = builder().open(async {
        let mut rows = Vec::new();
        for status in statuses {
            let response = http_session()?.get(at(status)).send().await.unwrap();
            assert_eq!(response.status(), status);
            let said = match response.error_for_status_ref() {
                Ok(_) => "a response".to_owned(),
                Err(error) => format!("`` {} ``", told(&error.to_string())),
            };
            let asked = http_session()?.get(at(status)).error_for_status(true);
            let asked = match asked.send().await {
                Ok(_) => "a response".to_owned(),
                Err(error) => format!("`` {} ``", told(&error.to_string())),
            };
            let status = response.status();
            rows.push(format!("| {status} | a response | {said} | {asked} |"));
        }
        Ok::<_, OpenError>(rows)
    });
    work.await.unwrap()
}
