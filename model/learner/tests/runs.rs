//! How a producer cuts its bytes into records changes nothing of what is learnt, though the network runs ahead in each.

use surmise_event::{Data, Datum, Limits, Record, Schema};
use surmise_learner::{Learner, Options};

#[test]
fn bytes_are_learnt_the_same_however_they_are_cut() {
    let text: Vec<u8> = (0..4000u32).map(|i| b' ' + (i * i / 7 % 23 + i % 5 * 9) as u8).collect();
    let (cut_here, rest) = text.split_at(3700);
    let mut want = None;
    for cut in [1, 7, 64, cut_here.len()] {
        let mut l = Learner::new(Schema::bytes(), Options::default()).unwrap();
        let mut see = |run: &[u8]| {
            let record = Record { data: Data::One(Datum::Bytes(run.into())), ..Record::default() };
            let event = l.bind(&record, &Limits::default()).unwrap();
            l.observe(&event).surprise_bits
        };
        cut_here.chunks(cut).for_each(|run| assert!(see(run) > 0.0));
        // byte by byte, as sums round otherwise
        let after: Vec<u64> = rest.chunks(1).map(|b| see(b).to_bits()).collect();
        assert_eq!(&after, want.get_or_insert_with(|| after.clone()), "records of {cut} bytes");
    }
}
