//! What the container file makes: a root of the programs and of libraries that its base has, in which the daemon runs
//! as the file says, as its user and with its variables.
//!
//! The root is made by hand, as there is no network to fetch a base image from; it needs root and `unshare`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use surmise_fixtures::{free_port, skipped};
use surmise_tests::binary;

const CONTAINERFILE: &str = include_str!("../../config/container/Containerfile");

/// Libraries of Debian's base that the programs may need.
const BASE_LIBRARIES: [&str; 4] = ["ld-linux-x86-64.so.2", "libc.so.6", "libgcc_s.so.1", "libm.so.6"];

/// How long a daemon may take to be ready.
const START_MAX: Duration = Duration::from_secs(60);

/// The arguments of an instruction of the last stage, one for each time that it is there.
fn instructions(name: &str) -> Vec<&'static str> {
    let last = CONTAINERFILE.rsplit("\nFROM ").next().unwrap();
    last.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).collect()
}

/// The libraries that a program is linked to.
fn libraries(program: &Path) -> Vec<PathBuf> {
    let told = Command::new("ldd").arg(program).output().expect("ldd can be started");
    let text = String::from_utf8(told.stdout).unwrap();
    text.split_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from).collect()
}

/// A root with what the file copies, and with the libraries that it needs.
fn make_root(root: &Path) {
    for copy in instructions("COPY") {
        let mut words: Vec<&str> = copy.split_whitespace().filter(|word| !word.starts_with("--")).collect();
        let to = root.join(words.pop().unwrap().trim_start_matches('/'));
        std::fs::create_dir_all(&to).unwrap();
        for from in words {
            let name = from.strip_prefix("/src/target/release/").expect("only what is built is copied");
            let program = binary(name);
            std::fs::copy(&program, to.join(name)).unwrap();
            for library in libraries(&program) {
                let name = library.file_name().unwrap().to_str().unwrap();
                assert!(BASE_LIBRARIES.contains(&name), "the base image does not have {name}");
                let at = root.join(library.strip_prefix("/").unwrap());
                std::fs::create_dir_all(at.parent().unwrap()).unwrap();
                std::fs::copy(&library, at).unwrap();
            }
        }
    }
    for volume in instructions("VOLUME") {
        let at = root.join(volume.trim_start_matches('/'));
        std::fs::create_dir_all(&at).unwrap();
        std::os::unix::fs::chown(&at, Some(65_532), Some(65_532)).unwrap();
    }
    // what an engine gives a container
    std::fs::create_dir_all(root.join("tmp")).unwrap();
}

/// The command of the file in a root, with its variables and with others.
fn command(root: &Path, program: &str, others: &[(&str, &str)]) -> Command {
    let user = instructions("USER")[0];
    let mut c = Command::new("/usr/sbin/chroot");
    c.arg(format!("--userspec={user}")).arg(root).arg(format!("/usr/bin/{program}")).env_clear();
    c.envs(instructions("ENV").into_iter().map(|variable| variable.split_once('=').unwrap()));
    c.envs(others.iter().copied()).stdin(Stdio::null());
    c
}

/// Waits until a daemon is ready, or has left.
fn wait_until_ready(child: &mut Child, http: &str) {
    let begun = Instant::now();
    let ready = format!("http://{http}/-/ready");
    while ureq::get(&ready).call().is_err() {
        assert!(child.try_wait().unwrap().is_none() && begun.elapsed() < START_MAX, "it is not ready");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn the_container_runs_as_its_file_says() {
    if !rustix::process::geteuid().is_root() {
        return skipped("the container file", "it takes root to make a root of its own");
    }
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("root");
    make_root(&root);
    // without a token it does not open itself to others, and says what to do
    let refused = command(&root, "surmised", &[]).output().unwrap();
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(64), "{said}");
    assert!(said.contains("token") && said.contains("listen.http"), "{said}");

    let [http, tcp] = [free_port(), free_port()].map(|port| format!("0.0.0.0:{port}"));
    let told: BTreeMap<&str, &str> =
        [("SURMISE__LISTEN__HTTP", http.as_str()), ("SURMISE__LISTEN__TCP", tcp.as_str())].into();
    let variables = instructions("ENV");
    for (name, address) in &told {
        // only the ports are others here
        let written = variables.iter().find_map(|variable| variable.strip_prefix(name)).unwrap();
        let port = written.rsplit_once(':').unwrap().1;
        assert!(written.starts_with("=0.0.0.0:") && address.starts_with("0.0.0.0:"), "{written}");
        assert!(instructions("EXPOSE")[0].split(' ').any(|exposed| exposed == port), "{port} is not exposed");
    }
    let opened = [("SURMISE__AUTH__TOKEN", "between us"), ("SURMISE__LISTEN__INSECURE", "true")];
    let others: Vec<(&str, &str)> = told.into_iter().chain(opened).collect();
    let mut daemon = command(&root, "surmised", &others).stderr(Stdio::null()).spawn().unwrap();
    let http = http.replace("0.0.0.0", "127.0.0.1");
    wait_until_ready(&mut daemon, &http);
    let server = format!("http://{http}");
    let asked = [("SURMISE_SERVER", server.as_str()), ("SURMISE_TOKEN", "between us")];
    let status = command(&root, "surmise", &asked).arg("status").output().unwrap();
    assert!(status.status.success(), "{}", String::from_utf8_lossy(&status.stderr));
    assert_eq!(instructions("STOPSIGNAL"), ["SIGTERM"]);
    rustix::process::kill_process(rustix::process::Pid::from_child(&daemon), rustix::process::Signal::TERM).unwrap();
    assert_eq!(daemon.wait().unwrap().code(), Some(0));
    assert!(root.join("var/lib/surmise").read_dir().unwrap().next().is_some(), "what it learns is in the volume");
}
