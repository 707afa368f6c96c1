//! The same message, echoed over WebSockets with more and more around them.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;

use futures_util::{SinkExt as _, StreamExt as _};
use http_context::http_session;
use http_context::websocket::WebSocket;
use http_context_middleware::{Instrumentation, with_catalogue_buckets};
use metrics_exporter_prometheus::PrometheusBuilder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use crate::ServerProcess;

/// What is around a WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketVariant {
    /// `tokio-tungstenite` on a `TcpStream`.
    Alone,
    /// `tokio-tungstenite` on what a bare `reqwest::Client` upgrades.
    Reqwest,
    /// One of a session, observed by nobody.
    Session,
    /// The same, and metrics to the Prometheus recorder.
    Metrics,
    /// The same, with a heartbeat.
    Heartbeat,
}

/// A WebSocket that is open.
#[derive(Debug)]
pub struct Socket {
    runtime: Runtime,
    /// How many messages to echo.
    orders: mpsc::UnboundedSender<usize>,
    done: mpsc::UnboundedReceiver<()>,
    /// Kept for as long as the client sends.
    _server: ServerProcess,
}

/// A message of a hundred bytes.
pub const MESSAGE: [u8; 100] = [b'm'; 100];

/// The buffer that sockets of a session have.
const READ_BUFFER: usize = 8 * 1024;

impl Socket {
    /// Opens one, and echoes some messages, so that it is warm.
    ///
    /// # Panics
    ///
    /// When the server does not answer.
    pub fn open(variant: SocketVariant, server: ServerProcess) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime can be built");
        let (orders, ordered) = mpsc::unbounded_channel();
        let (finished, done) = mpsc::unbounded_channel();
        let url = server.url().to_owned();
        if variant == SocketVariant::Alone {
            runtime.spawn(async move { fulfil(alone(&url).await, ordered, finished).await });
        } else if variant == SocketVariant::Reqwest {
            runtime.spawn(async move { fulfil(reqwest(&url).await, ordered, finished).await });
        } else {
            let mut context = http_context::builder().configure(reqwest::ClientBuilder::no_proxy);
            if variant != SocketVariant::Session {
                let recorder = with_catalogue_buckets(PrometheusBuilder::new()).build_recorder();
                let builder = Instrumentation::builder().recorder(Arc::new(recorder));
                context = context.observer(builder.build());
            }
            runtime.spawn(context.open(async move {
                let mut builder = http_session()?.websocket(&url);
                if variant == SocketVariant::Heartbeat {
                    builder = builder.heartbeat(std::time::Duration::from_secs(30));
                }
                fulfil(builder.connect().await?, ordered, finished).await;
                Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
            }));
        }
        let mut socket = Self {
            runtime,
            orders,
            done,
            _server: server,
        };
        socket.echo(200);
        socket
    }

    /// Echoes messages, one after the other.
    ///
    /// # Panics
    ///
    /// When the server does not answer.
    pub fn echo(&mut self, messages: usize) {
        self.orders.send(messages).expect("the sender is there");
        let done = self.runtime.block_on(self.done.recv());
        done.expect("every message is echoed");
    }
}

/// One by `tokio-tungstenite` alone.
///
/// # Panics
///
/// When the server does not answer.
pub async fn alone(url: &str) -> WebSocketStream<tokio::net::TcpStream> {
    let address = url.trim_start_matches("ws://").trim_end_matches('/');
    let stream = tokio::net::TcpStream::connect(address).await;
    let stream = stream.expect("the server is there");
    stream.set_nodelay(true).expect("it is open");
    let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER);
    let opened = tokio_tungstenite::client_async_with_config(url, stream, Some(config)).await;
    opened.expect("the server opens a WebSocket").0
}

/// One by `tokio-tungstenite` on the connection of a client.
///
/// # Panics
///
/// When the server does not answer.
pub async fn reqwest(url: &str) -> WebSocketStream<reqwest::Upgraded> {
    let client = reqwest::Client::builder().no_proxy().build();
    let request = client
        .expect("a client can be built")
        .get(url.replace("ws://", "http://"));
    let request = request
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    let response = request.send().await.expect("the server opens a WebSocket");
    let upgraded = response.upgrade().await.expect("it is upgraded");
    let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER);
    WebSocketStream::from_raw_socket(upgraded, Role::Client, Some(config)).await
}

/// Sends a message, and gives what comes back.
pub trait Echo: Send + 'static {
    /// Of a message that was sent.
    fn echo(&mut self, message: Message) -> impl Future<Output = Message> + Send;
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> Echo for WebSocketStream<S> {
    async fn echo(&mut self, message: Message) -> Message {
        self.send(message).await.expect("it is open");
        let echoed = self.next().await.expect("it is open");
        echoed.expect("it is open")
    }
}

impl Echo for WebSocket {
    async fn echo(&mut self, message: Message) -> Message {
        self.send(message).await.expect("it is open");
        let echoed = self.next().await.expect("it is open");
        echoed.expect("it is open")
    }
}

async fn fulfil(
    mut socket: impl Echo,
    mut ordered: mpsc::UnboundedReceiver<usize>,
    finished: mpsc::UnboundedSender<()>,
) {
    while let Some(messages) = ordered.recv().await {
        for _ in 0..messages {
            let echoed = socket.echo(Message::binary(&MESSAGE[..])).await;
            assert_eq!(echoed.len(), MESSAGE.len());
        }
        let _ = finished.send(());
    }
}

/// Starts a server on a thread of its own that echoes the messages of each WebSocket, and gives its
/// URL.
///
/// # Panics
///
/// When there is no port to be had.
pub fn echo_server() -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a loopback port is free");
    let address = listener.local_addr().expect("a listener has an address");
    listener
        .set_nonblocking(true)
        .expect("a listener can be made non-blocking");
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime can be built");
        runtime.block_on(accept(listener));
    });
    format!("ws://{address}/")
}

async fn accept(listener: TcpListener) {
    let listener = tokio::net::TcpListener::from_std(listener).expect("it runs in a runtime");
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let _ = stream.set_nodelay(true);
        tokio::spawn(async move {
            let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER);
            let opened = tokio_tungstenite::accept_async_with_config(stream, Some(config)).await;
            let Ok(mut socket) = opened else { return };
            while let Some(Ok(message)) = socket.next().await {
                let is_data = message.is_binary() || message.is_text();
                if is_data && socket.send(message).await.is_err() {
                    return;
                }
            }
        });
    }
}
