//! What an observer knows of a request.

use std::sync::{Arc, Mutex};

use http_context::testing::{Fact, Recorder};
use http_context::{Observer, RequestInfo, ResponseHead, Tls, builder, current, http_session};
use http_context_tests::{Server, tls};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What a request says of its target, and how it is printed.
#[derive(Default)]
struct Shown(Mutex<Vec<[String; 2]>>);

impl Observer for Shown {
    fn request_answered(&self, request: &RequestInfo, _: &ResponseHead) {
        let (method, scheme) = (request.method(), request.scheme());
        let (host, port) = (request.host(), request.port());
        let target = format!("{method} {scheme} {host} {port}");
        let shown = [target, format!("{request:?}")];
        self.0.lock().unwrap().push(shown);
    }
}

#[tokio::test]
async fn it_is_known_as_its_caller_made_it() {
    let tls = Tls::Config(tls::client_config());
    for (scheme, server) in [
        ("http", Server::start()),
        ("https", Server::builder().tls().start()),
    ] {
        let (recorder, shown) = (Arc::new(Recorder::new()), Arc::new(Shown::default()));
        let context = builder()
            .tls(tls.clone())
            .observer(recorder.clone())
            .observer(shown.clone());
        let work = context.open(async {
            let session = http_session()?;
            let request = session.delete(server.url("/ok?sig=hunter2"));
            request.send().await?.bytes().await?;
            Ok::<_, BoxError>((current().unwrap().id(), session.id()))
        });
        let made_by = work.await.unwrap();
        let started = recorder.all(|fact| match fact {
            Fact::RequestStarted {
                context,
                session,
                call_site,
                url,
                ..
            } => Some(((*context, *session), call_site.file(), url.clone())),
            _ => None,
        });
        let [(by, file, url)] = &started[..] else {
            panic!("{started:?}")
        };
        assert_eq!(*by, made_by);
        assert!(file.ends_with("request_info.rs"), "{file}");
        assert_eq!(url.as_str(), server.url("/ok?sig=REDACTED"));
        let shown = shown.0.lock().unwrap();
        let [[target, debug]] = &shown[..] else {
            panic!("{shown:?}")
        };
        let port = server.addr().port();
        assert_eq!(*target, format!("DELETE {scheme} 127.0.0.1 {port}"));
        for part in ["RequestInfo", "DELETE", "127.0.0.1", "request_info.rs"] {
            assert!(debug.contains(part), "{part} is missing in {debug}");
        }
        assert!(!debug.contains("hunter2"), "{debug}");
    }
}
