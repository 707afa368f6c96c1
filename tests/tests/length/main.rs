//! The truth at length: everything at once, for as long as is asked for, and then every count held against those
//! who know it otherwise.
//!
//! Contexts on four threads, with sessions of their own and pooled ones, over HTTP/1.1 and HTTP/2, with and
//! without TLS, make requests of every sort at servers and through proxies that break off ([`jobs`]),
//! and open WebSockets that end in every way ([`websockets`]). The witnesses:
//!
//! * whoever makes a request writes down himself how it ended ([`books`]);
//! * the server notes of each request by its number whether it came, and how many heads it sent to it
//!   (`Tally`);
//! * a capture of the loopback interface has each connection ([`connections`]).
//!
//! Equal has to be: how many requests began, and how many were answered with which status; of each request that
//! was answered, the heads that the server sent; of the others, that nobody was answered whom the server knows
//! nothing of; each connection that is exported, by both ends and in its time, with one of the capture, opened and
//! closed; bodies that were read to their end, and their bytes; contexts by how they ended; and all gauges with 0.
//! The lifetimes of connections are held against the capture one by one: their error is printed as a
//! distribution.
//!
//! `LENGTH_REQUESTS` and `LENGTH_WEBSOCKETS` say how many; `LENGTH_SEED` draws the same again. Without them it
//! takes some seconds.

#![cfg(all(target_os = "linux", not(http_context_no_kernel)))]
#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, and says where"
)]
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "how much was held against what"
)]

mod books;
mod connections;
mod jobs;
mod pieces;
mod requests;
#[path = "../truth/rig.rs"]
#[allow(dead_code, reason = "the tests that it was made for use all of it")]
mod rig;
mod servers;
mod traffic;
mod websockets;
