//! A task that follows orders, one step at a time, inside the contexts that it opens.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use futures_util::{FutureExt as _, poll};
use http_context::{
    ContextBuilder, ContextId, ExitReport, HttpSession, OpenError, SessionError, SessionId,
    current, http_session,
};
use reqwest_middleware::ClientWithMiddleware;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::op::{Request, Way};

/// The payload of every panic that a program asks for.
pub(crate) struct Planned;

pub(crate) type Answer<T> = oneshot::Sender<T>;

/// What a task is ordered to do. Each is answered when it is done.
pub(crate) enum Order {
    Spawn(bool, Answer<Actor>),
    Open(ContextBuilder, Answer<Opened>),
    Leave(Way, Answer<Option<ExitReport>>),
    Lookup(Answer<Result<HttpSession, SessionError>>),
    Request(Request, Urls, Answer<Result<Requested, SessionError>>),
    Client(Answer<Result<(SessionId, ContextId, ClientWithMiddleware), SessionError>>),
}

/// Where requests go.
#[derive(Clone, Debug)]
pub(crate) struct Urls {
    pub(crate) body: String,
    pub(crate) never: String,
}

pub(crate) enum Opened {
    Entered(ContextId),
    Refused(OpenError),
}

/// What became of a request: nothing that is left, a body, or the task that it goes on in.
pub(crate) struct Requested {
    pub(crate) session: SessionId,
    pub(crate) context: ContextId,
    pub(crate) rest: Rest,
}

pub(crate) enum Rest {
    Nothing,
    Body(reqwest::Response),
    InFlight(JoinHandle<Result<reqwest::Response, http_context::RequestError>>),
}

/// A task, and the line to it.
pub(crate) struct Actor {
    orders: mpsc::Sender<Order>,
    task: JoinHandle<()>,
}

impl Actor {
    pub(crate) fn spawn(carries: bool) -> Self {
        let (orders, mut received) = mpsc::channel(1);
        let body = async move {
            // Only the end of the line, or a panic, ends it.
            let _ = obey(&mut received, None).await;
        };
        let task = if carries {
            http_context::spawn(body)
        } else {
            tokio::spawn(body)
        };
        Self { orders, task }
    }

    pub(crate) async fn order<T>(&self, order: impl FnOnce(Answer<T>) -> Order) -> T {
        let (answer, answered) = oneshot::channel();
        let sent = self.orders.send(order(answer)).await;
        sent.unwrap_or_else(|_| panic!("the task is gone"));
        answered.await.expect("the task answers")
    }

    /// Ends the task, and returns when it is gone.
    pub(crate) async fn end(self, way: Way) {
        let Self { orders, task } = self;
        match way {
            Way::Ok | Way::Err => drop(orders),
            Way::Panic => {
                let (answer, _) = oneshot::channel();
                let _ = orders.send(Order::Leave(Way::Panic, answer)).await;
                drop(orders);
            }
            Way::Drop => task.abort(),
        }
        let _ = task.await;
    }
}

/// How the work inside a context ended, with whom to answer once the context has exited.
enum Left {
    Told(Answer<Option<ExitReport>>),
    /// The line was cut: the task ends, and all that it has open with it.
    LineCut,
    Refused(OpenError),
}

impl From<OpenError> for Left {
    fn from(error: OpenError) -> Self {
        Self::Refused(error)
    }
}

/// What a scope and the loop inside it share.
#[derive(Default)]
struct Scope {
    /// Who waits for the scope to be left by a panic or a drop.
    answer: Mutex<Option<Answer<Option<ExitReport>>>>,
    drop: Notify,
}

type Obeyed<'a> = Pin<Box<dyn Future<Output = Result<Left, Left>> + Send + 'a>>;

