//! The modules of a package: in which file each lies, and which of them uses which.

use crate::facts::is_test;
use crate::files::root;
use crate::graph::Graph;
use proc_macro2::{TokenStream, TokenTree};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use syn::visit::{self, Visit};

/// A name of one module: the names of the modules around it and its own.
type ModulePath = Vec<String>;

/// One file that uses something of another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Use {
    /// The file that uses, from the root of the repository.
    pub from: String,
    /// The file that is used.
    pub of: String,
}

/// The modules below one root file (`lib.rs`, `main.rs`).
#[derive(Debug, Default)]
pub struct Modules {
    /// The file of every module; an inline module lies in the file of the one around it.
    files: BTreeMap<ModulePath, String>,
    /// What a module hands on under a name of its own: the path that the name leads to.
    reexports: BTreeMap<(ModulePath, String), ModulePath>,
    /// Modules that hand on all that another one has.
    globs: BTreeMap<ModulePath, Vec<ModulePath>>,
    paths: BTreeSet<(ModulePath, ModulePath)>,
    /// Files of tests that belong to a module.
    test_files: BTreeSet<String>,
}

impl Modules {
    /// Reads the modules below a root file, named from the root of the repository.
    pub fn below(file: &str) -> Modules {
        let mut modules = Modules::default();
        let folder = Path::new(file).parent().expect("a file lies in a folder").to_owned();
        modules.read(file, folder, Vec::new());
        modules
    }

    /// All files of the modules, those of their tests included.
    pub fn files(&self) -> BTreeSet<String> {
        self.files.values().chain(&self.test_files).cloned().collect()
    }

    /// Which file uses which. What tests use is left out, and so is what a module only hands on.
    pub fn uses(&self) -> BTreeSet<Use> {
        let mut found = BTreeSet::new();
        for (from, path) in &self.paths {
            let of = &self.files[&self.resolve(path.clone(), 0)];
            if *of != self.files[from] {
                found.insert(Use { from: self.files[from].clone(), of: of.clone() });
            }
        }
        found
    }

    /// The uses as a graph, to look for circles in.
    pub fn graph(&self) -> Graph {
        let mut graph = Graph::new();
        for u in self.uses() {
            graph.entry(u.from).or_default().insert(u.of);
        }
        graph
    }

    /// The module in which the item at a path is defined.
    fn resolve(&self, path: ModulePath, depth: usize) -> ModulePath {
        let known = (0..=path.len()).rev().find(|n| self.files.contains_key(&path[..*n])).unwrap_or(0);
        let module = path[..known].to_vec();
        let Some(name) = path.get(known).filter(|_| depth < 8) else { return module };
        if let Some(to) = self.reexports.get(&(module.clone(), name.clone())) {
            return self.resolve(to.clone(), depth + 1);
        }
        module
    }

    fn read(&mut self, file: &str, folder: PathBuf, at: ModulePath) {
        let text = std::fs::read_to_string(root().join(file)).unwrap_or_else(|e| panic!("{file}: {e}"));
        let parsed = syn::parse_file(&text).unwrap_or_else(|e| panic!("{file}: {e}"));
        self.items(&parsed.items, file, &folder, at);
    }

    fn items(&mut self, items: &[syn::Item], file: &str, folder: &Path, at: ModulePath) {
        self.files.insert(at.clone(), file.to_owned());
        for item in items {
            match item {
                syn::Item::Mod(m) => self.module(m, file, folder, &at),
                syn::Item::Use(u) if !is_test(&u.attrs) => self.imports(u, &at),
                _ => {}
            }
        }
        let children: Vec<String> = (items.iter())
            .filter_map(|i| if let syn::Item::Mod(m) = i { Some(m.ident.to_string()) } else { None })
            .collect();
        let handed_on: Vec<String> =
            self.reexports.keys().filter(|(module, _)| *module == at).map(|(_, name)| name.clone()).collect();
        let mut paths = Paths { at: &at, children: &children, handed_on: &handed_on, found: Vec::new() };
        items.iter().for_each(|i| paths.visit_item(i));
        self.paths.extend(paths.found.into_iter().map(|p| (at.clone(), p)));
    }

