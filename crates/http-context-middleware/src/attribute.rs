//! The names of attributes, as spans and metrics carry them.

/// The method of the request, `_OTHER` when it is not a known one.
pub const HTTP_REQUEST_METHOD: &str = "http.request.method";
/// The method as sent, when it is not a known one.
pub const HTTP_REQUEST_METHOD_ORIGINAL: &str = "http.request.method_original";
/// The host of the URL.
pub const SERVER_ADDRESS: &str = "server.address";
/// The port of the URL.
pub const SERVER_PORT: &str = "server.port";
/// The URL, redacted.
pub const URL_FULL: &str = "url.full";
/// The low-cardinality form of the path, when one was given.
pub const URL_TEMPLATE: &str = "url.template";
/// The status of the response.
pub const HTTP_RESPONSE_STATUS_CODE: &str = "http.response.status_code";
/// The class of the failure of a request.
pub const ERROR_TYPE: &str = "error.type";
/// The HTTP version.
pub const NETWORK_PROTOCOL_VERSION: &str = "network.protocol.version";
/// The address that the response came from.
pub const NETWORK_PEER_ADDRESS: &str = "network.peer.address";
/// The port that the response came from.
pub const NETWORK_PEER_PORT: &str = "network.peer.port";
/// How often the request was sent again.
pub const HTTP_REQUEST_RESEND_COUNT: &str = "http.request.resend_count";
/// The size of the request's body in bytes; opt-in on spans.
pub const HTTP_REQUEST_BODY_SIZE: &str = "http.request.body.size";
/// The announced size of the response's body in bytes; opt-in on spans.
pub const HTTP_RESPONSE_BODY_SIZE: &str = "http.response.body.size";
/// `active`, `idle`, or `unknown`.
pub const HTTP_CONNECTION_STATE: &str = "http.connection.state";
/// The name that was looked up; opt-in.
pub const DNS_QUESTION_NAME: &str = "dns.question.name";
/// The number of the context.
pub const HTTP_CONTEXT_ID: &str = "http_context.id";
/// The name of the context, when it has one.
pub const HTTP_CONTEXT_NAME: &str = "http_context.name";
/// By whom the request was made, where that has a name.
pub const HTTP_CONTEXT_CALLER: &str = "http_context.caller";
/// The number of the connection.
pub const HTTP_CONTEXT_CONNECTION_ID: &str = "http_context.connection.id";
/// Whether the connection has carried a response before.
pub const HTTP_CONTEXT_CONNECTION_REUSED: &str = "http_context.connection.reused";
/// How long the connection had been idle, in milliseconds.
pub const HTTP_CONTEXT_CONNECTION_IDLE_MS: &str = "http_context.connection.idle_ms";
/// How a context ended.
pub const OUTCOME: &str = "outcome";
/// The kind of a leak, or of a job.
pub const KIND: &str = "kind";
/// Why a connection closed, or what ended a body or an upgraded connection.
pub const REASON: &str = "reason";
/// The origin of a connection or a session.
pub const SOURCE: &str = "source";
/// The policy for nested opens.
pub const POLICY: &str = "policy";
/// What an upgraded connection speaks: `websocket` or `other`.
pub const PROTOCOL: &str = "protocol";
/// Which way something went: `sent` or `received`.
pub const DIRECTION: &str = "direction";
/// The type of a message of a WebSocket.
pub const TYPE: &str = "type";
/// Whether the holder of an upgraded connection dropped it without a word to the peer.
pub const HTTP_CONTEXT_UPGRADED_DROPPED: &str = "http_context.upgraded.dropped";
/// Bytes that an upgraded connection has sent.
pub const HTTP_CONTEXT_UPGRADED_BYTES_SENT: &str = "http_context.upgraded.bytes_sent";
/// Bytes that an upgraded connection has received.
pub const HTTP_CONTEXT_UPGRADED_BYTES_RECEIVED: &str = "http_context.upgraded.bytes_received";
/// Messages of all types that a WebSocket has sent.
pub const HTTP_CONTEXT_WEBSOCKET_MESSAGES_SENT: &str = "http_context.websocket.messages_sent";
/// Messages of all types that a WebSocket has received.
pub const HTTP_CONTEXT_WEBSOCKET_MESSAGES_RECEIVED: &str =
    "http_context.websocket.messages_received";
/// The code of the Close frame that ended a WebSocket.
pub const HTTP_CONTEXT_WEBSOCKET_CLOSE_CODE: &str = "http_context.websocket.close_code";
/// The state of a pooled session, or of a job that is not finished.
pub const STATE: &str = "state";
/// How a job ended.
pub const STATUS: &str = "status";

/// Replaces a value outside of a closed or a bounded set.
pub const OTHER: &str = "_OTHER";

/// The attributes of a request span, in the order of the catalogue. Samplers see the first four.
pub const REQUEST_SPAN: &[&str] = &[
    HTTP_REQUEST_METHOD,
    SERVER_ADDRESS,
    SERVER_PORT,
    URL_FULL,
    HTTP_REQUEST_METHOD_ORIGINAL,
    HTTP_RESPONSE_STATUS_CODE,
    ERROR_TYPE,
    NETWORK_PROTOCOL_VERSION,
    NETWORK_PEER_ADDRESS,
    NETWORK_PEER_PORT,
    HTTP_REQUEST_RESEND_COUNT,
    URL_TEMPLATE,
    HTTP_CONTEXT_ID,
    HTTP_CONTEXT_CALLER,
    HTTP_CONTEXT_CONNECTION_ID,
    HTTP_CONTEXT_CONNECTION_REUSED,
    HTTP_CONTEXT_CONNECTION_IDLE_MS,
    HTTP_CONTEXT_NAME,
];

/// The attributes of the span of an upgraded connection. Samplers see the first five.
pub const UPGRADED_SPAN: &[&str] = &[
    SERVER_ADDRESS,
    SERVER_PORT,
    HTTP_CONTEXT_ID,
    HTTP_CONTEXT_CONNECTION_ID,
    PROTOCOL,
    REASON,
    ERROR_TYPE,
    HTTP_CONTEXT_UPGRADED_DROPPED,
    HTTP_CONTEXT_UPGRADED_BYTES_SENT,
    HTTP_CONTEXT_UPGRADED_BYTES_RECEIVED,
    HTTP_CONTEXT_WEBSOCKET_MESSAGES_SENT,
    HTTP_CONTEXT_WEBSOCKET_MESSAGES_RECEIVED,
    HTTP_CONTEXT_WEBSOCKET_CLOSE_CODE,
];
