//! The configuration file: its defaults are the typed ones, every key is in it, and every fault is named.
#![allow(missing_docs)]

use figment::Figment;
use surmise_config::{Config, DEFAULT_FILE};
use surmise_event::FieldKind;
use surmise_learner::Options;

#[test]
fn the_default_file_is_the_defaults() {
    let c = Config::from_toml(DEFAULT_FILE).unwrap();
    assert_eq!(c, Config::default());
    c.check().unwrap();
}

#[test]
fn the_default_file_shows_every_key() {
    let figment = Figment::from(figment::providers::Serialized::defaults(Config::default()));
    let all: figment::value::Dict = figment.extract().unwrap();
    for (table, value) in &all {
        assert!(DEFAULT_FILE.contains(&format!("[{table}")), "table {table}");
        for key in value.as_dict().expect("a table").keys() {
            let shown = ["\n", "\n# "].iter().any(|p| DEFAULT_FILE.contains(&format!("{p}{key} =")))
                || DEFAULT_FILE.contains(&format!("[{table}.{key}."));
            // the budget of alarms is an option of learners that has a table of its own
            assert!(shown || key == "alarm_budget", "key {table}.{key}");
        }
    }
}

#[test]
fn the_default_file_shows_no_key_that_there_is_not() {
    // keys without a default are comments, examples too: as keys they are configuration
    let is_key =
        |line: &&str| line.starts_with('[') || line.split_once(" = ").is_some_and(|(key, _)| !key.contains(' '));
    let bare = |line: &'static str| line.strip_prefix("# ").filter(|rest| is_key(rest)).unwrap_or(line);
    let text: Vec<&str> = DEFAULT_FILE.lines().map(bare).collect();
    let c = Config::from_toml(&text.join("\n")).unwrap();
    c.check().unwrap();
    assert!(c.auth.token.is_some() && c.model.target.is_some() && c.streams.len() == 1);
    assert!(!c.options(c.rule("web-1").map(|r| r.1)).unwrap().eq(&c.model), "the rule is in force");
}

#[test]
fn a_token_in_clear_is_found_where_the_file_has_it() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("surmised.toml");
    let line = |text: &str| {
        std::fs::write(&file, text).unwrap();
        let config = Config::load(Some(&file)).unwrap();
        config.check().unwrap();
        assert!(config.auth.asks_for_token());
        config.clear_token_line()
    };
    let hash = surmise_config::TokenHash::of(b"t");
    assert_eq!(line("[store]\n[auth]\ntoken = \"t\"\n"), Some(3));
    assert_eq!(line(&format!("[auth]\ntoken_hash = \"{hash}\"\n")), None);
    assert_eq!(line(&format!("[[auth.tokens]]\nname = \"a\"\ntoken_hash = \"{hash}\"\nroles = [\"read\"]\n")), None);
}

#[test]
fn the_default_file_names_every_kind_of_field() {
    let line = DEFAULT_FILE.lines().find_map(|l| l.strip_prefix("# kinds: ")).expect("a line of kinds");
    let listed: Vec<&str> =
        line.split([',', ' ', '.']).filter(|w| FieldKind::ALL.iter().any(|k| k.name() == *w)).collect();
    assert!(FieldKind::ALL.iter().all(|k| listed.contains(&k.name())), "{listed:?}");
}

#[test]
fn an_unknown_key_gets_a_suggestion() {
    let e = Config::from_toml("[listen]\ntpc = \"127.0.0.1:1\"").unwrap_err().to_string();
    assert!(e.contains("\"tpc\"") && e.contains("did you mean \"tcp\"?") && e.contains("listen"), "{e}");
    let e = Config::from_toml("[stroe]\ndir = \"x\"").unwrap_err().to_string();
    assert!(e.contains("did you mean \"store\"?"), "{e}");
    // what is no slip of a known word gets none, and where another key serves it is named
    let e = Config::from_toml("[experts]\nnetwork = \"off\"").unwrap_err().to_string();
    assert!(e.contains("model.ablate") && !e.contains("did you mean"), "{e}");
    let e = Config::from_toml("[cluster]\nname = \"x\"").unwrap_err().to_string();
    assert!(e.contains("expected one of") && !e.contains("did you mean"), "{e}");
    let e = Config::from_toml("[model]\npreset = \"byte\"").unwrap_err().to_string();
    assert!(e.contains("did you mean \"bytes\"?"), "{e}");
    let c = Config::from_toml("[streams.\"web-*\"]\nmodel = { ned = 1 }").unwrap();
    let e = c.check().unwrap_err().to_string();
    assert!(e.contains("\"ned\"") && e.contains("web-*"), "{e}");
}

