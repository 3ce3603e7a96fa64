//! Copies made in slices, held against clones of the same moment.

use super::*;
use crate::incremental_copy;

#[derive(Clone)]
struct CopiedState {
    array: SnapshotVec<u32>,
    optional: Option<SnapshotVec<[u8; 3]>>,
    many: Vec<SnapshotVec<u64>>,
    number: u32,
}
incremental_copy!(CopiedState { large: array, optional, many; small: number });

fn same(x: &CopiedState, y: &CopiedState) -> bool {
    let many = x.many.len() == y.many.len() && x.many.iter().zip(&y.many).all(|(x, y)| **x == **y);
    *x.array == *y.array && x.optional.as_deref() == y.optional.as_deref() && many && x.number == y.number
}

fn random(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *seed >> 33
}

/// Any change that a state can go through.
fn change(state: &mut CopiedState, seed: &mut u64) {
    let (what, x) = (random(seed) % 64, random(seed));
    let place = |len: usize| x as usize % len.max(1);
    state.number = x as u32;
    match what {
        0 => state.array.push(x as u32),
        1 => state.array.all_mut().extend_from_within(..),
        2 => drop(state.array.replace(vec![x as u32; 1 + x as usize % 5000])),
        3 => state.optional = None,
        4 => state.optional = Some(SnapshotVec::new(vec![[x as u8; 3]; x as usize % 4000])),
        5 => state.many.push(SnapshotVec::new(vec![x; x as usize % 3000])),
        6 => drop(state.many.pop()),
        7 => state.many.reverse(),
        8 => state.array.all_mut().truncate(20_000),
        9 => {
            let i = place(state.array.len());
            let end = (i + x as usize % 900).min(state.array.len());
            state.array.part_mut(i..end).fill(x as u32);
        }
        10..40 => {
            let i = place(state.array.len());
            if i < state.array.len() {
                state.array[i] = x as u32;
            }
        }
        _ => {
            let n = state.many.len();
            if let Some(one) = state.many.get_mut(x as usize % n.max(1)).filter(|one| !one.is_empty()) {
                let i = place(one.len());
                one[i] = x;
            }
            if let Some(one) = state.optional.as_mut().filter(|one| !one.is_empty()) {
                let i = place(one.len());
                one[i] = [x as u8; 3];
            }
        }
    }
}

#[test]
fn a_copy_is_of_its_moment_whatever_happens_while_it_is_made() {
    let mut seed = 1;
    let mut state = CopiedState { array: SnapshotVec::new(vec![7; 3000]), optional: None, many: Vec::new(), number: 0 };
    let mut spare: Option<CopiedState> = None;
    for round in 0..600 {
        let mut copy = spare.take().unwrap_or_else(|| state.empty_copy());
        // memory is reserved in part, in whole, or not at all
        for _ in 0..round % 7 {
            state.reserve(&mut copy, &mut (random(&mut seed) as usize % 9000));
            change(&mut state, &mut seed);
        }
        state.begin_copy(&mut copy);
        let clone = state.clone();
        if round % 11 == 10 {
            continue; // the copy is abandoned
        }
        while {
            (0..random(&mut seed) % 20).for_each(|_| change(&mut state, &mut seed));
            !state.copy_some(&mut (random(&mut seed) as usize % 9000))
        } {}
        copy.finish_copy();
        assert!(same(&copy, &clone), "round {round}");
        spare = Some(copy).filter(|_| round % 3 > 0);
    }
}

#[test]
fn no_slice_is_larger_than_asked_by_more_than_a_piece() {
    let mut array = SnapshotVec::new(vec![1u32; 100_000]);
    let mut copy = array.empty_copy();
    let mut slices = 0;
    while !array.reserve(&mut copy, &mut 10_000) {
        slices += 1;
        assert_eq!(copy.len(), slices * 2500);
    }
    array.begin_copy(&mut copy);
    let copied = |array: &SnapshotVec<u32>| array.copying.as_ref().map(|c| lock(c).next);
    for slice in 1..40 {
        assert!(!array.copy_some(&mut 10_000));
        assert_eq!(copied(&array), Some(slice * 10));
    }
}

#[test]
#[should_panic(expected = "a copy is finished after all of it was copied")]
fn a_copy_that_is_not_complete_is_not_used() {
    let mut array = SnapshotVec::new(vec![1u32; 1000]);
    let mut copy = array.empty_copy();
    let mut budget_bytes = usize::MAX;
    array.reserve(&mut copy, &mut budget_bytes);
    array.begin_copy(&mut copy);
    copy.finish_copy();
}
