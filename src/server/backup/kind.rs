//! What a file is that was named for a backup or an export, by how it begins, so that whoever named it is
//! told the way out.

use std::io::Read;
use zstd::stream::read::Decoder;

/// So many of the first bytes of an export say that it is one.
const HEAD_BYTES: usize = 100;
/// How a page begins, in small letters.
const PAGES: [&str; 2] = ["<!doctype html", "<html"];
/// Marks of packed files, and what unpacks them: RFC 1952 section 2.3.1, RFC 8878 section 3.1.1, and what
/// the programs themselves write.
const PACKED: [(&[u8], &str); 5] = [
    (b"\x1f\x8b", "gunzip"),
    (ZSTD, "unzstd"),
    (b"\xfd7zXZ\0", "unxz"),
    (b"BZh", "bunzip2"),
    (b"PK\x03\x04", "unzip"),
];
/// What a file in zstd begins with.
pub(super) const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
/// What a database begins with (<https://sqlite.org/fileformat.html>, section 1.3).
const DATABASE: &[u8] = b"SQLite format 3\0";

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// What "chatd backup" makes: whatever is in zstd and no export.
    Backup,
    /// What "chatd export" makes.
    Export,
    /// What "chatd export --format html" makes, or another page.
    Page,
    /// Something packed, which this program unpacks.
    Packed(&'static str),
    /// A database of SQLite's.
    Database,
    /// None of these.
    Other,
}

impl Kind {
    /// So many bytes of a file say what it is: as many as the first block of one in zstd may have, with what
    /// is before it.
    pub const BYTES: u64 = 129 * 1024;

    /// What a file is that begins with these bytes.
    pub fn of(begins: &[u8]) -> Self {
        if begins.starts_with(ZSTD) && Self::of_text(&unpacked(begins)) != Self::Export {
            return Self::Backup;
        }
        if let Some((_, by)) = PACKED.iter().find(|(mark, _)| begins.starts_with(mark)) {
            return Self::Packed(by);
        }
        if begins.starts_with(DATABASE) {
            return Self::Database;
        }
        Self::of_text(begins)
    }

    fn of_text(begins: &[u8]) -> Self {
        let begins = &begins[..begins.len().min(HEAD_BYTES)];
        let text = String::from_utf8_lossy(begins).to_ascii_lowercase();
        let text = text.trim_start();
        if PAGES.iter().any(|page| text.starts_with(page)) {
            Self::Page
        } else if text.starts_with('{') && text.contains("\"export\"") {
            Self::Export
        } else {
            Self::Other
        }
    }
}

/// The first bytes of what is packed, as many as can be made out.
fn unpacked(begins: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    if let Ok(decoder) = Decoder::with_buffer(begins) {
        // It ends amid the file, and what came before that is there.
        let _ = decoder.take(HEAD_BYTES as u64).read_to_end(&mut text);
    }
    text
}
