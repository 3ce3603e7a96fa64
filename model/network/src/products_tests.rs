//! Products and gradients against their definitions, to the bit.

use super::*;

fn numbers(n: usize, key: u64) -> Vec<f32> {
    (0..n).map(|i| crate::initial_weights::uniform(key, i)).collect()
}

/// `a * b + c` as this machine's kernel computes it.
fn multiply_add(a: f32, b: f32, c: f32) -> f32 {
    if Kernel::detect() == Kernel::Portable { a * b + c } else { a.mul_add(b, c) }
}

#[test]
fn a_product_is_its_definition_to_the_bit() {
    for (rows, inputs, outputs) in
        [(1, 5, 48), (2, 16, 96), (3, 64, 192), (5, 7, 144), (16, 48, 16), (9, 192, 64), (17, 33, 240)]
    {
        let (x_stride, y_stride) = (inputs + 3, outputs + 5);
        let (x, weights, y) = (numbers(rows * x_stride, 1), numbers(inputs * outputs, 2), numbers(rows * y_stride, 3));
        let mut got = y.clone();
        product(
            StridedRows { data: &x, stride: x_stride, offset: 2 },
            Matrix { weights: &weights, inputs, outputs },
            &mut got,
            RowPlaces { stride: y_stride, offset: 4, rows },
        );
        for r in 0..rows {
            for j in 0..y_stride {
                let at = r * y_stride + j;
                let term =
                    |sum, i: usize, column| multiply_add(x[r * x_stride + 2 + i], weights[i * outputs + column], sum);
                let want = match j.checked_sub(4).filter(|column| *column < outputs) {
                    None => y[at],
                    Some(column) => (0..inputs).fold(y[at], |sum, i| term(sum, i, column)),
                };
                assert_eq!(got[at].to_bits(), want.to_bits(), "{rows}x{inputs}x{outputs}: {r}, {j}");
            }
        }
    }
}

#[test]
fn a_gradient_is_its_definition_to_the_bit() {
    for (rows, inputs, gates) in [(1, 1, 48), (5, 3, 96), (64, 2, 48), (97, 7, 48), (300, 16, 144)] {
        let x_stride = inputs + 2;
        let (x, du) = (numbers(rows * x_stride, 1), numbers(rows * gates, 2));
        let [mut w, mut v] = [(); 2].map(|()| vec![0.0; inputs * gates]);
        // what the workspace held before must not matter
        let mut sums = vec![f32::NAN; inputs * gates];
        let x_rows = StridedRows { data: &x, stride: x_stride, offset: 1 };
        let updated = UpdatedMatrix { inputs, gates, w: &mut w, v: &mut v };
        outer_update(x_rows, &du, updated, &mut sums, &Rule::probe());
        for (at, got) in v.iter().enumerate() {
            let (i, j) = (at / gates, at % gates);
            let term = |sum, r: usize| multiply_add(x[r * x_stride + 1 + i], du[r * gates + j], sum);
            let want = (0..rows).fold(0.0, term);
            assert_eq!(got.to_bits(), want.to_bits(), "{rows}x{inputs}x{gates}: {at}");
        }
    }
}

#[test]
fn a_transposition_is_its_definition() {
    let (from, mut to) = (numbers(32 * 48, 1), vec![0.0; 32 * 48]);
    transpose(&from, 48, &mut to);
    assert!((0..32).all(|i| (0..48).all(|j| to[j * 32 + i] == from[i * 48 + j])));
}
