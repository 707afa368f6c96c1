//! From a line of text to a [`Job`], or to the field that is wrong with it.
//!
//! The line is read into a JSON tree and walked by hand, because a derived parser names neither the
//! path (`requests[3].headers.accept`) nor more than the first rule of a type. No message repeats
//! a value of the line: URLs, headers and bodies carry secrets.

mod websocket;

use std::ops::RangeInclusive;

use http::{HeaderName, HeaderValue, Method};
use serde_json::{Map, Value};
use url::Url;

use super::{Job, MAX_JOB_CONCURRENCY, MAX_TIMEOUT_MS, RequestSpec};
use crate::line::{BadField, JobLine, given, kind, string};

/// The schemes of requests.
const SCHEMES: &[&str] = &["http", "https"];

/// The fields that belong to a request. In the short form they stand beside the job's `id`.
const REQUEST_FIELDS: [&str; 5] = ["url", "method", "headers", "body", "timeout_ms"];

/// Reads one line, without its line end.
///
/// # Errors
///
/// [`BadField`] names the first field that cannot be.
///
/// # Examples
///
/// ```
/// let job = http_context_worker::program::job::parse(br#"{"id": "a1", "url": "http://localhost/"}"#)?;
/// assert_eq!(job.requests[0].method, "GET");
///
/// let bad = http_context_worker::program::job::parse(br#"{"id": "a2", "url": "ftp://localhost/"}"#).unwrap_err();
/// assert_eq!(bad.field, "url");
/// # Ok::<(), http_context_worker::BadField>(())
/// ```
pub fn parse(line: &[u8]) -> Result<Job, BadField> {
    from_line(&JobLine::parse(line)?)
}

/// The job of a line.
///
/// # Errors
///
/// [`BadField`] names the first field that cannot be.
pub(crate) fn from_line(line: &JobLine<'_>) -> Result<Job, BadField> {
    let object = line.fields();
    let websocket = websocket::websocket(object)?;
    let requests = match websocket {
        Some(_) => Vec::new(),
        None => requests(object)?,
    };
    Ok(Job {
        id: line.id().to_owned(),
        requests,
        websocket,
        concurrency: concurrency(object)?,
        proxy: proxy(object)?,
    })
}

fn whole_number(
    value: &Value,
    field: &str,
    range: RangeInclusive<u64>,
    unit: &str,
) -> Result<u64, BadField> {
    match value.as_u64() {
        Some(n) if range.contains(&n) => Ok(n),
        _ => Err(BadField::new(
            field,
            format!(
                "must be a whole number{unit} from {} to {}",
                range.start(),
                range.end()
            ),
        )),
    }
}

fn requests(object: &Map<String, Value>) -> Result<Vec<RequestSpec>, BadField> {
    let Some(list) = given(object, "requests") else {
        if given(object, "url").is_none() {
            return Err(BadField::new(
                "url",
                "is missing: a job needs a url, a list of requests, or a websocket",
            ));
        }
        return Ok(vec![request(object, "")?]);
    };
    if let Some(name) = REQUEST_FIELDS
        .iter()
        .find(|name| given(object, name).is_some())
    {
        return Err(BadField::new(
            *name,
            "cannot stand beside requests: put it into the list, or leave the list out",
        ));
    }
    let Value::Array(list) = list else {
        return Err(BadField::new(
            "requests",
            format!("must be a list, this is {}", kind(list)),
        ));
    };
    if list.is_empty() {
        return Err(BadField::new("requests", "must not be empty"));
    }
    list.iter()
        .enumerate()
        .map(|(index, value)| {
            let Value::Object(object) = value else {
                return Err(BadField::new(
                    format!("requests[{index}]"),
                    format!("must be an object, this is {}", kind(value)),
                ));
            };
            request(object, &format!("requests[{index}]."))
        })
        .collect()
}

fn request(object: &Map<String, Value>, at: &str) -> Result<RequestSpec, BadField> {
    let body = match given(object, "body") {
        Some(value) => Some(string(value, &format!("{at}body"))?.to_owned()),
        None => None,
    };
    Ok(RequestSpec {
        method: method(object, &format!("{at}method"))?,
        url: url(object, &format!("{at}url"), SCHEMES)?,
        headers: headers(object, &format!("{at}headers"), body.as_deref())?,
        timeout_ms: timeout_ms(object, &format!("{at}timeout_ms"))?,
        body,
    })
}

