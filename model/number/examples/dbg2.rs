#![allow(missing_docs)]
#[path = "../tests/common/mod.rs"]
mod common;
use common::*;
use surmise_number::Context;
fn main() {
    let mut d = Draw(5);
    let mut s = Stream::new(2, plain());
    for t in 0..600 {
        let x = d.normal();
        let e = 0.01 * d.normal();
        let y = 3.0 * x + 5.0 + e;
        s.model.begin(&mut s.key, &Context::default());
        s.model.observe(&mut s.key, 0, x);
        let p = s.model.conditional_mean(1);
        if t > 150 && t % 8 == 0 { println!("{t} x {x:.3} noise {e:.4} error {:.4}  {}", p - y, s.model.debug(1)); }
        s.model.observe(&mut s.key, 1, y);
        s.model.finish(&mut s.key);
    }
}