fn obey(orders: &mut mpsc::Receiver<Order>, scope: Option<Arc<Scope>>) -> Obeyed<'_> {
    Box::pin(async move {
        while let Some(order) = orders.recv().await {
            match order {
                Order::Spawn(carries, answer) => drop(answer.send(Actor::spawn(carries))),
                Order::Lookup(answer) => drop(answer.send(http_session())),
                Order::Client(answer) => {
                    let client = http_session()
                        .map(|session| (session.id(), session.context().id(), session.client()));
                    drop(answer.send(client));
                }
                Order::Request(kind, urls, answer) => {
                    drop(answer.send(request(kind, &urls).await));
                }
                Order::Leave(way, answer) => match (way, &scope) {
                    (Way::Ok, _) => return Ok(Left::Told(answer)),
                    (Way::Err, _) => return Err(Left::Told(answer)),
                    (Way::Panic, scope) => {
                        if let Some(scope) = scope {
                            *scope.answer.lock().unwrap() = Some(answer);
                        }
                        std::panic::panic_any(Planned);
                    }
                    (Way::Drop, Some(scope)) => {
                        *scope.answer.lock().unwrap() = Some(answer);
                        scope.drop.notify_one();
                        std::future::pending::<()>().await;
                    }
                    (Way::Drop, None) => unreachable!("a task is dropped by aborting it"),
                },
                Order::Open(context, answer) => {
                    if !open(orders, context, answer).await {
                        return Ok(Left::LineCut);
                    }
                }
            }
        }
        Ok(Left::LineCut)
    })
}

/// Opens a context around what is ordered next; says whether the line still stands.
async fn open(
    orders: &mut mpsc::Receiver<Order>,
    context: ContextBuilder,
    answer: Answer<Opened>,
) -> bool {
    let scope = Arc::new(Scope::default());
    let answer = Mutex::new(Some(answer));
    let opened = context
        .open(async {
            let id = current().expect("bound by `open`").id();
            let answer = answer.lock().unwrap().take().expect("entered once");
            drop(answer.send(Opened::Entered(id)));
            obey(orders, Some(Arc::clone(&scope))).await
        })
        .with_report();
    let caught = AssertUnwindSafe(opened).catch_unwind();
    let ended = tokio::select! {
        biased;
        () = scope.drop.notified() => None,
        ended = caught => Some(ended),
    };
    match ended {
        Some(Ok((Ok(left) | Err(left), report))) => match left {
            Left::Told(answer) => drop(answer.send(report)),
            Left::LineCut => return false,
            Left::Refused(error) => {
                let answer = answer.lock().unwrap().take().expect("not entered");
                drop(answer.send(Opened::Refused(error)));
            }
        },
        // It panicked, or was dropped by the `select`, and is gone.
        Some(Err(panic)) => {
            assert!(
                panic.is::<Planned>(),
                "{:?}",
                panic.downcast_ref::<String>()
            );
            answer_to(&scope);
        }
        None => answer_to(&scope),
    }
    true
}

fn answer_to(scope: &Scope) {
    let answer = scope.answer.lock().unwrap().take();
    drop(answer.expect("somebody asked for it").send(None));
}

async fn request(kind: Request, urls: &Urls) -> Result<Requested, SessionError> {
    let session = http_session()?;
    let get = |url: &str| session.get(url).send();
    let rest = match kind {
        Request::Read => {
            let response = get(&urls.body).await.expect("the server answers");
            response.bytes().await.expect("to its end");
            Rest::Nothing
        }
        Request::DropBody => {
            drop(get(&urls.body).await.expect("the server answers"));
            Rest::Nothing
        }
        Request::KeepBody => Rest::Body(get(&urls.body).await.expect("the server answers")),
        Request::Cancel => {
            let mut request = Box::pin(get(&urls.never));
            assert!(poll!(&mut request).is_pending());
            drop(request);
            Rest::Nothing
        }
        Request::LeaveInFlight => {
            let mut request = Box::pin(get(&urls.never));
            assert!(poll!(&mut request).is_pending(), "admitted, and on its way");
            Rest::InFlight(tokio::spawn(request))
        }
    };
    Ok(Requested {
        session: session.id(),
        context: session.context().id(),
        rest,
    })
}
