//! The exit of a context.
//!
//! [`Exit`] is one driver for all three ways out: awaited, at once where there is nothing to wait
//! for, and dropped. Its steps, in their order:
//!
//! | step | does |
//! |---|---|
//! | `refuse` | admits nothing more, and closes the session to its holders |
//! | `drain` | has upgraded connections take leave ([`farewell`]), and waits for requests, bodies and children |
//! | `find_living` | marks those that are still there as leaked |
//! | `abort` | cuts them off |
//! | `let_go` | gives tasks that hold a handle or a client their turn to let it go ([`turn`]) |
//! | `find_holders` | finds handles and clients that are kept: before a pool decides, else after `verify` |
//! | `settle` | drops the client, or hands it back to its pool |
//! | `verify` | waits for the sockets of what was dropped, and cuts off those that stay ([`verify`]) |
//! | `report` | notifies observers, and returns the report |
//!
//! An exit that is dropped cannot wait, and gives nobody a turn: it looks for no holder, a pool
//! closes its session as `unverified`, and its sockets are looked after in the background.

mod driver;
mod farewell;
mod find;
mod turn;
mod verify;

pub(crate) use driver::Exit;
