//! The steps that programs are made of, and how they are drawn.

use http_context::NestedPolicy;
use http_context_tests::Wire;
use proptest::prelude::*;

/// One step. Numbers pick among what there is when the step is taken, so that every list of steps
/// is a program, and so is every part of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    /// A new task: bare, or as a child of the task that spawns it, in the scope of a caller or not.
    Spawn { by: u8, child: Child, caller: Named },
    /// A task opens a context around what it does next.
    Open { by: u8, options: Options },
    /// The innermost open of a task ends. One whose exit drains can only be dropped.
    Leave { by: u8, way: Way },
    /// A task ends: by itself, by a panic, or aborted.
    End { task: u8, way: Way },
    /// A task asks for its session, or a blocking child of it does.
    Lookup { by: u8, is_blocking: bool },
    /// A task makes a request.
    Request {
        by: u8,
        kind: Request,
        wire: Wire,
        caller: Named,
    },
    /// A task keeps something of its context.
    Keep { by: u8, what: Keep },
    /// A task closes its session early.
    CloseSession { by: u8 },
    /// What was kept is used: a handle or a client for a request, a body is read, a request given up, an
    /// upgraded connection carries something there and back, a response of a server is read to its end.
    Use { kept: u8, road: Road, wire: Wire },
    /// A kept plain client is used.
    Plain {
        kept: u8,
        kind: Plain,
        caller: Named,
    },
    /// A kept upgraded connection is closed, by us or by its peer.
    Close { kept: u8, by_peer: bool },
    /// A task builds a pool of WebSockets in its context, and keeps it.
    Pool { by: u8 },
    /// A task borrows a WebSocket of a kept pool, and keeps it.
    Borrow { by: u8, kept: u8 },
    /// What was borrowed is put back.
    PutBack { kept: u8 },
    /// A kept pool of WebSockets is closed, or invalidated where no peer would answer.
    ClosePool { kept: u8 },
    /// A kept handle is cloned, and the clone kept.
    Clone { kept: u8 },
    /// What was kept is let go.
    Drop { kept: u8 },
    /// Somebody checks that no context is open.
    CheckNoneOpen,
}

/// The names of callers, of which a program has two.
pub(crate) const CALLERS: [&str; 2] = ["speech plug-in", "storage SDK"];

/// Under whose name something is done, if under one.
pub(crate) type Named = Option<&'static str>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Child {
    Bare,
    Spawned,
    /// A bare task that polls a future which carries the context.
    Carried,
    InJoinSet,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own"
)]
pub(crate) struct Options {
    pub(crate) how: How,
    pub(crate) nested: NestedPolicy,
    pub(crate) is_lazy: bool,
    pub(crate) is_pooled: bool,
    pub(crate) looks_for_leaks: bool,
    /// Whether an open panics that has leaked, where it looks for leaks.
    pub(crate) panics: bool,
    /// Whether its exit waits for what is on its way, for as long as that takes.
    pub(crate) drains: bool,
    /// Whether it is open for too long as soon as it is open.
    pub(crate) is_overdue: bool,
}

/// By what a context is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    Open,
    Job,
    /// A call of a service under the layer for jobs.
    Called,
    /// A call of a service under the layer for servers, whose response has a body.
    Served,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Ok,
    Err,
    Panic,
    Drop,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// Sent, answered, and its body read to the end.
    Read,
    /// The same, by the session as a `tower` service.
    Service,
    /// The same, by the ambient session.
    Ambient,
    /// Its body is dropped unread.
    DropBody,
    /// Its body is kept unread.
    KeepBody,
    /// It is dropped when it has been polled once.
    Cancel,
    /// It has no answer, and goes on in a task of its own.
    LeaveInFlight,
    /// It has credentials, and is redirected twice at home.
    Redirected,
    /// It has credentials, and is redirected to a stranger and back home.
    ByStranger,
    /// It is redirected once more than is followed.
    TooManyRedirects,
    /// It upgrades its connection, which is kept, by the session's own method.
    Upgrade,
    /// The same, by that of its response.
    UpgradeResponse,
    /// It opens a WebSocket, which is kept.
    WebSocket,
    /// The same with a heartbeat, which its peer answers.
    Beating,
    /// The same, and its peer is silent.
    Silent,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    Handle,
    /// One of `reqwest_middleware`.
    Client,
    /// One of `reqwest`.
    Plain,
    /// What waits for the exit to begin.
    Closing,
}

/// By what a kept handle sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Road {
    Straight,
    Service,
    /// An ambient session that has the handle for where there is no context.
    Ambient,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plain {
    /// Answered, and its connection closed by the server.
    Close,
    /// Answered; its connection stays open. The last of its client.
    Stay,
    /// Its body never ends, and is kept.
    KeepBody,
}

/// Programs of up to so many steps. The first task is there before the first step.
pub(crate) fn programs(most: usize) -> impl Strategy<Value = Vec<Op>> {
    proptest::collection::vec(step(), 1..=most)
}

