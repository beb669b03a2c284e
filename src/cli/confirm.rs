//! Asking before something is done that nothing undoes.

use super::{Exit, Failure};
use std::io::{BufRead, IsTerminal, Write};

/// Goes on if whoever sits at the terminal says yes. Where nobody does, `--yes` is needed.
pub(super) fn confirm(question: &str) -> Result<(), Failure> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err(Failure::new(
            Exit::Usage,
            "nobody can be asked, since stdin is no terminal; say --yes to do it all the same",
        ));
    }
    let mut stderr = std::io::stderr();
    let mut line = String::new();
    write!(stderr, "{question} [y/N] ")
        .and_then(|()| stderr.flush())
        .and_then(|()| stdin.lock().read_line(&mut line))
        .map_err(|error| Failure::failed(format!("nobody could be asked: {error}; say --yes")))?;
    match line.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Failure::failed("nothing was done")),
    }
}
