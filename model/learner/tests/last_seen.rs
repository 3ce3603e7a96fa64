//! An alarm says of its parts when their like was last seen.

use surmise_event::{AlarmPhase, Data, Datum, Field, FieldKind, Limits, Outcome, Record, Schema};
use surmise_learner::{Learner, NetworkSize, Options};

/// Learns events until one from `odd` on begins an incident; the learner is saved and read back on the way.
fn at_the_alarm(schema: Schema, record: impl Fn(usize) -> Record, odd: usize) -> Outcome {
    let options = Options { network: NetworkSize::Off, ..Options::default() };
    let mut learner = Learner::new(schema, options).unwrap();
    for i in 0..odd + 50 {
        if i == odd - 5 {
            let hash = learner.state_hash();
            learner = Learner::load(&learner.save()).unwrap();
            assert_eq!(learner.state_hash(), hash);
        }
        let event = learner.bind(&record(i), &Limits::default()).unwrap();
        let told = learner.observe(&event);
        if i >= odd && told.alarm.as_ref().is_some_and(|alarm| alarm.phase == AlarmPhase::Begins) {
            return told;
        }
    }
    panic!("nothing is told");
}

fn last_seen(told: &Outcome, value: &str) -> Option<u64> {
    let part = told.parts.iter().find(|part| part.value.as_deref() == Some(value));
    part.unwrap_or_else(|| panic!("{value}: {:?}", told.parts)).last_seen
}

#[test]
fn values_and_numbers_were_last_seen_when_they_came() {
    let record = |i: usize| {
        let fields = vec![
            ("page".into(), Datum::Text(if i == 500 || i >= 2_999 { "zz" } else { ["home", "cart"][i % 2] }.into())),
            ("status".into(), Datum::Text(if i >= 2_999 { "502" } else { "200" }.into())),
            (
                "ms".into(),
                Datum::Number(match i {
                    700 => 950.0,
                    800 => 850.0,
                    2_999.. => 900.0,
                    _ => 10.0 + (i % 4) as f64,
                }),
            ),
        ];
        Record { data: Data::Fields(fields), time_us: Some(i as i64 * 1_000_000), ..Record::default() }
    };
    let fields = [("page", FieldKind::Category), ("status", FieldKind::Category), ("ms", FieldKind::Number)];
    let told = at_the_alarm(Schema::new(fields.map(|(name, kind)| Field::new(name, kind))), record, 2_999);
    assert_eq!((told.offset, last_seen(&told, "zz"), last_seen(&told, "502")), (2_999, Some(500), None));
    assert_eq!(last_seen(&told, "900"), Some(700), "850 is not as far out");
}

#[test]
fn a_line_was_last_seen_by_its_template_and_by_what_stands_in_it() {
    let record = |i: usize| {
        let line = match i {
            600 | 2_999.. => format!("kernel panic {i} in the pump"),
            _ => format!("GET /item/{} took {} ms", i % 3, 10 + i % 4),
        };
        Record { data: Data::One(Datum::Bytes(line.as_bytes().into())), ..Record::default() }
    };
    let told = at_the_alarm(Schema::new([Field::new("value", FieldKind::Line)]), record, 2_999);
    // that it came once more begins the incident, or that it came twice
    let before = if told.offset == 2_999 { 600 } else { told.offset - 1 };
    assert_eq!(last_seen(&told, "kernel panic <number> in the pump"), Some(before));
    assert_eq!(last_seen(&told, &told.offset.to_string()), None, "never with this number");
}
