//! The machine, and its load from other programs.

use serde::Serialize;

/// The machine that figures are of.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct MachineInfo {
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) memory_bytes: u64,
    pub(crate) system: String,
    /// The vector kernel that learners use here.
    pub(crate) kernel: &'static str,
    pub(crate) version: &'static str,
    /// Programs that waited for a processor, averaged over a minute: at the start.
    pub(crate) load_before: f64,
    /// The load average at the end, this bench itself included.
    pub(crate) load_after: f64,
}

impl MachineInfo {
    /// Reads what the system says of the machine.
    pub(crate) fn look() -> MachineInfo {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let value = |text: &str, key: &str| {
            let line = text.lines().find(|l| l.starts_with(key)).and_then(|l| l.split_once(':'));
            line.map(|(_, v)| v.trim().to_owned())
        };
        let memory = value(&read("/proc/meminfo"), "MemTotal");
        let kib = memory.and_then(|m| m.split(' ').next().and_then(|n| n.parse::<u64>().ok()));
        let uname = rustix::system::uname();
        MachineInfo {
            processor: value(&read("/proc/cpuinfo"), "model name").unwrap_or_else(|| "unknown".into()),
            cores: std::thread::available_parallelism().map_or(1, |n| n.get()),
            memory_bytes: kib.unwrap_or(0) * 1024,
            system: format!("{} {}", uname.sysname().to_string_lossy(), uname.release().to_string_lossy()),
            kernel: surmise_learner::kernel(),
            version: env!("CARGO_PKG_VERSION"),
            load_before: load(),
            load_after: f64::NAN,
        }
    }

    /// Reads the load once more, at the end.
    pub(crate) fn look_again(&mut self) {
        self.load_after = load();
    }

    /// One line for people.
    pub(crate) fn describe(&self) -> String {
        format!(
            "{}, {} cores, {}, {}, kernel {}, load {:.2}",
            self.processor,
            self.cores,
            surmise_terminal::format::size(self.memory_bytes),
            self.system,
            self.kernel,
            self.load_before
        )
    }
}

/// The load average over a minute.
pub(crate) fn load() -> f64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(f64::NAN)
}

/// Resident memory of a process in bytes; 0 where the system does not say.
pub(crate) fn resident_bytes(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"));
    line.and_then(|l| l.trim().trim_end_matches("kB").trim().parse::<u64>().ok()).unwrap_or(0) * 1024
}
