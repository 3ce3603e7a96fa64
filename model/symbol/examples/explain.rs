//! Why a byte is likely to come next: `explain TEXT` learns a text, and prints the likeliest bytes after it with the
//! share that every expert and every piece of evidence has in the first of them.
use surmise_symbol::{Spec, SymbolModel};

fn main() {
    let text = std::env::args().nth(1).unwrap_or_else(|| "the cat sat on the mat and the cat sat on ".repeat(5));
    let spec = Spec::bytes(false, 16);
    println!("{}", spec.describe());
    let mut model = SymbolModel::new(spec);
    let mut key = model.new_key();
    for byte in text.bytes() {
        model.observe(&mut key, &[], u32::from(byte));
    }
    let probe = model.probe(&key);
    let likeliest = model.top(&probe, &[], 256, 5);
    for (symbol, p) in &likeliest {
        println!("{:?} {p:.4}", char::from(*symbol as u8));
    }
    let why = model.explain(&probe, &[], likeliest[0].0);
    println!("\nexperts: weight, and probability of {:?}", char::from(likeliest[0].0 as u8));
    for expert in &why.experts {
        println!("  {:<10} {:.4} {:.4}", expert.name, expert.weight, expert.probability);
    }
    println!("\nevidence: how far it moved the mixer's logit of {:.2}", why.mixer_logit);
    for evidence in &why.evidence {
        println!("  {:<10} {:+.3}", evidence.name, evidence.logit);
    }
}
