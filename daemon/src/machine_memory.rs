//! How much memory there is: of the machine, and of the control groups that the process is in.

use std::path::{Path, PathBuf};

/// Half of the memory of the machine, or of a control group that the process is in where that has less.
pub fn half_of_the_machine() -> u64 {
    let told = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| total_bytes(&text));
    let machine = told.unwrap_or_else(bytes_by_call);
    let groups = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let limit = |file: &PathBuf| std::fs::read_to_string(file).ok()?.trim().parse::<u64>().ok();
    let group = limit_files(&groups).iter().filter_map(limit).min();
    machine.min(group.unwrap_or(u64::MAX)) / 2
}

/// The memory of the machine by a call of the system, which says it where files do not, as to a service that sees only
/// processes in `/proc`.
#[cfg(target_os = "linux")]
fn bytes_by_call() -> u64 {
    let system = rustix::system::sysinfo();
    system.totalram.saturating_mul(u64::from(system.mem_unit))
}

/// What other systems are taken to have, as they are not asked: `limits.memory` says how much of it is for surmised.
#[cfg(not(target_os = "linux"))]
fn bytes_by_call() -> u64 {
    8 << 30
}

fn total_bytes(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? << 10)
}

/// The files that hold limits of the groups that `/proc/self/cgroup` names, and of those around them.
fn limit_files(groups: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for line in groups.lines().chain(["0::/", "0:memory:/"]) {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { continue };
        let (root, name) = match controllers {
            "" => ("/sys/fs/cgroup", "memory.max"),
            _ if controllers.split(',').any(|c| c == "memory") => ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
            _ => continue,
        };
        let around = Path::new(path.trim_start_matches('/')).ancestors();
        files.extend(around.map(|group| Path::new(root).join(group).join(name)));
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_says_how_much_it_has() {
        assert_eq!(total_bytes("MemTotal:       24595356 kB\nMemFree: 1 kB\n"), Some(24_595_356 << 10));
        assert!(half_of_the_machine() > 64 << 20 && bytes_by_call() > 64 << 20);
    }

    #[test]
    fn a_group_is_held_to_the_limits_around_it() {
        let files = limit_files("0::/system.slice/surmised.service\n4:cpu,memory:/a\n5:cpu:/b\n");
        for file in [
            "/sys/fs/cgroup/system.slice/surmised.service/memory.max",
            "/sys/fs/cgroup/system.slice/memory.max",
            "/sys/fs/cgroup/memory.max",
            "/sys/fs/cgroup/memory/a/memory.limit_in_bytes",
            "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        ] {
            assert!(files.contains(&PathBuf::from(file)), "{file}: {files:?}");
        }
        assert!(!files.iter().any(|file| file.ends_with("b/memory.limit_in_bytes")), "{files:?}");
    }
}
