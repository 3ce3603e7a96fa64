//! What the process has used.

use rustix::time::{ClockId, clock_gettime};

/// Processor time of all threads of this process, in seconds.
pub fn cpu_seconds() -> f64 {
    let t = clock_gettime(ClockId::ProcessCPUTime);
    t.tv_sec as f64 + t.tv_nsec as f64 / 1e9
}

/// Processor time of this thread alone, in seconds.
pub fn thread_seconds() -> f64 {
    let t = clock_gettime(ClockId::ThreadCPUTime);
    t.tv_sec as f64 + t.tv_nsec as f64 / 1e9
}

/// The most memory that this process ever had resident; 0 where the system does not say.
pub fn peak_memory_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    let kib = line.and_then(|l| l.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn use_is_measured() {
        let before = cpu_seconds();
        let work: u64 = std::hint::black_box((0..20_000_000u64).fold(1, |a, b| a.wrapping_mul(b | 1)));
        assert!(cpu_seconds() > before || work == 0);
        assert!(!cfg!(target_os = "linux") || peak_memory_bytes() > 100_000);
    }
}
