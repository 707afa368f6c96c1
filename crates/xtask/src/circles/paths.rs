//! The paths in a file to other modules of its crate.

use super::{
    tokens::{Token, tokens},
    use_tree::{Leaf, read_tree},
};

/// The paths and the test modules of a file.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// Paths from the root of the crate, tests left out.
    pub(super) paths: Vec<FullPath>,
    /// Modules that are compiled for tests only, from the root of the crate.
    pub(super) test_modules: Vec<Vec<String>>,
}

/// A path from the root of the crate.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FullPath {
    pub(super) segments: Vec<String>,
    pub(super) line: usize,
    /// Whether it is relative, by `super`.
    pub(super) by_super: bool,
}

/// Reads the file of a module.
pub(super) fn read(text: &str, module: &[&str]) -> Said {
    let mut reader = Reader {
        tokens: &tokens(text),
        at: 0,
        module: module.iter().map(|&name| name.to_owned()).collect(),
        depth: 0,
        inline: Vec::new(),
        said: Said::default(),
    };
    reader.run();
    reader.said
}

struct Reader<'t> {
    tokens: &'t [(Token<'t>, usize)],
    at: usize,
    /// The module at the position of the reader.
    module: Vec<String>,
    depth: usize,
    /// The depth of the braces of each inline module.
    inline: Vec<usize>,
    said: Said,
}

impl<'t> Reader<'t> {
    fn run(&mut self) {
        while let Some(token) = self.token(0) {
            match token {
                Token::Sign('#') => self.attribute(),
                Token::Sign('{') => {
                    self.depth += 1;
                    self.at += 1;
                }
                Token::Sign('}') => {
                    if self.inline.last() == Some(&self.depth) {
                        self.inline.pop();
                        self.module.pop();
                    }
                    self.depth = self.depth.saturating_sub(1);
                    self.at += 1;
                }
                Token::Word("mod") => self.module_begins(),
                Token::Word("crate" | "super") => self.path(),
                _ => self.at += 1,
            }
        }
    }

    fn token(&self, ahead: usize) -> Option<Token<'t>> {
        self.tokens.get(self.at + ahead).map(|(token, _)| *token)
    }

    fn module_begins(&mut self) {
        if let (Some(Token::Word(name)), Some(Token::Sign('{'))) = (self.token(1), self.token(2)) {
            self.module.push(name.to_owned());
            self.depth += 1;
            self.inline.push(self.depth);
            self.at += 3;
        } else {
            self.at += 1;
        }
    }

    fn path(&mut self) {
        let line = self.tokens[self.at].1;
        let mut base = Vec::new();
        let mut by_super = false;
        if self.token(0) == Some(Token::Word("crate")) {
            self.at += 1;
        } else {
            by_super = true;
            base.clone_from(&self.module);
            while self.token(0) == Some(Token::Word("super")) {
                base.pop();
                self.at += 1;
                if self.token(1) == Some(Token::Word("super")) {
                    self.at += 1;
                }
            }
        }
        // `pub(crate)` and the like.
        if self.token(0) != Some(Token::PathSeparator) {
            return;
        }
        let mut leaves = Vec::new();
        self.at = read_tree(self.tokens, self.at + 1, &base, &mut leaves);
        let full = |leaf: Leaf| FullPath {
            segments: leaf.path,
            line,
            by_super,
        };
        self.said.paths.extend(leaves.into_iter().map(full));
    }

    /// Skips an item that is compiled for tests only.
    fn attribute(&mut self) {
        if !self.is_test_only() {
            self.at += 1;
            return;
        }
        while self.token(0) == Some(Token::Sign('#')) {
            self.at += 1;
            self.skip_group();
        }
        self.skip_item();
    }

    /// `#[cfg(test)]`, or `#[cfg(all(test, …))]`.
    fn is_test_only(&self) -> bool {
        let expected = [Token::Sign('['), Token::Word("cfg"), Token::Sign('(')];
        let found = (1..4).map(|ahead| self.token(ahead));
        if !found.eq(expected.map(Some)) {
            return false;
        }
        match self.token(4) {
            Some(Token::Word("test")) => true,
            Some(Token::Word("all")) => (5..)
                .map_while(|ahead| self.token(ahead))
                .take_while(|token| *token != Token::Sign(']'))
                .any(|token| token == Token::Word("test")),
            _ => false,
        }
    }

    /// To its semicolon or closing brace; a field, variant or arm to its comma, or the end of the
    /// enclosing braces.
    fn skip_item(&mut self) {
        let is_item = self.is_item();
        while let Some(token) = self.token(0) {
            match token {
                Token::Word("mod") if let Some(Token::Word(name)) = self.token(1) => {
                    let module = self.module.iter().cloned().chain([name.to_owned()]);
                    self.said.test_modules.push(module.collect());
                    self.at += 2;
                }
                Token::Word("use") => {
                    self.at = read_tree(self.tokens, self.at + 1, &[], &mut Vec::new());
                }
                Token::Sign('(' | '[') => self.skip_group(),
                Token::Sign('{') => return self.skip_group(),
                Token::Sign(';') => {
                    self.at += 1;
                    return;
                }
                Token::Sign(',') if !is_item => return,
                Token::Sign('}') => return,
                _ => self.at += 1,
            }
        }
    }

    /// Whether it is an item, as opposed to a field, a variant or an arm.
    fn is_item(&self) -> bool {
        const WORDS: [&str; 15] = [
            "async",
            "const",
            "enum",
            "extern",
            "fn",
            "impl",
            "let",
            "macro_rules",
            "mod",
            "pub",
            "static",
            "struct",
            "trait",
            "type",
            "use",
        ];
        matches!(self.token(0), Some(Token::Word(word)) if WORDS.contains(&word))
    }

    /// A group in brackets.
    fn skip_group(&mut self) {
        let mut depth = 0_usize;
        while let Some(token) = self.token(0) {
            self.at += 1;
            match token {
                Token::Sign('(' | '[' | '{') => depth += 1,
                Token::Sign(')' | ']' | '}') => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return;
            }
        }
    }
}
