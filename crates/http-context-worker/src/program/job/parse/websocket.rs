//! The field `websocket` of a job.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderName;
use serde_json::{Map, Value};

use super::super::{MAX_RECEIVE, WebSocketMessage, WebSocketSpec};
use super::{
    BadField, REQUEST_FIELDS, given, headers, kind, shortened, string, timeout_ms, url,
    whole_number,
};

/// The schemes of conversations.
const SCHEMES: &[&str] = &["ws", "wss", "http", "https"];

/// The headers that make a request a handshake, which the client sets.
const OF_THE_HANDSHAKE: [&str; 5] = [
    "connection",
    "upgrade",
    "sec-websocket-extensions",
    "sec-websocket-key",
    "sec-websocket-version",
];

/// The conversation of a job; `None` where the job is none.
pub(super) fn websocket(object: &Map<String, Value>) -> Result<Option<WebSocketSpec>, BadField> {
    let Some(value) = given(object, "websocket") else {
        return Ok(None);
    };
    let beside = ["requests"].into_iter().chain(REQUEST_FIELDS);
    if let Some(name) = beside
        .into_iter()
        .find(|name| given(object, name).is_some())
    {
        return Err(BadField::new(
            name,
            "cannot stand beside websocket: a job is either requests or a conversation",
        ));
    }
    let Value::Object(spec) = value else {
        return Err(BadField::new(
            "websocket",
            format!("must be an object, this is {}", kind(value)),
        ));
    };
    Ok(Some(WebSocketSpec {
        url: url(spec, "websocket.url", SCHEMES)?,
        headers: handshake_headers(spec)?,
        subprotocols: subprotocols(spec)?,
        send: messages(spec)?,
        receive: match given(spec, "receive") {
            Some(value) => whole_number(value, "websocket.receive", 0..=MAX_RECEIVE, "")?,
            None => 0,
        },
        timeout_ms: timeout_ms(spec, "websocket.timeout_ms")?,
    }))
}

fn handshake_headers(spec: &Map<String, Value>) -> Result<Vec<(String, String)>, BadField> {
    let headers = headers(spec, "websocket.headers", None)?;
    for (name, _) in &headers {
        let is = |other: &&str| name.eq_ignore_ascii_case(other);
        let error = if is(&"sec-websocket-protocol") {
            "cannot be given as a header: name them in subprotocols"
        } else if OF_THE_HANDSHAKE.iter().any(is) {
            "is a part of the handshake: leave it out, it is sent by itself"
        } else {
            continue;
        };
        let field = format!("websocket.headers.{}", shortened(name));
        return Err(BadField::new(field, error));
    }
    Ok(headers)
}

fn list<'a>(
    spec: &'a Map<String, Value>,
    name: &str,
    field: &str,
) -> Result<&'a [Value], BadField> {
    match given(spec, name) {
        None => Ok(&[]),
        Some(Value::Array(list)) => Ok(list),
        Some(other) => Err(BadField::new(
            field,
            format!("must be a list, this is {}", kind(other)),
        )),
    }
}

fn subprotocols(spec: &Map<String, Value>) -> Result<Vec<String>, BadField> {
    const FIELD: &str = "websocket.subprotocols";
    let mut names: Vec<String> = Vec::new();
    for (index, value) in list(spec, "subprotocols", FIELD)?.iter().enumerate() {
        let field = format!("{FIELD}[{index}]");
        let name = string(value, &field)?;
        // Both are tokens of HTTP.
        if HeaderName::from_bytes(name.as_bytes()).is_err() {
            return Err(BadField::new(
                field,
                "is not the name of a subprotocol: letters, digits and !#$%&'*+-.^_`|~ only",
            ));
        }
        if names.iter().any(|other| other == name) {
            return Err(BadField::new(field, "stands in the list already"));
        }
        names.push(name.to_owned());
    }
    Ok(names)
}

fn messages(spec: &Map<String, Value>) -> Result<Vec<WebSocketMessage>, BadField> {
    const FIELD: &str = "websocket.send";
    let list = list(spec, "send", FIELD)?.iter().enumerate();
    list.map(|(index, value)| message(value, &format!("{FIELD}[{index}]")))
        .collect()
}

fn message(value: &Value, field: &str) -> Result<WebSocketMessage, BadField> {
    match value {
        Value::String(text) => Ok(WebSocketMessage::Text(text.clone())),
        Value::Object(object) => {
            let field = format!("{field}.base64");
            let Some(text) = given(object, "base64") else {
                return Err(BadField::new(
                    field,
                    "is missing: bytes are {\"base64\": \"…\"}, and text is a string",
                ));
            };
            let base64 = STANDARD.decode(string(text, &field)?).map_err(|_| {
                BadField::new(field, "is not base64 of the standard alphabet with padding")
            })?;
            Ok(WebSocketMessage::Binary { base64 })
        }
        other => Err(BadField::new(
            field,
            format!(
                "must be a string, or an object with base64; this is {}",
                kind(other)
            ),
        )),
    }
}

#[cfg(test)]
mod tests;
