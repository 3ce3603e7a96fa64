//! The client against a small server that drops connections at random points: every event arrives exactly once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use surmise_client::{Address, Client, ClientError, ClientOptions};
use surmise_event::{Data, Datum, Record};
use surmise_protocol::{
    Ack, ErrorReply, EventLine, Hello, OutcomeReply, ProducerLine, Refusal, RefusalCode, Reply, Want, Welcome,
    parse_line,
};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::mpsc;

/// What the server has made durable, and how it misbehaves.
#[derive(Default)]
struct FaultyServer {
    /// Events by producer, in the order in which they became durable.
    durable: HashMap<String, Vec<(u64, Record)>>,
    duplicates: u64,
    connections: u64,
    random: u64,
    /// One line in so many breaks the connection; 0 is never.
    break_every: u64,
    forget: bool,
}

/// One connection of the server.
struct Session {
    hello: Hello,
    producer: String,
    /// Events that were received and are not durable yet.
    pending: Vec<(u64, Record)>,
    out: Vec<u8>,
}

/// The connection breaks.
struct Broken;

impl FaultyServer {
    fn chance(&mut self, one_in: u64) -> bool {
        self.random = self.random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        one_in > 0 && (self.random >> 33).is_multiple_of(one_in)
    }

    fn committed(&self, producer: &str) -> Option<u64> {
        self.durable.get(producer).and_then(|events| events.last()).map(|(seq, _)| *seq)
    }

    /// Answers a hello; `false` if the connection ends with the answer.
    fn greet(&mut self, session: &mut Session) -> Result<bool, Broken> {
        self.connections += 1;
        if self.break_every > 0 && self.chance(4) {
            return Err(Broken); // before the welcome
        }
        if session.hello.token.as_deref() == Some("wrong") {
            let refusal = Refusal::new(RefusalCode::Unauthorized, "hello.token", "the token is wrong");
            Reply::Error(ErrorReply::fatal(refusal, None, None)).write_line(&mut session.out);
            return Ok(false);
        }
        let committed_seq = if self.forget { Some(1) } else { self.committed(&session.producer) };
        Reply::Welcome(Welcome {
            protocol: 1,
            server: "mock".into(),
            committed_seq,
            line_bytes_max: 4096,
            producers_forgotten: 0,
        })
        .write_line(&mut session.out);
        Ok(true)
    }

    /// Receives an event, and perhaps commits those that are pending.
    fn receive(&mut self, session: &mut Session, event: EventLine) -> Result<(), Broken> {
        let seq = event.seq.unwrap();
        if matches!(event.record.key.as_deref(), Some("bad" | "nameless")) {
            let refusal = Refusal::new(RefusalCode::WrongType, "key", "bad");
            let named = Some(seq).filter(|_| event.record.key.as_deref() == Some("bad"));
            Reply::Error(ErrorReply::new(refusal, named, None)).write_line(&mut session.out);
        } else {
            session.pending.push((seq, event.record));
        }
        let every = self.break_every;
        if self.chance(every) {
            return Err(Broken); // before the commit
        }
        if self.chance(7) || every == 0 {
            let duplicates = self.commit(session);
            self.duplicates += duplicates;
            if self.chance(every) {
                return Err(Broken); // after the commit, before the ack
            }
            if let Some(ack) = self.committed(&session.producer) {
                // a refused event is settled, too
                let ack = if every == 0 { seq.max(ack) } else { ack };
                Reply::Ack(Ack { ack, duplicates }).write_line(&mut session.out);
            }
        }
        Ok(())
    }

    /// Makes pending events durable; returns how many were so before.
    fn commit(&mut self, session: &mut Session) -> u64 {
        let mut duplicates = 0;
        for (seq, record) in std::mem::take(&mut session.pending) {
            if self.committed(&session.producer).is_some_and(|committed| seq <= committed) {
                duplicates += 1;
                continue;
            }
            self.durable.entry(session.producer.clone()).or_default().push((seq, record));
            if session.hello.wants(Want::Outcome) {
                let outcome = OutcomeReply { seq: Some(seq), ..OutcomeReply::default() };
                Reply::Outcome(Box::new(outcome)).write_line(&mut session.out);
            }
        }
        duplicates
    }

    /// Commits what is pending, as a timer would.
    fn tick(&mut self, session: &mut Session) {
        self.commit(session);
        if let Some(ack) = self.committed(&session.producer) {
            Reply::Ack(Ack { ack, duplicates: 0 }).write_line(&mut session.out);
        }
    }
}

type SharedServer = Arc<Mutex<FaultyServer>>;

