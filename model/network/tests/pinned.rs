//! Both engines and the tree head against losses that another implementation computed: `reference/make_reference.py`,
//! JAX in float64 with JAX's own gradients. Initial weights are the same bits; everything after is compared.

use surmise_network::{Engine, NONE, Rates, Recurrence, Sequence, Shape, TreeHead};

/// Largest relative error of a chunk's loss (f32 against f64 through ten updates).
const LOSS_ERROR_MAX: f64 = 1e-5;

/// Largest error of a hidden state at the end.
const HIDDEN_ERROR_MAX: f64 = 2e-5;

fn numbers(v: &serde_json::Value) -> Vec<f64> {
    v.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

fn check(engine: Engine) {
    let json: serde_json::Value = serde_json::from_str(include_str!("../reference/glr.json")).unwrap();
    let size = |n: &str| json[n].as_u64().unwrap() as usize;
    let shape = Shape {
        layers: size("layers"),
        hidden: size("hidden"),
        tables: size("tables"),
        dense: size("dense"),
        chunk: size("chunk"),
    };
    let text = json["text"].as_str().unwrap().as_bytes();
    let mut net = Recurrence::new(shape, Rates::default(), 256, json["seed"].as_u64().unwrap(), engine);
    let mut head = TreeHead::new(net.width(), 256, json["head_lr"].as_f64().unwrap() as f32);
    let mut seq = Sequence::new(&shape);
    let mut losses = vec![0f64; text.len() / shape.chunk];
    for t in 0..text.len() {
        let ids: Vec<u32> = (0..shape.tables).map(|k| if t > k { text[t - 1 - k] as u32 } else { NONE }).collect();
        net.step(&mut seq, &ids, &[(t % 7) as f32 / 8.0, if t % 3 == 0 { -0.5 } else { 0.25 }]);
        if t == 1 {
            same_start(&net, &json["initial"]);
        }
        let (y, dy) = net.features_and_gradient();
        let mut node = 1;
        for s in (0..8).rev() {
            let bit = text[t] as u32 >> s & 1;
            let x = head.logit(node, y) as f64;
            losses[t / shape.chunk] += (if bit == 1 { -x } else { x }).exp().ln_1p();
            let p = (1.0 / (1.0 + (-x).exp())) as f32;
            head.learn(node, p - bit as f32, y, dy);
            node = node * 2 + bit;
        }
        net.finish();
    }
    let want = numbers(&json["losses"]);
    let worst = losses.iter().zip(&want).fold(0f64, |m, (a, b)| m.max((a / b - 1.0).abs()));
    let hidden = seq.values().iter().zip(numbers(&json["h"])).fold(0f64, |m, (a, b)| m.max((*a as f64 - b).abs()));
    println!("{engine}: loss {worst:.1e}, hidden state {hidden:.1e}");
    assert_eq!((losses.len(), net.updates()), (10, 10));
    assert!(
        worst < LOSS_ERROR_MAX && hidden < HIDDEN_ERROR_MAX,
        "{engine}: loss {worst:.1e}, hidden state {hidden:.1e}"
    );
}

/// The first weights of some rows; the gates' bias goes through a logarithm, so it is compared to the last bits.
fn same_start(net: &Recurrence, json: &serde_json::Value) {
    let weights = net.weights();
    let start = |name: &str, row: usize| -> Vec<f64> {
        let w = &weights.iter().find(|w| w.0 == name).unwrap().1;
        w[row * 96..row * 96 + 4].iter().map(|x| *x as f64).collect()
    };
    assert_eq!(start("l0.e0", 0), numbers(&json["l0.e0[0]"]));
    assert_eq!(start("l1.below", 31), numbers(&json["l1.below[31]"]));
    for (a, b) in start("l0.bias", 0).iter().zip(numbers(&json["l0.bias"])) {
        assert!((a - b).abs() < 1e-6, "{a} {b}");
    }
}

#[test]
fn fused_has_the_pinned_losses() {
    check(Engine::Fused);
}

#[test]
fn dfdx_has_the_pinned_losses() {
    check(Engine::Dfdx);
}
