//! The program as its users meet it: the real binary, real files, real sockets, real kills.

#![allow(clippy::unwrap_used, reason = "tests")]

mod admin;
mod bad_input;
#[cfg(feature = "external-tools")]
mod browser;
mod control;
mod conversations;
mod crash;
mod dashboards;
mod demo;
#[cfg(feature = "redis")]
mod deploy;
#[cfg(target_os = "linux")]
mod disk;
mod environment;
mod exposition;
mod input;
mod layer_order;
#[cfg(all(feature = "external-tools", feature = "postgres", feature = "redis"))]
mod library;
#[cfg(feature = "external-tools")]
mod live_page;
mod log;
mod memory;
mod metrics_file;
#[cfg(feature = "otlp")]
mod otlp;
mod poison;
#[cfg(all(feature = "external-tools", feature = "postgres", feature = "redis"))]
mod postgres;
mod proxies;
#[cfg(all(feature = "external-tools", feature = "postgres", feature = "redis"))]
mod queues;
#[cfg(all(feature = "external-tools", feature = "otlp-grpc"))]
mod receivers;
#[cfg(all(feature = "external-tools", feature = "postgres", feature = "redis"))]
mod redis;
mod results;
mod retries;
mod scheduled;
mod shutdown;
#[cfg(feature = "otlp")]
mod shutdown_load;
mod state;
mod support;
#[cfg(all(feature = "external-tools", target_os = "linux"))]
mod terminal;
mod upgrading;
mod usage;
mod warm;