#[test]
fn values_that_do_not_fit_are_named() {
    let e = Config::from_toml("[store]\ncommit_interval = 5").unwrap_err().to_string();
    assert!(e.contains("store.commit_interval") && e.contains("5s"), "{e}");
    let e = Config::from_toml("[store]\ncommit_interval = \"5 apples\"").unwrap_err().to_string();
    assert!(e.contains("store.commit_interval") && e.contains("apples"), "{e}");
}

#[test]
fn sources_that_cannot_be_read_are_named() {
    let fault = |toml: &str| Config::from_toml(toml).unwrap().check().unwrap_err().to_string();
    let e = fault("[sources.files.web]\npaths = [\"logs/*.log\", \"/logs/[\"]\ncolumns = [\"a\"]");
    assert!(e.contains("sources.files.web: ") && e.contains("\"logs/*.log\" is not absolute"), "{e}");
    assert!(e.contains("\"/logs/[\"") && e.contains("format = \"csv\""), "{e}");
    assert!(fault("[sources.files.web]").contains("needs paths"));
    assert!(fault("[sources.files.\"a b\"]\npaths = [\"/x\"]").contains("the name of a source"));
    let e = fault("[sources.syslog.hosts]\nudp = \"5514\"\n[sources.syslog.none]");
    assert!(e.contains("sources.syslog.hosts: udp: expected an address") && e.contains("udp, tcp or unix"), "{e}");
    let e = fault(
        "[sources.redis.shop]\nurl = \"http://:hidden@x\"\nread = [\"a\", \"a\"]\nsame_names = true\nstream = \"s\"",
    );
    assert!(e.contains("sources.redis.shop: url begins with http://") && e.contains("each once"), "{e}");
    assert!(e.contains("exclude each other") && !e.contains("hidden"), "{e}");
    let e = fault("[sources.mqtt.plant]\nurl = \"mqtt://u:hidden@\"\ntopics = [\"a/#/b\", \"a+\"]\nstream_levels = 9");
    assert!(
        e.contains("sources.mqtt.plant: url") && e.contains("\"a/#/b\" is no topic") && e.contains("\"a+\""),
        "{e}"
    );
    assert!(e.contains("8 are the most") && !e.contains("hidden"), "{e}");
    for (toml, key) in [
        ("[sources.redis.shop]\nurl = [\"hidden\"]", "sources.redis.shop.url"),
        ("[sources.kafka.bank]\nother_urls = \"kafka://u:hidden@x\"", "sources.kafka.bank.other_urls"),
        ("[export.nats.ops]\nother_urls = \"nats://u:hidden@x\"", "export.nats.ops.other_urls"),
    ] {
        let e = Config::from_toml(toml).unwrap_err().to_string();
        assert!(e.contains(key) && !e.contains("hidden"), "{e}");
    }
    let e = fault(
        "[sources.nats.shop]\nurl = \"redis://u:hidden@x\"\nother_urls = [\"nats://\"]\njetstream = \"a.b\"\n\
         subjects = [\"a.>.b\"]\nconsumer = \"\"\nstream_tokens = 9",
    );
    assert!(e.contains("sources.nats.shop: url begins with redis://") && e.contains("names no host"), "{e}");
    assert!(e.contains("jetstream = ") && e.contains("\"a.>.b\" is no subject") && e.contains("consumer has"), "{e}");
    assert!(e.contains("8 are the most") && !e.contains("hidden"), "{e}");
    let e = fault(
        "[sources.kafka.bank]\nurl = \"http://u:hidden@x\"\ntopic = \"a b\"\nformat = \"text\"\nkey_field = \"user\"\n\
         [sources.kafka.two]\nurl = \"kafka://x\"\nother_urls = [\"kafkas://y\"]\ntopic = \"a\"",
    );
    assert!(e.contains("sources.kafka.bank: url begins with http://") && e.contains("kafka:// or kafkas://"), "{e}");
    assert!(e.contains("topic = ") && e.contains("format = \"auto\"") && !e.contains("hidden"), "{e}");
    assert!(e.contains("sources.kafka.two: url and other_urls have to begin alike"), "{e}");
    let good = "[sources.redis.shop]\nurl = \"redis://x\"\nread = [\"a\"]\n\
                [sources.mqtt.plant]\nurl = \"mqtt://x\"\ntopics = [\"$share/g/a/+/#\"]\n\
                [sources.nats.shop]\nurl = \"tls://token@x:4222\"\njetstream = \"ORDERS\"\nsubjects = [\"orders.*.>\"]\n\
                [sources.kafka.bank]\nurl = \"kafkas://user:secret@x\"\ntopic = \"a.b-1\"\nsasl = \"scram-sha-512\"";
    Config::from_toml(good).unwrap().check().unwrap();
    let c = Config::from_toml("[sources.files.web]\npaths = [\"/var/log/*.csv\"]\nformat = \"csv\"").unwrap();
    c.check().unwrap();
}

