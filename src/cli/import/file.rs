//! The lines of an export's file, read twice.

use super::Source;
use crate::cli::Failure;
use crate::cli::backup::{Temporary, is_standard, shown};
use crate::model::{EXPORT_FORMAT, Entry};
use serde::Deserialize;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, ErrorKind, IsTerminal, Read, Seek};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The longest line, in bytes, with its end; the longest entry has less than half of that.
const LINE_BYTES: u64 = 64 * 1024;
/// Rights of what was read from a pipe, on its way: its owner's only.
const FILE_MODE: u32 = 0o600;

/// A file of lines.
pub(super) struct Lines {
    /// As sentences name it.
    name: String,
    from: BufReader<File>,
    line: Vec<u8>,
    number: u64,
    done: u64,
    bytes: u64,
}

impl Lines {
    /// Opens a file or stdin. What can be read only once is kept in a temporary file meanwhile.
    ///
    /// # Errors
    /// A sentence that names it.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let name = shown(path);
        let unread = |error: io::Error| {
            let hint = match error.kind() {
                ErrorKind::NotFound => "; name the file that \"chatd export\" has made",
                ErrorKind::PermissionDenied => "; run this as the user whom it belongs to",
                _ => "",
            };
            Failure::failed(format!("{name} cannot be read: {error}{hint}"))
        };
        let file = if is_standard(path) {
            if io::stdin().is_terminal() {
                return Err(Failure::failed(
                    "an export cannot be typed; name its file, or send it to stdin",
                ));
            }
            kept(&mut io::stdin().lock(), &name)?
        } else {
            let mut file = File::open(path).map_err(unread)?;
            let about = file.metadata().map_err(unread)?;
            if about.is_dir() {
                return Err(Failure::failed(format!(
                    "{name} is a folder; name a file in it"
                )));
            }
            if about.is_file() {
                file
            } else {
                kept(&mut file, &name)?
            }
        };
        let bytes = file.metadata().map_err(unread)?.len();
        Ok(Self {
            name,
            from: BufReader::new(file),
            line: Vec::new(),
            number: 0,
            done: 0,
            bytes,
        })
    }

    fn wrong(&self, why: &str) -> Failure {
        Failure::failed(format!("line {} of {}: {why}", self.number, self.name))
    }

    /// What a line says.
    fn parse(&self) -> Result<Entry, Failure> {
        let entry = serde_json::from_slice(&self.line);
        entry.map_err(|error| {
            if self.number > 1 {
                return self.wrong(&format!("it is damaged: {error}; export again"));
            }
            match serde_json::from_slice::<Least>(&self.line) {
                Ok(least) if least.kind == "export" && least.format != EXPORT_FORMAT => {
                    newer(&self.name, &least)
                }
                Ok(least) if least.kind == "export" => {
                    self.wrong(&format!("it is damaged: {error}; export again"))
                }
                _ => Failure::failed(format!(
                    "{} is no export of chatd; name a file that \"chatd export\" has made",
                    self.name
                )),
            }
        })
    }
}

/// What the first line has in every form of an export.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Least {
    #[serde(rename = "type")]
    kind: String,
    format: u32,
    #[serde(default)]
    made_by: String,
}

fn newer(name: &str, least: &Least) -> Failure {
    Failure::failed(format!(
        "{name} is an export of format {} by {:?}, and this chatd knows format {EXPORT_FORMAT}; \
         import it with that version or a later one",
        least.format, least.made_by
    ))
}

/// Keeps what is read in a file that has no name any more.
fn kept(from: &mut dyn Read, name: &str) -> Result<File, Failure> {
    let folder = Temporary::make()?;
    let path = folder.path().join("export");
    let unwritten = |error: io::Error| {
        Failure::failed(format!(
            "\"{}\", which keeps {name}, cannot be written: {error}; name a place with more room in $TMPDIR",
            path.display()
        ))
    };
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(FILE_MODE)
        .open(&path)
        .map_err(unwritten)?;
    // It goes on without its name, so that nothing of it is left whatever becomes of this process.
    drop(folder);
    io::copy(from, &mut file).map_err(unwritten)?;
    Ok(file)
}

impl Source for Lines {
    fn rewind(&mut self) -> Result<(), Failure> {
        self.number = 0;
        self.done = 0;
        let again = self.from.rewind();
        again.map_err(|error| {
            Failure::failed(format!("{} cannot be read again: {error}", self.name))
        })
    }

    fn next(&mut self) -> Result<Option<Entry>, Failure> {
        self.line.clear();
        self.number += 1;
        let mut limited = (&mut self.from).take(LINE_BYTES);
        let read = limited.read_until(b'\n', &mut self.line);
        let read = read
            .map_err(|error| Failure::failed(format!("{} cannot be read: {error}", self.name)))?;
        self.done += read as u64;
        if read == 0 {
            if self.number == 1 {
                self.parse()?;
            }
            return Ok(None);
        }
        if self.line.last() == Some(&b'\n') {
            let entry = self.parse()?;
            return match entry {
                // The form of the other lines is another one as well, whatever this one is like.
                Entry::Export(head) if head.format != EXPORT_FORMAT => Err(newer(
                    &self.name,
                    &Least {
                        kind: String::new(),
                        format: head.format,
                        made_by: head.made_by,
                    },
                )),
                entry => Ok(Some(entry)),
            };
        }
        if self.number == 1 {
            // Whatever it is, it says so.
            self.parse()?;
        }
        if read as u64 == LINE_BYTES {
            return Err(self.wrong("it is longer than any entry; export again"));
        }
        Err(self.wrong("it is cut off, so that the export is a half-written one; export again"))
    }

    fn place(&self) -> String {
        format!("line {} of {}", self.number, self.name)
    }

    fn progress(&self) -> (u64, u64) {
        (self.done, self.bytes)
    }
}
