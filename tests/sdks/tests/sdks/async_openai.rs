//! `async-openai` with its feature `middleware`, which takes a service: a client that is made once goes by
//! the session of each job. Without that feature it takes `HttpSession::reqwest_client()`.

use async_openai::Client;
use async_openai::config::OpenAIConfig;
use async_openai::error::OpenAIError;
use async_openai::middleware::HttpRequestFactory;
use async_openai::types::chat::{
    ChatCompletionRequestUserMessage, CreateChatCompletionRequest, CreateChatCompletionRequestArgs,
    CreateChatCompletionResponse,
};
use futures_util::{StreamExt as _, TryStreamExt as _};
use http_context::{AmbientSession, LeakKind, builder};
use http_context_sdks::{BoxError, accounted, impatient, leak_at};
use tower::{ServiceExt as _, service_fn};

use crate::openai;

fn client(api: String, session: AmbientSession) -> Client<OpenAIConfig> {
    let config = OpenAIConfig::new().with_api_base(api).with_api_key("key");
    Client::with_config(config).with_http_service(service_fn(move |request: HttpRequestFactory| {
        let session = session.clone();
        async move {
            let response = session.oneshot(request.build().await?).await;
            response.map_err(OpenAIError::Boxed)
        }
    }))
}

fn question() -> Result<CreateChatCompletionRequest, OpenAIError> {
    let question: ChatCompletionRequestUserMessage = "What is an engine?".into();
    CreateChatCompletionRequestArgs::default()
        .model("small")
        .messages([question.into()])
        .build()
}

async fn job(client: &Client<OpenAIConfig>) -> Result<(), BoxError> {
    let answer: CreateChatCompletionResponse = client.chat().create(question()?).await?;
    let answer = answer.choices[0].message.content.as_deref();
    assert_eq!(answer, Some(openai::ANSWER.concat().as_str()));

    let pieces = client.chat().create_stream(question()?).await?;
    let pieces = pieces.map_ok(|piece| piece.choices[0].delta.content.clone().unwrap_or_default());
    let pieces: Vec<String> = pieces.try_collect().await?;
    assert_eq!(pieces, openai::ANSWER);
    Ok(())
}

#[tokio::test]
async fn a_chat_is_accounted_for_whole_and_streamed() {
    let server = openai::server();
    let client = client(server.url("/v1"), AmbientSession::new());
    let (result, report) = builder().open(job(&client)).with_report().await;
    result.unwrap();
    accounted(&server, report).await;
}

#[tokio::test]
async fn a_stream_that_is_kept_is_a_leak_of_the_line_that_made_the_client() {
    let server = openai::server();
    let session = AmbientSession::new();
    let client = client(server.url("/endless"), session);
    let work = async {
        let mut pieces = client.chat().create_stream(question()?).await?;
        assert!(pieces.next().await.is_some());
        Ok::<_, BoxError>(pieces)
    };
    let (kept, report) = impatient().open(work).with_report().await;
    leak_at(
        &report.unwrap(),
        LeakKind::ResponseBody,
        "let session = Amb",
    );
    let rest: Vec<_> = kept.unwrap().collect().await;
    assert!(rest.iter().any(Result::is_err), "{rest:?}");
    server.wait_until(|counts| counts.open == 0).await;
}
