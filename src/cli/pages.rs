//! `chatd completions` and `chatd man`: what shells and `man` want to know of the commands.

use super::{Cli, Exit, Failure, print, say};
use clap::{Args, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man as Page;
use std::path::PathBuf;

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  chatd completions bash > ~/.local/share/bash-completion/completions/chatd
  chatd completions zsh > ~/.zfunc/_chatd
  chatd completions fish > ~/.config/fish/completions/chatd.fish";

const MAN_EXAMPLES: &str = "\
Examples:
  chatd man | man -l -                     read it
  chatd man /usr/local/share/man/man1      one page a command, for \"man chatd-user-add\" and the like";

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
        let Some(folder) = self.folder else {
            let mut page = Vec::new();
            let rendered = Page::new(Cli::command()).render(&mut page);
            rendered.map_err(Failure::failed)?;
            return print(&String::from_utf8_lossy(&page));
        };
        if !folder.is_dir() {
            let text = format!("there is no folder \"{}\"; make it first", folder.display());
            return Err(Failure::new(Exit::NotFound, text));
        }
        clap_mangen::generate_to(Cli::command(), &folder).map_err(|error| {
            let text = format!(
                "the manual pages cannot be written to \"{}\": {error}",
                folder.display()
            );
            Failure::failed(text)
        })?;
        say(&format!(
            "The manual pages are in \"{}\".",
            folder.display()
        ));
        Ok(())
    }
}
