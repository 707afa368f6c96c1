//! The rules, without a server.

use reqwest::ResponseBuilderExt as _;

use super::*;

fn response(from: &str, status: u16, location: &[u8]) -> Response {
    let response = http::Response::builder()
        .url(Url::parse(from).unwrap())
        .status(status)
        .header("location", location);
    response.body("").unwrap().into()
}

fn followed(from: &str, location: &[u8]) -> Result<Option<Redirected>, RedirectError> {
    let rules = Rules::new(&RedirectPolicy::default(), Configured::default());
    let response = response(from, 302, location);
    rules.follow(&response, &Method::GET, None, &mut Vec::new())
}

fn url(from: &str, location: &[u8]) -> String {
    followed(from, location).unwrap().unwrap().url.into()
}

#[test]
fn a_location_is_read_as_browsers_read_it() {
    for (from, location, expected) in [
        ("http://h/a/b?q", &b"c"[..], "http://h/a/c"),
        ("http://h/a/b?q", b"?r", "http://h/a/b?r"),
        ("http://h/a/b", b"//other/c", "http://other/c"),
        ("https://h/a", b"/\xc3\xa9", "https://h/%C3%A9"),
        ("https://h/a", b"/\xe9", "https://h/%C3%A9"),
        ("https://h/a", b" /b ", "https://h/b"),
        ("https://h/a", b"HTTP://H:80/b", "http://h/b"),
        ("https://u:p@h/a", b"b", "https://h/b"),
        ("https://h/a#f", b"", "https://h/a#f"),
    ] {
        assert_eq!(url(from, location), expected, "{from} {location:?}");
    }
}

#[test]
fn a_fragment_is_inherited_unless_there_is_a_new_one() {
    let rules = Rules::new(&RedirectPolicy::default(), Configured::default());
    for (location, expected) in [
        ("/b", Some("old")),
        ("/b#new", Some("new")),
        ("/b#", Some("")),
    ] {
        let (response, mut previous) = (response("http://h/a", 302, location.as_bytes()), vec![]);
        let followed = rules.follow(&response, &Method::GET, Some("old"), &mut previous);
        let url = followed.unwrap().unwrap().url;
        assert_eq!(url.fragment(), expected, "{location}");
        assert_eq!(previous[0].as_str(), "http://h/a#old");
    }
}

#[test]
fn other_statuses_are_no_redirects() {
    let rules = Rules::new(&RedirectPolicy::default(), Configured::default());
    for status in [200, 201, 300, 304, 305, 306, 404] {
        let response = response("http://h/", status, b"/b");
        let followed = rules.follow(&response, &Method::GET, None, &mut Vec::new());
        assert!(followed.unwrap().is_none(), "{status}");
    }
}

#[test]
fn scheme_host_and_port_make_an_origin() {
    for (from, location, is_foreign) in [
        ("http://h/", "http://h:80/b", false),
        ("https://H/", "https://h:443/b", false),
        ("http://h/", "https://h/", true),
        ("http://h/", "http://h:81/", true),
        ("http://h/", "http://sub.h/", true),
        ("http://127.0.0.1/", "http://localhost/", true),
        ("http://[::1]/", "http://[0::1]/", false),
    ] {
        let redirected = followed(from, location.as_bytes()).unwrap().unwrap();
        assert_eq!(redirected.is_foreign, is_foreign, "{from} {location}");
    }
}
