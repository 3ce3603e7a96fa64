//! Rules of the design that a compiler does not check.

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn sources(under: &str) -> Vec<(String, String)> {
    fn walk(dir: &Path, out: &mut Vec<PathBuf>) {
        let Ok(entries) = std::fs::read_dir(dir) else { return };
        for e in entries.map(|e| e.unwrap().path()) {
            if e.is_dir() {
                walk(&e, out);
            } else if e.extension().is_some_and(|x| x == "rs") {
                out.push(e);
            }
        }
    }
    let mut files = Vec::new();
    walk(&root().join(under), &mut files);
    files
        .into_iter()
        .map(|f| (f.strip_prefix(root()).unwrap().display().to_string(), std::fs::read_to_string(&f).unwrap()))
        .collect()
}

fn manifest(of: &str) -> String {
    std::fs::read_to_string(root().join(of).join("Cargo.toml")).unwrap()
}

/// The libraries that are dormant or foreign are each known to one module.
#[test]
fn dfdx_sled_and_cuda_are_fenced() {
    let homes = [
        ("dfdx::", "model/network/src/dfdx_engine"),
        ("sled::", "daemon/store/src/"),
        ("cudarc::", "model/device/src/cuda.rs"),
    ];
    for (library, home) in homes {
        for under in ["model", "daemon", "clients", "config"] {
            for (path, text) in sources(under) {
                let compiler = path == "model/device/examples/ptx.rs";
                let used = !compiler && text.lines().any(|l| !l.trim_start().starts_with("//") && l.contains(library));
                assert!(!used || path.starts_with(home), "{path} uses {library} outside {home}");
            }
        }
    }
}

/// Dependencies never turn back: event ← learner ← daemon, event ← protocol ← client ← command line.
#[test]
fn dependencies_never_turn_back() {
    let never: [(&str, &[&str]); 9] = [
        ("model/event", &["surmise-learner", "surmise-protocol", "tokio", "sled"]),
        ("model/network", &["surmise-event", "surmise-learner", "tokio"]),
        ("model/device", &["surmise-event", "surmise-learner", "tokio"]),
        ("model/symbol", &["surmise-event", "surmise-learner", "tokio"]),
        ("model/number", &["surmise-event", "surmise-learner", "tokio"]),
        ("model/learner", &["surmised", "surmise-protocol", "surmise-config", "tokio", "sled"]),
        ("clients/protocol", &["surmise-learner", "surmise-network", "surmised", "tokio"]),
        ("clients/rust", &["surmise-learner", "surmise-network", "surmised"]),
        ("config", &["surmised", "surmise-protocol", "tokio", "sled"]),
    ];
    for (of, names) in never {
        let text = manifest(of);
        for n in names {
            assert!(
                !text.lines().any(|l| l.starts_with(&format!("{n}.")) || l.starts_with(&format!("{n} "))),
                "{of} depends on {n}"
            );
        }
    }
}

/// The model is pure: no clock, file, socket or thread.
#[test]
fn the_model_has_no_clock_file_socket_or_thread() {
    for (path, text) in sources("model") {
        if path.contains("/tests/") || path.contains("/examples/") || path.contains("/benches/") {
            continue;
        }
        let body = text.split("#[cfg(test)]").next().unwrap();
        for word in ["std::time", "std::fs", "std::net", "std::thread", "SystemTime", "Instant::now"] {
            assert!(!body.contains(word), "{path} uses {word}");
        }
    }
}

/// Nothing grows without a bound, and no model stands behind a lock.
#[test]
fn channels_are_bounded_and_models_unlocked() {
    for under in ["daemon", "clients"] {
        for (path, text) in sources(under) {
            assert!(
                !text.contains("unbounded_channel") && !text.contains("mpsc::channel()"),
                "{path} has a channel without a bound"
            );
            assert!(!text.contains("Mutex<Learner"), "{path} locks a learner");
        }
    }
}
