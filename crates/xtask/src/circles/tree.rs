//! The modules of a crate and their dependencies.

use std::{
    collections::BTreeMap,
    path::{Component, Path},
};

use super::{
    graph::Uses,
    paths::{self, FullPath},
    use_tree,
};

/// The files below the `src` of a crate.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// By their modules: `a/b` for `a/b.rs`, `a` for `a.rs` and `a/mod.rs`.
    texts: BTreeMap<String, File>,
    /// The names that `lib.rs` exports or imports, and the path of each.
    names: BTreeMap<String, Vec<String>>,
}

#[derive(Debug)]
struct File {
    /// The path below `src`.
    name: String,
    text: String,
}

impl Tree {
    /// Adds a file, by its path below `src`.
    pub(super) fn add(&mut self, file: &Path, text: String) {
        let name: Vec<_> = file
            .components()
            .filter_map(|component| match component {
                Component::Normal(name) => name.to_str(),
                _ => None,
            })
            .collect();
        let name = name.join("/");
        let Some(module) = name.strip_suffix(".rs") else {
            return;
        };
        match module {
            "lib" => self.names.extend(use_tree::names(&text)),
            "main" => {}
            _ => {
                let module = module.strip_suffix("/mod").unwrap_or(module).to_owned();
                self.texts.insert(module, File { name, text });
            }
        }
    }

    /// The dependencies among top-level modules.
    pub(super) fn uses_of_modules(&self) -> Uses {
        let top = |module: &str| {
            let first = module.split('/').next().unwrap_or(module);
            first.to_owned()
        };
        self.uses(top, |path| {
            let first = path.segments.first()?;
            let is_module = |module: &String| top(module) == *first;
            self.texts.keys().any(is_module).then(|| first.to_owned())
        })
    }

    /// The dependencies among files.
    pub(super) fn uses_of_files(&self) -> Uses {
        self.uses(str::to_owned, |path| {
            let lengths = (1..=path.segments.len()).rev();
            let prefixes = lengths.map(|length| path.segments[..length].join("/"));
            prefixes
                .into_iter()
                .find(|module| self.texts.contains_key(module))
        })
    }

    fn uses(
        &self,
        node_of: impl Fn(&str) -> String,
        target: impl Fn(&FullPath) -> Option<String>,
    ) -> Uses {
        let mut uses = Uses::new();
        let said: Vec<_> = self
            .texts
            .iter()
            .map(|(module, file)| {
                let segments: Vec<_> = module.split('/').collect();
                (module, file, paths::read(&file.text, &segments))
            })
            .collect();
        let test_modules: Vec<_> = said
            .iter()
            .flat_map(|(_, _, said)| &said.test_modules)
            .map(|module| module.join("/"))
            .collect();
        let is_test = |module: &str| {
            test_modules.iter().any(|test| {
                let rest = module.strip_prefix(test.as_str());
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            })
        };
        for (module, file, said) in &said {
            if is_test(module) {
                continue;
            }
            let from = node_of(module);
            let targets = uses.entry(from.clone()).or_default();
            let top = module.split('/').next();
            for path in &said.paths {
                // A `super` path within the top-level module is not followed.
                if path.by_super && path.segments.first().map(String::as_str) == top {
                    continue;
                }
                if let Some(to) = target(&self.resolve(path))
                    && to != from
                {
                    let place = || format!("{}:{}", file.name, path.line);
                    targets.entry(to).or_insert_with(place);
                }
            }
        }
        uses
    }

    /// Replaces names of `lib.rs` by their paths.
    fn resolve(&self, path: &FullPath) -> FullPath {
        let mut segments = path.segments.clone();
        for _ in 0..=self.names.len() {
            let Some(first) = segments.first() else { break };
            let Some(stands_for) = self.names.get(first) else {
                break;
            };
            if stands_for.first() == Some(first) {
                break;
            }
            segments.splice(..1, stands_for.iter().cloned());
        }
        FullPath {
            segments,
            line: path.line,
            by_super: path.by_super,
        }
    }
}
