//! Matches over an enum that have an arm for all the rest.

use crate::files::File;
use quote::ToTokens;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// The lines of the matches in a file that name a variant of the enum and have an arm `_ =>` without a condition, or
/// one that binds all the rest to a name.
///
/// # Panics
/// The file is not Rust.
pub fn hidden_arms(file: &File, of: &str) -> Vec<usize> {
    let parsed = syn::parse_file(&file.text).unwrap_or_else(|e| panic!("{}: {e}", file.path));
    let mut arms = Arms { of: format!("{of} ::"), found: Vec::new() };
    arms.visit_file(&parsed);
    arms.found
}

struct Arms {
    of: String,
    found: Vec<usize>,
}

impl<'a> Visit<'a> for Arms {
    fn visit_expr_match(&mut self, m: &'a syn::ExprMatch) {
        let names = |arm: &syn::Arm| arm.pat.to_token_stream().to_string().contains(&self.of);
        let rest = |arm: &syn::Arm| {
            arm.guard.is_none()
                && match &arm.pat {
                    syn::Pat::Wild(_) => true,
                    // a name in small letters binds the rest; `None` is a variant
                    syn::Pat::Ident(i) => i.subpat.is_none() && i.ident.to_string().starts_with(char::is_lowercase),
                    _ => false,
                }
        };
        if m.arms.iter().any(names) {
            self.found.extend(m.arms.iter().filter(|a| rest(a)).map(|a| a.span().start().line));
        }
        visit::visit_expr_match(self, m);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arm_for_the_rest_is_found() {
        let file = |text: &str| File { path: "a.rs".into(), text: text.into() };
        let all = "fn f(k: Kind) -> u8 { match k { Kind::A => 1, Kind::B | Kind::C => 2 } }";
        let rest = "fn f(k: Kind) -> u8 {\n match k {\n Kind::A => 1,\n _ => 2 } }";
        let other = "fn f(k: u8) -> u8 { match k { 1 => 1, _ => 2 } }";
        assert!(hidden_arms(&file(all), "Kind").is_empty() && hidden_arms(&file(other), "Kind").is_empty());
        assert_eq!(hidden_arms(&file(rest), "Kind"), [4]);
    }
}
