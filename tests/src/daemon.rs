//! A daemon in a process of its own, and the command line against it.

use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use surmise_fixtures::free_port;

/// The path of one of the project's programs, built once if need be with the profile that the tests have.
pub fn binary(name: &str) -> PathBuf {
    static DIR: OnceLock<PathBuf> = OnceLock::new();
    let dir = DIR.get_or_init(|| {
        let mut dir = std::env::current_exe().expect("a test knows its own path");
        dir.pop();
        dir.pop();
        let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        build.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).args([
            "build",
            "--quiet",
            // of all packages, as the tests are usually built: what they share is built once
            "--workspace",
            "--bins",
        ]);
        if dir.ends_with("release") {
            build.arg("--release");
        }
        // what cargo tells a test of its package would have what looks at it (ring) built anew, and all that needs that
        let of_package = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(of_package)) {
            build.env_remove(name);
        }
        assert!(build.status().expect("cargo can be started").success(), "the programs could not be built");
        dir
    });
    dir.join(name)
}

/// The program of an example of the Rust client, which `cargo test --workspace` builds beside the tests.
pub fn example(name: &str) -> PathBuf {
    let own = std::env::current_exe().expect("a test knows its own path");
    let built = own.ancestors().nth(2).expect("tests are built in a folder").join("examples").join(name);
    assert!(built.is_file(), "{} is not built: cargo build --release -p surmise-client --examples", built.display());
    built
}

/// A command of one of the project's programs.
pub fn command(name: &str) -> Command {
    let mut c = Command::new(binary(name));
    c.env_remove("RUST_LOG").env("RUST_BACKTRACE", "0");
    c
}

/// Runs `surmise` to its end.
pub fn surmise<S: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = S>) -> Output {
    command("surmise").args(args).stdin(Stdio::null()).output().expect("surmise can be started")
}

/// A running `surmised` on a data directory.
pub struct TestDaemon {
    child: Child,
    /// `127.0.0.1:port` of HTTP.
    pub http: String,
    /// `127.0.0.1:port` of the event socket.
    pub tcp: String,
}

impl TestDaemon {
    /// Starts one and waits until it is ready.
    pub fn start(dir: &Path) -> TestDaemon {
        TestDaemon::start_with(dir, "", &[])
    }

    /// Starts one with more configuration and environment.
    pub fn start_with(dir: &Path, toml: &str, env: &[(&str, &str)]) -> TestDaemon {
        let mut d = TestDaemon::spawn(dir, toml, env);
        d.wait_ready();
        d
    }

    /// Starts one on ports of its own, without waiting.
    pub fn spawn(dir: &Path, toml: &str, env: &[(&str, &str)]) -> TestDaemon {
        let (http, tcp) = (format!("127.0.0.1:{}", free_port()), format!("127.0.0.1:{}", free_port()));
        TestDaemon::spawn_at(dir, toml, http, tcp, |c| {
            c.envs(env.iter().copied());
        })
    }

    /// Starts one on ports of its own, in a process that `prepare` changes, without waiting.
    pub fn spawn_as(dir: &Path, toml: &str, prepare: impl FnOnce(&mut Command)) -> TestDaemon {
        let (http, tcp) = (format!("127.0.0.1:{}", free_port()), format!("127.0.0.1:{}", free_port()));
        TestDaemon::spawn_at(dir, toml, http, tcp, prepare)
    }

    fn spawn_at(dir: &Path, toml: &str, http: String, tcp: String, prepare: impl FnOnce(&mut Command)) -> TestDaemon {
        let config = write_config(dir, &format!("[listen]\nhttp = \"{http}\"\ntcp = \"{tcp}\"\n"), toml);
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(dir.with_extension("log"))
            .expect("the folder can be written");
        let mut c = command("surmised");
        c.arg("--config")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a file can be opened twice"))
            .stderr(log);
        prepare(&mut c);
        TestDaemon { child: c.spawn().expect("surmised can be started"), http, tcp }
    }

