//! In which order the daemon asks the system to write, to sync and to answer, as strace sees it: an acknowledgement is
//! sent once the log's file holds the event and was synced after that.
#![allow(missing_docs)]

use std::path::Path;
use surmise_fixtures::skipped;
use surmise_tests::traced::{self, TracedCall};

/// Events that are sent one by one, each once the one before is acknowledged.
const EVENTS: u64 = 120;
/// Checkpoints between them, too.
const TOML: &str = "checkpoint_events = 40\n[model]\nnetwork = \"off\"\nmemory_mib = 1\n";
const CALLS: &str = "trace=write,pwrite64,writev,sendto,sendmsg,fsync,fdatasync,rename,renameat,renameat2";

/// How the records of checkpoints begin, as strace shows them: magic, format, kind.
const PIECE: &str = "sRec\\2\\3\\0";
const MANIFEST: &str = "sRec\\2\\4\\0";

/// The calls of a daemon, and where its data is.
struct Trace {
    calls: Vec<TracedCall>,
    data: String,
}

impl Trace {
    fn path(&self, file: &str) -> String {
        format!("<{}{file}>", self.data)
    }

    /// The calls that write a text to a file or a socket.
    fn writes<'a>(&'a self, path: &'a str, text: &'a str) -> impl Iterator<Item = &'a TracedCall> {
        let is_write = |call: &TracedCall| ["write", "pwrite64", "writev", "sendto", "sendmsg"].contains(&&*call.name);
        self.calls.iter().filter(move |call| is_write(call) && call.said.contains(path) && call.said.contains(text))
    }

    /// The first sync of a file or folder that begins after a line of the trace, and succeeds.
    fn sync_after(&self, path: &str, line: usize) -> Option<&TracedCall> {
        self.calls.iter().find(|call| {
            (call.name == "fsync" || call.name == "fdatasync")
                && call.said.contains(path)
                && call.begun > line
                && call.result() == Some(0)
        })
    }

    /// Where an answer with this text begins to be sent.
    fn answered(&self, text: &str) -> usize {
        self.writes("<socket:", text).next().unwrap_or_else(|| panic!("{text} is not answered")).begun
    }

    /// Holds that what a file got was synced before an answer, and returns where the sync has ended.
    fn hold_synced(&self, file: &str, text: &str, answered: usize) -> usize {
        let path = self.path(file);
        let written = self.writes(&path, text).next().unwrap_or_else(|| panic!("{file} never gets {text}"));
        assert!(written.result().is_some_and(|bytes| bytes > 0), "{written:?}");
        let synced = self.sync_after(&path, written.ended);
        let synced = synced.unwrap_or_else(|| panic!("{file} is not synced after it got {text}"));
        assert!(synced.ended < answered, "{text} is answered in line {answered}, before {file} is synced: {synced:?}");
        synced.ended
    }

    /// Holds that the pieces of checkpoints were synced before a manifest that tells of them was written, and manifests
    /// before a checkpoint after a line of the trace was answered.
    fn hold_checkpoints(&self, line: usize) {
        let path = self.path("/checkpoints/db");
        let [pieces, manifests] = [PIECE, MANIFEST].map(|kind| self.writes(&path, kind).collect::<Vec<_>>());
        for manifest in &manifests {
            let before = pieces.iter().rfind(|piece| piece.begun < manifest.begun).expect("there are pieces");
            let synced = self.sync_after(&path, before.ended).expect("pieces are synced");
            assert!(synced.ended < manifest.begun, "{synced:?} of pieces is not before their manifest is written");
        }
        let answered = self.writes("<socket:", "\\\"generation\\\":").find(|call| call.begun > line);
        let answered = answered.expect("a checkpoint is answered").begun;
        let last = manifests.iter().rfind(|manifest| manifest.begun < answered).expect("there is a manifest");
        let synced = self.sync_after(&path, last.ended).expect("manifests are synced");
        assert!(synced.ended < answered, "a checkpoint is answered before {synced:?} of its manifest");
    }

    /// Holds that whoever gives a file of the data directory another name syncs the directory right after it. Only
    /// `progress` is not synced, on purpose.
    fn hold_renames(&self) {
        let folder = self.path("");
        let mut renamed = Vec::new();
        for call in self.calls.iter().filter(|call| call.name.starts_with("rename") && call.result() == Some(0)) {
            let to = call.said.rsplit('"').nth(1).unwrap().to_owned();
            let Some(name) = to.strip_prefix(&format!("{}/", self.data)) else { continue };
            if name == "progress" {
                continue;
            }
            let next = self.calls.iter().find(|next| next.thread == call.thread && next.begun > call.ended).unwrap();
            let is_synced = next.name == "fsync" && next.said.contains(&folder) && next.result() == Some(0);
            assert!(is_synced, "{name} gets its name, and then comes {next:?}");
            renamed.push(name.to_owned());
        }
        assert_eq!(renamed, ["streams", "format"], "those of a start");
    }
}

fn traced(dir: &Path) -> Trace {
    let (data, trace) = (dir.join("data"), dir.join("trace"));
    let mut daemon = traced::start(&data, TOML, &trace, &["-y", "-s", "100000", "-e", CALLS]);
    let mut wire = daemon.connect();
    wire.hello("tracer", 1, "syncs", &["ack"]);
    for seq in 1..=EVENTS {
        wire.send(&format!("{{\"seq\":{seq},\"data\":\"event-{seq}-\"}}"));
        wire.until_ack(seq);
    }
    let body: String = (0..50).map(|n| format!("{{\"data\":\"posted-{n}-\"}}\n")).collect();
    assert_eq!(daemon.post("/api/v1/streams/posted/events", body.as_bytes()).0, 200);
    assert_eq!(daemon.post("/api/v1/checkpoints", b"").0, 200);
    assert!(daemon.terminate().success());
    let data = data.canonicalize().unwrap().display().to_string();
    Trace { calls: traced::calls(&traced::whole(&trace)), data }
}

#[test]
fn what_is_acknowledged_was_written_and_then_synced() {
    if !traced::is_there() {
        return skipped("the order of writes, syncs and acknowledgements", "there is no strace");
    }
    let dir = tempfile::tempdir().unwrap();
    let trace = traced(dir.path());
    for seq in 1..=EVENTS {
        let answered = trace.answered(&format!("{{\\\"ack\\\":{seq},"));
        let synced = trace.hold_synced("/log/db", &format!("event-{seq}-"), answered);
        // how far a stream is acknowledged is noted in between, so that a log that has lost its end is found out
        let progress = trace.path("/progress");
        let noted = trace.writes(&progress, "").any(|call| call.begun > synced && call.ended < answered);
        assert!(noted, "event {seq} is acknowledged before that is noted");
    }
    // the answer of a request is an acknowledgement, too, and a stream is in the list of streams before its first one
    let accepted = trace.answered("\\\"accepted\\\":50");
    for n in 0..50 {
        trace.hold_synced("/log/db", &format!("posted-{n}-"), accepted);
    }
    trace.hold_synced("/streams", "posted", accepted);
    trace.hold_synced("/streams", "syncs", trace.answered("{\\\"ack\\\":1,"));
    trace.hold_checkpoints(accepted);
    trace.hold_renames();
}
