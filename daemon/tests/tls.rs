//! TLS at both doors, with a certificate that changes while the daemon runs.
#![allow(missing_docs)]

mod common;

use common::Host;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};
use surmise_client::{Address, Client, ClientError, TrustedRoots};
use surmise_config::Config;
use surmise_event::{Data, Datum, Record};
use surmise_protocol::Hello;
use surmised::Daemon;

/// Writes a new certificate and its key, and returns what trusts it.
fn write_certificate(dir: &Path) -> TrustedRoots {
    let made = rcgen::generate_simple_self_signed(["localhost".into(), "127.0.0.1".into()]).unwrap();
    std::fs::write(dir.join("own.crt"), made.cert.pem()).unwrap();
    std::fs::write(dir.join("own.key"), made.signing_key.serialize_pem()).unwrap();
    TrustedRoots::from_file(&dir.join("own.crt")).unwrap()
}

fn write_config(dir: &Path, more: &str) {
    let (data, certificate, key) = (dir.join("data"), dir.join("own.crt"), dir.join("own.key"));
    let listen = "[listen]\ntcp = \"127.0.0.1:0\"\nhttp = \"127.0.0.1:0\"\n";
    let tls = format!("[tls]\ncertificate = {certificate:?}\nkey = {key:?}\n");
    let small = "[model]\nnetwork = \"off\"\nmemory_mib = 1\n";
    std::fs::write(dir.join("surmised.toml"), format!("{listen}[store]\ndir = {data:?}\n{tls}{small}{more}")).unwrap();
}

/// The status of a request over HTTPS.
fn get(address: SocketAddr, roots: &TrustedRoots) -> Result<u16, ureq::Error> {
    let certificates: Vec<_> =
        roots.certificates().map(|der| ureq::tls::Certificate::from_der(der).to_owned()).collect();
    let trusted = ureq::tls::RootCerts::new_with_certs(&certificates);
    let tls = ureq::tls::TlsConfig::builder().root_certs(trusted).build();
    let agent: ureq::Agent = ureq::Agent::config_builder().tls_config(tls).build().into();
    agent.get(format!("https://{address}/api/v1/streams")).call().map(|answer| answer.status().as_u16())
}

async fn send(address: SocketAddr, roots: &TrustedRoots) -> Result<(), ClientError> {
    let options = surmise_client::ClientOptions { trusted_roots: Some(roots.clone()), ..Default::default() };
    let mut client = Client::connect_with(Address::Tls(address.to_string()), Hello::new("p", "s"), options).await?;
    client.send(Record { data: Data::One(Datum::Text("a".into())), ..Record::default() }).await?;
    client.flush().await.map(drop)
}

#[test]
fn both_doors_speak_tls_and_nothing_else_and_show_the_newest_certificate() {
    let dir = tempfile::tempdir().unwrap();
    let first = write_certificate(dir.path());
    write_config(dir.path(), "[limits]\nhead_time = \"300ms\"\n");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let config = Config::load(Some(&dir.path().join("surmised.toml"))).unwrap();
    let running = runtime.block_on(Daemon::start(config)).unwrap();
    let host = Host { runtime, running: Some(running) };
    let (http, tcp) = (host.running().http_addr().unwrap(), host.running().tcp_addr().unwrap());
    assert_eq!(get(http, &first).unwrap(), 200);
    host.runtime.block_on(send(tcp, &first)).unwrap();
    // what is not TLS gets no answer, and a handshake that does not come is not waited for
    for (door, said) in
        [(http, "GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n"), (tcp, "{\"data\":1}\n"), (tcp, "")]
    {
        let start = Instant::now();
        let mut plain = TcpStream::connect(door).unwrap();
        plain.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        plain.write_all(said.as_bytes()).unwrap();
        let mut answer = Vec::new();
        let _ = plain.read_to_end(&mut answer);
        assert!(!answer.starts_with(b"HTTP") && !answer.starts_with(b"{"), "{said:?}: {answer:?}");
        assert!(start.elapsed() < Duration::from_secs(8), "{said:?}");
    }
    let second = write_certificate(dir.path());
    assert_eq!(host.running().reload().unwrap().needs_restart, Vec::<String>::new());
    assert!(get(http, &first).is_err(), "the first certificate is shown no more");
    assert_eq!(get(http, &second).unwrap(), 200);
    host.runtime.block_on(send(tcp, &second)).unwrap();
    let error = host.runtime.block_on(send(tcp, &first)).unwrap_err();
    assert!(matches!(&error, ClientError::Untrusted { reason, .. } if reason.contains("--ca")), "{error}");
    // a key that is damaged changes nothing, and is not shown
    std::fs::write(dir.path().join("own.key"), "-----BEGIN PRIVATE KEY-----\ns3cret\n-----END PRIVATE KEY-----\n")
        .unwrap();
    let error = host.running().reload().unwrap_err().to_string();
    assert!(error.contains("own.key") && !error.contains("s3cret"), "{error}");
    assert_eq!(get(http, &second).unwrap(), 200);
    host.stop();
}
