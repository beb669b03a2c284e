//! Where a password comes from: the terminal, a line of stdin, or chance. Never an argument, which
//! every user of the machine could read.

use super::Failure;
use super::prompt::Prompt;
use crate::model::{Password, Secret};
use clap::Args;
use std::io::{BufRead, IsTerminal};

/// A password that was made up has so many characters, at 5.8 bits each, unless more are asked for.
const GENERATED_CHARS: usize = 24;
/// Letters and digits that are not taken for each other when somebody reads them aloud.
const ALPHABET: &[u8] = b"23456789abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ";
/// Bytes from here on would make the first characters of the alphabet more likely than the others.
const FAIR_BYTES: usize = 256 - 256 % ALPHABET.len();
/// A line of stdin that is longer than this, in bytes, is no password.
const LINE_BYTES: u64 = 4 * Password::MAX_CHARS as u64 + 2;

#[derive(Debug, Args)]
pub(super) struct Source {
    /// Read the password from one line of stdin
    #[arg(long, conflicts_with = "generate")]
    password_stdin: bool,
    /// Make a password up and print it, as is done when stdin is no terminal
    #[arg(long)]
    generate: bool,
}

/// A password.
pub(super) struct Chosen {
    pub secret: Secret,
    /// What is to be said of a password that was made up, before it is printed.
    pub made_up: Option<&'static str>,
}

impl Source {
    /// Gets the password. One that is made up has `least` characters or more.
    pub fn read(&self, least: usize) -> Result<Chosen, Failure> {
        let made_up = if self.generate {
            Some("Its password was made up and is shown only this once:")
        } else if !self.password_stdin && !std::io::stdin().is_terminal() {
            Some(
                "Its password was made up, since stdin is no terminal; --password-stdin would have read one \
                 there. It is shown only this once:",
            )
        } else {
            None
        };
        let text = if made_up.is_some() {
            generate(least.max(GENERATED_CHARS))?
        } else if self.password_stdin {
            one_line(std::io::stdin().lock())?
        } else {
            prompt_twice()?
        };
        Ok(Chosen {
            secret: Secret(text),
            made_up,
        })
    }
}

fn one_line(stdin: impl BufRead) -> Result<String, Failure> {
    let mut line = String::new();
    let read = stdin.take(LINE_BYTES + 1).read_line(&mut line);
    read.map_err(|error| {
        Failure::failed(format!("no password could be read from stdin: {error}"))
    })?;
    if line.len() as u64 > LINE_BYTES {
        return Err(Failure::failed(format!(
            "the line on stdin is too long; a password has {} characters at most",
            Password::MAX_CHARS
        )));
    }
    let text = line.strip_suffix('\n').unwrap_or(&line);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() {
        return Err(Failure::failed(
            "there is no password on stdin; write it there as one line",
        ));
    }
    Ok(text.to_owned())
}

fn prompt_twice() -> Result<String, Failure> {
    let unread = |error: std::io::Error| {
        Failure::failed(format!(
            "no password could be read from the terminal: {error}; use --password-stdin or --generate"
        ))
    };
    let mut prompt = Prompt::open().map_err(unread)?;
    let first = prompt.ask("Password: ").map_err(unread)?;
    if first.is_empty() {
        return Err(Failure::failed(
            "no password was typed; type one, or let one be made up with --generate",
        ));
    }
    if prompt.ask("The same again: ").map_err(unread)? != first {
        return Err(Failure::failed(
            "the two passwords are not the same; nothing was changed, so try again",
        ));
    }
    Ok(first)
}

fn generate(length: usize) -> Result<String, Failure> {
    let mut text = String::with_capacity(length);
    let mut random = [0; 64];
    while text.len() < length {
        getrandom::fill(&mut random).map_err(|error| {
            Failure::failed(format!("the system has no random numbers: {error}"))
        })?;
        let fair = random.iter().map(|byte| usize::from(*byte));
        let chars = fair
            .filter(|byte| *byte < FAIR_BYTES)
            .map(|byte| char::from(ALPHABET[byte % ALPHABET.len()]));
        text.extend(chars.take(length - text.len()));
    }
    Ok(text)
}
