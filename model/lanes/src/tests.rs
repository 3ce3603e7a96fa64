//! Elementary functions against the system's, and the chosen kernel against the definition of its arithmetic.

use super::*;

#[test]
fn elementary_functions_are_accurate() {
    for i in -2000..2000 {
        let x = i as f32 * 0.043;
        let error = exp::<true>(x) as f64 / (x as f64).exp() - 1.0;
        assert!(error.abs() < 3e-7, "exp {x}: {error}");
        let p = 1.0 / (1.0 + (-x as f64).exp());
        assert!((sigmoid::<true>(x) as f64 - p).abs() < 3e-7, "sigmoid {x}");
        let y = (x as f64).exp() as f32;
        if y.is_normal() {
            assert!((ln::<true>(y) as f64 - (y as f64).ln()).abs() < 4e-6 * (1.0 + x.abs() as f64), "ln {y}");
            assert!((rsqrt::<true>(y) as f64 * (y as f64).sqrt() - 1.0).abs() < 1e-5, "rsqrt {y}");
        }
    }
    assert!(exp::<true>(f32::NAN).is_nan() && sigmoid::<false>(f32::NAN).is_nan());
}

kernels! {
    fn intrinsics[FMA](a: &[Block; 9], b: &[Block; 9]) -> (f32, Block) {
        let mut w = *b;
        super::add_scaled::<FMA, 9>(&mut w, a, 0.37);
        (super::dot::<FMA>(a, b), w[8])
    }

    fn plain_dot[FMA](a: &[Block], b: &[Block]) -> f32 {
        let mut sums = [0f32; LANES];
        for (x, y) in a.iter().zip(b) {
            for i in 0..LANES { sums[i] = madd::<FMA>(x[i], y[i], sums[i]); }
        }
        sum(&sums)
    }

    fn selected_sum(a: &Block, limit: f32) -> f32 {
        let mut selected = [0f32; LANES];
        for i in 0..LANES { selected[i] = select_or_zero(a[i] < limit, a[i]); }
        sum(&selected)
    }
}

#[test]
fn the_chosen_kernel_agrees_with_its_arithmetic() {
    let fused = Kernel::detect() != Kernel::Portable;
    let multiply_add = |a: f32, b: f32, c: f32| if fused { a.mul_add(b, c) } else { a * b + c };
    let a: [Block; 9] = std::array::from_fn(|i| std::array::from_fn(|j| ((i * 16 + j) as f32 * 0.37).sin()));
    let b: [Block; 9] = std::array::from_fn(|i| std::array::from_fn(|j| ((i * 16 + j) as f32 * 0.11).cos()));
    let mut sums = [0f32; LANES];
    for (x, y) in a.iter().zip(&b) {
        for i in 0..LANES {
            sums[i] = multiply_add(x[i], y[i], sums[i]);
        }
    }
    let want = sum(&sums);
    assert_eq!(plain_dot(&a, &b).to_bits(), want.to_bits());
    let (dot, last) = intrinsics(&a, &b);
    assert_eq!(dot.to_bits(), want.to_bits());
    for i in 0..LANES {
        assert_eq!(last[i].to_bits(), multiply_add(0.37, a[8][i], b[8][i]).to_bits());
    }
}

#[test]
fn a_kernel_that_does_not_fuse_names_no_constant() {
    let block: Block = std::array::from_fn(|i| i as f32);
    assert_eq!(selected_sum(&block, 4.0), 6.0);
    assert_eq!(selected_sum(&block, f32::NAN), 0.0);
}
