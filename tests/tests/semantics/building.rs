//! What builds a session is called with no lock held, and cannot have the session that it builds.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use http_context::{
    BuildError, ContextBuilder, ContextInfo, HttpContext, Observer, OpenError, SessionError,
    SessionOptions, SessionPool, SessionStarted, builder, current, http_session,
};
use reqwest_middleware::Middleware;

/// Without a lock in the way it takes no time at all.
const DEADLINE: Duration = Duration::from_secs(20);

/// What `http_session()` gave to what builds the session.
#[derive(Clone, Default)]
struct Asked(Arc<Mutex<Vec<Option<SessionError>>>>);

impl Asked {
    fn ask(&self) {
        let error = http_session().err();
        self.0.lock().unwrap().push(error);
    }
}

/// Asks where the middleware of an observer is asked for.
impl Observer for Asked {
    fn middleware(&self) -> Option<Arc<dyn Middleware>> {
        self.ask();
        None
    }
}

impl Asked {
    fn in_configure(&self) -> SessionOptions {
        let asked = self.clone();
        SessionOptions::new().configure(move |client| {
            asked.ask();
            client
        })
    }

    /// Builds the session of a context on a thread of its own, which could hang.
    #[track_caller]
    fn is_refused_in(&self, context: ContextBuilder) {
        let (ended, end) = mpsc::channel();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let work = context.lazy().open(async {
                let session = http_session()?;
                assert_eq!(http_session()?, session);
                Ok::<_, OpenError>(())
            });
            let built = runtime.unwrap().block_on(work);
            ended.send(()).unwrap();
            built
        });
        let waited = end.recv_timeout(DEADLINE);
        assert_ne!(waited, Err(RecvTimeoutError::Timeout), "it hangs");
        thread.join().unwrap().unwrap();
        let asked = self.0.lock().unwrap();
        let [Some(SessionError::Build(error @ BuildError::Reentrant))] = &asked[..] else {
            panic!("{asked:?}")
        };
        let text = error.to_string();
        assert!(text.contains("do not call `http_session()`"), "{text}");
    }
}

#[test]
fn configure_that_asks_for_the_session_gets_an_error() {
    let asked = Asked::default();
    asked.is_refused_in(builder().session(asked.in_configure()));
}

#[test]
fn configure_of_a_pool_that_asks_for_the_session_gets_an_error() {
    let asked = Asked::default();
    let pool = SessionPool::builder().session(asked.in_configure()).build();
    asked.is_refused_in(builder().pool(pool));
}

#[test]
fn an_observer_that_asks_for_the_session_for_its_middleware_gets_an_error() {
    let asked = Asked::default();
    asked.is_refused_in(builder().observer(Arc::new(asked.clone())));
}

#[test]
fn an_observer_of_a_pool_that_asks_for_the_session_for_its_middleware_gets_an_error() {
    let asked = Asked::default();
    let pool = SessionPool::builder().observer(Arc::new(asked.clone()));
    asked.is_refused_in(builder().pool(pool.build()));
}

#[tokio::test]
async fn an_error_of_what_asks_is_no_error_of_the_next_lookup() {
    let asked = Asked::default();
    let context = builder().lazy().session(asked.in_configure());
    let work = context.open(async {
        for built in 1..=3 {
            http_session()?.close();
            assert_eq!(asked.0.lock().unwrap().len(), built);
        }
        Ok::<_, OpenError>(())
    });
    work.await.unwrap();
    let asked = asked.0.lock().unwrap();
    let reentrant = |error: &Option<SessionError>| {
        matches!(error, Some(SessionError::Build(BuildError::Reentrant)))
    };
    assert!(asked.iter().all(reentrant), "{asked:?}");
}

/// A context that is open, and its session, to be asked for by what builds another one.
async fn beside_an_outer_context<F: Future<Output = Result<(), OpenError>>>(
    work: impl FnOnce(HttpContext) -> F,
) {
    let outer = builder().open(async {
        http_session()?;
        work(current().unwrap()).await
    });
    outer.await.unwrap();
}

#[tokio::test]
async fn configure_may_ask_for_the_session_of_another_context() {
    let asked = Asked::default();
    beside_an_outer_context(async |outer| {
        let inside = asked.clone();
        let options = SessionOptions::new().configure(move |client| {
            outer.sync_scope(|| inside.ask());
            client
        });
        let inner = builder().session(options);
        inner.job(async { http_session().map(drop) }).await?;
        Ok(())
    })
    .await;
    let asked = asked.0.lock().unwrap();
    assert!(matches!(asked[..], [None]), "{asked:?}");
}

#[tokio::test]
async fn an_observer_may_ask_for_the_session_of_another_context_while_one_is_opened() {
    struct AsksElsewhere(HttpContext, Asked);
    impl Observer for AsksElsewhere {
        fn session_opened(&self, _: &ContextInfo, _: &SessionStarted) {
            self.0.sync_scope(|| self.1.ask());
        }
    }
    let asked = Asked::default();
    beside_an_outer_context(async |outer| {
        let observer = Arc::new(AsksElsewhere(outer, asked.clone()));
        let inner = builder().observer(observer);
        inner.job(async { http_session().map(drop) }).await?;
        Ok(())
    })
    .await;
    let asked = asked.0.lock().unwrap();
    assert!(matches!(asked[..], [None]), "{asked:?}");
}
