//! A daemon inside the test's process, and a line client.
#![allow(dead_code, missing_docs)]

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;
use surmise_config::Config;
use surmised::{Daemon, LearningProbe, Running};
use tokio::runtime::Runtime;

pub struct Host {
    pub runtime: Runtime,
    pub running: Option<Running>,
}

pub fn config(dir: &Path, more: &str) -> Config {
    let mut c = Config::from_toml(more).unwrap();
    c.listen.tcp = "127.0.0.1:0".into();
    c.listen.http = "127.0.0.1:0".into();
    c.store.dir = dir.into();
    c
}

impl Host {
    pub fn start(dir: &Path) -> Host {
        Host::start_with(dir, "")
    }
    pub fn start_with(dir: &Path, more: &str) -> Host {
        Host::start_probed(dir, more, None)
    }
    /// One whose events pass through a probe while they are learnt.
    pub fn start_probed(dir: &Path, more: &str, probe: Option<LearningProbe>) -> Host {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let running = runtime.block_on(Daemon::start_probed(config(dir, more), probe)).unwrap();
        Host { runtime, running: Some(running) }
    }
    pub fn running(&self) -> &Running {
        self.running.as_ref().unwrap()
    }
    pub fn stop(mut self) {
        self.runtime.block_on(self.running.take().unwrap().shutdown()).unwrap();
    }
    /// As near to kill -9 as a test in the same process comes.
    pub fn kill(mut self) {
        self.runtime.block_on(self.running.take().unwrap().abandon());
    }
    pub fn connect(&self) -> Wire {
        Wire::new(TcpStream::connect(self.running().tcp_addr().unwrap()).unwrap())
    }
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.running().http_addr().unwrap())
    }
    pub fn get(&self, path: &str) -> (u16, Value) {
        let (status, text) = self.get_text(path);
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }
    pub fn get_text(&self, path: &str) -> (u16, String) {
        let mut r = agent().get(self.url(path)).call().unwrap();
        (r.status().as_u16(), r.body_mut().read_to_string().unwrap())
    }
    /// What series of metrics that begin so come to together.
    pub fn metric(&self, series: &str) -> f64 {
        let text = self.get_text("/metrics").1;
        let values = text.lines().filter(|line| line.starts_with(series)).filter_map(|line| line.rsplit_once(' '));
        values.map(|(_, value)| value.parse::<f64>().unwrap()).sum()
    }
    pub fn post(&self, path: &str, body: &str) -> (u16, Value) {
        let request = agent().post(self.url(path)).header("Content-Type", "application/x-ndjson");
        let mut r = request.send(body).unwrap();
        let text = r.body_mut().read_to_string().unwrap();
        (r.status().as_u16(), serde_json::from_str(&text).unwrap_or(Value::Null))
    }
}

pub fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).build().into()
}

/// A connection that speaks lines.
pub struct Wire<S: Read + Write = TcpStream> {
    pub lines: BufReader<S>,
}

impl Wire {
    fn new(s: TcpStream) -> Wire {
        s.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        s.set_nodelay(true).unwrap();
        Wire { lines: BufReader::new(s) }
    }
    pub fn half_close(&self) {
        self.lines.get_ref().shutdown(std::net::Shutdown::Write).unwrap();
    }
}

impl<S: Read + Write> Wire<S> {
    pub fn over(s: S) -> Wire<S> {
        Wire { lines: BufReader::new(s) }
    }
    pub fn bytes(&mut self, b: &[u8]) {
        self.lines.get_mut().write_all(b).unwrap();
    }
    pub fn say(&mut self, line: &str) {
        self.bytes(format!("{line}\n").as_bytes());
    }
    pub fn hear(&mut self) -> Value {
        let mut line = String::new();
        assert!(self.lines.read_line(&mut line).unwrap() > 0, "the daemon closed the connection");
        serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"))
    }
    pub fn closed(&mut self) -> bool {
        matches!(self.lines.read_line(&mut String::new()), Ok(0) | Err(_))
    }
    pub fn hello(&mut self, hello: Value) -> Value {
        let mut h = json!({"protocol": 1});
        h.as_object_mut().unwrap().extend(hello.as_object().unwrap().clone());
        self.say(&json!({ "hello": h }).to_string());
        self.hear()
    }
    /// Hears until an acknowledgement of at least this number; returns everything else.
    pub fn until_ack(&mut self, seq: u64) -> Vec<Value> {
        let mut others = Vec::new();
        loop {
            let v = self.hear();
            match v["ack"].as_u64() {
                Some(a) if a >= seq => return others,
                Some(_) => {}
                None => others.push(v),
            }
        }
    }
}
