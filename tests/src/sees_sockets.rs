//! Whether the library is told of sockets by the operating system.

use http_context::CloseReason;

/// Whether the library asks the kernel for sockets and hears of their closes. Not so where it was built
/// with `--cfg http_context_no_kernel`, as on a system that shows none: `cargo xtask test` runs the tests
/// that way, too.
pub const SEES_SOCKETS: bool = cfg!(all(target_os = "linux", not(http_context_no_kernel)));

/// Why a connection closed that its session has closed, as far as the library can know.
pub const BY_ITS_SESSION: CloseReason = if SEES_SOCKETS {
    CloseReason::SessionClosed
} else {
    CloseReason::Unknown
};
