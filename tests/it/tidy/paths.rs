//! Finds in Rust source which of the crate's own modules it names: in `use` trees with nested groups,
//! and in paths anywhere else. Comments and strings name nothing.

use super::lexer::{Token, tokens};

/// A path as it is written: its segments, and the line that it begins on.
#[derive(Debug, PartialEq, Eq)]
pub struct Named {
    pub line: usize,
    pub path: Vec<String>,
}

/// All paths into the crate in a file, from the crate's root on. `module` is where the file is:
/// `["server", "control"]` for `src/server/control.rs`.
pub fn paths(source: &str, module: &[&str]) -> Vec<Named> {
    let mut reader = Reader {
        tokens: tokens(source),
        at: 0,
        module: module.iter().map(|&name| name.to_owned()).collect(),
        blocks: Vec::new(),
        found: Vec::new(),
    };
    reader.read();
    reader.found
}

struct Reader {
    tokens: Vec<(usize, Token)>,
    at: usize,
    module: Vec<String>,
    /// Open braces; `true` for those of a module.
    blocks: Vec<bool>,
    found: Vec<Named>,
}

impl Reader {
    fn read(&mut self) {
        while let Some(token) = self.token(0) {
            match token {
                Token::Word(word) if word == "use" && !self.is_capture() => {
                    self.at += 1;
                    self.tree(&[], None);
                    continue;
                }
                Token::Word(word) if word == "mod" => {
                    if let (Some(Token::Word(name)), Some(Token::Mark('{'))) =
                        (self.token(1), self.token(2))
                    {
                        self.module.push(name);
                        self.blocks.push(true);
                        self.at += 2;
                    }
                }
                Token::Word(word) if is_anchor(&word) && self.token(1) == Some(Token::Sep) => {
                    let line = self.line();
                    let path = self.plain_path();
                    self.note(line, &path);
                    continue;
                }
                Token::Word(word) if word == "extern" => {
                    // `extern crate self as …` would be a second name for the root.
                    let second = (self.token(1), self.token(2));
                    if second == (Some(Token::word("crate")), Some(Token::word("self"))) {
                        self.note(self.line(), &["crate".to_owned()]);
                    }
                }
                Token::Mark('{') => self.blocks.push(false),
                Token::Mark('}') => self.close_block(),
                _ => {}
            }
            self.at += 1;
        }
    }

    fn close_block(&mut self) {
        if self.blocks.pop() == Some(true) {
            self.module.pop();
        }
    }

    /// `impl Trait + use<'a>` is no import.
    fn is_capture(&self) -> bool {
        self.token(1) == Some(Token::Mark('<'))
    }

    /// One tree of a `use`, after `before`: a path, which may end in `{…}`, `*` or `as name`.
    fn tree(&mut self, before: &[String], line: Option<usize>) {
        let line = line.unwrap_or(self.line());
        let mut path = before.to_vec();
        // `use ::name` is another crate's.
        let mut is_foreign = false;
        if self.token(0) == Some(Token::Sep) {
            is_foreign = path.is_empty();
            self.at += 1;
        }
        loop {
            match self.token(0) {
                Some(Token::Word(word)) if word == "as" => self.at += 2,
                // `use a::b::{self}` names `a::b`.
                Some(Token::Word(word)) if word == "self" && !path.is_empty() => self.at += 1,
                Some(Token::Word(word)) => {
                    path.push(word);
                    self.at += 1;
                }
                Some(Token::Sep) => self.at += 1,
                Some(Token::Mark('*')) => {
                    path.push("*".to_owned());
                    self.at += 1;
                }
                Some(Token::Mark('{')) => {
                    self.at += 1;
                    self.group(&path);
                    return;
                }
                _ => break,
            }
        }
        if !is_foreign {
            self.note(line, &path);
        }
    }

    fn group(&mut self, before: &[String]) {
        loop {
            match self.token(0) {
                None | Some(Token::Mark('}')) => break,
                Some(Token::Mark(',')) => self.at += 1,
                Some(_) => {
                    let at = self.at;
                    self.tree(before, Some(self.line()));
                    // What is no tree is passed over.
                    self.at = self.at.max(at + 1);
                }
            }
        }
        self.at += 1;
    }

    fn plain_path(&mut self) -> Vec<String> {
        let mut path = Vec::new();
        while let Some(Token::Word(word)) = self.token(0) {
            path.push(word);
            self.at += 1;
            let goes_on =
                self.token(0) == Some(Token::Sep) && matches!(self.token(1), Some(Token::Word(_)));
            if !goes_on {
                break;
            }
            self.at += 1;
        }
        path
    }

    /// Keeps a path if it leads into the crate, from the root on.
    fn note(&mut self, line: usize, path: &[String]) {
        let mut rest = path.iter().map(String::as_str).peekable();
        let mut absolute = match rest.peek() {
            Some(&("crate" | "chatd")) => Vec::new(),
            Some(&("self" | "super")) => self.module.clone(),
            _ => return,
        };
        for name in rest {
            match name {
                "crate" | "chatd" | "self" => {}
                "super" => {
                    absolute.pop();
                }
                name => absolute.push(name.to_owned()),
            }
        }
        self.found.push(Named {
            line,
            path: absolute,
        });
    }

    fn token(&self, ahead: usize) -> Option<Token> {
        self.tokens
            .get(self.at + ahead)
            .map(|(_, token)| token.clone())
    }

    fn line(&self) -> usize {
        self.tokens.get(self.at).map_or(0, |(line, _)| *line)
    }
}

/// What a path into the crate begins with; `chatd` is what the executable calls it.
fn is_anchor(word: &str) -> bool {
    matches!(word, "crate" | "self" | "super" | "chatd")
}
