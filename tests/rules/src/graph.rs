//! Circles in a graph of names.

use std::collections::{BTreeMap, BTreeSet};

/// For each name the names that it leads to.
pub type Graph = BTreeMap<String, BTreeSet<String>>;

/// The groups of names that all lead to each other, largest first: strongly connected components of two names or more
/// (Tarjan 1972, here by reachability, as the graphs are small).
pub fn circles(graph: &Graph) -> Vec<Vec<String>> {
    let reach: BTreeMap<&String, BTreeSet<&String>> = graph.keys().map(|n| (n, reachable(graph, n))).collect();
    let mut left: BTreeSet<&String> = graph.keys().collect();
    let mut found = Vec::new();
    while let Some(first) = left.pop_first() {
        let together = |n: &&&String| reach[first].contains(**n) && reach.get(**n).is_some_and(|r| r.contains(first));
        let rest: Vec<&String> = left.iter().filter(together).copied().collect();
        if !rest.is_empty() {
            rest.iter().for_each(|n| {
                left.remove(*n);
            });
            found.push([first].into_iter().chain(rest).cloned().collect());
        }
    }
    found.sort_by_key(|circle: &Vec<String>| std::cmp::Reverse(circle.len()));
    found
}

fn reachable<'g>(graph: &'g Graph, from: &String) -> BTreeSet<&'g String> {
    let mut seen = BTreeSet::new();
    let mut open: Vec<&String> = graph.get(from).into_iter().flatten().collect();
    while let Some(name) = open.pop() {
        if seen.insert(name) {
            open.extend(graph.get(name).into_iter().flatten());
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_circle_is_found_and_a_line_is_none() {
        let graph = |arrows: &[(&str, &str)]| {
            let mut g = Graph::new();
            for (a, b) in arrows {
                g.entry((*a).to_owned()).or_default().insert((*b).to_owned());
            }
            g
        };
        assert!(circles(&graph(&[("a", "b"), ("b", "c"), ("a", "c")])).is_empty());
        let found = circles(&graph(&[("a", "b"), ("b", "c"), ("c", "a"), ("d", "a"), ("e", "f"), ("f", "e")]));
        assert_eq!(found, [vec!["a", "b", "c"], vec!["e", "f"]]);
    }
}