#[test]
fn off_loopback_needs_a_token() {
    let c = Config::from_toml("[listen]\ntcp = \"0.0.0.0:7071\"").unwrap();
    let e = c.check().unwrap_err().to_string();
    assert!(e.contains("listen.tcp") && e.contains("auth.token"), "{e}");
    let listen = "[listen]\ntcp = \"0.0.0.0:7071\"\n";
    let c = Config::from_toml(&format!("{listen}[auth]\ntoken = \"secret\"")).unwrap();
    let e = c.check().unwrap_err().to_string();
    assert!(e.contains("tls.certificate") && e.contains("listen.insecure"), "{e}");
    let c = Config::from_toml(&format!("{listen}insecure = true\n[auth]\ntoken = \"secret\"")).unwrap();
    c.check().unwrap();
    assert!(!format!("{c:?}").contains("secret"), "a token is never printed");
}

#[test]
fn streams_take_the_nearest_rule() {
    let text = r#"
        [model]
        seed = 7
        [streams."web-*"]
        model = { seed = 9 }
        [streams."web-eu-*"]
        fields = [{ name = "page", kind = "category", required = true }]
        closed = true
        [streams.web-eu-1]
    "#;
    let c = Config::from_toml(text).unwrap();
    c.check().unwrap();
    assert_eq!(c.rule("web-eu-1").unwrap().0, "web-eu-1");
    assert_eq!(c.rule("web-eu-2").unwrap().0, "web-eu-*");
    assert!(c.rule("web-eu-2").unwrap().1.schema().closed);
    let (_, rule) = c.rule("web-us").unwrap();
    assert_eq!(c.options(Some(rule)).unwrap(), Options { seed: 9, ..c.model.clone() });
    assert!(c.rule("db").is_none());
    let c = Config::from_toml("[streams.x]\nfields = [{name=\"a\", kind=\"gap\"},{name=\"b\", kind=\"gap\"}]").unwrap();
    assert!(c.check().is_err());
}

#[test]
fn updates_wait_as_said_for_all_streams_or_for_some() {
    let c = Config::from_toml("[learning]\ndelay_chunks = 2\n[streams.x]\nlearning = { delay_chunks = 0 }").unwrap();
    c.check().unwrap();
    let delay = |c: &Config, name| c.options(c.rule(name).map(|r| r.1)).unwrap().delay_chunks;
    assert_eq!((delay(&c, "x"), delay(&c, "y"), c.any_delay()), (0, 2, true));
    assert!(!Config::default().any_delay() && Config::default().learning.count() > 0);
    for (text, says) in [
        ("[learning]\ndelay_chunks = 65", "learning.delay_chunks: 65 is not within 0 and 64"),
        ("[streams.x]\nlearning = { delay_chunks = 65 }", "streams.\"x\".learning.delay_chunks: 65 is not"),
        ("[model]\ndelay_chunks = 1", "model.delay_chunks: belongs to [learning]"),
        ("[streams.x]\nmodel = { delay_chunks = 1 }", "streams.\"x\".model.delay_chunks: belongs to"),
        ("[learning]\ndevice = \"cuda\"", "learning.device: \"cuda\" works updates out while they wait"),
        ("[learning]\nthreads = 1025", "learning.threads: 1025 is more than 1024"),
    ] {
        let e = Config::from_toml(text).unwrap().check().unwrap_err().to_string();
        assert!(e.contains(says), "{e}");
    }
    for (text, says) in [
        ("[learning]\ndelay_chunks = -1", "learning.delay_chunks"),
        ("[learning]\ndelay_chunk = 1", "did you mean \"delay_chunks\"?"),
        ("[learning]\ndevice = \"coda\"", "did you mean \"cuda\"?"),
        ("[streams.x]\nlearning = { thread = 1 }", "\"thread\""),
    ] {
        let e = Config::from_toml(text).unwrap_err().to_string();
        assert!(e.contains(says), "{e}");
    }
}

