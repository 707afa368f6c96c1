//! From a line of text to a [`Job`], or to the field that is wrong with it.
//!
//! The line is read into a JSON tree and walked by hand, because a derived parser names neither the
//! place (`requests[3].headers.accept`) nor more than the first rule of a type. No message repeats
//! a value of the line: URLs, headers and bodies carry secrets.

use http::{HeaderName, HeaderValue, Method};
use serde_json::{Map, Value};
use url::Url;

use super::{Job, MAX_ID_BYTES, MAX_JOB_CONCURRENCY, MAX_TIMEOUT_MS, RequestSpec};

/// Why a line is not a job: the field, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {error}")]
pub struct BadField {
    /// The field as a path (`requests[0].method`), or `line` when it is the line as a whole.
    pub field: String,
    /// What is wrong, in words for the person who wrote the job.
    pub error: String,
}

impl BadField {
    pub(crate) fn new(field: impl Into<String>, error: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            error: error.into(),
        }
    }

    pub(crate) fn line(error: impl Into<String>) -> Self {
        Self::new("line", error)
    }
}

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
/// let job = http_context_worker::job::parse(br#"{"id": "a1", "url": "http://localhost/"}"#)?;
/// assert_eq!(job.requests[0].method, "GET");
///
/// let bad = http_context_worker::job::parse(br#"{"id": "a2", "url": "ftp://localhost/"}"#).unwrap_err();
/// assert_eq!(bad.field, "url");
/// # Ok::<(), http_context_worker::job::BadField>(())
/// ```
pub fn parse(line: &[u8]) -> Result<Job, BadField> {
    let text = std::str::from_utf8(line).map_err(|error| {
        BadField::line(format!(
            "is not UTF-8 (byte {} of the line)",
            error.valid_up_to() + 1
        ))
    })?;
    let value: Value = serde_json::from_str(text).map_err(|error| not_json(&error))?;
    let Value::Object(object) = value else {
        return Err(BadField::line(format!(
            "must be a JSON object, this is {}",
            kind(&value)
        )));
    };
    Ok(Job {
        id: id(&object)?,
        requests: requests(&object)?,
        concurrency: concurrency(&object)?,
        proxy: proxy(&object)?,
    })
}

fn not_json(error: &serde_json::Error) -> BadField {
    let full = error.to_string();
    let what = full.split(" at line ").next().unwrap_or("cannot be read");
    BadField::line(format!("is not JSON: {what} (column {})", error.column()))
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// A field that is there and not null.
fn given<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    object.get(name).filter(|value| !value.is_null())
}

fn string<'a>(value: &'a Value, field: &str) -> Result<&'a str, BadField> {
    value
        .as_str()
        .ok_or_else(|| BadField::new(field, format!("must be a string, this is {}", kind(value))))
}

fn whole_number(value: &Value, field: &str, most: u64, unit: &str) -> Result<u64, BadField> {
    match value.as_u64() {
        Some(n) if (1..=most).contains(&n) => Ok(n),
        _ => Err(BadField::new(
            field,
            format!("must be a whole number{unit} from 1 to {most}"),
        )),
    }
}

fn id(object: &Map<String, Value>) -> Result<String, BadField> {
    let Some(value) = given(object, "id") else {
        return Err(BadField::new("id", "is missing"));
    };
    let id = string(value, "id")?;
    if id.is_empty() {
        return Err(BadField::new("id", "must not be empty"));
    }
    if id.len() > MAX_ID_BYTES {
        return Err(BadField::new(
            "id",
            format!(
                "must be at most {MAX_ID_BYTES} bytes long, this has {}",
                id.len()
            ),
        ));
    }
    Ok(id.to_owned())
}

