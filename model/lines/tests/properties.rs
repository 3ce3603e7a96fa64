//! What holds for any lines: no panics, bounded tables, equal states, and a saved model goes on as if it had not been.

use proptest::prelude::*;
use surmise_fixtures::Random;
use surmise_lines::{LineLimits, LineModel, LineOutcome};
use surmise_state::Persist;

const SMALL: LineLimits = LineLimits { templates: 24, inner_templates: 24, slots: 96 };

fn observe(model: &mut LineModel, line: &[u8]) -> LineOutcome {
    let reading = model.read(line, None);
    assert!((reading.template as usize) < 4096);
    model.observe(&reading, 0.5)
}

/// A line of one of many programs, with words, numbers, quotes, paths, JSON and times in it.
fn made_line(random: &mut Random, second: u64) -> Vec<u8> {
    let words = ["start", "stop", "login", "logout", "error", "timed out", "anna", "bela", "/var/log/x1", "10.0.0.7"];
    let mut word = || words[random.below(10) as usize].to_owned();
    let (a, b, c) = (word(), word(), word());
    let n = random.below(1000);
    let stamp = format!("2026-03-02 {:02}:{:02}:{:02}", second / 3600 % 24, second / 60 % 60, second % 60);
    match random.below(5) {
        0 => format!("{stamp} host-{} {a}: user {b} from {c} took {n} ms", n % 3),
        1 => format!(
            r#"{{"ts": "{stamp}", "level": "{a}", "ok": true, "ms": {n}.5, "tags": ["{b}", {n}], "m": "{a} {b}"}}"#
        ),
        2 => format!("{stamp} \"GET /{a}/{n} HTTP/1.1\" {} \"{b} {c}\"", 200 + n % 5),
        3 => format!("{a} {b}={c} id={n:08x} {}", "x ".repeat(n as usize % 9)),
        _ => format!("Mar  2 12:00:{:02} {a} {b}[{n}]: {c}", second % 60),
    }
    .into_bytes()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_bytes_make_it_panic(lines in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..40)) {
        let mut model = LineModel::new(SMALL);
        for line in &lines {
            let outcome = observe(&mut model, line);
            prop_assert!(outcome.slot_nats >= 0.0 && outcome.slot_nats.is_finite());
            prop_assert!(outcome.judgement.sum.is_finite());
        }
        prop_assert!(model.templates() <= SMALL.templates);
    }

    #[test]
    fn no_text_of_marks_makes_it_panic(lines in prop::collection::vec("[{}\\[\\]\"\\\\:,/ .=0-9A-Za-zä-]{0,120}", 1..40)) {
        let mut model = LineModel::new(SMALL);
        for line in &lines {
            let reading = model.read(line.as_bytes(), Some(1_700_000_000_000_000));
            let outcome = model.observe(&reading, 0.0);
            prop_assert!(model.template_text(reading.template).is_some());
            for part in model.parts(reading.template, &outcome) {
                prop_assert!(part.likeliest.iter().all(|v| v.probability <= 1.0 + 1e-9));
            }
        }
    }
}

#[test]
fn tables_stay_within_their_bounds_and_states_are_equal() {
    let (mut random, mut model, mut twice) = (Random::new(7), LineModel::new(SMALL), LineModel::new(SMALL));
    let mut sizes = Vec::new();
    for second in 0..30_000u64 {
        let line = made_line(&mut random, second);
        assert_eq!(observe(&mut model, &line), observe(&mut twice, &line));
        assert!(model.templates() <= SMALL.templates);
        if second % 10_000 == 9999 {
            assert_eq!(model.hash_state(), twice.hash_state());
            sizes.push(model.measure());
        }
    }
    assert!(sizes[2] < 2 * sizes[0] + 1_000_000, "{sizes:?} bytes after 10,000, 20,000 and 30,000 lines");
}

#[test]
fn a_model_that_was_saved_goes_on_as_if_it_had_not_been() {
    for limits in [SMALL, LineLimits::default()] {
        let (mut random, mut whole) = (Random::new(11), LineModel::new(limits));
        for part in 0..6u64 {
            let mut restored = LineModel::new(limits);
            restored.decode(&whole.encode()).expect("what was written is read");
            assert_eq!(whole.hash_state(), restored.hash_state());
            for second in 0..700 {
                let line = made_line(&mut random, part * 700 + second);
                assert_eq!(observe(&mut whole, &line), observe(&mut restored, &line), "part {part} second {second}");
            }
            assert_eq!(whole.hash_state(), restored.hash_state());
        }
        let bytes = whole.encode();
        for cut in (0..bytes.len()).step_by(bytes.len() / 200 + 1) {
            assert!(LineModel::new(limits).decode(&bytes[..cut]).is_err());
        }
    }
}

#[test]
fn joining_templates_keeps_their_lines_and_the_number_of_the_most_frequent() {
    let mut model = LineModel::new(LineLimits::default());
    let mut first = Vec::new();
    for (round, user) in ["anna", "bela", "bela", "bela", "chloe", "dilip", "emre"].iter().enumerate() {
        let line = format!("session opened for user {user} by root port {round}");
        let reading = model.read(line.as_bytes(), None);
        model.observe(&reading, 0.0);
        first.push(reading.template);
    }
    assert_eq!(model.template_counts(), vec![(first[1], 7)]);
    assert!(first.iter().all(|number| model.current_template(*number) == first[1]));
    let slots = model.slots(first[1]).expect("the template is there");
    assert_eq!(slots.iter().map(|s| s.name.as_str()).collect::<Vec<_>>(), ["user", "port"]);
    assert_eq!(slots[0].likeliest[0].text, "bela");
    assert_eq!(model.template_text(first[1]).as_deref(), Some("session opened for user <word> by root port <number>"));
}

#[test]
fn the_template_of_an_access_log_reads_as_a_request() {
    let mut model = LineModel::new(LineLimits::default());
    let mut template = 0;
    for i in 0..60 {
        let line = format!(
            "10.0.0.{} - - [02/Mar/2026:13:51:{:02} +0000] \"GET /item/{i} HTTP/1.1\" 200 {}",
            i % 9,
            i % 60,
            500 + i
        );
        let reading = model.read(line.as_bytes(), None);
        model.observe(&reading, 0.0);
        template = reading.template;
    }
    let text = model.template_text(template).expect("the template is there");
    assert!(text.contains(" HTTP/<") && !text.contains("HTTP/="), "{text}");
}
