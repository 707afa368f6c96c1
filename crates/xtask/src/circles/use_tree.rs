//! Paths, and trees of paths as `use` has them.

use super::tokens::{Token, tokens};

/// The names that a root file exports or imports, and the path of each.
pub(super) fn names(text: &str) -> Vec<(String, Vec<String>)> {
    let tokens = tokens(text);
    let mut names = Vec::new();
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some((token, _)) = tokens.get(at) {
        at += 1;
        match token {
            Token::Sign('{') => depth += 1,
            Token::Sign('}') => depth = depth.saturating_sub(1),
            Token::Word("use") if depth == 0 => {
                let mut leaves = Vec::new();
                at = read_tree(&tokens, at, &[], &mut leaves);
                names.extend(leaves.into_iter().filter_map(|leaf| {
                    let is_root = |name: &str| ["crate", "self"].contains(&name);
                    let root = leaf.path.first().is_some_and(|first| is_root(first));
                    let path: Vec<_> = leaf.path.into_iter().skip(usize::from(root)).collect();
                    Some((leaf.alias.or_else(|| path.last().cloned())?, path))
                }));
            }
            _ => {}
        }
    }
    names
}

/// The end of one path.
pub(super) struct Leaf {
    pub(super) path: Vec<String>,
    alias: Option<String>,
}

/// Reads a path, or a tree of paths as `use` has them. Returns where it ends.
pub(super) fn read_tree(
    tokens: &[(Token<'_>, usize)],
    mut at: usize,
    base: &[String],
    leaves: &mut Vec<Leaf>,
) -> usize {
    let token = |at: usize| tokens.get(at).map(|(token, _)| *token);
    let mut path = base.to_vec();
    loop {
        match token(at) {
            Some(Token::Word(name)) => {
                at += 1;
                // In braces it stands for what is before them.
                if name != "self" || path.is_empty() {
                    path.push(name.to_owned());
                }
            }
            Some(Token::Sign('*')) => at += 1,
            Some(Token::Sign('{')) => {
                at += 1;
                while let Some(next) = token(at)
                    && next != Token::Sign('}')
                {
                    at = match next {
                        Token::Sign(',') | Token::PathSeparator => at + 1,
                        _ => read_tree(tokens, at, &path, leaves).max(at + 1),
                    };
                }
                return at + 1;
            }
            _ => {}
        }
        if token(at) != Some(Token::PathSeparator) {
            break;
        }
        at += 1;
    }
    let mut alias = None;
    if let (Some(Token::Word("as")), Some(Token::Word(name))) = (token(at), token(at + 1)) {
        alias = Some(name.to_owned());
        at += 2;
    }
    leaves.push(Leaf { path, alias });
    at
}
