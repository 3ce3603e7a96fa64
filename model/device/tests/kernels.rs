//! Every kernel by itself, against the obvious loops in double precision.

mod common;
use common::difference;
use surmise_device::machine::*;
use surmise_emulation::Emulated;
use surmise_fixtures::Random;

/// An emulated machine, and numbers to put into its memory.
struct KernelBench {
    machine: Emulated,
    rng: Random,
}

impl KernelBench {
    fn new(seed: u64) -> KernelBench {
        KernelBench { machine: Emulated::new(), rng: Random::new(seed) }
    }

    fn random(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| self.rng.signed()).collect()
    }

    fn put(&mut self, x: &[f32]) -> Memory {
        self.put_words(words(x))
    }

    fn put_words(&mut self, x: &[u32]) -> Memory {
        let m = self.machine.allocate(x.len()).unwrap();
        self.machine.write(m, x).unwrap();
        m
    }

    fn get(&mut self, m: Memory) -> Vec<f32> {
        let mut x = vec![0.0; m.words];
        self.machine.read(m, words_mut(&mut x)).unwrap();
        x
    }

    fn launch<A>(&mut self, kernel: DeviceKernel, threads: usize, arguments: &A) {
        assert_eq!(size_of::<A>(), kernel.arguments());
        // SAFETY: the tests give kernels memory of the lengths that they need.
        unsafe { self.machine.launch(kernel, threads, std::ptr::from_ref(arguments).cast()).unwrap() };
    }
}

fn floats(x: &[f64]) -> Vec<f32> {
    x.iter().map(|x| *x as f32).collect()
}

#[test]
fn products_turn_stride_and_add() {
    for (m, k, n) in [(1, 1, 1), (5, 17, 3), (16, 40, 48)] {
        for mask in 0..8u32 {
            let (transposed_a, transposed_b, add) = (mask & 1, mask >> 1 & 1, mask >> 2);
            let mut b = KernelBench::new(3);
            let stride = |turned: u32, rows: usize, columns: usize| if turned == 1 { rows + 2 } else { columns + 5 };
            let (sa, sb, sc) = (stride(transposed_a, m, k), stride(transposed_b, k, n), n + 3);
            let (x, w, c) = (b.random(sa * m.max(k)), b.random(sb * k.max(n)), b.random(sc * m));
            let mut want = c.iter().map(|c| f64::from(*c)).collect::<Vec<_>>();
            for (i, j) in (0..m).flat_map(|i| (0..n).map(move |j| (i, j))) {
                let term = |q: usize| {
                    let x = x[if transposed_a == 1 { q * sa + i } else { i * sa + q }];
                    f64::from(x) * f64::from(w[if transposed_b == 1 { j * sb + q } else { q * sb + j }])
                };
                let start = if add == 1 { want[i * sc + j] } else { 0.0 };
                want[i * sc + j] = start + (0..k).map(term).sum::<f64>();
            }
            let (at_x, at_w, at_c) = (b.put(&x), b.put(&w), b.put(&c));
            let p = Product {
                m: m as i64,
                k: k as i64,
                n: n as i64,
                a_stride: sa as i64,
                b_stride: sb as i64,
                c_stride: sc as i64,
                a: at_x.address,
                b: at_w.address,
                c: at_c.address,
                transposed_a,
                transposed_b,
                add,
                unused: 0,
            };
            b.launch(DeviceKernel::Product, m * n, &p);
            assert!(difference(&b.get(at_c), &floats(&want)) < 1e-6, "{m} {k} {n} {mask}");
        }
    }
}

#[test]
fn sums_of_rows_are_in_order() {
    let mut b = KernelBench::new(4);
    let x = b.random(40 * 16);
    let (starts, rows) = ([0u32, 3, 3, 8], [39u32, 0, 7, 7, 1, 2, 3, 12]);
    let at = b.put(&x);
    for listed in [true, false] {
        let (s, r, out) = (b.put_words(&starts), b.put_words(&rows), b.put(&[9.0; 48]));
        let rows_at = if listed { r.address } else { 0 };
        b.launch(
            DeviceKernel::SumRows,
            48,
            &SumRows { sums: 3, width: 16, starts: s.address, rows: rows_at, x: at.address, out: out.address },
        );
        let want: Vec<f32> = (0..48)
            .map(|i| {
                let (s, j) = (i / 16, i % 16);
                let row = |i: u32| if listed { rows[i as usize] } else { i } as usize;
                (starts[s]..starts[s + 1]).fold(0.0, |t, i| t + x[row(i) * 16 + j])
            })
            .collect();
        assert_eq!(b.get(out), want, "listed {listed}");
    }
}

