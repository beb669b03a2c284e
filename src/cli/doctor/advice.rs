//! The command to try again with, as a shell takes it.

use super::super::ENV_PREFIX;
use std::borrow::Cow;
use std::fs::read_to_string;

/// Where the names of users are (passwd(5)).
const USERS: &str = "/etc/passwd";
/// Whom a client trusts is in these variables, beside those of chatd.
const TRUST: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];
/// What a shell takes as it is, beside letters and digits.
const PLAIN: &str = "-_./:=@%+,";

/// This command as another user would run it, with all that it was given.
pub(super) fn as_user(number: u32) -> String {
    let mut words = vec!["sudo".to_owned(), "-u".to_owned(), user(number)];
    let variables = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let variables: Vec<_> = variables
        .filter(|name| name.starts_with(ENV_PREFIX) || TRUST.contains(&name.as_str()))
        .collect();
    if !variables.is_empty() {
        // The names alone, since a value may be a secret.
        words.push(format!("--preserve-env={}", variables.join(",")));
    }
    words.extend(std::env::args_os().map(|word| word.to_string_lossy().into_owned()));
    let words: Vec<_> = words.iter().map(|word| quoted(word)).collect();
    words.join(" ")
}

/// A user as people call them, or as sudo takes their number.
pub(super) fn user(number: u32) -> String {
    name(number).unwrap_or_else(|| format!("#{number}"))
}

/// What a user is called, if the machine says so itself and asks no directory.
fn name(number: u32) -> Option<String> {
    let users = read_to_string(USERS).ok()?;
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(number)).then(|| name.to_owned())
    })
}

fn quoted(word: &str) -> Cow<'_, str> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || PLAIN.contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.into();
    }
    format!("'{}'", word.replace('\'', r"'\''")).into()
}
