//! A task that follows orders, one step at a time, inside the contexts that it opens.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use futures_util::FutureExt as _;
use http_context::{
    Caller, ContextBuilder, ContextId, ExitReport, FutureExt as _, JoinSet, OpenError, current,
};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinHandle;
use tower::{Layer as _, Service as _};

use crate::op::{Child, How, Way};
use crate::served::{Answer, Once, ServedBody};

/// The payload of every panic that a program asks for.
pub(crate) struct Planned;

type Work<'w, T> = Pin<Box<dyn Future<Output = T> + Send + 'w>>;

/// What a task is ordered to do.
enum Order {
    Do(Work<'static, ()>),
    Open(How, ContextBuilder, oneshot::Sender<Opened>),
    Leave(Way),
}

pub(crate) enum Opened {
    Entered(Entered),
    Refused(OpenError),
}

/// An open that a task is inside of.
pub(crate) struct Entered {
    pub(crate) context: ContextId,
    /// Drops the future of the open, whether its work runs or its exit.
    pub(crate) dropped: Arc<Notify>,
    /// Comes when its exit begins.
    pub(crate) closing: Work<'static, ()>,
    /// Comes when its exit is over.
    pub(crate) exited: oneshot::Receiver<Exited>,
}

#[derive(Default)]
pub(crate) struct Exited {
    /// Whether the open has panicked, since it has leaked.
    pub(crate) has_panicked: bool,
    /// As the one who opened gets it.
    pub(crate) report: Option<ExitReport>,
    /// The response of a server, with which the context goes on.
    pub(crate) served: Option<ServedBody>,
}

/// A task, and the line to it.
pub(crate) struct Actor {
    orders: mpsc::Sender<Order>,
    task: Task,
}

enum Task {
    Alone(JoinHandle<()>),
    InJoinSet(JoinSet<()>),
}

impl Actor {
    /// A new task, as a child of the one that calls this, or bare.
    pub(crate) fn spawn(child: Child) -> Self {
        let (orders, mut received) = mpsc::channel(1);
        let body = async move {
            // Only the end of the line, or a panic, ends it.
            let _ = obey(&mut received).await;
        };
        let task = match child {
            Child::Bare => Task::Alone(tokio::spawn(body)),
            Child::Spawned => Task::Alone(http_context::spawn(body)),
            Child::Carried => Task::Alone(tokio::spawn(body.in_current_http_context())),
            Child::InJoinSet => {
                let mut set = JoinSet::new();
                set.spawn(body);
                Task::InJoinSet(set)
            }
        };
        Self { orders, task }
    }

    async fn order(&self, order: Order) {
        let sent = self.orders.send(order).await;
        sent.unwrap_or_else(|_| panic!("the task is gone"));
    }

    /// Has something done in the task.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> T {
        let (answer, answered) = oneshot::channel();
        let work = async move {
            let done = work.await;
            drop(answer.send(done));
        };
        self.order(Order::Do(Box::pin(work))).await;
        answered.await.expect("the task answers")
    }

    /// The same, under the name of a caller.
    pub(crate) async fn run_as<T: Send + 'static>(
        &self,
        caller: Option<&str>,
        work: impl Future<Output = T> + Send + 'static,
    ) -> T {
        match caller.map(http_context::caller) {
            Some(caller) => self.run(Caller::scope(caller, work)).await,
            None => self.run(work).await,
        }
    }

    pub(crate) async fn open(&self, how: How, context: ContextBuilder) -> Opened {
        let (answer, answered) = oneshot::channel();
        self.order(Order::Open(how, context, answer)).await;
        answered.await.expect("the task answers")
    }

    /// Leaves the innermost open, but for those that are dropped.
    pub(crate) async fn leave(&self, way: Way) {
        self.order(Order::Leave(way)).await;
    }

    /// Ends the task, and returns when it is gone.
    pub(crate) async fn end(self, way: Way) {
        let Self { orders, mut task } = self;
        if way == Way::Panic {
            let _ = orders.send(Order::Leave(Way::Panic)).await;
        }
        // One that is aborted has its line until it is gone, so that it does not end by that.
        let line = (way == Way::Drop).then_some(orders);
        if line.is_some() {
            match &mut task {
                Task::Alone(task) => task.abort(),
                Task::InJoinSet(set) => set.abort_all(),
            }
        }
        match task {
            Task::Alone(task) => drop(task.await),
            Task::InJoinSet(mut set) => drop(set.join_next().await),
        }
        drop(line);
    }
}

