//! The `chatd` executable: parse, run, exit code.

use chatd::cli::Cli;
use std::io::Write;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match Cli::read().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Without a stderr the exit code still says what happened.
            let _ = writeln!(std::io::stderr(), "chatd: {failure}");
            failure.exit.into()
        }
    }
}
