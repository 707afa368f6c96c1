//! A program of ours where the operating system shows less than usual: what it cannot know ends in
//! `unknown`, and never in a wrong number.
//!
//! Each test runs the program of [`inside`] in a sandbox, and that holds what the library says against the
//! count of a server that knows nothing of it. What each sandbox ends in:
//!
//! | sandbox | closes | sockets held past the exit | cut off |
//! |---|---|---|---|
//! | none | seen as they happen, by whom | found | yes |
//! | a root that can only be read | as above | as above | yes |
//! | a network namespace of its own | as above | as above | yes |
//! | Docker's default profile, no capabilities | as above | as above | no: `still_open` |
//! | no `/proc` | as above | as above | no: `still_open` |
//! | no netlink | seen within a second, `unknown` by whom unless the peer says so | found | no: `still_open` |
//! | no netlink, a network namespace of its own | as above | as above | no: `still_open` |
//! | no netlink, no `/proc`, a root that can only be read | `unknown`, at the end of the session | `unknown`: none is reported | no |
//! | no netlink, a `/proc` whose list of sockets is masked | as above | as above | no |
//! | connections in another network namespace than the one the process began in | as above | as above | no |
//!
//! The program has ended the same way under `runc` 1.1.5 with the profile that Docker installs
//! (`moby/profiles`, June 2026), no capabilities, a root that can only be read, Docker's masked paths, and a
//! network namespace of its own.
//!
//! Requests, connections opened and reused, bodies and everything else that the library does itself are the
//! same in all of them.

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, and says where"
)]

mod filters;
mod inside;
mod sandbox;

use sandbox::{Closes, Filter, Sandbox, Shows};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What a process by itself gets to know.
const EVERYTHING: Shows = Shows {
    closes: Closes::AsTheyHappen,
    held: true,
    cuts: true,
};
const NOTHING: Shows = Shows {
    closes: Closes::Never,
    held: false,
    cuts: false,
};
const BY_PROC_ALONE: Shows = Shows {
    closes: Closes::ByComparing,
    held: true,
    cuts: false,
};

const READ_ONLY: &str = "mount -o remount,ro,bind / && mount -t tmpfs -o ro none /tmp";
const NO_PROC: &str = "mount -t tmpfs -o ro none /proc";
/// A `/proc` with the descriptors of this process, and a list of sockets that is empty as files of `/proc`
/// are that container engines mask. The shell becomes the program inside.
const MASKED: &str = "mount -t tmpfs none /mnt && mkdir -p /mnt/self/fd /mnt/self/net \
    && touch /mnt/self/net/tcp && mount --bind /proc/$$/fd /mnt/self/fd && mount --rbind /mnt /proc";
const LOOPBACK_UP: &str = "mount -t sysfs none /sys && echo 1 > /sys/class/net/lo/flags";

const ANOTHER_NETWORK: &str = "another-network";
const ANOTHER: &str = "mount -t tmpfs none /mnt && touch /mnt/network \
    && unshare --net=/mnt/network sh -c 'mount -t sysfs none /sys && echo 1 > /sys/class/net/lo/flags'";

#[test]
fn without_a_sandbox_everything_is_known() {
    Sandbox::new("none", EVERYTHING).run();
}

#[test]
fn a_root_that_can_only_be_read_changes_nothing() {
    let sandbox = Sandbox::new("read-only", EVERYTHING);
    sandbox.mounts(&[READ_ONLY]).run();
}

#[test]
fn a_network_namespace_of_its_own_changes_nothing() {
    let sandbox = Sandbox::new("network", EVERYTHING);
    sandbox.own_network().mounts(&[LOOPBACK_UP]).run();
}

#[test]
fn the_profile_of_docker_forbids_to_cut_off_and_nothing_else() {
    let shows = Shows {
        cuts: false,
        ..EVERYTHING
    };
    let sandbox = Sandbox::new("docker", shows);
    sandbox.without_capabilities().filter(Filter::Docker).run();
}

#[test]
fn without_proc_sockets_are_found_and_not_cut_off() {
    let shows = Shows {
        cuts: false,
        ..EVERYTHING
    };
    Sandbox::new("no-proc", shows).mounts(&[NO_PROC]).run();
}

#[test]
fn without_netlink_sockets_are_compared_with_those_in_proc() {
    let sandbox = Sandbox::new("no-netlink", BY_PROC_ALONE);
    sandbox.filter(Filter::NoNetlink).run();
}

#[test]
fn without_netlink_a_network_namespace_of_its_own_is_compared_as_well() {
    let sandbox = Sandbox::new("no-netlink-network", BY_PROC_ALONE).own_network();
    sandbox
        .mounts(&[LOOPBACK_UP])
        .filter(Filter::NoNetlink)
        .run();
}

#[test]
fn without_netlink_and_proc_closes_are_unknown() {
    let sandbox = Sandbox::new("no-netlink-no-proc", NOTHING);
    sandbox
        .mounts(&[READ_ONLY, NO_PROC])
        .filter(Filter::NoNetlink)
        .run();
}

#[test]
fn without_netlink_a_proc_that_has_no_sockets_is_no_proof_that_there_are_none() {
    let sandbox = Sandbox::new("no-netlink-masked", NOTHING);
    sandbox.mounts(&[MASKED]).filter(Filter::NoNetlink).run();
}

/// The kernel is asked where the process began, and knows none of these sockets: no more than one that was
/// built without that part.
#[test]
fn a_kernel_that_does_not_show_a_socket_that_is_open_is_not_asked_whether_it_is_gone() {
    let sandbox = Sandbox::new(ANOTHER_NETWORK, NOTHING).own_network();
    sandbox.mounts(&[LOOPBACK_UP, ANOTHER]).run();
}
