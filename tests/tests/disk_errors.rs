//! Errors of a disk, below sled, while the daemon runs: a write that the system refuses, and a sync that fails because
//! the block device below the file system does. sled does not go on after either. So the daemon ends with a word and
//! code 74, and the next start goes on: nothing acknowledged is missing, nothing is learnt twice, and the state is the
//! one of an undisturbed run.
//!
//! The whole measure is `SURMISE_TRIALS=200 cargo test --release -p surmise-tests --test disk_errors -- --nocapture`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use surmise_fixtures::skipped;
use surmise_tests::{Random, TestDaemon, trials};

const TOML: &str = "checkpoint_events = 3000\nlog_bytes_max = \"8MiB\"\n[model]\nmemory_mib = 1\nnetwork = \"off\"\n";
const STREAM: &str = "/api/v1/streams/s";
/// Bytes of the symbol of an event.
const SYMBOL_BYTES: usize = 900;
/// Starts until one goes on: the store has files of four databases.
const STARTS_MAX: u64 = 4;
/// The code of a daemon whose store failed.
const EXIT_STORAGE: i32 = 74;

/// Numbered events of one producer; of each number the same.
fn events(from: u64, count: u64) -> String {
    let event = |seq: u64| {
        let symbol = ["a", "b", "c", "d"][(seq * seq % 11 % 4) as usize].repeat(SYMBOL_BYTES);
        format!("{{\"seq\":{seq},\"data\":{{\"what\":\"{symbol}\"}}}}\n")
    };
    (from..from + count).map(event).collect()
}

/// Posts events, and returns whether they were acknowledged.
fn post(d: &TestDaemon, from: u64, count: u64) -> bool {
    let config = ureq::Agent::config_builder().http_status_as_error(false);
    let agent: ureq::Agent = config.timeout_global(Some(Duration::from_secs(20))).build().into();
    let request = agent.post(format!("http://{}{STREAM}/events?producer=p&epoch=1", d.http));
    let sent = request.header("Content-Type", "application/x-ndjson").send(events(from, count).as_bytes());
    sent.is_ok_and(|mut answer| answer.status() == 200 && answer.body_mut().read_to_string().is_ok())
}

/// What a campaign has come to.
#[derive(Default)]
struct Counts {
    met: u64,
    ended: u64,
    went_on: u64,
    starts_ended: u64,
    acknowledged_after: u64,
}

/// A daemon that is sent numbered events, and what of them it has acknowledged.
struct Campaign {
    state: PathBuf,
    d: TestDaemon,
    next: u64,
    random: Random,
    counts: Counts,
}

impl Campaign {
    fn begin(state: PathBuf, seed: u64) -> Campaign {
        let d = TestDaemon::start_with(&state, TOML, &[]);
        let mut campaign = Campaign { state, d, next: 1, random: Random::new(seed), counts: Counts::default() };
        // the databases are larger than what writes are limited to
        (0..30).for_each(|_| assert!(campaign.send(100)));
        campaign
    }

    fn send(&mut self, count: u64) -> bool {
        let taken = post(&self.d, self.next, count);
        self.next += if taken { count } else { 0 };
        taken
    }

    /// Sends until something is not acknowledged, and then some more. Returns whether the error was met.
    fn send_until_it_fails(&mut self) -> bool {
        let begun = Instant::now();
        loop {
            let count = 1 + self.random.below(120);
            if !self.send(count) {
                break;
            }
            if begun.elapsed() > Duration::from_secs(20) {
                return false;
            }
        }
        self.counts.met += 1;
        for _ in 0..3 {
            self.counts.acknowledged_after += u64::from(post(&self.d, self.next, 1));
        }
        true
    }

