//! The reference of the configuration is that of the code, and its page in the book is the reference.
#![allow(missing_docs)]

use surmise_config::{Config, KeyOrigin, reference, reference_page};

#[test]
fn the_page_in_the_book_is_the_reference() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../clients/book/src/configuration.md");
    let page = reference_page();
    if std::env::var_os("SURMISE_WRITE").is_some() {
        std::fs::write(file, &page).unwrap();
    }
    let committed = std::fs::read_to_string(file).unwrap_or_default();
    assert!(committed == page, "write it anew: SURMISE_WRITE=1 cargo test -p surmise-config --test reference");
}

#[test]
fn every_key_has_what_it_takes_and_what_it_means() {
    let keys = reference();
    assert!(keys.len() > 80, "{} keys", keys.len());
    for key in &keys {
        assert!(key.meaning.ends_with(['.', ':']), "{} says {:?}", key.key(), key.meaning);
    }
    for (key, kind, default, effect) in [
        ("store.commit_interval", "duration such as \"5s\"", "\"5ms\"", "after a restart"),
        ("limits.memory", "size such as \"256MiB\"", "\"0B\"", "after a restart"),
        ("limits.streams", "whole number", "10000", "after a restart"),
        ("listen.insecure", "true or false", "false", "after a restart"),
        ("listen.hosts", "list of texts", "[]", "on a reload"),
        ("model.network", "one of auto, off, small, medium, large", "\"auto\"", "after a restart"),
        ("auth.token", "text", "", "on a reload"),
        ("auth.tokens.roles", "list of ingest, read, operate", "", "on a reload"),
        ("streams.NAME.closed", "true or false", "", "after a restart"),
        ("streams.NAME.fields", "list of tables", "", "after a restart"),
        ("tls.key", "text", "", "on a reload, where TLS is on"),
    ] {
        let found = keys.iter().find(|k| k.key() == key).unwrap_or_else(|| panic!("{key} is missing"));
        let default = (!default.is_empty()).then_some(default);
        assert_eq!((found.kind().as_str(), found.default.as_deref(), found.takes_effect()), (kind, default, effect));
    }
}

#[test]
fn what_is_in_force_can_be_read_again_and_hides_what_is_secret() {
    let text = "[store]\ndir = \"/x\"\n[streams.\"web-*\"]\nmodel = { seed = 2 }\n\
                [auth]\ntoken = \"hidden\"\n[export.webhooks.ops]\nurl = \"https://example.org/hidden\"\n\
                [sources.redis.shop]\nurl = \"redis://:hidden@example.org/1\"\nread = [\"orders\"]\n";
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("surmised.toml");
    std::fs::write(&file, text).unwrap();
    let config = Config::load(Some(&file)).unwrap();
    let keys = config.keys_in_force();
    let find = |key: &str| keys.iter().find(|k| k.key() == key).unwrap_or_else(|| panic!("{key} is missing"));
    let dir = find("store.dir");
    assert_eq!((dir.value.as_str(), dir.origin, dir.line), ("\"/x\"", KeyOrigin::File, Some(2)));
    assert_eq!(find("store.generations").origin, KeyOrigin::Default);
    assert_eq!(find("streams.\"web-*\".model.seed").line, Some(4));
    assert!(find("owners.threads").inferred.as_deref().is_some_and(|count| count.parse::<usize>().unwrap() > 0));
    assert_eq!(find("listen.unix").inferred.as_deref(), Some("\"/x/surmised.sock\""));
    assert!(keys.iter().all(|key| !key.value.contains("hidden")), "{keys:?}");
    assert_eq!(find("auth.token").value, "\"…\"");
    assert_eq!(find("sources.redis.shop.url").value, "\"redis://…@example.org/1\"");
    // tables may come in any order, so each key is written whole
    let all: String = keys.iter().map(|key| format!("{} = {}\n", key.key(), key.value)).collect();
    let again = Config::from_toml(&all).unwrap_or_else(|e| panic!("{e}\n{all}"));
    let secret = ["auth.token", "export.webhooks"];
    assert_eq!(config.differing_keys(&again), secret[1..], "{all}");
}
