//! What the kernel says of a server: the processor time that it has taken, and its memory.

use std::fs;

/// A moment of a process and of all that it has started.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    /// In seconds.
    pub(crate) cpu: f64,
    /// In bytes.
    pub(crate) memory: u64,
}

/// The process, its children, and those of them that have ended.
pub(crate) fn usage(process: u32) -> Usage {
    let mut usage = Usage::default();
    let mut ticks = 0;
    for entry in fs::read_dir("/proc").unwrap().map_while(Result::ok) {
        let name = entry.file_name();
        let Some(id) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        // A process may end while it is looked at.
        let Ok(stat) = fs::read_to_string(format!("/proc/{id}/stat")) else {
            continue;
        };
        // After the name of the program, which may hold anything: state, parent, …, and at 11 the times of it
        // and of its children that have ended.
        let Some((_, fields)) = stat.rsplit_once(')') else {
            continue;
        };
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let parent: u32 = fields[1].parse().unwrap();
        if id != process && parent != process {
            continue;
        }
        ticks += fields[11..15]
            .iter()
            .map(|time| time.parse::<u64>().unwrap())
            .sum::<u64>();
        usage.memory += memory(id);
    }
    usage.cpu = ticks as f64 / rustix::param::clock_ticks_per_second() as f64;
    usage
}

/// Its share of the memory that it has mapped, in bytes.
fn memory(process: u32) -> u64 {
    let Ok(rollup) = fs::read_to_string(format!("/proc/{process}/smaps_rollup")) else {
        return 0;
    };
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kilobytes.unwrap_or_default() * 1024
}