/// Whether this is the panic of an open that has leaked.
pub(crate) fn is_report(panic: &(dyn Any + Send)) -> bool {
    let text = panic.downcast_ref::<String>();
    text.is_some_and(|text| text.starts_with("HTTP context "))
}

/// How the work inside a context ended.
pub(crate) enum Left {
    Told,
    /// The line was cut: the task ends, and all that it has open with it.
    LineCut,
    Refused(OpenError),
}

impl From<OpenError> for Left {
    fn from(error: OpenError) -> Self {
        Self::Refused(error)
    }
}

fn obey(orders: &mut mpsc::Receiver<Order>) -> Work<'_, Result<Left, Left>> {
    Box::pin(async move {
        while let Some(order) = orders.recv().await {
            match order {
                Order::Do(work) => work.await,
                Order::Leave(Way::Ok) => return Ok(Left::Told),
                Order::Leave(Way::Err) => return Err(Left::Told),
                Order::Leave(Way::Panic) => std::panic::panic_any(Planned),
                Order::Leave(Way::Drop) => unreachable!("it is dropped by who waits for it"),
                Order::Open(how, context, answer) => {
                    if !open(orders, how, context, answer).await {
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
    how: How,
    context: ContextBuilder,
    answer: oneshot::Sender<Opened>,
) -> bool {
    let (exit, exited) = oneshot::channel();
    let dropped = Arc::new(Notify::new());
    let entered = Mutex::new(Some((answer, exited)));
    let work = async {
        let (answer, exited) = entered.lock().unwrap().take().expect("entered once");
        let context = current().expect("bound by `open`");
        drop(answer.send(Opened::Entered(Entered {
            context: context.id(),
            closing: Box::pin(context.closing()),
            dropped: Arc::clone(&dropped),
            exited,
        })));
        obey(orders).await
    };
    let caught = AssertUnwindSafe(opened(how, context, work)).catch_unwind();
    let ended = tokio::select! {
        biased;
        () = dropped.notified() => None,
        ended = caught => Some(ended),
    };
    let mut over = Exited::default();
    match ended {
        Some(Ok((left, exited))) => match left {
            Left::Told => over = exited,
            Left::LineCut => return false,
            Left::Refused(error) => {
                let (answer, _) = entered.lock().unwrap().take().expect("not entered");
                drop(answer.send(Opened::Refused(error)));
            }
        },
        Some(Err(panic)) => {
            over.has_panicked = is_report(&*panic);
            let text = panic.downcast_ref::<String>();
            assert!(panic.is::<Planned>() || over.has_panicked, "{text:?}");
        }
        None => {}
    }
    drop(exit.send(over));
    true
}

async fn opened(
    how: How,
    context: ContextBuilder,
    work: impl Future<Output = Result<Left, Left>> + Send,
) -> (Left, Exited) {
    let flat = |ended| match ended {
        Ok(left) | Err(left) => left,
    };
    match how {
        How::Open => {
            let (ended, report) = context.open(work).with_report().await;
            let exited = Exited {
                report,
                ..Exited::default()
            };
            (flat(ended), exited)
        }
        How::Job => {
            let (ended, report) = context.job(work).with_report().await;
            let exited = Exited {
                report,
                ..Exited::default()
            };
            (flat(ended), exited)
        }
        How::Called => {
            let ended = context.layer().layer(Once::new(work)).call(()).await;
            (flat(ended), Exited::default())
        }
        How::Served => {
            let answers = work.map(|ended| match ended {
                Ok(Left::Told) => Ok(http::Response::new(Answer::default())),
                Ok(left) | Err(left) => Err(left),
            });
            match context
                .http_layer()
                .layer(Once::new(answers))
                .call(())
                .await
            {
                Ok(response) => {
                    let exited = Exited {
                        served: Some(response.into_body()),
                        ..Exited::default()
                    };
                    (Left::Told, exited)
                }
                Err(left) => (left, Exited::default()),
            }
        }
    }
}
