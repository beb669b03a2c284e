//! `chatd completions` and `chatd man`: what shells and `man` want to know of the commands.

use super::{Cli, Exit, Failure, print, say};
use clap::{Args, Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man as Page;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  chatd completions bash > ~/.local/share/bash-completion/completions/chatd
  chatd completions zsh > ~/.zfunc/_chatd
  chatd completions fish > ~/.config/fish/completions/chatd.fish";

const MAN_EXAMPLES: &str = "\
Examples:
  chatd man | man -l -                     read it
  chatd man /usr/local/share/man/man1      for \"man chatd-serve\" and such";

/// Print what a shell needs to complete commands and their flags
#[derive(Debug, Args)]
#[command(after_help = COMPLETIONS_EXAMPLES)]
pub(super) struct Completions {
    /// The shell
    shell: Shell,
}

/// Print the manual page, or write one a command into a folder
#[derive(Debug, Args)]
#[command(after_help = MAN_EXAMPLES)]
pub(super) struct Man {
    /// A folder that is there; without it the page of chatd goes to stdout
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
}

impl Completions {
    pub(super) fn run(self) -> Result<(), Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "chatd", &mut script);
        print(&String::from_utf8_lossy(&script))
    }
}

impl Man {
    pub(super) fn run(self) -> Result<(), Failure> {
        let mut chatd = Cli::command().disable_help_subcommand(true);
        chatd.build();
        let Some(folder) = self.folder else {
            return print(&page(&chatd).map_err(Failure::failed)?);
        };
        let shown = folder.display();
        let unusable = match std::fs::metadata(&folder) {
            Ok(found) if !found.is_dir() => Some("is no folder; name one for the pages"),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Some("is not there; make that folder first")
            }
            _ => None,
        };
        if let Some(why) = unusable {
            return Err(Failure::new(Exit::NotFound, format!("{shown:?} {why}")));
        }
        write_pages(&chatd, &folder).map_err(|error| {
            Failure::failed(format!(
                "the manual pages cannot be written to {shown:?}: {error}; name another folder"
            ))
        })?;
        say(&format!("The manual pages are in {shown:?}."));
        Ok(())
    }
}

/// Writes a page for a command and each below it.
fn write_pages(command: &Command, folder: &Path) -> io::Result<()> {
    for below in command.get_subcommands() {
        write_pages(below, folder)?;
    }
    let name = command.get_display_name().unwrap_or(command.get_name());
    std::fs::write(folder.join(format!("{name}.1")), page(command)?)
}

/// The page of a command. What its help ends with goes where manuals have it: examples and exit codes
/// into sections of their own, as they are, and what explains into the description.
fn page(command: &Command) -> io::Result<String> {
    let ending = command.get_after_help().map(ToString::to_string);
    let mut description = command
        .get_about()
        .map(ToString::to_string)
        .unwrap_or_default();
    let mut sections = String::new();
    for paragraph in ending.unwrap_or_default().split("\n\n") {
        if let Some(examples) = paragraph.strip_prefix("Examples:\n") {
            sections += &verbatim("EXAMPLES", examples);
        } else if let Some(codes) = paragraph.strip_prefix("Exit codes:\n") {
            sections += &verbatim("EXIT STATUS", codes);
        } else {
            description += "\n\n";
            // Lines would run together, the items of a list, too.
            description += &paragraph.replace("\n- ", "\n\n- ");
        }
    }
    let command = command
        .clone()
        .after_help(None::<&str>)
        .long_about(description);
    let mut text = Vec::new();
    Page::new(command)
        .source(concat!("chatd ", env!("CARGO_PKG_VERSION")))
        .render(&mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned() + &sections)
}

/// A section whose lines stay as they are, for whoever copies them, too.
fn verbatim(title: &str, lines: &str) -> String {
    let mut section = format!(".SH \"{title}\"\n.nf\n");
    for line in lines.lines() {
        // What clap's part of the page begins with says what an apostrophe is.
        let line = line.strip_prefix("  ").unwrap_or(line).replace('\\', "\\e");
        section += &line
            .replace('-', "\\-")
            .replace('~', "\\(ti")
            .replace('\'', "\\*(Aq");
        section.push('\n');
    }
    section + ".fi\n"
}
