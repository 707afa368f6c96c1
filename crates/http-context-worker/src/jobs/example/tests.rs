//! What is made up for a type.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::Deserialize;
use url::Url;

use super::*;

#[derive(Serialize, Deserialize)]
struct Mail {
    to: Vec<Address>,
    subject: String,
    attempts: Option<std::num::NonZeroU32>,
    headers: BTreeMap<String, String>,
    priority: Priority,
    reply: Option<Box<Mail>>,
}

#[derive(Serialize, Deserialize)]
struct Address(String);

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Priority {
    High { since: u8 },
    Low,
}

#[derive(Serialize, Deserialize)]
struct Strict {
    name: String,
    from: IpAddr,
    page: Form,
}

/// A string that is of one of the forms.
#[derive(Serialize, Deserialize)]
#[serde(try_from = "String")]
struct Form(String);

impl TryFrom<String> for Form {
    type Error = url::ParseError;

    fn try_from(text: String) -> Result<Self, url::ParseError> {
        Url::parse(&text).map(|_| Self(text))
    }
}

/// Its strings are of a form that nobody guesses.
#[derive(Serialize, Deserialize)]
#[serde(try_from = "String")]
struct Nobody(String);

impl TryFrom<String> for Nobody {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        Some(Self(text))
            .filter(|nobody| nobody.0 == "nobody")
            .ok_or("is somebody")
    }
}

#[test]
fn a_type_that_says_what_it_wants_has_an_example() {
    let text = of::<Mail>().unwrap();
    let mail: Mail = serde_json::from_str(&text).unwrap();
    assert_eq!((mail.to[0].0.as_str(), mail.subject.as_str()), ("…", "…"));
    assert!(
        text.contains(r#""priority":{"high":{"since":1}}"#),
        "{text}"
    );
    assert!(text.contains(r#""attempts":1"#), "{text}");
    assert!(mail.reply.is_some());
}

#[test]
fn strings_that_must_have_a_form_are_found_in_it() {
    let text = of::<Strict>().unwrap();
    assert_eq!(
        text,
        r#"{"name":"…","from":"192.0.2.1","page":"https://example.com/"}"#
    );
    assert_eq!(of::<Nobody>(), None);
}

#[test]
fn its_line_begins_with_the_id() {
    assert_eq!(
        with_id(r#"{"to":"a"}"#, Some("mail")).unwrap(),
        r#"{"id":"1","kind":"mail","to":"a"}"#
    );
    assert_eq!(with_id(r#"{"id":"7"}"#, None).unwrap(), r#"{"id":"7"}"#);
    assert_eq!(with_id("{}", None).unwrap(), r#"{"id":"1"}"#);
    assert_eq!(with_id("7", None), None);
}

#[derive(Serialize, Deserialize)]
struct Rare {
    nothing: (),
    empty: Empty,
    pair: Pair,
    bare: Bare,
    one: One,
    two: Two,
    any: Value,
}

#[derive(Serialize, Deserialize)]
struct Empty;

#[derive(Serialize, Deserialize)]
struct Pair(u8, bool);

#[derive(Serialize, Deserialize)]
enum Bare {
    A,
}

#[derive(Serialize, Deserialize)]
enum One {
    A(u8),
}

#[derive(Serialize, Deserialize)]
enum Two {
    A(u8, char),
}

#[test]
fn what_types_are_seldom_made_of_is_known_too() {
    assert_eq!(
        of::<Rare>().unwrap(),
        r#"{"nothing":null,"empty":null,"pair":[1,false],"bare":"A","one":{"A":1},"two":{"A":[1,"a"]},"any":null}"#
    );
}

#[derive(Serialize, Deserialize)]
struct Endless {
    next: Box<Endless>,
}

#[test]
fn of_a_type_that_has_no_end_there_is_no_example() {
    assert_eq!(of::<Endless>(), None);
}