    /// How the daemon left, which it has some time for.
    fn left(&mut self) -> Option<i32> {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(30) {
            if let Some(status) = self.d.try_wait() {
                return Some(status.code().expect("no signal ends it"));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        None
    }

    /// After the disk works again: another start, if the daemon has ended, and what was acknowledged is there.
    fn go_on(&mut self) {
        match self.d.try_wait() {
            Some(status) => {
                assert_eq!(status.code(), Some(EXIT_STORAGE), "{}", self.said());
                self.counts.ended += 1;
                self.start_again();
            }
            None => self.counts.went_on += 1,
        }
        let (_, status) = self.d.get(STREAM);
        let offset = status["offset"].as_u64().unwrap();
        let said = self.said();
        assert!(offset + 1 >= self.next, "{offset} of {} acknowledged are there: {said}", self.next - 1);
        assert!(!said.contains("are lost"), "{offset} of {} acknowledged: {said}", self.next - 1);
        let begun = Instant::now();
        while !self.send(150) {
            assert!(begun.elapsed() < Duration::from_secs(60), "it goes on: {}", self.said());
            std::thread::sleep(Duration::from_millis(20));
        }
        // what was learnt and not acknowledged was sent again, and is not learnt twice
        let after = self.d.get(STREAM).1["offset"].as_u64().unwrap();
        assert_eq!(after, self.next - 1, "{offset} before: {}", self.said());
    }

    /// Starts another one. The system tells of a write that failed whoever syncs that file next, so a start may end by
    /// what it could not write before; the one after it goes on.
    fn start_again(&mut self) {
        for _ in 0..STARTS_MAX {
            self.d = TestDaemon::spawn(&self.state, TOML, &[]);
            let Err(status) = self.d.ready() else { return };
            assert_eq!(status.code(), Some(EXIT_STORAGE), "{}", self.said());
            self.counts.starts_ended += 1;
        }
        panic!("no start goes on: {}", self.said());
    }

    /// The end of what the daemon said.
    fn said(&self) -> String {
        let said = std::fs::read_to_string(self.state.with_extension("log")).unwrap_or_default();
        let lines: Vec<&str> = said.lines().collect();
        lines[lines.len().saturating_sub(12)..].join("\n")
    }

    /// Compares the state with the one of a daemon that nothing happened to, and returns what was counted.
    fn end(mut self, of: &str) {
        let begun = Instant::now();
        while self.d.get(STREAM).1["offset"] != self.next - 1 {
            assert!(begun.elapsed() < Duration::from_secs(20) && self.send(1), "{}", self.said());
        }
        let hash = self.d.hash("s");
        self.d.kill();
        self.d = TestDaemon::start_with(&self.state, TOML, &[]);
        assert_eq!(self.d.hash("s"), hash, "the same after another start");
        let dir = tempfile::tempdir().unwrap();
        let undisturbed = TestDaemon::start_with(&dir.path().join("state"), TOML, &[]);
        for from in (1..self.next).step_by(500) {
            assert!(post(&undisturbed, from, (self.next - from).min(500)));
        }
        assert_eq!(undisturbed.hash("s"), hash, "the state of an undisturbed run");
        let Counts { met, ended, went_on, starts_ended, acknowledged_after } = self.counts;
        println!(
            "{of}: {met} errors met, {ended} daemons ended by them and went on after a start ({starts_ended} starts \
             ended, too), {went_on} went on by themselves, {} events, {acknowledged_after} acknowledgements while failing",
            self.next - 1
        );
        assert_eq!(acknowledged_after, 0, "acknowledged while the disk failed");
    }
}

#[test]
fn writes_that_are_refused_cost_nothing_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let mut c = Campaign::begin(dir.path().join("state"), 51);
    for _ in 0..trials(3) {
        // at any moment of a write
        let (before, wait) = (c.random.below(4), Duration::from_micros(c.random.below(40_000)));
        (0..before).for_each(|_| assert!(c.send(20)));
        let (count, next) = (1 + c.random.below(200), c.next);
        let taken = std::thread::scope(|scope| {
            let d = &c.d;
            let sender = scope.spawn(move || post(d, next, count));
            std::thread::sleep(wait);
            d.limit_files(Some(1 << 20));
            sender.join().unwrap()
        });
        c.next += if taken { count } else { 0 };
        if c.send_until_it_fails() {
            c.left();
        }
        c.d.limit_files(None);
        c.go_on();
    }
    c.end("writes refused");
}

/// An ext4 file system on a loop device, whose blocks are kept in memory, where they may find no room.
struct FailingDisk {
    dir: tempfile::TempDir,
}

impl FailingDisk {
    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn run(program: &str, args: &[&str], paths: &[&Path]) -> bool {
        Command::new(program).args(args).args(paths).output().is_ok_and(|done| done.status.success())
    }

