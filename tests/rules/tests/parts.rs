//! The parts of the workspace: what each holds, what it may use and what it must never do. ARCHITECTURE.md prints the
//! table; `SURMISE_WRITE=1 cargo test -p surmise-rules` writes it there.

use std::collections::BTreeSet;
use surmise_rules::{packages, read, root, rust_files};

/// A part of the workspace.
struct Part {
    /// Its folder, which is that of a package.
    folder: &'static str,
    /// What it holds, for people.
    holds: &'static str,
    /// What it must never do, for people.
    never: &'static str,
    /// The packages of this workspace that it is built with: all of them, and no other.
    uses: &'static [&'static str],
    /// What its code must not contain, tests, examples and benches left out.
    forbids: &'static [&'static str],
}

/// A pure part computes and does nothing else.
const PURE: &[&str] = &[
    "std::time",
    "std::fs",
    "std::net",
    "std::thread",
    "std::process",
    "std::env",
    "SystemTime",
    "Instant::now",
    "tokio",
    "crossbeam",
    "rand::",
];

/// A part that serves waits for nothing without a bound, and has no lock around a learner.
const SERVES: &[&str] = &["unbounded", "mpsc::channel()", "Mutex<Learner", "RwLock<Learner"];

const PARTS: &[Part] = &[
    Part {
        folder: "model/event",
        holds: "records, schemas, events, refusals, predictions, outcomes",
        never: "know how predictions are made",
        uses: &["surmise-state"],
        forbids: PURE,
    },
    Part {
        folder: "model/state",
        holds: "one walk over a state that writes, reads, hashes and measures it; copies of large states in slices",
        never: "let one of the four forget a part",
        uses: &[],
        forbids: PURE,
    },
    Part {
        folder: "model/lanes",
        holds: "sixteen-lane arithmetic, with one result on every vector kernel",
        never: "call a mathematics library of the system",
        uses: &[],
        forbids: &["std::time", "std::fs", "std::net", "std::thread", "tokio", "libm::"],
    },
    Part {
        folder: "model/stopwatch",
        holds: "how long the stages of one event take",
        never: "have a part in what is learnt",
        uses: &[],
        forbids: &[],
    },
    Part {
        folder: "model/experts",
        holds: "mixing of experts with a regret bound; means that forget",
        never: "know what an expert predicts",
        uses: &["surmise-lanes", "surmise-state"],
        forbids: PURE,
    },
    Part {
        folder: "model/network",
        holds: "the gated linear recurrence and its heads, engines `fused` and `dfdx`, gradient jobs",
        never: "let a dfdx type out; apply an update that is not finite",
        uses: &["surmise-lanes", "surmise-state", "surmise-stopwatch"],
        forbids: PURE,
    },
    Part {
        folder: "model/device",
        holds: "gradients on a GPU; whole networks there, for the self-test and the bench alone; the self-test",
        never: "have a sum whose order is not fixed; need a GPU, or anything of NVIDIA's, to start",
        uses: &["surmise-network"],
        forbids: &[],
    },
    Part {
        folder: "model/device/emulation",
        holds: "the kernels of the GPU compiled for the processor, for the tests",
        never: "be linked by a program",
        uses: &["surmise-device", "surmise-network"],
        forbids: &[],
    },
    Part {
        folder: "model/symbol",
        holds: "symbols: code tree, contexts, histories, matches, mixer, outer mixture",
        never: "look at a bit before its prediction is complete",
        uses: &["surmise-experts", "surmise-lanes", "surmise-network", "surmise-state", "surmise-stopwatch"],
        forbids: PURE,
    },
    Part {
        folder: "model/number",
        holds: "numbers: experts, stack, densities, point masses, intervals",
        never: "be moved by a value that is not finite",
        uses: &["surmise-experts", "surmise-lanes", "surmise-network", "surmise-state", "surmise-stopwatch"],
        forbids: PURE,
    },
    Part {
        folder: "model/alarm",
        holds: "what is odd: records of numbers, symbols, gaps and evidence; rarity, incidents, the budget",
        never: "know how predictions are made",
        uses: &["surmise-event", "surmise-state"],
        forbids: PURE,
    },
    Part {
        folder: "model/lines",
        holds: "log lines: times, templates, typed slots, evidence of what is odd",
        never: "panic, whatever the bytes; price a new value by its spelling",
        uses: &["surmise-alarm", "surmise-lanes", "surmise-state"],
        forbids: PURE,
    },
    Part {
        folder: "model/sessions",
        holds: "the verdict on a key as a whole: its oddest step, and how few earlier sessions are like it",
        never: "know how steps are predicted",
        uses: &["surmise-state"],
        forbids: PURE,
    },
    Part {
        folder: "model/learner",
        holds: "one stream: fields in order, keys, ends, gaps, measures, checkpoints",
        never: "use a clock, a file, a socket or a thread",
        uses: &[
            "surmise-alarm",
            "surmise-event",
            "surmise-experts",
            "surmise-lanes",
            "surmise-lines",
            "surmise-network",
            "surmise-number",
            "surmise-sessions",
            "surmise-state",
            "surmise-stopwatch",
            "surmise-symbol",
        ],
        forbids: PURE,
    },
    Part {
        folder: "config",
        holds: "one strict, typed configuration",
        never: "accept a key that it does not know",
        uses: &["surmise-device", "surmise-event", "surmise-learner"],
        forbids: &["tokio"],
    },
    Part {
        folder: "clients/protocol",
        holds: "the lines of the event socket and the JSON of HTTP",
        never: "depend on the learner",
        uses: &["surmise-event"],
        forbids: PURE,
    },
    Part {
        folder: "clients/rust",
        holds: "the client: numbering, window, resuming; questions over HTTP",
        never: "lose or double an event",
        uses: &["surmise-event", "surmise-protocol"],
        forbids: SERVES,
    },
    Part {
        folder: "clients/terminal",
        holds: "what programs share that speak to a person: exit codes, tables, questions over HTTP",
        never: "know a learner",
        uses: &["surmise-client", "surmise-event", "surmise-protocol", "surmise-recording"],
        forbids: SERVES,
    },
    Part {
        folder: "clients/screen",
        holds: "what is drawn on a terminal: `surmise top`, and pictures of predictions",
        never: "show a character that moves the cursor; ask or wait while it draws",
        uses: &["surmise-event", "surmise-protocol", "surmise-terminal"],
        forbids: SERVES,
    },
    Part {
        folder: "clients/report",
        holds: "a replay as one page of HTML, and its figures as SVG and PNG",
        never: "learn; let what events contain act on the page; ask for anything of another host",
        uses: &["surmise-evaluation", "surmise-event"],
        forbids: PURE,
    },
    Part {
        folder: "clients/cli",
        holds: "`surmise`, the command line",
        never: "hold logic that a library should have; need a learner in order to send",
        uses: &[
            "surmise-client",
            "surmise-config",
            "surmise-evaluation",
            "surmise-event",
            "surmise-learner",
            "surmise-protocol",
            "surmise-recording",
            "surmise-report",
            "surmise-screen",
            "surmise-store",
            "surmise-terminal",
            "surmised",
        ],
        forbids: SERVES,
    },
    Part {
        folder: "daemon/recording",
        holds: "files of several formats as records, and records as files",
        never: "differ between `send` and `replay`; know the learner",
        uses: &["surmise-event", "surmise-protocol"],
        forbids: &["tokio"],
    },
    Part {
        folder: "daemon/evaluation",
        holds: "replay of recordings, simple baselines, labels, the evaluation of a folder",
        never: "learn by other calls than the daemon's",
        uses: &[
            "surmise-event",
            "surmise-learner",
            "surmise-lines",
            "surmise-protocol",
            "surmise-recording",
            "surmise-workers",
        ],
        forbids: &["tokio"],
    },
    Part {
        folder: "daemon/store",
        holds: "log, checkpoints and key pages in sled",
        never: "let a sled type out; trust a value without its checksum",
        uses: &["surmise-event", "surmise-learner"],
        forbids: SERVES,
    },
    Part {
        folder: "daemon/workers",
        holds: "threads and devices that compute gradient jobs",
        never: "make a stream wait; decide what is learnt",
        uses: &["surmise-device", "surmise-learner", "surmise-network"],
        forbids: SERVES,
    },
    Part {
        folder: "daemon",
        holds: "`surmised`: listeners, sessions, owners, commits and checkpoints, HTTP, the web page",
        never: "put a lock around a model; open a channel without a bound",
        uses: &[
            "surmise-config",
            "surmise-device",
            "surmise-event",
            "surmise-lanes",
            "surmise-learner",
            "surmise-network",
            "surmise-protocol",
            "surmise-stopwatch",
            "surmise-store",
            "surmise-workers",
        ],
        forbids: SERVES,
    },
    Part {
        folder: "tests",
        holds: "tests from end to end: crash, hostile input, many streams, commands, quality",
        never: "replace a part of the product by a mock",
        uses: &["surmise-fixtures"],
        forbids: &[],
    },
    Part {
        folder: "tests/bench",
        holds: "`surmise-bench`: what everything costs, beside references of the same run",
        never: "be part of a user's program",
        uses: &[
            "surmise-client",
            "surmise-config",
            "surmise-device",
            "surmise-evaluation",
            "surmise-event",
            "surmise-fixtures",
            "surmise-learner",
            "surmise-network",
            "surmise-protocol",
            "surmise-recording",
            "surmise-store",
            "surmise-terminal",
            "surmised",
        ],
        forbids: &[],
    },
    Part {
        folder: "tests/fixtures",
        holds: "what tests need: seeded randomness, an allocator that counts, streams of known entropy, the README's claims",
        never: "link the product",
        uses: &[],
        forbids: &["std::time"],
    },
    Part {
        folder: "tests/fuzz",
        holds: "fuzz targets: every parser of bytes from outside, with seeds and a runner",
        never: "be part of a user's program",
        uses: &[
            "surmise-config",
            "surmise-event",
            "surmise-fixtures",
            "surmise-learner",
            "surmise-lines",
            "surmise-protocol",
            "surmise-recording",
            "surmise-store",
            "surmised",
        ],
        forbids: &[],
    },
    Part {
        folder: "tests/rules",
        holds: "the rules of this page as tests",
        never: "link the product",
        uses: &[],
        forbids: &[],
    },
];

