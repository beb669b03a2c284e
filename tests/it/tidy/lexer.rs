//! Rust source as words and marks, as far as paths need it.

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    Word(String),
    /// `::`
    Sep,
    Mark(char),
}

impl Token {
    pub fn word(word: &str) -> Self {
        Self::Word(word.to_owned())
    }
}

/// The tokens of a file with their lines, from 1; comments and literals are none.
pub fn tokens(source: &str) -> Vec<(usize, Token)> {
    let mut lexer = Lexer {
        rest: source,
        line: 1,
    };
    let mut found = Vec::new();
    while let Some(first) = lexer.rest.chars().next() {
        let line = lexer.line;
        if let Some(token) = lexer.next(first) {
            found.push((line, token));
        }
    }
    found
}

struct Lexer<'a> {
    rest: &'a str,
    line: usize,
}

impl Lexer<'_> {
    fn next(&mut self, first: char) -> Option<Token> {
        if self.rest.starts_with("//") {
            let end = self.rest.find('\n').unwrap_or(self.rest.len());
            self.skip(end);
        } else if self.rest.starts_with("/*") {
            self.block_comment();
        } else if first == '"' {
            self.string();
        } else if first == '\'' {
            self.quote();
        } else if self.rest.starts_with("::") {
            self.skip(2);
            return Some(Token::Sep);
        } else if first.is_alphabetic() || first == '_' {
            return self.word();
        } else if first.is_ascii_digit() {
            // A number's suffix is part of it.
            let end = self.rest.find(|c: char| !c.is_alphanumeric() && c != '_');
            self.skip(end.unwrap_or(self.rest.len()));
        } else {
            self.skip(first.len_utf8());
            return (!first.is_whitespace()).then_some(Token::Mark(first));
        }
        None
    }

    fn skip(&mut self, bytes: usize) {
        let (gone, rest) = self.rest.split_at(bytes);
        self.line += gone.matches('\n').count();
        self.rest = rest;
    }

    /// Block comments nest.
    fn block_comment(&mut self) {
        let mut depth = 0;
        while !self.rest.is_empty() {
            if self.rest.starts_with("/*") {
                depth += 1;
                self.skip(2);
            } else if self.rest.starts_with("*/") {
                depth -= 1;
                self.skip(2);
            } else {
                self.skip(self.rest.chars().next().map_or(0, char::len_utf8));
            }
            if depth == 0 {
                return;
            }
        }
    }

    fn string(&mut self) {
        self.skip(1);
        while let Some(next) = self.rest.chars().next() {
            let bytes = match next {
                '\\' => 1 + self.rest[1..].chars().next().map_or(0, char::len_utf8),
                next => next.len_utf8(),
            };
            self.skip(bytes);
            if next == '"' {
                return;
            }
        }
    }

    /// A raw string from its hashes on, which ends with as many.
    fn raw_string(&mut self, hashes: usize) {
        let end = format!("\"{}", "#".repeat(hashes));
        self.skip(hashes + 1);
        let length = self
            .rest
            .find(&end)
            .map_or(self.rest.len(), |at| at + end.len());
        self.skip(length);
    }

    /// A character, or the mark of a lifetime, whose name is then a word like others.
    fn quote(&mut self) {
        let mut chars = self.rest.chars().skip(1);
        let (one, two) = (chars.next(), chars.next());
        if one == Some('\\') {
            // What is escaped may be a quote itself.
            let from = 2 + self.rest[2..].chars().next().map_or(0, char::len_utf8);
            let end = self.rest[from..].find('\'');
            self.skip(end.map_or(self.rest.len(), |at| from + at + 1));
        } else if two == Some('\'') {
            self.skip(2 + one.map_or(0, char::len_utf8));
        } else {
            self.skip(1);
        }
    }

    fn word(&mut self) -> Option<Token> {
        let end = self.rest.find(|c: char| !c.is_alphanumeric() && c != '_');
        let word = self.rest[..end.unwrap_or(self.rest.len())].to_owned();
        self.skip(word.len());
        let hashes = self.rest.len() - self.rest.trim_start_matches('#').len();
        let is_quoted = self.rest[hashes..].starts_with('"');
        match word.as_str() {
            "r" | "br" | "cr" if is_quoted => self.raw_string(hashes),
            "b" | "c" if self.rest.starts_with('"') => self.string(),
            "b" if self.rest.starts_with('\'') => self.quote(),
            // `r#type` is a word that would be a keyword otherwise.
            "r" if hashes == 1 => {
                self.skip(1);
                return self.word();
            }
            _ => return Some(Token::Word(word)),
        }
        None
    }
}
