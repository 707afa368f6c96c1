//! `genai`, which takes a plain `reqwest::Client` and nothing else: that of the session of each job. What
//! goes by it is not seen request by request; its connections are.

use futures_util::StreamExt as _;
use genai::adapter::AdapterKind;
use genai::chat::{ChatRequest, ChatStreamEvent};
use genai::resolver::{AuthData, Endpoint};
use genai::{Client, ModelIden, ServiceTarget};
use http_context::{HttpSession, LeakKind, builder, http_session};
use http_context_sdks::{BoxError, EXIT, impatient, leak_at};

use crate::openai;

fn client(session: &HttpSession, api: String) -> Result<Client, BoxError> {
    let server = move |target: ServiceTarget| {
        Ok(ServiceTarget {
            endpoint: Endpoint::from_owned(api.clone()),
            auth: AuthData::from_single("key"),
            model: ModelIden::new(AdapterKind::OpenAI, target.model.model_name),
        })
    };
    let client = Client::builder().with_reqwest(session.reqwest_client()?);
    Ok(client.with_service_target_resolver_fn(server).build()?)
}

async fn job(api: String) -> Result<(), BoxError> {
    let client = client(&http_session()?, api)?;
    let question = ChatRequest::from_user("What is an engine?");
    let answer = client.exec_chat("small", question.clone(), None).await?;
    let answer = answer.first_text().map(str::to_owned);
    assert_eq!(answer, Some(openai::ANSWER.concat()));

    let mut pieces = Vec::new();
    let mut answer = client
        .exec_chat_stream("small", question, None)
        .await?
        .stream;
    while let Some(event) = answer.next().await {
        if let ChatStreamEvent::Chunk(piece) = event? {
            pieces.push(piece.content);
        }
    }
    assert_eq!(pieces, openai::ANSWER);
    Ok(())
}

#[tokio::test]
async fn connections_of_a_plain_client_are_accounted_for_and_close() {
    let server = openai::server();
    let work = job(server.url("/v1/"));
    let (result, report) = builder().open(work).with_report().await;
    result.unwrap();
    let counts = server.wait_until(|counts| counts.open == 0).await;
    let report = report.unwrap();
    assert!(report.is_clean(), "{report}");
    assert!(report.exit_duration < EXIT, "{:?}", report.exit_duration);
    assert_eq!(report.connections_opened, counts.accepted);
    assert_eq!((counts.requests, counts.completed), (2, 2));
    // Their answers are seen, and no more of them.
    assert_eq!(report.plain_requests, 2);
    assert_eq!((report.requests, report.bytes_received), (0, 0));
}

#[tokio::test]
async fn a_client_that_is_kept_is_a_leak_of_the_line_that_asked_for_it() {
    let server = openai::server();
    let work = async { client(&http_session()?, server.url("/v1/")) };
    let (kept, report) = impatient().open(work).with_report().await;
    leak_at(
        &report.unwrap(),
        LeakKind::ClientClone,
        "session.reqwest_client()?",
    );
    let question = ChatRequest::from_user("What is an engine?");
    let answered = kept.unwrap().exec_chat("small", question, None).await;
    assert!(answered.is_err());
    assert_eq!(server.counts().accepted, 0);
}
