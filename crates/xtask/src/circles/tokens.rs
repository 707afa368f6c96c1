//! The tokens of a Rust file: enough of its grammar to find paths.

use std::{iter::Peekable, str::CharIndices};

/// An identifier, keyword or number, or punctuation. Comments and literals in quotes are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'t> {
    Word(&'t str),
    Sign(char),
    PathSeparator,
}

/// The tokens, each with its line.
pub(super) fn tokens(text: &str) -> Vec<(Token<'_>, usize)> {
    Lexer {
        text,
        rest: text.char_indices().peekable(),
        line: 1,
        tokens: Vec::new(),
    }
    .run()
}

struct Lexer<'t> {
    text: &'t str,
    rest: Peekable<CharIndices<'t>>,
    line: usize,
    tokens: Vec<(Token<'t>, usize)>,
}

impl<'t> Lexer<'t> {
    fn run(mut self) -> Vec<(Token<'t>, usize)> {
        while let Some((at, c)) = self.next() {
            match c {
                '/' if self.text[at..].starts_with("//") => self.skip_while(|c| c != '\n'),
                '/' if self.text[at..].starts_with("/*") => self.skip_block_comment(),
                '"' => self.skip_text(),
                '\'' => self.skip_character(),
                ':' if self.text[at..].starts_with("::") => {
                    self.next();
                    self.tokens.push((Token::PathSeparator, self.line));
                }
                c if is_in_word(c) => self.word(at),
                c if c.is_whitespace() => {}
                c => self.tokens.push((Token::Sign(c), self.line)),
            }
        }
        self.tokens
    }

    fn next(&mut self) -> Option<(usize, char)> {
        let next = self.rest.next();
        if next.is_some_and(|(_, c)| c == '\n') {
            self.line += 1;
        }
        next
    }

    fn peek(&mut self) -> Option<char> {
        self.rest.peek().map(|(_, c)| *c)
    }

    /// The offset of the next character.
    fn at(&mut self) -> usize {
        self.rest.peek().map_or(self.text.len(), |(at, _)| *at)
    }

    fn skip_while(&mut self, is_in: impl Fn(char) -> bool) {
        while self.peek().is_some_and(&is_in) {
            self.next();
        }
    }

    /// Block comments nest.
    fn skip_block_comment(&mut self) {
        let mut depth = 1;
        self.next();
        while depth > 0
            && let Some((at, _)) = self.next()
        {
            if self.text[at..].starts_with("*/") {
                depth -= 1;
                self.next();
            } else if self.text[at..].starts_with("/*") {
                depth += 1;
                self.next();
            }
        }
    }

    fn skip_text(&mut self) {
        while let Some((_, c)) = self.next() {
            match c {
                '\\' => {
                    self.next();
                }
                '"' => return,
                _ => {}
            }
        }
    }

    /// A character literal, or a lifetime.
    fn skip_character(&mut self) {
        match self.peek() {
            Some('\\') => {
                self.next();
                self.next();
                self.skip_while(|c| c != '\'');
                self.next();
            }
            Some(c) => {
                let at = self.at();
                if self.text[at + c.len_utf8()..].starts_with('\'') {
                    self.next();
                    self.next();
                } else {
                    self.skip_while(is_in_word);
                }
            }
            None => {}
        }
    }

    /// A word, or a literal with a prefix: `b"…"`, `r#"…"#`. `r#word` is `word`.
    fn word(&mut self, from: usize) {
        self.skip_while(is_in_word);
        let to = self.at();
        let word = &self.text[from..to];
        let is_raw = matches!(word, "r" | "br" | "cr");
        match self.peek() {
            Some('"') if is_raw => self.skip_raw_text(0),
            Some('"') if matches!(word, "b" | "c") => {
                self.next();
                self.skip_text();
            }
            Some('\'') if word == "b" => {
                self.next();
                self.skip_character();
            }
            Some('#') if is_raw => {
                let hashes = self.text[to..].chars().take_while(|c| *c == '#').count();
                let quoted = self.text[to + hashes..].starts_with('"');
                self.skip_while(|c| c == '#');
                if quoted {
                    self.skip_raw_text(hashes);
                }
            }
            _ => self.tokens.push((Token::Word(word), self.line)),
        }
    }

    fn skip_raw_text(&mut self, hashes: usize) {
        let end = format!("\"{}", "#".repeat(hashes));
        self.next();
        while let Some((at, _)) = self.next() {
            if self.text[at..].starts_with(&end) {
                self.skip_while(|c| c == '#');
                return;
            }
        }
    }
}

fn is_in_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<&str> {
        let word = |(token, _)| match token {
            Token::Word(word) => Some(word),
            _ => None,
        };
        tokens(text).into_iter().filter_map(word).collect()
    }

    #[test]
    fn comments_texts_and_characters_are_left_out() {
        let text = r###"
            a // crate::x
            /* b /* crate::x */ c */ d
            "crate::x \" crate::x" e
            r"crate::x\" f r#"crate::x " crate::x"# g
            b"crate::x" h c"crate::x" i br##"crate"# "## j
            'c' k '\'' l '"' m b'"' n '\u{7f}' o
        "###;
        let expected: Vec<String> = ('a'..='o').map(String::from).collect();
        let mut expected: Vec<&str> = expected.iter().map(String::as_str).collect();
        expected.retain(|word| !["b", "c"].contains(word));
        assert_eq!(words(text), expected);
    }

    #[test]
    fn a_lifetime_is_no_character() {
        assert_eq!(words("&'a str, 'b: 'static, x"), ["str", "x"]);
        assert_eq!(words("impl<'a> X<'a, '_>"), ["impl", "X"]);
    }

    #[test]
    fn a_raw_word_is_a_word() {
        assert_eq!(words("r#type::r#fn"), ["type", "fn"]);
    }

    #[test]
    fn a_token_knows_its_line() {
        let lines: Vec<usize> = tokens("a\n/*\n*/ b\n\"\n\" c")
            .iter()
            .map(|t| t.1)
            .collect();
        assert_eq!(lines, [1, 3, 5]);
    }
}