    fn module(&mut self, m: &syn::ItemMod, file: &str, folder: &Path, at: &ModulePath) {
        let name = m.ident.to_string();
        let path: ModulePath = at.iter().chain([&name]).cloned().collect();
        if let Some((_, items)) = &m.content {
            if !is_test(&m.attrs) {
                self.items(items, file, &folder.join(&name), path);
            }
            return;
        }
        let beside = Path::new(file).parent().expect("a file lies in a folder");
        let found = match path_attribute(&m.attrs) {
            Some(p) => beside.join(p),
            None => {
                let one = folder.join(format!("{name}.rs"));
                if root().join(&one).is_file() { one } else { folder.join(&name).join("mod.rs") }
            }
        };
        let found = found.to_string_lossy().replace('\\', "/");
        if is_test(&m.attrs) {
            // files of tests may have modules of their own
            let mut of_tests = Modules::default();
            of_tests.read(&found, folder.join(&name), path);
            self.test_files.extend(of_tests.files());
        } else {
            self.read(&found, folder.join(&name), path);
        }
    }

    /// Notes what a `use` hands on: a path that ends in a name is no use of this module's own.
    fn imports(&mut self, u: &syn::ItemUse, at: &ModulePath) {
        let handed_on = !matches!(u.vis, syn::Visibility::Inherited);
        let mut leaves = Vec::new();
        flatten(&u.tree, Vec::new(), &mut leaves);
        for (path, name) in leaves {
            let Some(path) = absolute(&path, at, |first| self.is_child_of(at, first)) else { continue };
            match name {
                Some(name) if handed_on => drop(self.reexports.insert((at.clone(), name), path)),
                None if handed_on => self.globs.entry(at.clone()).or_default().push(path),
                _ => drop(self.paths.insert((at.clone(), path))),
            }
        }
    }

    /// Whether a folder of the module has a file for such a child; children may be declared after their use.
    fn is_child_of(&self, at: &ModulePath, name: &str) -> bool {
        let child: ModulePath = at.iter().map(String::as_str).chain([name]).map(str::to_owned).collect();
        self.files.contains_key(&child) || {
            let file = Path::new(&self.files[at]);
            let stem = file.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
            let folder = file.parent().expect("a file lies in a folder");
            let folder =
                if matches!(stem.as_str(), "lib" | "main" | "mod") { folder.to_owned() } else { folder.join(stem) };
            [folder.join(format!("{name}.rs")), folder.join(name).join("mod.rs")]
                .iter()
                .any(|f| root().join(f).is_file())
        }
    }
}

fn path_attribute(attributes: &[syn::Attribute]) -> Option<String> {
    attributes.iter().filter(|a| a.path().is_ident("path")).find_map(|a| match &a.meta {
        syn::Meta::NameValue(syn::MetaNameValue {
            value: syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(s), .. }),
            ..
        }) => Some(s.value()),
        _ => None,
    })
}

/// The leaves of a tree of imports: the path of each and the name that it gets, or none for all names of a module.
fn flatten(tree: &syn::UseTree, before: Vec<String>, leaves: &mut Vec<(Vec<String>, Option<String>)>) {
    let with = |name: String| before.iter().cloned().chain([name]).collect::<Vec<_>>();
    match tree {
        syn::UseTree::Path(p) => flatten(&p.tree, with(p.ident.to_string()), leaves),
        syn::UseTree::Name(n) if n.ident == "self" => leaves.push((before.clone(), before.last().cloned())),
        syn::UseTree::Name(n) => leaves.push((with(n.ident.to_string()), Some(n.ident.to_string()))),
        syn::UseTree::Rename(r) => leaves.push((with(r.ident.to_string()), Some(r.rename.to_string()))),
        syn::UseTree::Glob(_) => leaves.push((before, None)),
        syn::UseTree::Group(g) => g.items.iter().for_each(|t| flatten(t, before.clone(), leaves)),
    }
}

