//! Scratch.
use surmise_replay::*;
fn main() {
    let mut so = SourceOptions::default();
    let mut ro = ReplayOptions::default();
    let mut a = std::env::args().skip(1);
    while let Some(x) = a.next() {
        let mut v = || a.next().unwrap();
        match x.as_str() {
            "--format" => so.format = Some(v().parse().unwrap()),
            "--key" => so.key = Some(v()),
            "--time" => so.time = Some(v()),
            "--field" => so.fields.push(v().parse().unwrap()),
            "--target" => ro.learner.target = Some(v()),
            "--net" => ro.learner.network = serde_json::from_value(serde_json::Value::String(v())).unwrap(),
            "--unit-rows" => ro.unit_rows = Some(v().parse().unwrap()),
            "--score-rows" => ro.score_rows = Some(v().parse().unwrap()),
            "--scores" => ro.scores = Some(v().into()),
            "--labels" => ro.labels = Some(Labels::read(v().as_ref()).unwrap()),
            "--horizon" => ro.horizon = Some(v().parse().unwrap()),
            f => so.files.push(f.into()),
        }
    }
    let s = Source::open(&so).unwrap();
    for n in s.notes() {
        eprintln!("{n}");
    }
    let r = replay(s, &ro, |_| {}).unwrap();
    println!("{}", serde_json::to_string_pretty(&r).unwrap());
}
