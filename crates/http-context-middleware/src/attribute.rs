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
/// `active` or `idle`.
pub const HTTP_CONNECTION_STATE: &str = "http.connection.state";
/// The name that was looked up; opt-in.
pub const DNS_QUESTION_NAME: &str = "dns.question.name";
/// The number of the context.
pub const HTTP_CONTEXT_ID: &str = "http_context.id";
/// The name of the context, when it has one.
pub const HTTP_CONTEXT_NAME: &str = "http_context.name";
/// The number of the connection.
pub const HTTP_CONTEXT_CONNECTION_ID: &str = "http_context.connection.id";
/// Whether the connection has carried a response before.
pub const HTTP_CONTEXT_CONNECTION_REUSED: &str = "http_context.connection.reused";
/// How long the connection had been idle, in milliseconds.
pub const HTTP_CONTEXT_CONNECTION_IDLE_MS: &str = "http_context.connection.idle_ms";
/// How a context ended.
pub const OUTCOME: &str = "outcome";
/// The kind of a leak.
pub const KIND: &str = "kind";
/// Why a connection closed.
pub const REASON: &str = "reason";
/// The origin of a connection or a session.
pub const SOURCE: &str = "source";
/// The policy for nested opens.
pub const POLICY: &str = "policy";
/// The state of a pooled session.
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
    HTTP_CONTEXT_CONNECTION_ID,
    HTTP_CONTEXT_CONNECTION_REUSED,
    HTTP_CONTEXT_CONNECTION_IDLE_MS,
    HTTP_CONTEXT_NAME,
];