fn requests(object: &Map<String, Value>) -> Result<Vec<RequestSpec>, BadField> {
    let Some(list) = given(object, "requests") else {
        if given(object, "url").is_none() {
            return Err(BadField::new(
                "url",
                "is missing: a job needs a url, or a list of requests",
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
        url: url(object, &format!("{at}url"))?,
        headers: headers(object, &format!("{at}headers"), body.as_deref())?,
        timeout_ms: match given(object, "timeout_ms") {
            Some(value) => Some(whole_number(
                value,
                &format!("{at}timeout_ms"),
                MAX_TIMEOUT_MS,
                " of milliseconds",
            )?),
            None => None,
        },
        body,
    })
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

fn url(object: &Map<String, Value>, field: &str) -> Result<String, BadField> {
    let Some(value) = given(object, "url") else {
        return Err(BadField::new(field, "is missing"));
    };
    let text = string(value, field)?;
    let url =
        Url::parse(text).map_err(|error| BadField::new(field, format!("is not a URL: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(BadField::new(field, "must begin with http:// or https://"));
    }
    // The standard's parser already refuses an empty host for these two schemes; this is the same
    // rule said here.
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
            let n = whole_number(value, "concurrency", MAX_JOB_CONCURRENCY, "")?;
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
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Job, BadField> {
        parse(line.as_bytes())
    }

    #[test]
    fn the_short_form_is_a_job_of_one_get() {
        let job = parsed(r#"{"id":"a1","url":"https://example.com/x"}"#).unwrap();
        assert_eq!(job.id, "a1");
        assert_eq!(job.concurrency, 1);
        assert_eq!(job.requests.len(), 1);
        assert_eq!(job.requests[0].method, "GET");
        assert_eq!(job.requests[0].url, "https://example.com/x");
    }

    #[test]
    fn the_long_form_keeps_every_field() {
        let job = parsed(
            r#"{"id":"a1","concurrency":8,"proxy":"http://u:p@localhost:3128","note":{"mine":1},
               "requests":[{"method":"post","url":"https://example.com/","headers":{"X-A":"1","x-b":"é"},
               "body":"hi","timeout_ms":5000},{"url":"http://[::1]:80/","body":null}]}"#,
        )
        .unwrap();
        assert_eq!(job.concurrency, 8);
        assert_eq!(job.proxy.as_deref(), Some("http://u:p@localhost:3128"));
        let first = &job.requests[0];
        assert_eq!(first.method, "POST");
        assert_eq!(first.headers.len(), 2);
        assert_eq!(first.body.as_deref(), Some("hi"));
        assert_eq!(first.timeout_ms, Some(5000));
        assert_eq!(job.requests[1].body, None);
    }

    #[test]
    fn a_job_survives_the_queue() {
        let job =
            parsed(r#"{"id":"a","url":"http://h/","headers":{"a":"b"},"concurrency":2}"#).unwrap();
        let stored = serde_json::to_vec(&job).unwrap();
        assert_eq!(serde_json::from_slice::<Job>(&stored).unwrap(), job);
    }

    #[test]
    fn each_bad_line_names_its_field() {
        let long_id = format!(r#"{{"id":"{}","url":"http://h/"}}"#, "x".repeat(513));
        let deep = "[".repeat(200);
        #[rustfmt::skip]
        let cases: &[(&str, &str, &str)] = &[
            ("nonsense", "line", "is not JSON"),
            (r#"{"id":"a""#, "line", "is not JSON"),
            (r#"{"id":"a","url":"http://h/"} extra"#, "line", "is not JSON"),
            (&deep, "line", "is not JSON"),
            ("[]", "line", "this is a list"),
            ("7", "line", "this is a number"),
            ("null", "line", "this is null"),
            ("{}", "id", "is missing"),
            (r#"{"id":null,"url":"http://h/"}"#, "id", "is missing"),
            (r#"{"id":7,"url":"http://h/"}"#, "id", "must be a string"),
            (r#"{"id":"","url":"http://h/"}"#, "id", "must not be empty"),
            (&long_id, "id", "at most 512 bytes"),
            (r#"{"id":"a"}"#, "url", "is missing"),
            (r#"{"id":"a","url":7}"#, "url", "must be a string"),
            (r#"{"id":"a","url":""}"#, "url", "is not a URL"),
            (r#"{"id":"a","url":"/path"}"#, "url", "is not a URL"),
            (r#"{"id":"a","url":"http://"}"#, "url", "is not a URL"),
            (r#"{"id":"a","url":"http://h:99999/"}"#, "url", "is not a URL"),
            (r#"{"id":"a","url":"ftp://h/"}"#, "url", "http:// or https://"),
            (r#"{"id":"a","url":"file:///etc/passwd"}"#, "url", "http:// or https://"),
            (r#"{"id":"a","url":"http://h/","requests":[]}"#, "url", "cannot stand beside"),
            (r#"{"id":"a","method":"GET","requests":[{"url":"http://h/"}]}"#, "method", "cannot stand beside"),
            (r#"{"id":"a","requests":[]}"#, "requests", "must not be empty"),
            (r#"{"id":"a","requests":{}}"#, "requests", "must be a list"),
            (r#"{"id":"a","requests":[7]}"#, "requests[0]", "must be an object"),
            (r#"{"id":"a","requests":[{"url":"http://h/"},{}]}"#, "requests[1].url", "is missing"),
            (r#"{"id":"a","requests":[{"url":"http://h/","method":"G T"}]}"#, "requests[0].method", "not an HTTP method"),
            (r#"{"id":"a","url":"http://h/","method":""}"#, "method", "not an HTTP method"),
            (r#"{"id":"a","url":"http://h/","method":7}"#, "method", "must be a string"),
            (r#"{"id":"a","url":"http://h/","method":"connect"}"#, "method", "CONNECT"),
            (r#"{"id":"a","url":"http://h/","headers":[]}"#, "headers", "must be an object"),
            (r#"{"id":"a","url":"http://h/","headers":{"a b":"c"}}"#, "headers.a b", "not a header name"),
            (r#"{"id":"a","url":"http://h/","headers":{"":"c"}}"#, "headers.", "not a header name"),
            (r#"{"id":"a","url":"http://h/","headers":{"a":"b\r\nc: d"}}"#, "headers.a", "cannot hold"),
            (r#"{"id":"a","url":"http://h/","headers":{"a":1}}"#, "headers.a", "must be a string"),
            (r#"{"id":"a","url":"http://h/","headers":{"Content-Length":"5"}}"#, "headers.Content-Length", "length of the body"),
            (r#"{"id":"a","url":"http://h/","body":{}}"#, "body", "must be a string"),
            (r#"{"id":"a","url":"http://h/","timeout_ms":0}"#, "timeout_ms", "from 1 to 86400000"),
            (r#"{"id":"a","url":"http://h/","timeout_ms":-1}"#, "timeout_ms", "whole number"),
            (r#"{"id":"a","url":"http://h/","timeout_ms":1.5}"#, "timeout_ms", "whole number"),
            (r#"{"id":"a","url":"http://h/","timeout_ms":"5"}"#, "timeout_ms", "whole number"),
            (r#"{"id":"a","url":"http://h/","timeout_ms":1e300}"#, "timeout_ms", "whole number"),
            (r#"{"id":"a","url":"http://h/","concurrency":0}"#, "concurrency", "from 1 to 1000"),
            (r#"{"id":"a","url":"http://h/","concurrency":1001}"#, "concurrency", "from 1 to 1000"),
            (r#"{"id":"a","url":"http://h/","proxy":"nonsense"}"#, "proxy", "is not a URL"),
            (r#"{"id":"a","url":"http://h/","proxy":"socks5://h"}"#, "proxy", "http:// or https://"),
            (r#"{"id":"a","url":"http://h/","proxy":7}"#, "proxy", "must be a string"),
        ];
        for (line, field, error) in cases {
            let bad = parsed(line).expect_err(line);
            assert_eq!(&bad.field, field, "{line}: {bad}");
            assert!(bad.error.contains(error), "{line}: {bad}");
        }
    }

    #[test]
    fn text_that_is_not_utf_8_is_named_with_its_place() {
        let bad = parse(b"{\"id\":\"\xff\"}").unwrap_err();
        assert_eq!(bad.field, "line");
        assert_eq!(bad.error, "is not UTF-8 (byte 8 of the line)");
    }

    #[test]
    fn no_message_repeats_a_value() {
        for line in [
            r#"{"id":"a","url":"hunter2"}"#,
            r#"{"id":"a","url":"hunter2://h"}"#,
            r#"{"id":"a","url":"http://user:hunter2@/"}"#,
            r#"{"id":"a","url":"http://h/","headers":{"authorization":"hunter2\n"}}"#,
            r#"{"id":"a","url":"http://h/","proxy":"hunter2"}"#,
            r#"{"id":"a","url":"http://h/","method":"hunter2 "}"#,
        ] {
            let bad = parsed(line).expect_err(line);
            assert!(!bad.to_string().contains("hunter2"), "{bad}");
        }
    }
}
