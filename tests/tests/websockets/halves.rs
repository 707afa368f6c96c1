//! A WebSocket in two halves, for code that takes a stream and a sink.

use futures_util::{FutureExt as _, SinkExt, StreamExt};
use http_context::websocket::{Message, WebSocketError};
use http_context_tests::{WebSocketPeer, WebSocketServer};

use crate::support::{Wire, clean, context, in_time, open};

/// The texts that a stream has until its end.
async fn texts(
    reader: impl futures_util::Stream<Item = Result<Message, WebSocketError>>,
) -> Vec<String> {
    let texts = reader.map(|message| message.unwrap());
    let texts = texts.filter_map(async |message| message.to_text().map(str::to_owned).ok());
    texts
        .filter(|text| std::future::ready(!text.is_empty()))
        .collect()
        .await
}

#[tokio::test]
async fn a_sink_that_is_closed_has_sent_everything_and_the_stream_ends_with_the_answer() {
    for wire in Wire::ALL {
        let server = wire.server();
        let url = server.serve(WebSocketPeer::echoes());
        let work = clean(context(), async {
            let (reader, mut writer) = open(&url).await.into_split();
            let reading = tokio::spawn(async move { texts(reader).await });
            for text in ["one", "two"] {
                writer.feed(Message::text(text)).await.unwrap();
            }
            writer.send(Message::text("three")).await.unwrap();
            SinkExt::close(&mut writer).await.unwrap();
            // It may be asked for again.
            SinkExt::close(&mut writer).await.unwrap();
            assert_eq!(reading.await.unwrap(), ["one", "two", "three"]);
        });
        in_time(work).await;
        server.wait_until(|counts| counts.open == 0).await;
        let seen = &server.seen(&url)[0];
        assert_eq!(seen.close_codes(), [1000]);
        let opcodes: Vec<u8> = seen.messages().iter().map(|(opcode, _)| *opcode).collect();
        assert_eq!(opcodes, [1, 1, 1]);
    }
}

#[tokio::test]
async fn a_sink_takes_nothing_after_its_close_and_says_so() {
    let server = WebSocketServer::start();
    let url = server.serve(WebSocketPeer::echoes());
    let work = clean(context(), async {
        let (mut reader, mut writer) = open(&url).await.into_split();
        SinkExt::close(&mut writer).await.unwrap();
        let error = writer.start_send_unpin(Message::text("late")).unwrap_err();
        assert!(matches!(error, WebSocketError::Closed), "{error}");
        while let Some(message) = StreamExt::next(&mut reader).await {
            message.unwrap();
        }
        // The peer has answered, and the connection is gone.
        let error = writer.feed(Message::text("later")).await.unwrap_err();
        assert!(matches!(error, WebSocketError::Closed), "{error}");
        let error = writer.send(Message::text("latest")).await.unwrap_err();
        assert!(matches!(error, WebSocketError::Closed), "{error}");
        let flushed = SinkExt::<Message>::flush(&mut writer)
            .now_or_never()
            .unwrap();
        assert!(matches!(flushed, Err(WebSocketError::Closed)));
        SinkExt::<Message>::close(&mut writer).await.unwrap();
        assert!(StreamExt::next(&mut reader).await.is_none());
    });
    in_time(work).await;
    server.wait_until(|counts| counts.open == 0).await;
    assert!(server.seen(&url)[0].messages().is_empty());
}
