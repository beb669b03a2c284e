//! The real executable on a small disk of its own, which nobody else sees and which is gone with the
//! process; nothing of it is left behind whatever happens.

use super::Executable;
use super::executable::{command, data, path};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

/// What takes room from the start.
const FILLER: &str = "filler";

/// A server on a disk of so many bytes, of which so many are taken from the start; nothing, and word of
/// it, where no disk can be mounted.
pub async fn start(bytes: u64, taken: u64) -> Option<Executable> {
    let root = Arc::new(tempfile::tempdir().unwrap());
    std::fs::create_dir(data(root.path())).unwrap();
    for options in [&["--mount"][..], &["--map-root-user", "--mount"]] {
        let mut command = serve(root.path(), options, bytes, taken);
        command.stderr(File::create(log(root.path())).unwrap());
        if let Some(chatd) = Executable::spawn(command, root.clone()).await {
            return Some(chatd);
        }
    }
    // Straight to stderr, past what the test runner keeps to itself.
    let why = "no small disk can be mounted here, not even in a namespace of one's own";
    let mut stderr = std::io::stderr();
    writeln!(stderr, "skipped: {why}").unwrap();
    None
}

/// A command that runs `chatd serve` there.
fn serve(root: &Path, options: &[&str], bytes: u64, taken: u64) -> Command {
    const SCRIPT: &str = r#"mount -t tmpfs -o "size=$2,mode=700" chatd-test "$1" &&
        head -c "$3" /dev/zero >"$1/$4" && exec "$5" serve"#;
    let data = data(root);
    let mut unshare = command("unshare");
    unshare
        .args(options)
        .args(["sh", "-c", SCRIPT, "sh"])
        .arg(&data)
        .args([&bytes.to_string(), &taken.to_string(), FILLER])
        .arg(path())
        .env("CHATD_DATA__DIR", data)
        // Few enough for the open files of any machine, which are warned of, too.
        .env("CHATD_SERVER__MAX_CONNECTIONS", "256");
    unshare
}

/// Where the server's log is: on a larger disk.
pub fn log(root: &Path) -> PathBuf {
    root.join("log")
}

/// The server's data folder, as others see it.
pub fn inside(chatd: &Executable) -> PathBuf {
    let root = PathBuf::from(format!("/proc/{}/root", chatd.id()));
    root.join(data(chatd.root()).strip_prefix("/").unwrap())
}

/// The file that takes room.
pub fn filler(chatd: &Executable) -> PathBuf {
    inside(chatd).join(FILLER)
}
