//! The exit of a context.
//!
//! [`Exit`] is one driver for all three ways out: awaited, at once where there is nothing to wait
//! for, and dropped. Its steps, in their order:
//!
//! | step | does |
//! |---|---|
//! | `refuse` | admits nothing more, and closes the session to its holders |
//! | `drain` | waits for requests, bodies and children |
//! | `find_living` | marks those that are still there as leaked |
//! | `abort` | cuts them off |
//! | `settle` | drops the client, or hands it back to its pool |
//! | `verify` | waits for the sockets of what was dropped, and finds those that stay ([`verify`]) |
//! | `find_holders` | finds handles and clients that are kept ([`find`]) |
//! | `report` | notifies observers, and returns the report |

mod driver;
mod find;
mod verify;

pub(crate) use driver::Exit;
