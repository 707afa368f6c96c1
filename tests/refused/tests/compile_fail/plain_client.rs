//! The client of a session is the one that middleware can be added to; a plain one is had by name.

use http_context::{HttpSession, reqwest};

struct Sdk(reqwest::Client);

fn sdk(session: &HttpSession) -> Sdk {
    Sdk(session.client())
}

fn main() {
    let _ = sdk;
}