/// A path as it is from the package's root, if it leads into the package.
fn absolute(path: &[String], at: &ModulePath, is_child: impl Fn(&str) -> bool) -> Option<ModulePath> {
    let mut base = at.clone();
    let mut rest = path;
    match path.first()?.as_str() {
        "crate" => {
            base.clear();
            rest = &path[1..];
        }
        "self" => rest = &path[1..],
        "super" => {
            while let Some("super") = rest.first().map(String::as_str) {
                base.pop();
                rest = &rest[1..];
            }
        }
        first if is_child(first) => {}
        _ => return None,
    }
    Some(base.into_iter().chain(rest.iter().cloned()).collect())
}

/// Collects the paths that code of one module names, other than in its imports.
struct Paths<'m> {
    at: &'m ModulePath,
    children: &'m [String],
    /// Names that the module hands on and may use itself.
    handed_on: &'m [String],
    found: Vec<ModulePath>,
}

impl Paths<'_> {
    fn add(&mut self, path: &[String]) {
        let child = |first: &str| {
            path.len() > 1 && self.children.iter().any(|c| c == first) || self.handed_on.iter().any(|n| n == first)
        };
        if let Some(path) = absolute(path, self.at, child) {
            self.found.push(path);
        }
    }
}

impl<'a> Visit<'a> for Paths<'_> {
    fn visit_item(&mut self, item: &'a syn::Item) {
        let attributes = match item {
            syn::Item::Fn(i) => &i.attrs,
            syn::Item::Impl(i) => &i.attrs,
            // other modules are read by themselves, imports before
            syn::Item::Mod(_) | syn::Item::Use(_) => return,
            _ => return visit::visit_item(self, item),
        };
        if !is_test(attributes) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, f: &'a syn::ImplItemFn) {
        if !is_test(&f.attrs) {
            visit::visit_impl_item_fn(self, f);
        }
    }

    // `pub(crate)` and `pub(super)` name a module, but use nothing of it
    fn visit_visibility(&mut self, _: &'a syn::Visibility) {}

    // imports inside of a function
    fn visit_item_use(&mut self, u: &'a syn::ItemUse) {
        let mut leaves = Vec::new();
        flatten(&u.tree, Vec::new(), &mut leaves);
        leaves.iter().for_each(|(path, _)| self.add(path));
    }

    fn visit_path(&mut self, path: &'a syn::Path) {
        let names: Vec<String> = path.segments.iter().map(|s| s.ident.to_string()).collect();
        self.add(&names);
        visit::visit_path(self, path);
    }

    // the parser does not look into macros: paths that begin with a keyword are found by their tokens
    fn visit_macro(&mut self, m: &'a syn::Macro) {
        visit::visit_macro(self, m);
        let mut found = Vec::new();
        paths_of_tokens(m.tokens.clone(), &mut found);
        found.iter().for_each(|p| self.add(p));
    }
}

fn paths_of_tokens(tokens: TokenStream, found: &mut Vec<Vec<String>>) {
    let mut path: Vec<String> = Vec::new();
    let mut colons = 0;
    for token in tokens {
        match token {
            TokenTree::Ident(i) => {
                let i = i.to_string();
                if colons != 2 {
                    found.extend((path.len() > 1).then(|| std::mem::take(&mut path)));
                    path.clear();
                }
                path.push(i);
                colons = 0;
            }
            TokenTree::Punct(p) if p.as_char() == ':' => colons += 1,
            other => {
                found.extend((path.len() > 1).then(|| std::mem::take(&mut path)));
                path.clear();
                colons = 0;
                if let TokenTree::Group(g) = other {
                    paths_of_tokens(g.stream(), found);
                }
            }
        }
    }
    found.extend((path.len() > 1).then_some(path));
}
