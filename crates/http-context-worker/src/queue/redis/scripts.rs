//! The scripts: each is one commit.
//!
//! Redis runs a script as a whole, with nothing of anybody else in between.

use std::sync::LazyLock;

use redis::Script;

pub(super) static ADD: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("add.lua")));
pub(super) static BEGIN: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("begin.lua")));
pub(super) static CLAIM: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("claim.lua")));
pub(super) static SETTLE: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("settle.lua")));
pub(super) static BRING_FORWARD: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("bring_forward.lua")));
pub(super) static FIND: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("find.lua")));
pub(super) static KEEP: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("keep.lua")));
pub(super) static RELEASE: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("release.lua")));
