//! The file of a backup: written in one go, and read in one go, so that it may be a pipe.

use super::kind::{Kind, ZSTD};
use super::{BackupError, FORMAT, Manifest, Source, Stop, must_be_known};
use crate::server::data_folder::{DATABASE, FILE_MODE, SECRET, SECRET_MAX_BYTES, is_secret};
use serde::Deserialize;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use tar::{Archive, Builder, Entry, EntryType, Header};
use zstd::stream::read::Decoder;
use zstd::stream::write::Encoder;

/// What comes first.
const MANIFEST: &str = "manifest.json";
/// The longest manifest, in bytes.
const MANIFEST_BYTES: u64 = 64 * 1024;
/// zstd's own choice between speed and size.
const LEVEL: i32 = zstd::DEFAULT_COMPRESSION_LEVEL;
/// So many bytes are read at once.
const BLOCK_BYTES: usize = 128 * 1024;

/// Writes a backup. `told` hears how many bytes of the database are packed, and how many there are.
///
/// # Errors
/// What the system says. What is written by then is no backup.
pub fn pack(source: Source, to: impl Write, told: impl FnMut(u64, u64)) -> io::Result<()> {
    let mut encoder = Encoder::new(to, LEVEL)?;
    // Whatever does not come out as it went in is found out.
    encoder.include_checksum(true)?;
    let mut tar = Builder::new(encoder);
    let made_at = source.made_at;
    let mut append = |name: &str, bytes: u64, content: &mut dyn Read| {
        let mut header = Header::new_gnu();
        header.set_size(bytes);
        header.set_mode(FILE_MODE);
        header.set_mtime(u64::try_from(made_at.seconds()).unwrap_or(0));
        header.set_entry_type(EntryType::Regular);
        tar.append_data(&mut header, name, content)
    };
    let manifest = serde_json::to_vec_pretty(&source.manifest)?;
    append(MANIFEST, manifest.len() as u64, &mut &manifest[..])?;
    append(SECRET, source.secret.len() as u64, &mut &source.secret[..])?;
    let mut database = Watched {
        from: source.database.take(source.bytes),
        done: 0,
        all: source.bytes,
        told,
    };
    append(DATABASE, source.bytes, &mut database)?;
    tar.into_inner()?.finish()?.flush()
}

/// What is read of a file, told.
struct Watched<R, F> {
    from: R,
    done: u64,
    all: u64,
    told: F,
}

impl<R: Read, F: FnMut(u64, u64)> Read for Watched<R, F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(buffer)?;
        self.done += count as u64;
        if count == 0 && self.done < self.all {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        (self.told)(self.done, self.all);
        Ok(count)
    }
}

/// Reads a backup to its very end, and puts what is in it into `folder`, which has none of it. The files
/// are not synced.
///
/// # Errors
/// What is wrong with the backup, or that the end is wanted; what was put there by then is of no use.
pub fn unpack(from: impl Read, folder: &Path, stop: &Stop) -> Result<Manifest, BackupError> {
    unpack_until(from, folder, stop).map_err(|error| stop.reason(error))
}

fn unpack_until(from: impl Read, folder: &Path, stop: &Stop) -> Result<Manifest, BackupError> {
    let mut from = BufReader::with_capacity(BLOCK_BYTES, from);
    must_be_a_backup(&mut from)?;
    let decoder = Decoder::with_buffer(from).map_err(unreadable)?;
    let mut tar = Archive::new(decoder);
    let mut entries = tar.entries().map_err(unreadable)?;
    let mut next = |name: &str| {
        let entry = entries.next().ok_or(BackupError::CutOff)?;
        let entry = entry.map_err(unreadable)?;
        let is_it = entry.path_bytes() == name.as_bytes();
        if is_it && entry.header().entry_type() == EntryType::Regular {
            Ok(entry)
        } else {
            Err(BackupError::Foreign(Kind::Other))
        }
    };
    let manifest = read_manifest(next(MANIFEST)?)?;
    must_be_known(&manifest)?;
    let mut secret = Vec::new();
    let limited = next(SECRET)?.take(SECRET_MAX_BYTES + 1);
    read_all(limited, &mut secret)?;
    if !is_secret(&secret) {
        return Err(BackupError::Damaged(format!("its {SECRET} is none")));
    }
    write(&folder.join(SECRET), &secret[..], stop)?;
    write(&folder.join(DATABASE), next(DATABASE)?, stop)?;
    // The checksum stands at the end.
    io::copy(&mut tar.into_inner(), &mut io::sink()).map_err(unreadable)?;
    Ok(manifest)
}

/// Looks at how it begins, and takes nothing of it.
fn must_be_a_backup(from: &mut impl BufRead) -> Result<(), BackupError> {
    let begins = from.fill_buf().map_err(unreadable)?;
    match Kind::of(begins) {
        Kind::Backup => Ok(()),
        // It may come byte by byte, or be cut off so soon.
        Kind::Other if ZSTD.starts_with(begins) => Ok(()),
        other => Err(BackupError::Foreign(other)),
    }
}

fn read_manifest(entry: Entry<'_, impl Read>) -> Result<Manifest, BackupError> {
    /// What every form of the file has.
    #[derive(Deserialize)]
    struct Least {
        format: u32,
        chatd: String,
    }
    let mut text = Vec::new();
    read_all(entry.take(MANIFEST_BYTES), &mut text)?;
    let least: Least =
        serde_json::from_slice(&text).map_err(|_| BackupError::Foreign(Kind::Other))?;
    let Least { format, chatd } = least;
    // What else is in it is for whoever knows that form.
    if format > FORMAT {
        return Err(BackupError::Newer {
            chatd,
            what: "format",
            found: format.into(),
            known: FORMAT.into(),
        });
    }
    serde_json::from_slice(&text).map_err(|error| {
        BackupError::Damaged(format!(
            "its manifest, of format {format} by chatd {chatd}, is not understood: {error}"
        ))
    })
}

fn read_all(mut from: impl Read, to: &mut Vec<u8>) -> Result<(), BackupError> {
    from.read_to_end(to).map_err(unreadable)?;
    Ok(())
}

/// Writes what is read into a new file. Which of the two fails makes all the difference to whoever asked.
fn write(path: &Path, mut from: impl Read, stop: &Stop) -> Result<(), BackupError> {
    let unwritten = |source| BackupError::Unwritten {
        path: path.to_owned(),
        source,
    };
    let mut file: File = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(FILE_MODE)
        .open(path)
        .map_err(unwritten)?;
    let mut block = vec![0; BLOCK_BYTES];
    loop {
        stop.look()?;
        let count = from.read(&mut block).map_err(unreadable)?;
        if count == 0 {
            return Ok(());
        }
        file.write_all(&block[..count]).map_err(unwritten)?;
    }
}

/// What the system says is told as it is; what zstd and tar say is about what they were given.
fn unreadable(error: io::Error) -> BackupError {
    if error.raw_os_error().is_some() {
        return BackupError::Unreadable(error);
    }
    match error.kind() {
        ErrorKind::UnexpectedEof => BackupError::CutOff,
        _ => BackupError::Damaged(error.to_string()),
    }
}
