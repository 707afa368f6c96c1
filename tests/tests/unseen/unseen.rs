//! What this process sees of closes: nothing.

use std::sync::{Arc, OnceLock};

use http_context::{
    ContextBuilder, NoCloses, OpenError, http_session, open_connections, set_connection_closes,
};
use http_context_tests::Server;

use crate::rig::{Rig, Wire};

/// Called by each test before its first connection.
pub(crate) fn see_no_closes() {
    static INSTALLED: OnceLock<()> = OnceLock::new();
    INSTALLED.get_or_init(|| set_connection_closes(Arc::new(NoCloses)).unwrap());
}

pub(crate) fn rig(wire: Wire) -> Rig {
    see_no_closes();
    Rig::new(wire)
}

pub(crate) async fn read(url: String) {
    let session = http_session().unwrap();
    let response = session.get(url).send().await.unwrap();
    response.bytes().await.unwrap();
}

/// A thousand contexts of a request each, none of which leaves its connection open.
pub(crate) async fn run_a_thousand(context: &ContextBuilder, server: &Server) {
    for _ in 0..1_000 {
        let work = context.clone().open(async {
            read(server.url("/ok")).await;
            Ok::<_, OpenError>(())
        });
        work.await.unwrap();
        assert_eq!(open_to(server), 0);
    }
}

/// How many connections to this server the process takes for open.
pub(crate) fn open_to(server: &Server) -> usize {
    let to = Some(server.addr());
    let open = open_connections();
    let remotes = open
        .iter()
        .map(|one| one.info.addresses.map(|pair| pair.remote));
    remotes.filter(|remote| *remote == to).count()
}
