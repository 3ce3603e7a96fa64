//! The Debian package of the programs that were built: the same programs give the same package, lintian has nothing
//! against it, and it installs, starts, is upgraded with its data kept, and purged without a trace.
//!
//! It is installed into a system of its own that this machine's files show through, so it needs root.

use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;
use surmise_fixtures::{free_port, skipped};
use surmise_tests::binary;

/// Whether a program is here.
fn is_here(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok()
}

/// Builds the package of a revision into a folder.
fn package(out: &Path, revision: &str) -> PathBuf {
    let mut build = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.ci/debian"));
    let programs = binary("surmise").parent().unwrap().to_owned();
    build.arg(programs).arg(out);
    build.envs([("SOURCE_DATE_EPOCH", "1800000000"), ("DEBIAN_REVISION", revision), ("COMPRESSION", "0")]);
    let built = build.output().expect(".ci/debian can be started");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    PathBuf::from(String::from_utf8_lossy(&built.stdout).trim())
}

/// A system whose folders are this one's until something is written there, which is in memory and goes with it.
struct PrivateSystem {
    holder: Child,
}

/// Mounts what the system has of its own, and then waits.
const MOUNT: &str = r#"set -e
mount -t tmpfs tmpfs "$1"
for part in etc usr var; do
    mkdir -p "$1/$part/upper" "$1/$part/work"
    mount -t overlay overlay -o "lowerdir=/$part,upperdir=$1/$part/upper,workdir=$1/$part/work" "/$part"
done
mount -t tmpfs tmpfs /run
mkdir -m 1777 /run/lock
echo ready
read -r _"#;

impl PrivateSystem {
    /// Makes one; there is none if the system does not allow it.
    fn new(scratch: &Path) -> Option<PrivateSystem> {
        std::fs::create_dir(scratch).unwrap();
        let mut make = Command::new("unshare");
        make.args(["--mount", "--propagation", "private", "sh", "-c", MOUNT, "sh"]).arg(scratch);
        let mut holder = make.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()?;
        let mut line = String::new();
        let read = BufReader::new(holder.stdout.take()?).read_line(&mut line);
        let system = PrivateSystem { holder };
        (read.is_ok() && line == "ready\n").then_some(system)
    }

    /// A command that runs in it.
    fn command(&self, program: &str) -> Command {
        let mut c = Command::new("nsenter");
        c.args(["--mount", "--target", &self.holder.id().to_string(), program]).current_dir("/").stdin(Stdio::null());
        c.env("DEBIAN_FRONTEND", "noninteractive");
        c
    }

    fn run(&self, command: &[&str]) -> Output {
        self.command(command[0]).args(&command[1..]).output().expect("nsenter can be started")
    }

    /// What a command prints, which has to succeed.
    fn prints(&self, command: &[&str]) -> String {
        let done = self.run(command);
        let said = [done.stdout, done.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        assert!(done.status.success(), "{command:?} left with {}: {}{}", done.status, said[0], said[1]);
        said[0].clone()
    }

    fn has(&self, path: &str) -> bool {
        self.run(&["test", "-e", path]).status.success()
    }
}

impl Drop for PrivateSystem {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

/// The installed daemon, started as its unit says by a manager that listens.
struct Service<'a> {
    system: &'a PrivateSystem,
    manager: UnixDatagram,
    socket: PathBuf,
    http: String,
    tcp: String,
}

impl Service<'_> {
    /// Starts it, and waits until it tells that it is ready and well.
    fn start(&self) -> Child {
        let unit = self.system.prints(&["cat", "/usr/lib/systemd/system/surmised.service"]);
        let setting = |key: &str| unit.lines().find_map(|line| line.strip_prefix(key)).expect("the unit says so");
        let user = setting("User=");
        let mut c = self.system.command("setpriv");
        c.args([&format!("--reuid={user}"), &format!("--regid={user}"), "--clear-groups", "--no-new-privs"]);
        c.args(setting("ExecStart=").split_whitespace());
        c.env("NOTIFY_SOCKET", &self.socket).env("WATCHDOG_USEC", "1000000").stderr(Stdio::null());
        let child = c.spawn().expect("nsenter can be started");
        self.hear("READY=1");
        self.hear("WATCHDOG=1");
        child
    }

    fn hear(&self, word: &str) {
        let mut bytes = [0; 4096];
        loop {
            let length = self.manager.recv(&mut bytes).unwrap_or_else(|e| panic!("{word} is never told: {e}"));
            if String::from_utf8_lossy(&bytes[..length]).lines().any(|line| line == word) {
                return;
            }
        }
    }

    /// Stops it as systemd does.
    fn stop(&self, mut child: Child) {
        kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
        self.hear("STOPPING=1");
        assert_eq!(child.wait().unwrap().code(), Some(0));
    }

