//! Daemons to measure: one in this process, and one in a process of its own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use surmise_config::{Config, OFF, StreamRule};
use surmise_event::Schema;
use surmise_fixtures::free_port;
use surmise_terminal::{Exit, Failure, Http};
use surmised::{Daemon, Running};
use tokio::runtime::Runtime;

/// The stream that is measured.
pub(crate) const STREAM: &str = "bench";

/// A daemon in this process, with a runtime of its own.
pub(crate) struct InProcessDaemon {
    runtime: Runtime,
    running: Running,
    pub(crate) tcp: SocketAddr,
    url: String,
}

impl InProcessDaemon {
    /// Starts one with its defaults, on ports of its own, with one stream declared.
    pub(crate) fn start(dir: PathBuf, schema: &Schema) -> Result<InProcessDaemon, Failure> {
        let mut config = Config::default();
        config.store.dir = dir;
        config.listen.http = "127.0.0.1:0".into();
        config.listen.tcp = "127.0.0.1:0".into();
        config.listen.unix = OFF.into();
        config.shutdown.grace = surmise_config::TimeSpan(Duration::from_secs(60));
        let rule = StreamRule { fields: schema.fields.clone(), closed: schema.closed, ..StreamRule::default() };
        config.streams.insert(STREAM.into(), rule);
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let running = runtime
            .block_on(Daemon::start(config))
            .map_err(|e| Failure::new(Exit::Storage, format!("surmised cannot start: {e:#}")))?;
        let (Some(http), Some(tcp)) = (running.http_addr(), running.tcp_addr()) else {
            return Err(Failure::internal("surmised does not listen"));
        };
        Ok(InProcessDaemon { tcp, url: format!("http://{http}"), runtime, running })
    }

    pub(crate) fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    pub(crate) fn http(&self) -> Http {
        Http::new(&self.url, None, None)
    }

    pub(crate) fn stop(self) -> Result<(), Failure> {
        let stopped = self.runtime.block_on(self.running.shutdown());
        self.runtime.shutdown_timeout(Duration::from_secs(5));
        stopped.map_err(|e| Failure::internal(format!("surmised did not stop cleanly: {e:#}")))
    }
}

/// `surmised` in a process of its own.
pub(crate) struct DaemonProcess {
    child: Child,
    pub(crate) tcp: SocketAddr,
    url: String,
    started: Instant,
}

impl DaemonProcess {
    /// The program, where it is in the folder of this one.
    pub(crate) fn program() -> Option<PathBuf> {
        let here = std::env::current_exe().ok()?;
        let mut dir = here.parent()?;
        if dir.ends_with("deps") {
            dir = dir.parent()?;
        }
        Some(dir.join("surmised")).filter(|p| p.is_file())
    }

    /// Starts it on a data directory.
    pub(crate) fn start(program: &Path, dir: &Path) -> Result<DaemonProcess, Failure> {
        DaemonProcess::start_with(program, dir, "")
    }

    /// Starts it on a data directory, with more of the configuration: keys of `[store]`, and then other tables.
    pub(crate) fn start_with(program: &Path, dir: &Path, more: &str) -> Result<DaemonProcess, Failure> {
        let (http, tcp) = (free_port(), free_port());
        let file = dir.with_extension("toml");
        let text = format!(
            "[listen]\nhttp = \"127.0.0.1:{http}\"\ntcp = \"127.0.0.1:{tcp}\"\nunix = \"off\"\n\
             [shutdown]\ngrace = \"120s\"\n[store]\ndir = {:?}\n{more}",
            dir.display().to_string()
        );
        std::fs::write(&file, text)?;
        let mut command = Command::new(program);
        command.arg("--config").arg(&file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let started = Instant::now();
        let child = command.spawn()?;
        let tcp = SocketAddr::from(([127, 0, 0, 1], tcp));
        Ok(DaemonProcess { child, tcp, url: format!("http://127.0.0.1:{http}"), started })
    }

    pub(crate) fn http(&self) -> Http {
        Http::new(&self.url, None, None)
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks until there is an answer, and returns the seconds since the start.
    pub(crate) fn wait_for(&mut self, path: &str) -> Result<f64, Failure> {
        let http = self.http();
        loop {
            match http.open(path, &[]) {
                Ok(_) => return Ok(self.started.elapsed().as_secs_f64()),
                Err(e) if self.started.elapsed() > Duration::from_secs(300) => return Err(e),
                Err(_) => std::thread::sleep(Duration::from_millis(2)),
            }
            if let Some(status) = self.child.try_wait()? {
                return Err(Failure::internal(format!("surmised left with {status}")));
            }
        }
    }

    /// Stops the daemon as the system would, and waits until it has left.
    pub(crate) fn stop(mut self) -> Result<(), Failure> {
        if let Some(pid) = rustix::process::Pid::from_raw(self.child.id() as i32) {
            let sent = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
            sent.map_err(std::io::Error::from)?;
        }
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for DaemonProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
