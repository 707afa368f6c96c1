//! What an observer knows of a request.

use std::sync::{Arc, Mutex};

use http_context::{
    CallSite, ContextId, Observer, RequestInfo, ResponseHead, SessionId, Tls, builder, current,
    http_session,
};
use http_context_tests::{Server, tls};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

struct Known {
    what: String,
    by: (ContextId, SessionId),
    place: CallSite,
    debug: String,
}

#[derive(Default)]
struct Requests(Mutex<Vec<Known>>);

impl Observer for Requests {
    fn request_answered(&self, request: &RequestInfo, _: &ResponseHead) {
        let (method, scheme) = (request.method(), request.scheme());
        let (host, port) = (request.host(), request.port());
        self.0.lock().unwrap().push(Known {
            what: format!("{method} {scheme} {host} {port}"),
            by: (request.context().id(), request.session()),
            place: request.call_site(),
            debug: format!("{request:?}"),
        });
    }
}

#[tokio::test]
async fn it_is_known_as_its_caller_made_it() {
    let tls = Tls::Config(tls::client_config());
    for (scheme, server) in [
        ("http", Server::start()),
        ("https", Server::builder().tls().start()),
    ] {
        let requests = Arc::new(Requests::default());
        let work = builder().tls(tls.clone()).observer(requests.clone());
        let by = work.open(async {
            let session = http_session()?;
            let request = session.delete(server.url("/ok?sig=hunter2"));
            request.send().await?.bytes().await?;
            Ok::<_, BoxError>((current().unwrap().id(), session.id()))
        });
        let by = by.await.unwrap();
        let requests = requests.0.lock().unwrap();
        let [known] = requests.as_slice() else {
            panic!("{} requests", requests.len())
        };
        let port = server.addr().port();
        assert_eq!(known.what, format!("DELETE {scheme} 127.0.0.1 {port}"));
        assert_eq!(known.by, by);
        assert!(known.place.file().ends_with("request_info.rs"));
        let debug = &known.debug;
        assert!(!debug.contains("hunter2"), "{debug}");
    }
}
