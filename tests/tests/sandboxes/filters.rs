//! Filters of system calls, for all threads of this process and for good.

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, netlink, socket_with};
use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, apply_filter_all_threads,
};

/// What Docker's default profile allows to no process without the capability for it, of what every
/// architecture has.
const FORBIDDEN_BY_DOCKER: &[i64] = &[
    libc::SYS_acct,
    libc::SYS_add_key,
    libc::SYS_bpf,
    libc::SYS_clock_settime,
    libc::SYS_delete_module,
    libc::SYS_finit_module,
    libc::SYS_fsopen,
    libc::SYS_init_module,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_io_uring_setup,
    libc::SYS_kcmp,
    libc::SYS_kexec_load,
    libc::SYS_keyctl,
    libc::SYS_mount,
    libc::SYS_move_mount,
    libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at,
    libc::SYS_open_tree,
    libc::SYS_perf_event_open,
    libc::SYS_pidfd_getfd,
    libc::SYS_pivot_root,
    libc::SYS_process_madvise,
    libc::SYS_quotactl,
    libc::SYS_reboot,
    libc::SYS_request_key,
    libc::SYS_setns,
    libc::SYS_settimeofday,
    libc::SYS_swapoff,
    libc::SYS_swapon,
    libc::SYS_syslog,
    libc::SYS_umount2,
    libc::SYS_unshare,
    libc::SYS_userfaultfd,
    libc::SYS_vhangup,
];

/// From here on the system says of these that they are not permitted, and knows no `clone3`.
pub(crate) fn docker() {
    let mut calls: Vec<_> = FORBIDDEN_BY_DOCKER
        .iter()
        .map(|call| (*call, Vec::new()))
        .collect();
    let families = [libc::AF_ALG, libc::AF_VSOCK].map(of_family);
    calls.push((libc::SYS_socket, families.into()));
    // Together: what applies a filter is not forbidden, but a thread needs the first before its next.
    apply(calls, Errno::PERM);
    apply(vec![(libc::SYS_clone3, Vec::new())], Errno::NOSYS);
    let process = pidfd_open(getpid(), PidfdFlags::empty()).unwrap();
    let forbidden = pidfd_getfd(&process, 0, PidfdGetfdFlags::empty());
    assert_eq!(forbidden.unwrap_err(), Errno::PERM);
}

/// From here on there is no netlink socket to be had.
pub(crate) fn no_netlink() {
    let calls = vec![(libc::SYS_socket, vec![of_family(libc::AF_NETLINK)])];
    apply(calls, Errno::AFNOSUPPORT);
    let (kind, flags) = (SocketType::DGRAM, SocketFlags::CLOEXEC);
    let asked = Some(netlink::SOCK_DIAG);
    let refused = socket_with(AddressFamily::NETLINK, kind, flags, asked);
    assert_eq!(refused.unwrap_err(), Errno::AFNOSUPPORT);
}

/// Applies to `socket` for this family of addresses.
fn of_family(family: libc::c_int) -> SeccompRule {
    let family = u64::try_from(family).unwrap();
    let (length, is_it) = (SeccompCmpArgLen::Dword, SeccompCmpOp::Eq);
    let condition = SeccompCondition::new(0, length, is_it, family);
    SeccompRule::new(vec![condition.unwrap()]).unwrap()
}

fn apply(calls: Vec<(i64, Vec<SeccompRule>)>, error: Errno) {
    let filter = SeccompFilter::new(
        calls.into_iter().collect(),
        SeccompAction::Allow,
        SeccompAction::Errno(error.raw_os_error().unsigned_abs()),
        std::env::consts::ARCH.try_into().unwrap(),
    );
    let program: BpfProgram = filter.unwrap().try_into().unwrap();
    apply_filter_all_threads(&program).unwrap();
}