#[test]
fn a_gathered_row_is_the_bias_and_a_row_of_each_table() {
    let mut b = KernelBench::new(5);
    let (n, g, tables, rows) = (7, 48, 2, 5);
    let weights = b.random((tables * rows + 1) * g);
    let ids: Vec<u32> = (0..n * tables).map(|i| if i % 4 == 3 { u32::MAX } else { (i % rows) as u32 }).collect();
    let (w, i, u) = (b.put(&weights), b.put_words(&ids), b.put(&vec![0.0; n * g]));
    let a = Gather {
        n: n as i64,
        gates: g as i64,
        tables: tables as i64,
        rows: rows as i64,
        ids: i.address,
        weights: w.address,
        u: u.address,
    };
    b.launch(DeviceKernel::Gather, n * g, &a);
    let want: Vec<f32> = (0..n * g)
        .map(|at| {
            let (r, j) = (at / g, at % g);
            (0..tables).filter(|k| ids[r * tables + k] != u32::MAX).fold(weights[tables * rows * g + j], |t, k| {
                t + weights[(k * rows + ids[r * tables + k] as usize) * g + j]
            })
        })
        .collect();
    assert_eq!(b.get(u), want);
}

#[test]
fn the_scan_is_the_recurrence_and_saturates_without_loss() {
    let mut b = KernelBench::new(6);
    let (n, h, width, offset) = (6, 16, 48, 16);
    let u: Vec<f32> = b.random(n * 3 * h).iter().map(|x| x * 40.0).collect();
    let carry = b.random(2 * h);
    let (starts, rows) = ([0u32, 4, 6], [0u32, 2, 3, 5, 1, 4]);
    let (s, r, gates, before) = (b.put_words(&starts), b.put_words(&rows), b.put(&u), b.put(&vec![0.0; n * h]));
    let (hs, y, at) = (b.put(&vec![0.0; n * h]), b.put(&vec![0.0; n * width]), b.put(&carry));
    let a = Scan {
        sequences: 2,
        hidden: h as i64,
        width: width as i64,
        offset: offset as i64,
        starts: s.address,
        rows: r.address,
        gates: gates.address,
        before: before.address,
        h: hs.address,
        y: y.address,
        carry: at.address,
    };
    b.launch(DeviceKernel::Scan, 2 * h, &a);
    let mut want_y = vec![0f64; n * width];
    let mut last = carry.iter().map(|x| f64::from(*x)).collect::<Vec<_>>();
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    for q in 0..2 {
        for i in starts[q]..starts[q + 1] {
            let r = rows[i as usize] as usize;
            for j in 0..h {
                let [z, c, o] = [0, 1, 2].map(|k| f64::from(u[r * 3 * h + k * h + j]));
                let hp = &mut last[q * h + j];
                *hp += sigmoid(z.clamp(-20.0, 20.0)) * (c.tanh() - *hp);
                want_y[r * width + offset + j] = sigmoid(o) * *hp;
            }
        }
    }
    assert!(difference(&b.get(y), &floats(&want_y)) < 1e-6);
    assert!(difference(&b.get(at), &floats(&last)) < 1e-6);
}

