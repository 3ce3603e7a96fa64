//! Prints which file of a package uses which, for looking into a circle that the rules report:
//! `cargo run -p surmise-rules --example arrows -- clients/cli/src/main.rs [FILE]`.

fn main() {
    let mut arguments = std::env::args().skip(1);
    let root = arguments.next().expect("name a root file, as clients/cli/src/main.rs");
    let only = arguments.next();
    for arrow in surmise_rules::Modules::below(&root).uses() {
        if only.as_ref().is_none_or(|f| arrow.of.ends_with(f.as_str())) {
            println!("{} -> {}", arrow.from, arrow.of);
        }
    }
}