async fn serve<S: AsyncRead + AsyncWrite>(stream: S, server: SharedServer) {
    let (read, mut write) = tokio::io::split(stream);
    let mut lines = BufReader::new(read).lines();
    let Ok(Some(first)) = lines.next_line().await else { return };
    let ProducerLine::Hello(hello) = parse_line(first.as_bytes()).unwrap() else { panic!("no hello") };
    let producer = hello.producer.clone().unwrap();
    let mut session = Session { hello, producer, pending: Vec::new(), out: Vec::new() };
    let Ok(goes_on) = server.lock().unwrap().greet(&mut session) else { return };
    if write.write_all(&std::mem::take(&mut session.out)).await.is_err() || !goes_on {
        return;
    }
    while let Ok(Some(line)) = lines.next_line().await {
        let Ok(ProducerLine::Event(event)) = parse_line(line.as_bytes()) else { panic!("{line}") };
        if server.lock().unwrap().receive(&mut session, event).is_err() {
            return;
        }
        if write.write_all(&std::mem::take(&mut session.out)).await.is_err() {
            return;
        }
        if lines.get_ref().buffer().is_empty() {
            // nothing more to read for now
            server.lock().unwrap().tick(&mut session);
            if write.write_all(&std::mem::take(&mut session.out)).await.is_err() {
                return;
            }
        }
    }
}

async fn tcp(server: SharedServer) -> Address {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().into();
    tokio::spawn(async move {
        while let Ok((s, _)) = listener.accept().await {
            tokio::spawn(serve(s, server.clone()));
        }
    });
    address
}

fn record(i: u64) -> Record {
    Record { data: Data::One(Datum::Number(i as f64)), ..Record::default() }
}

fn impatient() -> ClientOptions {
    ClientOptions {
        pause_max: Duration::from_millis(30),
        first_connection: Duration::from_secs(5),
        ..ClientOptions::default()
    }
}

#[tokio::test]
async fn every_event_arrives_exactly_once_whatever_breaks() {
    for seed in 0..20 {
        let server =
            SharedServer::new(Mutex::new(FaultyServer { random: seed, break_every: 40, ..FaultyServer::default() }));
        let address = tcp(server.clone()).await;
        let options = ClientOptions { window_events: 1 + seed as usize * 7, ..impatient() };
        let mut client = Client::connect_with(address, Hello::new("p", "s"), options).await.unwrap();
        let mut refused = 0;
        for i in 1..=600 {
            let bad = i % 100 == 99 || i == 600;
            refused += u64::from(bad);
            let r = Record { key: bad.then(|| "bad".into()), ..record(i) };
            assert_eq!(client.send(r).await.unwrap(), i);
        }
        let p = client.close().await.unwrap();
        let s = server.lock().unwrap();
        let want: Vec<u64> = (1..600).filter(|i| i % 100 != 99).collect();
        let got: Vec<u64> = s.durable["p"].iter().map(|(seq, _)| *seq).collect();
        assert_eq!(got, want, "seed {seed}");
        assert!(s.durable["p"].iter().all(|(seq, r)| *r == record(*seq)));
        assert!(p.refused >= refused && p.refusals[0].field == "key", "a refusal may be repeated after a break");
        assert!(s.connections > 1 && p.reconnects > 0, "the server never broke");
    }
}

#[tokio::test]
async fn sending_the_same_again_resumes() {
    let server = SharedServer::default();
    let address = tcp(server.clone()).await;
    let mut client = Client::connect(address.clone(), Hello::new("p", "s")).await.unwrap();
    for i in 1..=10 {
        client.send(record(i)).await.unwrap();
    }
    client.flush().await.unwrap();
    drop(client); // no farewell
    let mut client = Client::connect(address, Hello::new("p", "s")).await.unwrap();
    assert_eq!(client.committed_at_start(), Some(10));
    for i in 1..=15 {
        client.send(record(i)).await.unwrap();
    }
    assert_eq!(client.skipped(), 10);
    client.close().await.unwrap();
    let s = server.lock().unwrap();
    assert_eq!(s.durable["p"].iter().map(|(seq, _)| *seq).collect::<Vec<_>>(), (1..=15).collect::<Vec<_>>());
    assert_eq!(s.duplicates, 0);
}