    fn mount(&self) -> bool {
        let (image, disk) = (self.path("memory/image"), self.path("disk"));
        let mounted = FailingDisk::run("mount", &["-o", "loop,errors=continue"], &[&image, &disk]);
        // a loop device calls a write of several pages done of which the first had room: it gets no such writes
        let device = Command::new("findmnt").args(["-no", "SOURCE"]).arg(&disk).output();
        let device = device.map(|found| String::from_utf8_lossy(&found.stdout).trim().replace("/dev/", ""));
        let one_page = |name| std::fs::write(format!("/sys/block/{name}/queue/max_sectors_kb"), "4");
        mounted && device.and_then(one_page).is_ok()
    }

    /// Where the system lets one be made.
    fn make() -> Option<FailingDisk> {
        let disk = FailingDisk { dir: tempfile::tempdir().unwrap() };
        let (memory, image) = (disk.path("memory"), disk.path("memory/image"));
        std::fs::create_dir(&memory).unwrap();
        std::fs::create_dir(disk.path("disk")).unwrap();
        let options = ["-t", "tmpfs", "-o", "size=700m", "tmpfs"];
        let made = FailingDisk::run("mount", &options, &[&memory])
            && FailingDisk::run("truncate", &["-s", "640M"], &[&image])
            // checksums of its own structures would not fit after a write that failed, until somebody repairs it
            && FailingDisk::run("mkfs.ext4", &["-q", "-O", "^has_journal,^metadata_csum"], &[&image])
            && disk.mount();
        // what the file system itself needs is written once, so that only the content of files fails: a file system
        // that loses its own bitmaps gives blocks away twice
        let (all, free) = (disk.path("disk/all"), "560M");
        let warmed =
            made && FailingDisk::run("fallocate", &["-l", free], &[&all]) && FailingDisk::sync(&disk.path("disk"));
        warmed.then(|| {
            std::fs::remove_file(&all).unwrap();
            assert!(FailingDisk::sync(&disk.path("disk")));
            disk
        })
    }

    fn sync(path: &Path) -> bool {
        FailingDisk::run("sync", &["-f"], &[path])
    }

    /// From now on, blocks that were never written cannot be.
    fn fail(&self) {
        let (memory, ballast) = (self.path("memory"), self.path("memory/ballast"));
        // what is written meanwhile takes room, too
        let filled = (0..50).any(|_| {
            let free = Command::new("df").args(["--output=avail", "-B1"]).arg(&memory).output().unwrap();
            let free = String::from_utf8(free.stdout).unwrap();
            FailingDisk::run("fallocate", &["-l", free.lines().last().unwrap().trim()], &[&ballast])
        });
        assert!(filled, "the memory can be filled");
    }

    fn mend(&self) {
        std::fs::remove_file(self.path("memory/ballast")).unwrap();
    }

    /// What the system holds in memory alone is gone.
    fn unmount(&self) -> bool {
        FailingDisk::run("umount", &[], &[&self.path("disk")])
    }
}

impl Drop for FailingDisk {
    fn drop(&mut self) {
        self.unmount();
        FailingDisk::run("umount", &[], &[&self.path("memory")]);
    }
}

/// Needs to mount file systems; says so where it may not.
#[test]
fn syncs_that_fail_cost_nothing_acknowledged() {
    let Some(disk) = FailingDisk::make() else {
        skipped("syncs that fail", "a file system cannot be mounted here");
        return;
    };
    let mut c = Campaign::begin(disk.path("disk/state"), 52);
    let mut remounted = 0;
    for trial in 0..trials(3) {
        disk.fail();
        if c.send_until_it_fails() {
            c.left();
        }
        disk.mend();
        if trial % 2 == 0 && c.d.try_wait().is_some() {
            assert!(disk.unmount() && disk.mount());
            remounted += 1;
        }
        c.go_on();
    }
    c.end(&format!("syncs failed, {remounted} times with the loss of what memory held"));
}
