//! A cluster of Kafka in memory, for tests: the mock brokers of librdkafka, which `confluent-kafka` of Python brings.
//! They speak the protocol over TCP, to the real producer of librdkafka, too. Apache Kafka itself they are not.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use surmise_fixtures::{TestProgram, skipped};

/// A small model.
pub const MODEL: &str = "[model]\nnetwork = \"off\"\nmemory_mib = 4\n";

const CLUSTER: &str = include_str!("cluster.py");

fn python() -> PathBuf {
    std::env::var_os("SURMISE_KAFKA_PYTHON").filter(|path| !path.is_empty()).unwrap_or("python3".into()).into()
}

/// Whether a cluster can be started; else it is said what is not tested.
pub fn is_there(what: &str) -> bool {
    let asked = Command::new(python()).args(["-c", "import confluent_kafka"]).stderr(Stdio::null()).status();
    let is_there = asked.is_ok_and(|status| status.success());
    if !is_there {
        skipped(what, "confluent-kafka is not installed (pip install confluent-kafka brings brokers)");
    }
    is_there
}

/// A cluster of three brokers.
pub struct KafkaCluster {
    program: TestProgram,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
    /// The address of a broker.
    pub address: String,
}

impl KafkaCluster {
    /// Starts one, without topics.
    pub fn start() -> KafkaCluster {
        let mut command = Command::new(python());
        command.args(["-c", CLUSTER]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut program = TestProgram(command.spawn().unwrap());
        let commands = program.0.stdin.take().unwrap();
        let answers = BufReader::new(program.0.stdout.take().unwrap());
        let mut cluster = KafkaCluster { program, commands, answers, address: String::new() };
        cluster.address = cluster.answer();
        cluster.address.truncate(cluster.address.find(',').expect("three addresses"));
        cluster
    }

    fn answer(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "the cluster has ended");
        line.trim().to_owned()
    }

    /// Has something done there, and waits until it is.
    pub fn tell(&mut self, command: &str) -> String {
        writeln!(self.commands, "{command}").unwrap();
        self.answer()
    }

    /// Sends the process of the brokers a signal.
    pub fn send_signal(&self, signal: i32) {
        let pid = i32::try_from(self.program.0.id()).unwrap();
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        let signal = rustix::process::Signal::from_named_raw(signal).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// The configuration of a daemon that reads the topic.
    pub fn config(&self, more: &str) -> String {
        format!("{MODEL}[sources.kafka.bank]\nurl = \"kafka://{}\"\ntopic = \"payments\"\n{more}", self.address)
    }
}
