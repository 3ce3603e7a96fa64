//! What one file of Rust defines: types, functions and their lengths, identifiers.

use crate::files::File;
use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use std::collections::BTreeSet;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// A type that a file defines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeName {
    /// Its name.
    pub name: String,
    /// The line, from 1.
    pub line: usize,
}

/// A function that a file defines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// The line at which it begins, from 1.
    pub line: usize,
    /// How many lines it takes, its attributes and documentation left out.
    pub lines: usize,
    /// Its return type as tokens with blanks between them; empty if there is none.
    pub returns: String,
}

/// What a file defines. Tests inside the file are left out of types and functions.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Structs, enums, unions, traits and aliases, associated types left out.
    pub types: Vec<TypeName>,
    /// Functions and methods with a body.
    pub functions: Vec<Function>,
    /// Every identifier of the file, those of macros and of tests included.
    pub identifiers: BTreeSet<String>,
}

impl Facts {
    /// Reads a file.
    ///
    /// # Panics
    /// It is not Rust.
    pub fn of(file: &File) -> Facts {
        let mut facts = Facts::default();
        let tokens: TokenStream = file.text.parse().unwrap_or_else(|e| panic!("{}: {e}", file.path));
        identifiers(tokens, &mut facts.identifiers);
        let parsed = syn::parse_file(&file.text).unwrap_or_else(|e| panic!("{}: {e}", file.path));
        facts.visit_file(&parsed);
        facts
    }

    fn name_type(&mut self, name: &syn::Ident) {
        self.types.push(TypeName { name: name.to_string(), line: name.span().start().line });
    }

    fn add_function(&mut self, signature: &syn::Signature, body: &syn::Block) {
        let (first, last) = (signature.span().start().line, body.span().end().line);
        let returns = match &signature.output {
            syn::ReturnType::Default => String::new(),
            syn::ReturnType::Type(_, of) => tokens(of),
        };
        let name = signature.ident.to_string();
        self.functions.push(Function { name, line: first, lines: last + 1 - first, returns });
    }
}

/// Whether an item is there for tests only.
pub(crate) fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|a| {
        let text = tokens(&a.meta);
        a.path().is_ident("test") || a.path().is_ident("cfg") && text.contains("test") && !text.contains("not")
    })
}

fn tokens(of: &impl ToTokens) -> String {
    of.to_token_stream().to_string()
}

fn identifiers(tokens: TokenStream, found: &mut BTreeSet<String>) {
    for token in tokens {
        match token {
            TokenTree::Ident(i) => {
                found.insert(i.to_string());
            }
            TokenTree::Group(g) => identifiers(g.stream(), found),
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
}

impl<'a> Visit<'a> for Facts {
    fn visit_item(&mut self, item: &'a syn::Item) {
        let (attributes, name) = match item {
            syn::Item::Struct(i) => (&i.attrs, Some(&i.ident)),
            syn::Item::Enum(i) => (&i.attrs, Some(&i.ident)),
            syn::Item::Union(i) => (&i.attrs, Some(&i.ident)),
            syn::Item::Trait(i) => (&i.attrs, Some(&i.ident)),
            syn::Item::Type(i) => (&i.attrs, Some(&i.ident)),
            syn::Item::Fn(i) => (&i.attrs, None),
            syn::Item::Mod(i) => (&i.attrs, None),
            syn::Item::Impl(i) => (&i.attrs, None),
            _ => return visit::visit_item(self, item),
        };
        if is_test(attributes) {
            return;
        }
        if let Some(name) = name {
            self.name_type(name);
        }
        visit::visit_item(self, item);
    }

    fn visit_item_fn(&mut self, f: &'a syn::ItemFn) {
        self.add_function(&f.sig, &f.block);
        visit::visit_item_fn(self, f);
    }

    fn visit_impl_item_fn(&mut self, f: &'a syn::ImplItemFn) {
        if !is_test(&f.attrs) {
            self.add_function(&f.sig, &f.block);
            visit::visit_impl_item_fn(self, f);
        }
    }
}
