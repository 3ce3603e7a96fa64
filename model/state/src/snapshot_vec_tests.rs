use super::*;
use crate::incremental_copy;

#[derive(Clone)]
struct Toy {
    a: SnapshotVec<u32>,
    b: Option<SnapshotVec<[u8; 3]>>,
    many: Vec<SnapshotVec<u64>>,
    n: u32,
}
incremental_copy!(Toy { large: a, b, many; small: n });

fn same(x: &Toy, y: &Toy) -> bool {
    let many = x.many.len() == y.many.len() && x.many.iter().zip(&y.many).all(|(x, y)| **x == **y);
    *x.a == *y.a && x.b.as_deref() == y.b.as_deref() && many && x.n == y.n
}

fn random(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *seed >> 33
}

/// Any change that a state can go through.
fn change(t: &mut Toy, seed: &mut u64) {
    let (what, x) = (random(seed) % 64, random(seed));
    let at = |len: usize| x as usize % len.max(1);
    t.n = x as u32;
    match what {
        0 => t.a.push(x as u32),
        1 => t.a.all_mut().extend_from_within(..),
        2 => drop(t.a.replace(vec![x as u32; 1 + x as usize % 5000])),
        3 => t.b = None,
        4 => t.b = Some(SnapshotVec::new(vec![[x as u8; 3]; x as usize % 4000])),
        5 => t.many.push(SnapshotVec::new(vec![x; x as usize % 3000])),
        6 => drop(t.many.pop()),
        7 => t.many.reverse(),
        8 => t.a.all_mut().truncate(20_000),
        9 => {
            let i = at(t.a.len());
            let end = (i + x as usize % 900).min(t.a.len());
            t.a.part_mut(i..end).fill(x as u32);
        }
        10..40 => {
            let i = at(t.a.len());
            if i < t.a.len() {
                t.a[i] = x as u32;
            }
        }
        _ => {
            let n = t.many.len();
            if let Some(m) = t.many.get_mut(x as usize % n.max(1)).filter(|m| !m.is_empty()) {
                let i = at(m.len());
                m[i] = x;
            }
            if let Some(b) = t.b.as_mut().filter(|b| !b.is_empty()) {
                let i = at(b.len());
                b[i] = [x as u8; 3];
            }
        }
    }
}

#[test]
fn a_copy_is_of_its_moment_whatever_happens_while_it_is_made() {
    let mut seed = 1;
    let mut t = Toy { a: SnapshotVec::new(vec![7; 3000]), b: None, many: Vec::new(), n: 0 };
    let mut spare: Option<Toy> = None;
    for round in 0..600 {
        let mut copy = spare.take().unwrap_or_else(|| t.empty_copy());
        // prepared in part, in whole, or not at all
        for _ in 0..round % 7 {
            t.reserve(&mut copy, &mut (random(&mut seed) as usize % 9000));
            change(&mut t, &mut seed);
        }
        t.begin_copy(&mut copy);
        let then = t.clone();
        if round % 11 == 10 {
            continue; // given up
        }
        while {
            (0..random(&mut seed) % 20).for_each(|_| change(&mut t, &mut seed));
            !t.copy_some(&mut (random(&mut seed) as usize % 9000))
        } {}
        copy.finish_copy();
        assert!(same(&copy, &then), "round {round}");
        spare = Some(copy).filter(|_| round % 3 > 0);
    }
}

#[test]
fn no_slice_is_larger_than_asked_by_more_than_a_piece() {
    let mut t = SnapshotVec::new(vec![1u32; 100_000]);
    let mut copy = t.empty_copy();
    let mut slices = 0;
    while !t.reserve(&mut copy, &mut 10_000usize.clone()) {
        slices += 1;
        assert_eq!(copy.len(), slices * 2500);
    }
    t.begin_copy(&mut copy);
    let carried = |t: &SnapshotVec<u32>| t.copying.as_ref().map(|c| lock(c).next);
    for slice in 1..40 {
        assert!(!t.copy_some(&mut 10_000usize.clone()));
        assert_eq!(carried(&t), Some(slice * 10));
    }
}

#[test]
#[should_panic(expected = "a copy is settled when all of it was carried")]
fn a_copy_that_is_not_complete_is_not_used() {
    let mut t = SnapshotVec::new(vec![1u32; 1000]);
    let mut copy = t.empty_copy();
    t.reserve(&mut copy, &mut usize::MAX.clone());
    t.begin_copy(&mut copy);
    copy.finish_copy();
}