    /// Starts one as a service manager does that gives it sockets under these names, without waiting.
    pub fn spawn_given(dir: &Path, toml: &str, names: &str, sockets: [OwnedFd; 3]) -> TestDaemon {
        let config = write_config(dir, "", toml);
        let mut c = Command::new("sh");
        // the standard streams bring the sockets to the numbers at which they are looked for; the shell's number is the
        // daemon's, as the one becomes the other
        c.arg("-c")
            .arg(r#"exec 3<&0 4<&1 5<&2 </dev/null >>"$LOG" 2>&1; LISTEN_PID=$$ exec "$0" --config "$1""#)
            .arg(binary("surmised"))
            .arg(&config)
            .env("LOG", dir.with_extension("log"))
            .envs([("LISTEN_FDS", "3"), ("LISTEN_FDNAMES", names)]);
        let [first, second, third] = sockets.map(Stdio::from);
        c.stdin(first).stdout(second).stderr(third);
        let child = c.spawn().expect("sh can be started");
        TestDaemon { child, http: String::new(), tcp: String::new() }
    }

    /// Waits until it answers that it is ready.
    pub fn wait_ready(&mut self) {
        if let Err(status) = self.ready() {
            panic!("surmised left with {status} before it was ready");
        }
    }

    /// Waits until it answers that it is ready, or has ended.
    pub fn ready(&mut self) -> Result<(), ExitStatus> {
        let start = Instant::now();
        loop {
            if let Ok(r) = ureq::get(format!("http://{}/-/ready", self.http)).call()
                && r.status() == 200
            {
                return Ok(());
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(status);
            }
            assert!(start.elapsed() < Duration::from_secs(120), "surmised is not ready after two minutes");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Kills it as the kernel would, and starts another on the same directory and ports.
    pub fn kill_and_restart(&mut self, dir: &Path, toml: &str) {
        self.kill();
        let next = TestDaemon::spawn_at(dir, toml, self.http.clone(), self.tcp.clone(), |_| {});
        *self = next;
        self.wait_ready();
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.child.kill().expect("a child can be killed");
        self.child.wait().expect("a child can be waited for");
    }

    /// SIGTERM; returns how it left.
    pub fn terminate(&mut self) -> ExitStatus {
        self.signal();
        self.child.wait().expect("a child can be waited for")
    }

    /// Sends SIGTERM without waiting.
    pub fn signal(&self) {
        self.send_signal(libc::SIGTERM);
    }

    /// Sends a signal by its number.
    pub fn send_signal(&self, signal: i32) {
        // SAFETY: kill only takes numbers, and the child has not been waited for, so its number is still its own.
        unsafe { libc::kill(self.child.id() as i32, signal) };
    }

    /// Lets its files grow to so many bytes and no further, or as far as they may: writes beyond that fail.
    pub fn limit_files(&self, bytes: Option<u64>) {
        use rustix::process::{Pid, Resource, Rlimit, prlimit};
        let limit = Rlimit { current: bytes, maximum: None };
        // one that has left has no limits
        let _ = prlimit(Pid::from_raw(self.child.id() as i32), Resource::Fsize, limit);
    }

    /// How it left, if it has.
    pub fn try_wait(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be waited for")
    }

    /// Waits until it has left by itself.
    pub fn wait(&mut self) -> ExitStatus {
        self.child.wait().expect("a child can be waited for")
    }

    /// Peak of its resident memory, in bytes.
    pub fn peak_memory(&self) -> u64 {
        self.memory("VmHWM:")
    }

    /// Its resident memory, in bytes.
    pub fn resident_memory(&self) -> u64 {
        self.memory("VmRSS:")
    }

    fn memory(&self, kind: &str) -> u64 {
        let s = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let kib = s
            .lines()
            .find_map(|l| l.strip_prefix(kind))
            .and_then(|l| l.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
        kib.unwrap_or(0) * 1024
    }

    /// GET; the status and the body as JSON (null if it is none).
    pub fn get(&self, path: &str) -> (u16, Value) {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut r = agent.get(format!("http://{}{path}", self.http)).call().expect("the daemon answers");
        let body = r.body_mut().read_to_string().expect("the answer is text");
        (r.status().as_u16(), serde_json::from_str(&body).unwrap_or(Value::Null))
    }

    /// GET of text.
    pub fn text(&self, path: &str) -> String {
        let mut r = ureq::get(format!("http://{}{path}", self.http)).call().expect("the daemon answers");
        r.body_mut().read_to_string().expect("the answer is text")
    }

    /// POST; the status and the body as JSON.
    pub fn post(&self, path: &str, body: &[u8]) -> (u16, Value) {
        self.post_as("application/x-ndjson", path, body)
    }

    /// The status and the answer of a POST of JSON.
    pub fn post_json(&self, path: &str, body: &[u8]) -> (u16, Value) {
        self.post_as("application/json", path, body)
    }

    fn post_as(&self, kind: &str, path: &str, body: &[u8]) -> (u16, Value) {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let request = agent.post(format!("http://{}{path}", self.http)).header("Content-Type", kind);
        let mut r = request.send(body).expect("the daemon answers");
        let body = r.body_mut().read_to_string().expect("the answer is text");
        (r.status().as_u16(), serde_json::from_str(&body).unwrap_or(Value::Null))
    }

    /// The `state_hash` of a stream.
    pub fn hash(&self, stream: &str) -> String {
        let (status, v) = self.get(&format!("/api/v1/streams/{stream}/hash"));
        assert_eq!(status, 200, "{v}");
        v["state_hash"].as_str().expect("the answer holds a hash").to_owned()
    }

    /// Runs `surmise` against it.
    pub fn surmise(&self, args: &[&str]) -> Output {
        self.client(args).output().expect("surmise can be started")
    }

    /// A `surmise` command against it.
    pub fn client(&self, args: &[&str]) -> Command {
        let mut c = command("surmise");
        c.env("SURMISE_SERVER", format!("http://{}", self.http))
            .env("SURMISE_SOCKET", &self.tcp)
            .args(args)
            .stdin(Stdio::null());
        c
    }

    /// A connection to the event socket.
    pub fn connect(&self) -> Wire {
        Wire::connect(&self.tcp)
    }
}

/// Writes the configuration of a daemon with a data directory, beside that.
fn write_config(dir: &Path, before: &str, after: &str) -> PathBuf {
    std::fs::create_dir_all(dir).expect("the folder can be made");
    let file = dir.with_extension("toml");
    let text = format!("{before}[store]\ndir = \"{}\"\n{after}", dir.display());
    std::fs::write(&file, text).expect("the folder can be written");
    file
}

impl Drop for TestDaemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A plain connection that speaks lines.
pub struct Wire {
    out: TcpStream,
    lines: BufReader<TcpStream>,
}

impl Wire {
    /// To an address.
    pub fn connect(addr: &str) -> Wire {
        let out = TcpStream::connect(addr).expect("the daemon listens");
        out.set_read_timeout(Some(Duration::from_secs(30))).expect("a socket has a time limit");
        let lines = BufReader::new(out.try_clone().expect("a socket can be used twice"));
        Wire { out, lines }
    }

    /// Sets how long a line may be waited for: half a minute if nobody says so.
    pub fn wait_at_most(&mut self, time: Duration) {
        self.out.set_read_timeout(Some(time)).expect("a socket has a time limit");
    }

    /// Says hello as a producer of a stream and returns the welcome.
    pub fn hello(&mut self, producer: &str, epoch: u64, stream: &str, want: &[&str]) -> Value {
        let h = serde_json::json!({"hello": {"protocol": 1, "producer": producer, "epoch": epoch, "stream": stream, "want": want}});
        self.send(&h.to_string());
        self.receive()
    }

    /// Sends one line.
    pub fn send(&mut self, line: &str) {
        self.send_bytes(line.as_bytes());
        self.send_bytes(b"\n");
    }

    /// Sends bytes as they are.
    pub fn send_bytes(&mut self, bytes: &[u8]) {
        self.out.write_all(bytes).expect("the daemon reads");
    }

    /// The next line, as JSON.
    pub fn receive(&mut self) -> Value {
        let mut line = String::new();
        let n = self.lines.read_line(&mut line).expect("the daemon answers in time");
        assert!(n > 0, "the daemon closed the connection");
        serde_json::from_str(&line).unwrap_or_else(|e| panic!("the daemon answered {line:?}: {e}"))
    }

    /// Reads lines until an ack of at least this number; returns them.
    pub fn until_ack(&mut self, seq: u64) -> Vec<Value> {
        let mut all = Vec::new();
        loop {
            let v = self.receive();
            let done = v["ack"].as_u64().is_some_and(|a| a >= seq);
            all.push(v);
            if done {
                return all;
            }
        }
    }
}
