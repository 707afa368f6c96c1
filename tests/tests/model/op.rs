//! The steps that programs are made of, and how they are drawn.

use http_context::NestedPolicy;
use proptest::prelude::*;

/// One step. Numbers pick among what there is when the step is taken, so that every list of steps
/// is a program, and so is every part of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    /// A new task: bare, or as a child of the task that spawns it.
    Spawn { by: u8, carries: bool },
    /// A task opens a context around what it does next.
    Open { by: u8, options: Options },
    /// The innermost open of a task ends.
    Leave { by: u8, way: Way },
    /// A task ends: by itself, by a panic, or aborted.
    End { task: u8, way: Way },
    /// A task asks for its session.
    Lookup { by: u8 },
    /// A task makes a request.
    Request { by: u8, kind: Request },
    /// A task keeps its session, or a client of it.
    Keep { by: u8, client: bool },
    /// A task closes its session early.
    CloseSession { by: u8 },
    /// What was kept is used: a handle or a client for a request, a body is read, a request awaited.
    Use { kept: u8 },
    /// A kept handle is cloned, and the clone kept.
    Clone { kept: u8 },
    /// What was kept is let go.
    Drop { kept: u8 },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) nested: NestedPolicy,
    pub(crate) lazy: bool,
    pub(crate) pooled: bool,
    pub(crate) looks_for_leaks: bool,
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
    /// Its body is dropped unread.
    DropBody,
    /// Its body is kept unread.
    KeepBody,
    /// It is dropped when it has been polled once.
    Cancel,
    /// It has no answer, and goes on in a task of its own.
    LeaveInFlight,
}

/// Programs of up to so many steps. The first task is there before the first step.
pub(crate) fn programs(most: usize) -> impl Strategy<Value = Vec<Op>> {
    proptest::collection::vec(step(), 1..=most)
}

fn step() -> impl Strategy<Value = Op> {
    let by = || 0..6u8;
    prop_oneof![
        2 => (by(), any::<bool>()).prop_map(|(by, carries)| Op::Spawn { by, carries }),
        4 => (by(), options()).prop_map(|(by, options)| Op::Open { by, options }),
        4 => (by(), way()).prop_map(|(by, way)| Op::Leave { by, way }),
        1 => (by(), way()).prop_map(|(task, way)| Op::End { task, way }),
        3 => by().prop_map(|by| Op::Lookup { by }),
        5 => (by(), request()).prop_map(|(by, kind)| Op::Request { by, kind }),
        2 => (by(), any::<bool>()).prop_map(|(by, client)| Op::Keep { by, client }),
        1 => by().prop_map(|by| Op::CloseSession { by }),
        2 => by().prop_map(|kept| Op::Use { kept }),
        1 => by().prop_map(|kept| Op::Clone { kept }),
        2 => by().prop_map(|kept| Op::Drop { kept }),
    ]
}

fn options() -> impl Strategy<Value = Options> {
    let nested = prop_oneof![
        1 => Just(NestedPolicy::PassThrough),
        1 => Just(NestedPolicy::Warn),
        1 => Just(NestedPolicy::Deny),
        3 => Just(NestedPolicy::Isolate),
    ];
    let pooled = prop::bool::weighted(0.3);
    let looks_for_leaks = prop::bool::weighted(0.8);
    (nested, any::<bool>(), pooled, looks_for_leaks).prop_map(
        |(nested, lazy, pooled, looks_for_leaks)| Options {
            nested,
            lazy,
            pooled,
            looks_for_leaks,
        },
    )
}

fn way() -> impl Strategy<Value = Way> {
    prop_oneof![3 => Just(Way::Ok), 1 => Just(Way::Err), 1 => Just(Way::Panic), 1 => Just(Way::Drop)]
}

fn request() -> impl Strategy<Value = Request> {
    prop_oneof![
        Just(Request::Read),
        Just(Request::DropBody),
        Just(Request::KeepBody),
        Just(Request::Cancel),
        Just(Request::LeaveInFlight),
    ]
}
