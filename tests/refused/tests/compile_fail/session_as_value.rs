//! `http_session()` answers at once, with a `Result`.

async fn awaits() {
    let _ = http_context::http_session().await;
}

async fn takes_it_for_the_session() {
    let _ = http_context::http_session().get("http://host/").send().await;
}

fn main() {
    let _ = (awaits, takes_it_for_the_session);
}
