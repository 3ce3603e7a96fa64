//! Tests that a commit group is read as it was written, and that damage is found.

use super::*;
use proptest::prelude::*;
use surmise_event::{Feedback, FeedbackVerdict};

fn any_datum() -> impl Strategy<Value = Datum> {
    prop_oneof![
        Just(Datum::Null),
        any::<bool>().prop_map(Datum::Bool),
        any::<f64>().prop_filter("NaN is not equal to itself", |x| !x.is_nan()).prop_map(Datum::Number),
        (-1000i64..1000).prop_map(|x| Datum::Number(x as f64)),
        ".{0,20}".prop_map(|s| Datum::Text(s.into())),
        prop::collection::vec(-1e9f64..1e9, 0..5).prop_map(Datum::Numbers),
        prop::collection::vec(any::<u8>(), 0..20).prop_map(|b| Datum::Bytes(b.into())),
    ]
}

fn any_data() -> impl Strategy<Value = Data> {
    prop_oneof![
        Just(Data::None),
        any_datum().prop_map(Data::One),
        prop::collection::vec(("[a-e]{1,3}".prop_map(Box::from), any_datum()), 0..5).prop_map(Data::Fields),
        (any::<u64>(), any::<Option<bool>>(), prop::option::of("[a-z]{0,9}".prop_map(Box::from)), any::<Option<u32>>())
            .prop_map(|(offset, bad, label, incarnation)| {
                let verdict = bad.map(|bad| FeedbackVerdict::ALL[usize::from(bad)]);
                Data::Feedback(Box::new(Feedback { offset, verdict, label, incarnation }))
            }),
    ]
}

fn any_logged() -> impl Strategy<Value = Logged> {
    let record = (
        prop::option::of(".{0,9}".prop_map(Box::from)),
        any::<Option<i64>>(),
        any::<Option<i64>>(),
        any_data(),
        any::<bool>(),
    )
        .prop_map(|(key, time_us, arrival_us, data, end)| Record { key, time_us, arrival_us, data, end });
    let origin = ("[p-r]", 0u64..3, any::<u64>(), any::<Option<u64>>()).prop_map(|(p, epoch, seq, safe)| Origin {
        producer: p.as_str().into(),
        epoch,
        seq,
        safe,
    });
    (record, prop::option::of(origin), any::<Option<u128>>()).prop_map(|(record, origin, id)| Logged {
        record,
        origin,
        id: id.map(EventId),
    })
}

fn encode(records: &[Logged]) -> Group {
    let mut b = GroupBuilder::new(7, 1000);
    for l in records {
        b.push(&l.record, l.origin.as_ref(), l.id);
    }
    b.finish(1000 + records.len() as u64)
}

proptest! {
    #[test]
    fn groups_come_back(records in prop::collection::vec(any_logged(), 0..20)) {
        let g = encode(&records);
        let d = decode(&g.bytes).unwrap();
        prop_assert_eq!((d.stream, d.first_offset, d.span), (7, 1000, records.len() as u64));
        prop_assert_eq!(d.records, records);
    }

    #[test]
    fn damage_is_found(records in prop::collection::vec(any_logged(), 1..6), at: prop::sample::Index, bit in 0u8..8) {
        let mut bytes = encode(&records).bytes;
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        prop_assert!(decode(&bytes).is_err());
        bytes[at] ^= 1 << bit;
        prop_assert!(decode(&bytes[..at]).is_err());
    }

    #[test]
    fn a_false_checksum_does_not_save_it(mut payload: Vec<u8>) {
        // a forged checksum still cannot make the reader panic or allocate without bounds
        payload.splice(0..0, [7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&(payload.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&crc32fast::hash(&payload).to_le_bytes());
        bytes.extend_from_slice(&payload);
        let _ = decode(&bytes);
    }

    #[test]
    fn the_last_record_can_be_taken_back(records in prop::collection::vec(any_logged(), 1..6), more in any_logged()) {
        let mut b = GroupBuilder::new(7, 1000);
        for l in &records {
            b.push(&l.record, l.origin.as_ref(), l.id);
        }
        let mark = b.push(&more.record, more.origin.as_ref(), more.id);
        b.undo(mark);
        prop_assert_eq!(decode(&b.finish(1010).bytes).unwrap().records, records);
    }
}