#[test]
fn the_softmax_is_one_at_any_width_and_size() {
    for width in [1, 7, 32, 33, 256] {
        let mut b = KernelBench::new(7);
        let n = 5;
        let logits: Vec<f32> = b.random(n * width).iter().map(|x| x * 60.0).collect();
        let bias = b.random(width);
        let targets: Vec<u32> = (0..n).map(|r| (r * 3 % width) as u32).collect();
        let (l, c, t) = (b.put(&logits), b.put(&bias), b.put_words(&targets));
        let (top, total, loss) = (b.put(&[0.0; 160]), b.put(&[0.0; 160]), b.put(&[0.0; 5]));
        let (rows, columns) = (n as i64, width as i64);
        let (logits_at, targets_at, top_at, total_at) = (l.address, t.address, top.address, total.address);
        b.launch(
            DeviceKernel::SoftmaxPart,
            n * 32,
            &SoftmaxPart { n: rows, width: columns, logits: l.address, bias: c.address, top: top_at, total: total_at },
        );
        let join = SoftmaxJoin {
            n: rows,
            width: columns,
            logits: logits_at,
            targets: targets_at,
            top: top_at,
            total: total_at,
            loss: loss.address,
        };
        b.launch(DeviceKernel::SoftmaxJoin, n, &join);
        let error = SoftmaxError {
            n: rows,
            width: columns,
            logits: logits_at,
            targets: targets_at,
            top: top_at,
            total: total_at,
        };
        b.launch(DeviceKernel::SoftmaxError, n * width, &error);
        let (got, losses) = (b.get(l), b.get(loss));
        for r in 0..n {
            let x: Vec<f64> = (0..width).map(|j| f64::from(logits[r * width + j] + bias[j])).collect();
            let top = x.iter().copied().fold(f64::MIN, f64::max);
            let sum: f64 = x.iter().map(|x| (x - top).exp()).sum();
            let target = targets[r] as usize;
            let want = top + sum.ln() - x[target];
            assert!((f64::from(losses[r]) - want).abs() < 2e-5 * (1.0 + want), "{} for {want}", losses[r]);
            for j in 0..width {
                let p = (x[j] - top).exp() / sum - f64::from(u8::from(j == target));
                assert!((f64::from(got[r * width + j]) - p).abs() < 2e-6, "width {width}");
            }
        }
    }
}

#[test]
fn the_rule_moves_the_named_rows_and_counts() {
    let mut b = KernelBench::new(8);
    let (w, v, g) = (b.random(5 * 16), b.random(5 * 16).iter().map(|x| x.abs()).collect::<Vec<_>>(), b.random(2 * 16));
    let one = 1f64.to_bits();
    let progress = b.put_words(&[one as u32, (one >> 32) as u32, 0, 0, 0, 0]);
    let (at_w, at_v, at_g, to) = (b.put(&w), b.put(&v), b.put(&g), b.put_words(&[4, 1]));
    let (lr, rate, floor) = (5e-3, 1e-3, 1e-12);
    let begin = BeginUpdate { progress: progress.address, rate, unused: 0 };
    let update = Update {
        sums: 2,
        width: 16,
        to: to.address,
        gradient: at_g.address,
        w: at_w.address,
        v: at_v.address,
        progress: progress.address,
        lr,
        rate,
        floor,
        unused: 0,
    };
    b.launch(DeviceKernel::BeginUpdate, 1, &begin);
    b.launch(DeviceKernel::Update, 32, &update);
    let (mut want, mut moments) = (w.clone(), v.clone());
    for (s, row) in [4, 1].into_iter().enumerate() {
        for j in 0..16 {
            let (g, v) = (f64::from(g[s * 16 + j]), &mut moments[row * 16 + j]);
            *v = (f64::from(*v) + f64::from(rate) * (g * g - f64::from(*v))) as f32;
            let root = (f64::from(*v) / f64::from(rate) + f64::from(floor)).sqrt();
            want[row * 16 + j] = (f64::from(w[row * 16 + j]) - f64::from(lr) * g / root) as f32;
        }
    }
    assert!(difference(&b.get(at_w), &want) < 1e-6 && difference(&b.get(at_v), &moments) < 1e-6);
    // a spoilt chunk is counted and changes nothing
    let spoil = Memory { words: 1, ..progress.after(3) };
    b.machine.write(spoil, &[1]).unwrap();
    let before = (b.get(at_w), b.get(at_v));
    b.launch(DeviceKernel::BeginUpdate, 1, &begin);
    b.launch(DeviceKernel::Update, 32, &update);
    assert_eq!((b.get(at_w), b.get(at_v)), before);
    let mut counts = [0; 6];
    b.machine.read(progress, &mut counts).unwrap();
    assert_eq!(counts[4..], [1, 1]);
}