fn timeout_ms(object: &Map<String, Value>, field: &str) -> Result<Option<u64>, BadField> {
    given(object, "timeout_ms")
        .map(|value| whole_number(value, field, 1..=MAX_TIMEOUT_MS, " of milliseconds"))
        .transpose()
}

/// A method is case-sensitive by the standard; the common ones are upper-cased, as browsers do.
fn method(object: &Map<String, Value>, field: &str) -> Result<String, BadField> {
    const COMMON: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"];
    let Some(value) = given(object, "method") else {
        return Ok("GET".to_owned());
    };
    let text = string(value, field)?;
    if let Some(name) = COMMON.iter().find(|name| name.eq_ignore_ascii_case(text)) {
        return Ok((*name).to_owned());
    }
    if text.eq_ignore_ascii_case("CONNECT") {
        return Err(BadField::new(
            field,
            "cannot be CONNECT: name the proxy in the job's proxy field",
        ));
    }
    Method::from_bytes(text.as_bytes())
        .map(|method| method.as_str().to_owned())
        .map_err(|_| {
            BadField::new(
                field,
                "is not an HTTP method: letters, digits and !#$%&'*+-.^_`|~ only",
            )
        })
}

fn url(object: &Map<String, Value>, field: &str, schemes: &[&str]) -> Result<String, BadField> {
    let Some(value) = given(object, "url") else {
        return Err(BadField::new(field, "is missing"));
    };
    let text = string(value, field)?;
    let url =
        Url::parse(text).map_err(|error| BadField::new(field, format!("is not a URL: {error}")))?;
    if !schemes.contains(&url.scheme()) {
        let schemes: Vec<_> = schemes.iter().map(|name| format!("{name}://")).collect();
        return Err(BadField::new(
            field,
            format!("must begin with {}", schemes.join(" or ")),
        ));
    }
    // The standard's parser already refuses an empty host for these schemes; this is the same rule
    // said here.
    if url.host_str().is_none_or(str::is_empty) {
        return Err(BadField::new(field, "has no host"));
    }
    // The client works with this type, and there are a few texts that only the first parser takes.
    url.as_str()
        .parse::<http::Uri>()
        .map_err(|error| BadField::new(field, format!("cannot be requested: {error}")))?;
    Ok(text.to_owned())
}

fn headers(
    object: &Map<String, Value>,
    field: &str,
    body: Option<&str>,
) -> Result<Vec<(String, String)>, BadField> {
    let Some(value) = given(object, "headers") else {
        return Ok(Vec::new());
    };
    let Value::Object(headers) = value else {
        return Err(BadField::new(
            field,
            format!("must be an object, this is {}", kind(value)),
        ));
    };
    headers
        .iter()
        .map(|(name, value)| {
            let field = format!("{field}.{}", shortened(name));
            let header = HeaderName::from_bytes(name.as_bytes())
                .map_err(|_| BadField::new(&field, "is not a header name"))?;
            let text = string(value, &field)?;
            HeaderValue::from_bytes(text.as_bytes()).map_err(|_| {
                BadField::new(&field, "holds a character that a header cannot hold")
            })?;
            if header == http::header::CONTENT_LENGTH
                && text != body.map_or(0, str::len).to_string()
            {
                return Err(BadField::new(
                    &field,
                    "is not the length of the body: leave it out, it is sent by itself",
                ));
            }
            Ok((name.clone(), text.to_owned()))
        })
        .collect()
}

/// A name for an error message: at most 40 characters of it.
fn shortened(name: &str) -> String {
    match name.char_indices().nth(40) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}

fn concurrency(object: &Map<String, Value>) -> Result<usize, BadField> {
    match given(object, "concurrency") {
        Some(value) => {
            let n = whole_number(value, "concurrency", 1..=MAX_JOB_CONCURRENCY, "")?;
            Ok(usize::try_from(n).unwrap_or(usize::MAX))
        }
        None => Ok(1),
    }
}

fn proxy(object: &Map<String, Value>) -> Result<Option<String>, BadField> {
    let Some(value) = given(object, "proxy") else {
        return Ok(None);
    };
    let text = string(value, "proxy")?;
    let url = Url::parse(text)
        .map_err(|error| BadField::new("proxy", format!("is not a URL: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(BadField::new(
            "proxy",
            "must begin with http:// or https://",
        ));
    }
    reqwest::Proxy::all(text).map_err(|_| BadField::new("proxy", "cannot be used as a proxy"))?;
    Ok(Some(text.to_owned()))
}

#[cfg(test)]
mod tests;
