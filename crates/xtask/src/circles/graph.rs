//! Circles in a graph: its strongly connected components.

use std::collections::{BTreeMap, BTreeSet};

/// The dependencies of each module, with the first place of each.
pub(super) type Uses = BTreeMap<String, BTreeMap<String, String>>;

/// Modules that depend on one another, directly or not.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Circle {
    /// In alphabetical order.
    pub(super) members: Vec<String>,
    /// The dependencies among them: from, to, and place.
    pub(super) uses: Vec<(String, String, String)>,
}

pub(super) fn circles(uses: &Uses) -> Vec<Circle> {
    let reach: BTreeMap<&str, BTreeSet<&str>> = uses
        .keys()
        .map(|from| (from.as_str(), reached_from(uses, from)))
        .collect();
    let reaches = |from: &str, to: &str| reach.get(from).is_some_and(|all| all.contains(to));
    let mut circles: Vec<Circle> = Vec::new();
    for from in uses.keys() {
        let is_known = circles.iter().any(|circle| circle.members.contains(from));
        if is_known || !reaches(from, from) {
            continue;
        }
        let members: Vec<String> = uses
            .keys()
            .filter(|other| reaches(from, other) && reaches(other, from))
            .cloned()
            .collect();
        let uses = uses_among(&members, uses);
        circles.push(Circle { members, uses });
    }
    circles
}

/// All dependencies, direct or not. Those of a module in a circle include the module.
fn reached_from<'u>(uses: &'u Uses, from: &'u str) -> BTreeSet<&'u str> {
    let mut reached = BTreeSet::new();
    let mut next: Vec<&str> = vec![from];
    while let Some(from) = next.pop() {
        let next_ones = uses.get(from).into_iter().flat_map(BTreeMap::keys);
        next.extend(
            next_ones
                .map(String::as_str)
                .filter(|to| reached.insert(*to)),
        );
    }
    reached
}

fn uses_among(members: &[String], uses: &Uses) -> Vec<(String, String, String)> {
    let mut among = Vec::new();
    for from in members {
        for (to, place) in uses.get(from).into_iter().flatten() {
            if members.contains(to) {
                among.push((from.clone(), to.clone(), place.clone()));
            }
        }
    }
    among
}
