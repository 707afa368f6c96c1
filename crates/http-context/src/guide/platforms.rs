//! Platforms and versions of Rust: what builds where, and what a program can know there.
//!
//! Everything works on every platform that `tokio` and `reqwest` run on. What differs is how much the
//! operating system says about sockets. Where it says nothing, a fact is `unknown` or left out; no figure
//! is made up.
//!
//! # What each platform can know
//!
//! | | Linux | Linux that forbids netlink | macOS and other Unixes | Windows |
//! |---|---|---|---|---|
//! | requests, bodies, leaks of tasks, responses and clients | yes | yes | yes | yes |
//! | connections opened, reused and in use | yes | yes | yes | yes |
//! | when a connection closed ([`sees_connection_closes`]) | when it did | within a second, by `/proc`; without it when its session ended | when its session ended, or its peer announced it | as there |
//! | who closed it ([`CloseReason`]) | yes | `unknown`, but where the peer announced it | as there | as there |
//! | how long it lived | to its close | to within a second of it, or to the end of its session | to the end of its session | as there |
//! | whether an exit left a socket open ([`LeakKind::Connection`]) | yes | yes, by `/proc`; without `/proc` it is not asked for | not asked for | not asked for |
//! | sockets that are held past an exit are shut down ([`cut_held_sockets`]) | where `pidfd_getfd` is allowed, and there is `/proc` | no | no | no |
//! | trust roots ([`Tls::Shared`]) | `SSL_CERT_FILE`, `SSL_CERT_DIR`, the system's, Mozilla's | as there | as there; the system's from the keychain | as there; the system's from its store |
//! | proxies where no variable names one | none | none | on macOS those of the system | those of the system |
//! | of the worker: figures of the process (`process_*`) | yes | yes | no | no |
//! | of the worker: SIGTERM ends a run like Ctrl-C | yes | yes | yes | Ctrl-C alone |
//! | of the worker: the state is for its owner alone | by the modes of files | as there | as there | as its folder is |
//! | of the worker: the machine in the names of consumers of a queue | its host name | as there | as there | `COMPUTERNAME` |
//!
//! # What shows it
//!
//! The suites run on Linux on x86-64. What other platforms have in their place is short, and each row above
//! comes down to one of these switches:
//!
//! | switch | in | what the other side of it is | shown by |
//! |---|---|---|---|
//! | `target_os = "linux"` | `connection/kernel` | `unsupported.rs`: nothing is held, nothing is announced, nothing is cut | the step `no-kernel`, which runs the suites of the libraries with `--cfg http_context_no_kernel`, and so with that file in place of the kernel |
//! | no netlink, on Linux | `connection/kernel/sock_diag.rs` | `/proc/self/net/tcp` and `/proc/self/fd`; without those, nothing | `tests/tests/sandboxes`: a program that is forbidden to ask, held against the counts of its server, with and without `/proc`, and under the profile of Docker |
//! | `unix`, without macOS | `transport/trust.rs` | an empty `SSL_CERT_FILE` means the bundled roots | the step `elsewhere`, which compiles it |
//! | macOS, Windows | `transport/proxies.rs` | one constant | each build, since it is a value |
//! | `unix` | the worker: `run/signals.rs`, `queue/embedded/state.rs`, `queue/shared`, `cli/metrics_file.rs` | Ctrl-C; no modes; `COMPUTERNAME` | the step `elsewhere`, which compiles them |
//! | `target_os = "linux"` | the worker: `telemetry/process.rs` | no `process_*` | the step `elsewhere`, which compiles it |
//!
//! `cargo xtask test --only elsewhere` compiles each library and the worker on Linux with the other side of
//! all these switches, warnings denied, and checks that no other file names `rustix` or a module of the
//! standard library or of `tokio` that is only on Unix.
//!
//! That is as far as a machine can go that has no standard library of macOS or Windows: the dependencies are
//! not compiled for those, nothing runs there, and a function of the standard library that behaves in
//! another way there is not noticed. A source of closes of one's own ([`set_connection_closes`]) works
//! everywhere.
//!
//! # The oldest Rust
//!
//! | crate | Rust |
//! |---|---|
//! | `http-context` | 1.88 |
//! | `http-context-macros` | 1.88 |
//! | `http-context-middleware` | 1.88 |
//! | `http-context-adapters` | 1.88 |
//! | `http-context-adapters` with `aws-smithy` | 1.94.1 |
//! | `http-context-adapters` with `opendal` | 1.91 |
//! | `http-context-worker` | 1.94 |
//!
//! 1.88 is the first with `let` chains, and what `url` needs by way of ICU. The two adapters and the worker
//! need what the crates need that they are for.
//!
//! Two things are checked, by `cargo xtask test --only msrv,clippy`: no crate that is built with one of
//! these, in the version of `Cargo.lock`, with all other features, for Linux, macOS or Windows, says that it
//! needs a newer Rust; and the code uses nothing of the standard library that came later
//! (`clippy::incompatible_msrv`). The suites run with the current stable compiler and no older one. So what
//! came later of the language itself is found by review alone, and what a dependency needs without saying so
//! is not found.
//!
//! [`cut_held_sockets`]: crate::ContextBuilder::cut_held_sockets
//! [`CloseReason`]: crate::CloseReason
//! [`LeakKind::Connection`]: crate::LeakKind::Connection
//! [`sees_connection_closes`]: crate::sees_connection_closes
//! [`set_connection_closes`]: crate::set_connection_closes
//! [`Tls::Shared`]: crate::Tls::Shared