    /// What the installed command line prints.
    fn asks(&self, args: &[&str]) -> String {
        let mut c = self.system.command("/usr/bin/surmise");
        c.args(args).env("SURMISE_SERVER", format!("http://{}", self.http)).env("SURMISE_SOCKET", &self.tcp);
        let done = c.output().unwrap();
        assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8_lossy(&done.stdout).into_owned()
    }
}

#[test]
fn the_debian_package_is_made_again_to_the_byte_and_lintian_has_nothing_against_it() {
    if !is_here("dpkg-deb") {
        return skipped("the Debian package", "there is no dpkg-deb");
    }
    let dir = tempfile::tempdir().unwrap();
    let (first, second) = (package(&dir.path().join("first"), "1"), package(&dir.path().join("second"), "1"));
    assert!(std::fs::read(&first).unwrap() == std::fs::read(second).unwrap(), "the same programs, another package");
    if !is_here("lintian") {
        return skipped("what lintian says of the Debian package", "there is no lintian");
    }
    let mut lint = Command::new("lintian");
    let said = lint.args(["--allow-root", "--fail-on", "error,warning"]).arg(&first).output().unwrap();
    let text = [said.stdout, said.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    println!("{text}");
    assert!(said.status.success(), "{text}");
}

#[test]
fn the_debian_package_installs_starts_is_upgraded_with_its_data_and_purges() {
    if !["dpkg-deb", "dpkg", "unshare", "nsenter", "setpriv", "adduser"].into_iter().all(is_here) {
        return skipped("installing the Debian package", "this is no Debian");
    }
    let dir = tempfile::tempdir().unwrap();
    // the daemon, which is another user there, reaches the socket of the manager through it
    std::fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let Some(system) = PrivateSystem::new(&dir.path().join("system")) else {
        return skipped("installing the Debian package", "a system of its own can't be mounted here, as without root");
    };
    let (first, second) = (package(dir.path(), "1"), package(dir.path(), "2"));
    let install = |package: &Path| system.prints(&["dpkg", "--install", package.to_str().unwrap()]);
    install(&first);
    for file in ["man/man1/surmise-send.1.gz", "man/man8/surmised.8.gz", "bash-completion/completions/surmise"] {
        assert!(system.has(&format!("/usr/share/{file}")), "{file}");
    }
    assert_eq!(system.prints(&["stat", "-c", "%U %a", "/var/lib/surmise"]), "surmise 700\n");
    let configuration = "/etc/surmise/surmised.toml";
    assert_eq!(system.prints(&["stat", "-c", "%U:%G %a", configuration]), "root:surmise 640\n");

    let socket = dir.path().join("manager");
    let manager = UnixDatagram::bind(&socket).unwrap();
    std::fs::set_permissions(&socket, PermissionsExt::from_mode(0o777)).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let [http, tcp] = [(); 2].map(|()| format!("127.0.0.1:{}", free_port()));
    let own = format!("[listen]\nhttp = \"{http}\"\ntcp = \"{tcp}\"\n[model]\nnetwork = \"off\"\n");
    system.prints(&["sh", "-c", &format!("cat >> {configuration} <<'END'\n{own}END")]);
    let service = Service { system: &system, manager, socket, http, tcp };

    let child = service.start();
    let events = dir.path().join("events.txt");
    std::fs::write(&events, (0..300).map(|n| format!("s{}\n", n % 5)).collect::<String>()).unwrap();
    service.asks(&["send", events.to_str().unwrap(), "--format", "lines", "--stream", "s"]);
    let hash = service.asks(&["stream", "show", "s", "--hash"]);
    service.stop(child);

    let said = install(&second);
    assert!(said.contains("-2) over ("), "{said}");
    assert!(system.prints(&["cat", configuration]).ends_with(&own), "what was changed in the configuration stays");
    let child = service.start();
    assert_eq!(service.asks(&["stream", "show", "s", "--hash"]), hash);
    service.stop(child);

    system.prints(&["dpkg", "--remove", "surmise"]);
    assert!(!system.has("/usr/bin/surmised") && system.has("/var/lib/surmise/log") && system.has(configuration));
    let said = system.run(&["dpkg", "--purge", "surmise"]);
    assert!(said.status.success() && said.stderr.is_empty(), "{}", String::from_utf8_lossy(&said.stderr));
    for path in [
        "/var/lib/surmise",
        "/etc/surmise",
        "/usr/share/doc/surmise",
        "/etc/systemd/system/multi-user.target.wants/surmised.service",
    ] {
        assert!(!system.has(path), "{path} is still there");
    }
    assert!(!system.run(&["dpkg", "--status", "surmise"]).status.success());
}
