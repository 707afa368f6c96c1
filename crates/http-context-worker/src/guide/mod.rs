//! The pages of [the guide](http_context::guide) that need this crate: servers and job engines, telemetry,
//! production, sizing, and what a worker says when something is wrong.
//!
//! | page | for |
//! |---|---|
//! | [Servers and job engines](servers) | axum, tonic and apalis |
//! | [Telemetry](telemetry) | from one call at start-up to a panel of Grafana |
//! | [Production](production) | limits, timeouts, pools, shutdown, Kubernetes |
//! | [Sizing](sizing) | what a worker takes, what a fleet asks of Redis, PostgreSQL, Prometheus and a collector, and where the knees are |
//! | [Troubleshooting](troubleshooting) | by the text of an error, and by alert |

pub mod production;
pub mod servers;
pub mod sizing;
pub mod telemetry;
pub mod troubleshooting;