/// Libraries that are dormant or foreign, and the only places that may name them.
const FENCES: &[(&str, &[&str])] = &[
    ("dfdx", &["model/network/src/dfdx_engine"]),
    ("sled", &["daemon/store/src/"]),
    ("cudarc", &["model/device/src/cuda.rs", "model/device/examples/ptx.rs"]),
    ("async_nats", &["daemon/src/nats/", "tests/tests/nats.rs", "tests/tests/common/"]),
    ("redis", &["daemon/src/sources/redis_server.rs"]),
    ("rskafka", &["daemon/src/kafka.rs"]),
    ("rumqttc", &["daemon/src/sources/mqtt_broker.rs"]),
];

const BEGIN: &str = "<!-- parts: SURMISE_WRITE=1 cargo test -p surmise-rules -->";
const END: &str = "<!-- end of parts -->";

fn table() -> String {
    let short = |p: &str| p.strip_prefix("surmise-").unwrap_or(p).to_owned();
    let row = |p: &Part| {
        let uses: Vec<String> = p.uses.iter().map(|u| short(u)).collect();
        format!("| `{}` | {} | {} | {} |\n", p.folder, p.holds, p.never, uses.join(", "))
    };
    let head = "| part | holds | must never | uses |\n|---|---|---|---|\n".to_owned();
    PARTS.iter().map(row).fold(head, |all, row| all + &row)
}

