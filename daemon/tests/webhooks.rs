//! Webhooks: incidents are posted, signed, until they are taken, and not again after a restart.
#![allow(missing_docs)]

mod common;

use common::Host;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

/// A post as it came in.
struct Post {
    id: String,
    signature: String,
    body: Value,
}

/// The other side: it answers the posts that come with these statuses, one after the other, and then with 204.
struct Hook {
    address: SocketAddr,
    posts: Receiver<Post>,
}

impl Hook {
    fn answering(statuses: &'static [u16]) -> Hook {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, (sender, posts)) = (listener.local_addr().unwrap(), channel());
        std::thread::spawn(move || {
            let mut statuses = statuses.iter();
            for connection in listener.incoming().map_while(Result::ok) {
                serve(connection, statuses.next().copied().unwrap_or(204), &sender);
            }
        });
        Hook { address, posts }
    }

    fn next(&self) -> Post {
        self.posts.recv_timeout(Duration::from_secs(30)).expect("a post comes")
    }

    fn is_quiet(&self) -> bool {
        matches!(self.posts.recv_timeout(Duration::from_millis(2500)), Err(RecvTimeoutError::Timeout))
    }
}

fn serve(connection: TcpStream, status: u16, posts: &Sender<Post>) {
    let mut reader = BufReader::new(connection);
    let (mut id, mut signature, mut length) = (String::new(), String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let Some((name, value)) = line.trim().split_once(':') else {
            if line.trim().is_empty() { break } else { continue }
        };
        match name.to_ascii_lowercase().as_str() {
            "webhook-id" => id = value.trim().into(),
            "webhook-signature" => signature = value.trim().into(),
            "content-length" => length = value.trim().parse().unwrap(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    reader.get_mut().write_all(answer.as_bytes()).unwrap();
    let _ = posts.send(Post { id, signature, body: serde_json::from_slice(&body).unwrap() });
}

fn start(dir: &Path, hook: &Hook) -> Host {
    let secret = dir.with_extension("secret");
    std::fs::write(&secret, "open sesame\n").unwrap();
    let more = format!(
        "[model]\nnetwork = \"off\"\nmemory_mib = 1\n[alarm]\nbudget = \"1/1000\"\n[export.webhooks.ops]\n\
         url = \"http://{}/hook\"\nstreams = [\"web*\"]\nended = true\nsecret_file = \"{}\"\n",
        hook.address,
        secret.display()
    );
    Host::start_with(dir, &more)
}

/// Usual events of a stream, and an odd one at the end if asked for.
fn send(host: &Host, stream: &str, usual: usize, is_odd: bool) {
    let mut body: String = (0..usual).map(|i| format!("{{\"data\":\"{}\"}}\n", ["a", "b", "c"][i % 3])).collect();
    if is_odd {
        body.push_str("{\"data\":\"never seen\"}\n");
    }
    assert_eq!(host.post(&format!("/api/v1/streams/{stream}/events"), &body).0, 200);
}

#[test]
fn incidents_are_posted_until_they_are_taken_and_not_again() {
    let dir = tempfile::tempdir().unwrap();
    let (data, hook) = (dir.path().join("data"), Hook::answering(&[500]));
    let host = start(&data, &hook);
    send(&host, "other", 6000, true);
    send(&host, "web", 6000, true);
    let (first, again) = (hook.next(), hook.next());
    assert_eq!((&first.id, &first.body["data"]), (&again.id, &again.body["data"]), "it failed, so it comes again");
    assert_eq!((&first.body["type"], &first.body["data"]["stream"]), (&"incident.begins".into(), &"web".into()));
    assert_eq!(first.body["data"]["event"]["data"], "never seen");
    assert!(first.body["data"]["parts"].is_array() && first.signature.starts_with("v1,"), "{}", first.body);
    // usual events end it
    send(&host, "web", 6000, false);
    let ended = hook.next();
    assert_eq!(ended.body["type"], "incident.ended");
    assert_eq!(ended.body["data"]["began"], first.body["data"]["began"]);
    assert!(hook.is_quiet());
    let metrics = host.get_text("/metrics").1;
    assert!(metrics.contains("surmise_sink_messages_total{sink=\"webhooks.ops\",result=\"failed\"} 1"), "{metrics}");
    host.stop();
    // what was delivered is known after a restart, and what begins then is posted
    let host = start(&data, &hook);
    assert!(hook.is_quiet());
    // a stream that comes in the place of another shows its past, which was told
    assert_eq!(host.post("/api/v1/streams/web/rename?to=web2", "").0, 200);
    assert!(hook.is_quiet());
    send(&host, "web2", 3000, true);
    assert_eq!(hook.next().body["data"]["stream"], "web2");
    host.stop();
}

#[test]
fn what_is_refused_is_passed_over_and_old_incidents_are_not_told_first() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let host = Host::start_with(&data, "[model]\nnetwork = \"off\"\nmemory_mib = 1\n[alarm]\nbudget = \"1/1000\"\n");
    send(&host, "web", 6000, true);
    host.stop();
    let hook = Hook::answering(&[410]);
    let host = start(&data, &hook);
    assert!(hook.is_quiet(), "the incident is older than the webhook");
    send(&host, "web3", 6000, true);
    let refused = hook.next();
    send(&host, "web4", 6000, true);
    assert_ne!(hook.next().id, refused.id);
    host.stop();
}