fn step() -> impl Strategy<Value = Op> {
    let (by, kept) = (|| 0..4u8, || 0..12u8);
    prop_oneof![
        1 => (by(), child(), named()).prop_map(|(by, child, caller)| Op::Spawn { by, child, caller }),
        6 => (by(), options()).prop_map(|(by, options)| Op::Open { by, options }),
        5 => (by(), way()).prop_map(|(by, way)| Op::Leave { by, way }),
        1 => (by(), way()).prop_map(|(task, way)| Op::End { task, way }),
        2 => (by(), prop::bool::weighted(0.2))
            .prop_map(|(by, is_blocking)| Op::Lookup { by, is_blocking }),
        8 => (by(), request(), wire(), named())
            .prop_map(|(by, kind, wire, caller)| Op::Request { by, kind, wire, caller }),
        3 => (by(), keep()).prop_map(|(by, what)| Op::Keep { by, what }),
        2 => by().prop_map(|by| Op::CloseSession { by }),
        4 => (kept(), road(), wire()).prop_map(|(kept, road, wire)| Op::Use { kept, road, wire }),
        4 => (kept(), plain(), named()).prop_map(|(kept, kind, caller)| Op::Plain { kept, kind, caller }),
        5 => (kept(), any::<bool>()).prop_map(|(kept, by_peer)| Op::Close { kept, by_peer }),
        3 => by().prop_map(|by| Op::Pool { by }),
        9 => (by(), kept()).prop_map(|(by, kept)| Op::Borrow { by, kept }),
        3 => kept().prop_map(|kept| Op::PutBack { kept }),
        2 => kept().prop_map(|kept| Op::ClosePool { kept }),
        1 => kept().prop_map(|kept| Op::Clone { kept }),
        3 => kept().prop_map(|kept| Op::Drop { kept }),
        1 => Just(Op::CheckNoneOpen),
    ]
}

fn options() -> impl Strategy<Value = Options> {
    let nested = prop_oneof![
        1 => Just(NestedPolicy::PassThrough),
        1 => Just(NestedPolicy::Warn),
        1 => Just(NestedPolicy::Deny),
        3 => Just(NestedPolicy::Isolate),
    ];
    let how = prop_oneof![
        4 => Just(How::Open),
        1 => Just(How::Job),
        1 => Just(How::Called),
        2 => Just(How::Served),
    ];
    let flags = (
        any::<bool>(),
        prop::bool::weighted(0.4),
        prop::bool::weighted(0.8),
        prop::bool::weighted(0.3),
        prop::bool::weighted(0.3),
        prop::bool::weighted(0.1),
    );
    (how, nested, flags).prop_map(
        |(how, nested, (is_lazy, is_pooled, looks_for_leaks, panics, drains, is_overdue))| {
            Options {
                how,
                nested,
                is_lazy,
                is_pooled,
                looks_for_leaks,
                panics,
                drains,
                is_overdue,
            }
        },
    )
}

fn way() -> impl Strategy<Value = Way> {
    prop_oneof![5 => Just(Way::Ok), 1 => Just(Way::Err), 1 => Just(Way::Panic), 1 => Just(Way::Drop)]
}

fn child() -> impl Strategy<Value = Child> {
    prop_oneof![
        3 => Just(Child::Bare),
        2 => Just(Child::Spawned),
        1 => Just(Child::Carried),
        1 => Just(Child::InJoinSet),
    ]
}

fn named() -> impl Strategy<Value = Named> {
    prop_oneof![2 => Just(None), 1 => Just(Some(CALLERS[0])), 1 => Just(Some(CALLERS[1]))]
}

fn request() -> impl Strategy<Value = Request> {
    prop_oneof![
        2 => Just(Request::Read),
        1 => Just(Request::Service),
        1 => Just(Request::Ambient),
        1 => Just(Request::DropBody),
        2 => Just(Request::KeepBody),
        1 => Just(Request::Cancel),
        2 => Just(Request::LeaveInFlight),
        1 => Just(Request::Redirected),
        1 => Just(Request::ByStranger),
        1 => Just(Request::TooManyRedirects),
        1 => Just(Request::Upgrade),
        1 => Just(Request::UpgradeResponse),
        3 => Just(Request::WebSocket),
        1 => Just(Request::Beating),
        1 => Just(Request::Silent),
    ]
}

fn wire() -> impl Strategy<Value = Wire> {
    prop_oneof![
        3 => Just(Wire::Http1),
        2 => Just(Wire::Http2),
        1 => Just(Wire::TlsHttp1),
        2 => Just(Wire::TlsHttp2),
    ]
}

fn keep() -> impl Strategy<Value = Keep> {
    prop_oneof![
        2 => Just(Keep::Handle),
        2 => Just(Keep::Client),
        3 => Just(Keep::Plain),
        1 => Just(Keep::Closing),
    ]
}

fn road() -> impl Strategy<Value = Road> {
    prop_oneof![2 => Just(Road::Straight), 1 => Just(Road::Service), 1 => Just(Road::Ambient)]
}

fn plain() -> impl Strategy<Value = Plain> {
    prop_oneof![2 => Just(Plain::Close), 1 => Just(Plain::Stay), 1 => Just(Plain::KeepBody)]
}