#[test]
fn every_package_is_a_part_with_the_arrows_of_the_table() {
    let known: BTreeSet<&str> = PARTS.iter().map(|p| p.folder).collect();
    let all = packages();
    let names: BTreeSet<&str> = all.iter().map(|p| p.name.as_str()).collect();
    for package in &all {
        assert!(known.contains(package.folder.as_str()), "{} is missing in the table of parts", package.folder);
    }
    assert_eq!(known.len(), all.len(), "the table of parts has a part that is no package");
    for part in PARTS {
        let package = all.iter().find(|p| p.folder == part.folder).expect("it was found above");
        let uses: BTreeSet<&str> =
            package.dependencies.iter().map(String::as_str).filter(|d| names.contains(d)).collect();
        let listed: BTreeSet<&str> = part.uses.iter().copied().collect();
        assert_eq!(uses, listed, "{} uses other packages than the table lists (left: its manifest)", part.folder);
    }
}

#[test]
fn no_part_does_what_it_must_never_do() {
    let mut found = Vec::new();
    for f in rust_files() {
        // the nearest part: folders of parts may lie in those of others
        let part =
            PARTS.iter().filter(|p| f.path.starts_with(&format!("{}/src/", p.folder))).max_by_key(|p| p.folder.len());
        let Some(part) = part.filter(|_| !f.path.ends_with("tests.rs")) else { continue };
        let code = f.text.split("#[cfg(test)]").next().unwrap_or_default();
        for (i, line) in code.lines().enumerate().filter(|(_, l)| !l.trim_start().starts_with("//")) {
            found
                .extend(part.forbids.iter().filter(|w| line.contains(*w)).map(|w| format!("{}:{} {w}", f.path, i + 1)));
        }
    }
    assert!(found.is_empty(), "a part uses what it must not:\n  {}", found.join("\n  "));
}

#[test]
fn dormant_and_foreign_libraries_are_fenced() {
    for f in rust_files() {
        for (library, homes) in FENCES {
            let path = format!("{library}::");
            let uses = f.text.lines().any(|l| !l.trim_start().starts_with("//") && names_path(l, &path));
            assert!(
                !uses || homes.iter().any(|h| f.path.starts_with(h)),
                "{} uses {library} outside its fence",
                f.path
            );
        }
    }
}

/// Whether a line names a path, other than as the end of a longer name.
fn names_path(line: &str, path: &str) -> bool {
    let before = |at: usize| line[..at].chars().next_back();
    line.match_indices(path).any(|(at, _)| before(at).is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != '"'))
}

#[test]
fn architecture_prints_the_table() {
    let text = read("ARCHITECTURE.md");
    let (before, rest) = text.split_once(BEGIN).expect("ARCHITECTURE.md has a place for the table of parts");
    let (printed, after) = rest.split_once(END).expect("the place of the table has an end");
    let want = format!("\n{}", table());
    if printed != want && std::env::var_os("SURMISE_WRITE").is_some() {
        std::fs::write(root().join("ARCHITECTURE.md"), format!("{before}{BEGIN}{want}{END}{after}")).unwrap();
    } else {
        assert_eq!(printed, want, "write it anew: SURMISE_WRITE=1 cargo test -p surmise-rules");
    }
}
