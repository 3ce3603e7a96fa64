//! Every preset file is a configuration, and what is chosen without one is the preset of the schema's kind.
#![allow(missing_docs)]

use surmise_config::Config;
use surmise_event::{Data, Datum, Field, FieldKind, Limits, Record, Schema};
use surmise_learner::{Learner, Options, Preset};

const FILES: [(&str, Preset, &str); 4] = [
    ("bytes", Preset::Bytes, include_str!("../presets/bytes.toml")),
    ("symbols", Preset::Symbols, include_str!("../presets/symbols.toml")),
    ("numbers", Preset::Numbers, include_str!("../presets/numbers.toml")),
    ("records", Preset::Records, include_str!("../presets/records.toml")),
];

/// A schema that the preset is made for, and a record of it.
fn sample(preset: Preset, i: u32) -> (Schema, Record) {
    let field = |k| Field::new("a", k);
    let text = Datum::Text(format!("s{}", i * i % 5).into());
    let number = Datum::Number(f64::from(i * i % 7));
    let (fields, data) = match preset {
        Preset::Bytes => (vec![field(FieldKind::Text)], vec![("a".into(), Datum::Bytes(b"a line"[..].into()))]),
        Preset::Symbols => (vec![field(FieldKind::Category)], vec![("a".into(), text)]),
        Preset::Numbers => (vec![field(FieldKind::Number)], vec![("a".into(), number)]),
        _ => (
            vec![field(FieldKind::Category), Field::new("b", FieldKind::Number)],
            vec![("a".into(), text), ("b".into(), number)],
        ),
    };
    (Schema { fields, closed: true }, Record { data: Data::Fields(data), ..Record::default() })
}

fn learnt(options: Options, preset: Preset) -> (String, String) {
    let mut l = Learner::new(sample(preset, 0).0, options).unwrap();
    for i in 0..50 {
        let e = l.bind(&sample(preset, i).1, &Limits::default()).unwrap();
        l.observe(&e);
    }
    (l.state_hash(), l.report().choices)
}

#[test]
fn every_file_is_a_configuration_and_the_automatic_choice_for_its_kind() {
    for (name, preset, text) in FILES {
        let config = Config::from_toml(text).unwrap();
        config.check().unwrap();
        assert_eq!(config.model.preset, preset, "{name}");
        assert_eq!(Preset::of(&sample(preset, 0).0), preset, "{name}");
        assert_eq!(learnt(config.model, preset), learnt(Options::default(), preset), "{name}");
    }
}

#[test]
fn a_preset_that_does_not_fit_is_refused_with_what_would() {
    for (name, preset, _) in FILES {
        let options = Options { preset, ..Options::default() };
        for other in [Preset::Bytes, Preset::Symbols, Preset::Numbers, Preset::Records] {
            let schema = sample(other, 0).0;
            let made = Learner::new(schema.clone(), options.clone());
            let fits = preset == other || preset == Preset::Records;
            assert_eq!(made.is_ok(), fits, "{name} on {other:?}");
            if let Err(e) = made {
                assert!(e.to_string().contains(name) && e.to_string().contains(Preset::of(&schema).name()), "{e}");
            }
            // the same where the schema is open and grows by its first record
            let mut open = Learner::new(Schema::default(), options.clone()).unwrap();
            if other != Preset::Bytes {
                let bound = open.bind(&sample(other, 0).1, &Limits::default());
                assert_eq!(bound.is_ok(), fits, "{name} on {other:?}: {bound:?}");
                assert_eq!(open.schema().fields.is_empty(), !fits, "a refused record leaves no field");
            }
        }
    }
}

#[test]
fn a_preset_changes_what_it_names() {
    let of = |preset| learnt(Options { preset, ..Options::default() }, Preset::Symbols);
    assert_ne!(of(Preset::Symbols).0, of(Preset::Records).0, "the recipe of sessions, or of records");
    assert!(of(Preset::Auto).1.contains("preset symbols, network small 2x32, memory 64 MiB"), "{}", of(Preset::Auto).1);
}