#[test]
fn alarms_have_a_budget_for_all_streams_or_for_some() {
    let toml = "[alarm]\nbudget = \"1/day\"\n[streams.x]\nalarm = { budget = \"3/1000\" }";
    let c = Config::from_toml(toml).unwrap();
    let budget = |name| c.options(c.rule(name).map(|r| r.1)).unwrap().alarm_budget.to_string();
    assert_eq!((budget("x"), budget("y")), ("3/1000".to_owned(), "1/day".to_owned()));
    for (toml, says) in [
        ("[alarm]\nbudget = \"daily\"", "is no budget of alarms"),
        ("[streams.x]\nmodel = { alarm_budget = \"1/day\" }", "belongs to [alarm]"),
    ] {
        let error = Config::from_toml(toml).and_then(|c| c.check()).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn exports_are_read_and_their_faults_are_named() {
    let good = "[export.webhooks.ops]\nurl = \"https://example.org/hook\"\nstreams = [\"web-*\"]\nended = true\n";
    let config = Config::from_toml(good).unwrap();
    config.check().unwrap();
    let rule = &config.export.webhooks["ops"];
    let filter = rule.filter();
    assert_eq!((filter.covers("web-1"), filter.covers("db"), filter.ended), (true, false, true));
    for (text, word) in [
        ("[export.webhooks.ops]\nurl = \"ftp://x\"\n", "no address"),
        ("[export.webhooks.ops]\nurl = \"https://\"\n", "no address"),
        ("[export.webhooks.\"a b\"]\nurl = \"http://x\"\n", "letters, digits"),
        ("[export.webhooks.ops]\nurl = \"http://x\"\nstreams = []\n", "needs streams"),
        ("[export.webhooks.ops]\nurl = \"http://x\"\nrarer_than = 1\n", "is not rare"),
        ("[export.syslog]\nfacility = \"mail\"\n", "udp, tcp or unix"),
        ("[export.syslog]\nudp = \"a:1\"\nunix = \"/dev/log\"\n", "udp, tcp or unix"),
        ("[export.syslog]\ntcp = \"logs.example.org\"\n", "a host and a port"),
        ("[export.syslog]\nunix = \"log\"\n", "not absolute"),
        ("[export.nats.ops]\nurl = \"nats://x\"\nsubject = \"a.*\"\n", "export.nats.ops: subject"),
        ("[export.nats.ops]\nsubject = \"a\"\n", "needs an address"),
        ("[export.nats.\"a b\"]\nurl = \"nats://x\"\n", "letters, digits"),
        ("[export.stdout]\nstreams = [\"a/b\"]\n", "export.stdout: streams"),
        ("[export.series]\nstreams = []\n", "export.series: it needs streams"),
        ("[export.series]\nstreams = [\"*\"]\nseries_max = 0\n", "series_max"),
    ] {
        let fault = Config::from_toml(text).unwrap().check().unwrap_err().to_string();
        assert!(fault.contains(word), "{fault}");
    }
    let sinks = "[export.syslog]\ntcp = \"[::1]:514\"\nfacility = \"local7\"\nrarer_than = 1000\n[export.stdout]\n";
    let config = Config::from_toml(&format!("{good}{sinks}[export.series]\nstreams = [\"a*\"]\n")).unwrap();
    config.check().unwrap();
    assert_eq!(config.export.syslog.as_ref().map(|rule| rule.facility as u8), Some(23));
    let sinks: Vec<_> = config.export.sinks().into_iter().map(|(name, sink)| (name, sink.rarer_than)).collect();
    let names = [("webhooks.ops".to_owned(), None), ("syslog".to_owned(), Some(1000)), ("stdout".to_owned(), None)];
    assert_eq!((sinks, config.export.series.map(|series| series.series_max)), (names.to_vec(), Some(1000)));
    let wrong = Config::from_toml("[export.syslog]\nudp = \"a:1\"\nfacility = \"local8\"\n").unwrap_err().to_string();
    assert!(wrong.contains("local"), "{wrong}");
    let traces = "[export.traces]\nendpoint = \"http://127.0.0.1:4318\"\n";
    let config = Config::from_toml(traces).unwrap();
    config.check().unwrap();
    assert_eq!(config.export.traces.map(|traces| traces.every), Some(1000));
    for (text, word) in
        [("endpoint = \"127.0.0.1:4318\"", "export.traces: endpoint"), ("endpoint = \"http://x\"\nevery = 0", "every")]
    {
        let fault = Config::from_toml(&format!("[export.traces]\n{text}\n")).unwrap().check().unwrap_err().to_string();
        assert!(fault.contains(word), "{fault}");
    }
    let unknown = Config::from_toml("[export.webhooks.ops]\nurl = \"http://x\"\nstream = \"a\"\n").unwrap_err();
    assert!(unknown.to_string().contains("streams"), "{unknown}");
}
