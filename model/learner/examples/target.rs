//! Scores one column of a CSV file given all others: `target FILE COLUMN`.
use surmise_event::{Data, Datum, Field, FieldKind, Limits, Record, Schema};
use surmise_learner::{Learner, Options};

fn main() {
    let a: Vec<String> = std::env::args().collect();
    let text = std::fs::read_to_string(&a[1]).expect("the file can be read");
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().expect("a line of names").split(',').collect();
    let kind = |n: &&str| if **n == a[2] { FieldKind::Category } else { FieldKind::Number };
    let schema = Schema::new(names.iter().map(|n| Field::new(*n, kind(n))));
    let options = Options { target: Some(a[2].clone()), ..Options::default() };
    let mut l = Learner::new(schema, options).expect("the target is a column");
    l.set_ranks(true);
    for line in lines {
        let datum = |(n, x): (&&str, &str)| {
            let d = match (kind(n), x.parse()) {
                (FieldKind::Number, Ok(x)) => Datum::Number(x),
                (FieldKind::Number, Err(_)) => Datum::Null,
                _ => Datum::Text(x.into()),
            };
            (Box::from(*n), d)
        };
        let data = Data::Fields(names.iter().zip(line.split(',')).map(datum).collect());
        let event = l.bind(&Record { data, ..Record::default() }, &Limits::default()).expect("the record fits");
        l.observe(&event);
    }
    let r = l.report();
    println!("{}", serde_json::to_string_pretty(&r.fields).expect("a report is plain data"));
    for e in &r.experts {
        println!("{}", serde_json::to_string(e).expect("a report is plain data"));
    }
}