#[tokio::test]
async fn an_acknowledged_refusal_is_nothing_that_the_daemon_has() {
    let server = SharedServer::default();
    let address = tcp(server.clone()).await;
    let mut client = Client::connect_with(address, Hello::new("p", "s"), impatient()).await.unwrap();
    client.send(record(1)).await.unwrap();
    client.send(Record { key: Some("bad".into()), ..record(2) }).await.unwrap();
    client.flush().await.unwrap();
    server.lock().unwrap().break_every = 1;
    client.send(record(3)).await.unwrap(); // breaks the connection
    while client.progress().connected {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    server.lock().unwrap().break_every = 0;
    let p = client.close().await.unwrap();
    assert!(p.reconnects > 0 && p.acked == Some(3), "{p:?}");
}

/// Nobody could tell which event such a refusal is about, and that one would be waited for without end.
#[tokio::test]
async fn a_refusal_that_names_no_event_ends_the_client() {
    let address = tcp(SharedServer::default()).await;
    let mut client = Client::connect_with(address, Hello::new("p", "s"), impatient()).await.unwrap();
    client.send(Record { key: Some("nameless".into()), ..record(1) }).await.unwrap();
    let flushed = tokio::time::timeout(Duration::from_secs(30), client.flush()).await.expect("it does not wait");
    assert!(matches!(flushed, Err(ClientError::Refused(refused)) if refused.seq.is_none()));
}

#[tokio::test]
async fn outcomes_over_a_unix_socket() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("events.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let server = SharedServer::default();
    tokio::spawn(async move {
        while let Ok((s, _)) = listener.accept().await {
            tokio::spawn(serve(s, server.clone()));
        }
    });
    let (tx, mut rx) = mpsc::channel(4);
    let reader = tokio::spawn(async move {
        let mut seqs = Vec::new();
        while let Some(r) = rx.recv().await {
            match r {
                Reply::Outcome(o) => seqs.push(o.seq.unwrap()),
                r => panic!("{r:?}"),
            }
        }
        seqs
    });
    let hello = Hello { want: vec![Want::Ack, Want::Outcome], ..Hello::new("p", "s") };
    let options = ClientOptions { replies: Some(tx), ..ClientOptions::default() };
    let mut client = Client::connect_with(Address::Unix(path), hello, options).await.unwrap();
    for i in 1..=100 {
        client.send(record(i)).await.unwrap();
    }
    client.close().await.unwrap();
    assert_eq!(reader.await.unwrap(), (1..=100).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_cannot_go_on_is_said() {
    let server = SharedServer::default();
    let address = tcp(server.clone()).await;
    let hello = Hello { token: Some("wrong".into()), ..Hello::new("p", "s") };
    match Client::connect(address.clone(), hello).await.map(|_| ()) {
        Err(ClientError::Refused(e)) => assert_eq!(e.code, RefusalCode::Unauthorized),
        other => panic!("{other:?}"),
    }
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    assert!(matches!(
        Client::connect(closed.into(), Hello::default()).await.map(|_| ()),
        Err(ClientError::Unreachable { .. })
    ));

    let mut client = Client::connect_with(address, Hello::new("q", "s"), impatient()).await.unwrap();
    client.send(record(5)).await.unwrap();
    client.send_line(EventLine { seq: Some(9), record: record(9), ..Default::default() }).await.unwrap();
    let again = EventLine { seq: Some(9), record: record(9), ..Default::default() };
    assert_eq!(client.send_line(again).await, Err(ClientError::SeqNotRising { last: 9, seq: 9 }));
    let long = Record { data: Data::One(Datum::Text("x".repeat(5000).into())), ..Record::default() };
    assert!(matches!(client.send(long).await, Err(ClientError::Record(r)) if r.code == RefusalCode::LineTooLong));
    assert!(matches!(client.send(record(0)).await, Ok(11)));
    client.flush().await.unwrap();
    // a server that forgets what it acknowledged is found out
    {
        let mut s = server.lock().unwrap();
        (s.forget, s.break_every) = (true, 1);
    }
    let mut failed = None;
    for i in 0..1000 {
        if let Err(e) = client.send(record(i)).await {
            failed = Some(e);
            break;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert!(matches!(failed, Some(ClientError::Forgotten { acked: 11, committed: Some(1) })), "{failed:?}");
}

/// A daemon that is slow meets the hello of an attempt that was given up after that of the next one, and takes it for a
/// newer connection. That is the producer's own, so it goes on; the next time, it is another's.
#[tokio::test]
async fn a_hello_that_comes_late_fences_its_own_producer_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address: Address = listener.local_addr().unwrap().to_string().parse().unwrap();
    let fenced = "{\"error\":{\"code\":\"fenced\",\"field\":\"producer\",\"reason\":\"newer\",\"fatal\":true}}\n";
    let script = tokio::spawn(async move {
        let mut kept = Vec::new();
        for number in 1..=4 {
            let (stream, _) = listener.accept().await.unwrap();
            let (read, mut write) = stream.into_split();
            let mut lines = BufReader::new(read).lines();
            lines.next_line().await.unwrap();
            if number > 1 {
                let committed = if number > 3 { ",\"committed_seq\":1" } else { "" };
                let welcome =
                    format!("{{\"welcome\":{{\"protocol\":1,\"server\":\"x\",\"line_bytes_max\":1000{committed}}}}}\n");
                write.write_all(welcome.as_bytes()).await.unwrap();
                lines.next_line().await.unwrap();
                let answer = if number == 3 { "{\"ack\":1,\"duplicates\":0}\n" } else { fenced };
                write.write_all(answer.as_bytes()).await.unwrap();
            }
            // the third connection breaks after its acknowledgement, the others stay
            if number != 3 {
                kept.push((lines, write));
            }
        }
        kept
    });
    let patient = Duration::from_secs(20);
    let options = ClientOptions { welcome_time: Duration::from_millis(200), first_connection: patient, ..impatient() };
    let mut client = Client::connect_with(address, Hello::new("p", "web"), options).await.unwrap();
    client.send(record(1)).await.unwrap();
    assert_eq!(client.flush().await.unwrap().settled, Some(1));
    let sent = client.send(record(2)).await;
    let failed = match sent {
        Ok(_) => client.flush().await.unwrap_err(),
        Err(e) => e,
    };
    assert!(matches!(&failed, ClientError::Refused(e) if e.code == RefusalCode::Fenced), "{failed}");
    drop(script.await.unwrap());
}
