//! Nothing of these does anything until it is awaited.

#![deny(unused_must_use)]

use http_context::{HttpSession, OpenError};

async fn job(session: HttpSession) {
    http_context::open(async { Ok::<_, OpenError>(()) });
    http_context::job(async {});
    http_context::builder().base_url("http://host/");
    session.get("http://host/");
    session.get("http://host/").send();
    http_context::http_session();
}

fn main() {
    let _ = job;
}
