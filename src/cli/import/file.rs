//! The lines of an export's file, read twice.

use super::Source;
use super::damage::damage;
use crate::cli::Failure;
use crate::cli::backup::{EXPORT, Temporary, is_standard, shown};
use crate::model::{EXPORT_FORMAT, Entry};
use crate::server::backup::Kind;
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
    /// Whether there was an entry.
    has_begun: bool,
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
            has_begun: false,
            done: 0,
            bytes,
        })
    }

    fn wrong(&self, why: &str) -> Failure {
        Failure::failed(format!("line {} of {}: {why}", self.number, self.name))
    }

    /// Reads the next line; says whether there is one.
    fn read_line(&mut self) -> Result<bool, Failure> {
        self.line.clear();
        let mut limited = (&mut self.from).take(LINE_BYTES);
        let read = limited.read_until(b'\n', &mut self.line);
        let read = read
            .map_err(|error| Failure::failed(format!("{} cannot be read: {error}", self.name)))?;
        self.done += read as u64;
        self.number += u64::from(read > 0);
        Ok(read > 0)
    }

    /// What the line says.
    fn entry(&mut self) -> Result<Entry, Failure> {
        match serde_json::from_slice(&self.line) {
            // The form of the other lines is another one as well, whatever this one is like.
            Ok(Entry::Export(head)) if head.format != EXPORT_FORMAT => Err(newer(
                &self.name,
                &Least {
                    kind: String::new(),
                    format: head.format,
                    made_by: head.made_by,
                },
            )),
            Ok(entry) => {
                self.has_begun = true;
                Ok(entry)
            }
            Err(error) if self.has_begun => Err(self.unreadable(&error)),
            Err(error) => Err(self.foreign(&error)),
        }
    }

    /// What is wrong with a line that is no entry.
    fn unreadable(&self, error: &serde_json::Error) -> Failure {
        if self.line.last() == Some(&b'\n') {
            return self.wrong(&damage(&self.line, error));
        }
        if self.line.len() as u64 == LINE_BYTES {
            return self.wrong("it is longer than any entry; export again");
        }
        self.wrong("it is cut off, so that the export is a half-written one; export again")
    }

    /// What is wrong with a file whose first line is no entry.
    fn foreign(&mut self, error: &serde_json::Error) -> Failure {
        match serde_json::from_slice::<Least>(&self.line) {
            Ok(least) if least.kind == "export" && least.format != EXPORT_FORMAT => {
                return newer(&self.name, &least);
            }
            _ => {}
        }
        let mut begins = Vec::new();
        let read = self.from.rewind();
        let read = read.and_then(|()| (&mut self.from).take(Kind::BYTES).read_to_end(&mut begins));
        if let Err(error) = read {
            return Failure::failed(format!("{} cannot be read: {error}", self.name));
        }
        let what = match Kind::of(&begins) {
            Kind::Export => return self.unreadable(error),
            Kind::Backup => "is a backup, not an export; \"chatd restore\" makes a data folder of it".to_owned(),
            Kind::Packed(by) => format!("is packed, and no export as it is; unpack it with {by} first"),
            Kind::Page => "is a page to read, which cannot be brought in; export again, without \"--format html\""
                .to_owned(),
            Kind::Database => "is a database, not an export; have \"chatd export --all\" make one of the data folder \
                               that it is from"
                .to_owned(),
            Kind::Other => {
                "is no export of chatd; name a file that \"chatd export\" has made".to_owned()
            }
        };
        Failure::failed(format!("{} {what}", self.name))
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
    let path = folder.path().join(EXPORT);
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
        self.has_begun = false;
        self.done = 0;
        let again = self.from.rewind();
        again.map_err(|error| {
            Failure::failed(format!("{} cannot be read again: {error}", self.name))
        })
    }

    fn next(&mut self) -> Result<Option<Entry>, Failure> {
        // An editor, or a shell that joins what it wrote, may leave empty lines.
        while self.read_line()? {
            if !self.line.trim_ascii().is_empty() {
                return self.entry().map(Some);
            }
        }
        if self.has_begun {
            return Ok(None);
        }
        self.entry().map(Some)
    }

    fn place(&self) -> String {
        format!("line {} of {}", self.number, self.name)
    }

    fn progress(&self) -> (u64, u64) {
        (self.done, self.bytes)
    }
}
