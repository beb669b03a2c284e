//! Asking on the terminal for what it is not to show.

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

/// Where one types, whatever stdin and stdout are.
const TERMINAL: &str = "/dev/tty";
/// A command that a signal ended has this and the signal's number for its exit code, as shells say it.
const KILLED_BY: i32 = 128;

/// The terminal, which is put back to what it was also when a signal ends the command.
pub(super) struct Prompt {
    modes: Arc<Modes>,
    lines: BufReader<File>,
}

struct Modes {
    terminal: File,
    before: Termios,
    /// Whoever changes the modes has the turn; whoever ends the process keeps it.
    turn: Mutex<()>,
}

impl Prompt {
    pub fn open() -> io::Result<Self> {
        let terminal = OpenOptions::new().read(true).write(true).open(TERMINAL)?;
        let modes = Arc::new(Modes {
            before: tcgetattr(&terminal)?,
            turn: Mutex::new(()),
            terminal,
        });
        restore_when_ended(modes.clone())?;
        let lines = BufReader::new(modes.terminal.try_clone()?);
        Ok(Self { modes, lines })
    }

    /// Shows `prompt` and gives the line that is typed, without its end.
    pub fn ask(&mut self, prompt: &str) -> io::Result<String> {
        let mut silent = self.modes.before.clone();
        silent.local_modes -= LocalModes::ECHO;
        // The end of the line is shown, so that what comes next begins on another.
        silent.local_modes |= LocalModes::ECHONL;
        self.modes.set(&silent)?;
        let mut line = String::new();
        let typed = (&self.modes.terminal)
            .write_all(prompt.as_bytes())
            .and_then(|()| self.lines.read_line(&mut line));
        self.modes.set(&self.modes.before)?;
        typed?;
        Ok(line.trim_end_matches(['\r', '\n']).to_owned())
    }
}

impl Modes {
    fn set(&self, modes: &Termios) -> io::Result<()> {
        let _turn = self.take_turn();
        tcsetattr(&self.terminal, OptionalActions::Now, modes)?;
        Ok(())
    }

    fn take_turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// From now on what ends a command from outside, as Ctrl-C does, puts the terminal back first.
fn restore_when_ended(modes: Arc<Modes>) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let mut signals = {
        let _context = runtime.enter();
        [
            (signal(SignalKind::interrupt())?, SignalKind::interrupt()),
            (signal(SignalKind::terminate())?, SignalKind::terminate()),
            (signal(SignalKind::hangup())?, SignalKind::hangup()),
        ]
    };
    std::thread::spawn(move || {
        let number = runtime.block_on(async {
            let [interrupt, terminate, hangup] = &mut signals;
            tokio::select! {
                _ = interrupt.0.recv() => interrupt.1,
                _ = terminate.0.recv() => terminate.1,
                _ = hangup.0.recv() => hangup.1,
            }
        });
        let _turn = modes.take_turn();
        // A terminal that is gone needs nothing.
        let _ = tcsetattr(&modes.terminal, OptionalActions::Now, &modes.before);
        eprintln!();
        std::process::exit(KILLED_BY + number.as_raw_value());
    });
    Ok(())
}
