//! Backups that are not what was written: each is refused in a sentence, and nothing is changed.

use super::{bytes, names, place, taken};
use crate::cli::{Place, Ran, Value};
use crate::faults::either;
use rusqlite::Connection;
use std::io::{Read, Write};
use std::path::Path;

/// Tries to verify and to restore these bytes; both must be refused with these words.
fn must_be_refused(place: &Place, backup: &[u8], said: &[&str]) {
    let before = bytes(&place.data);
    for args in ["backup --verify -", "restore --force -"] {
        let ran: Ran = place.run_with(args, backup);
        ran.ended(1, said);
        assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    }
    assert_eq!(bytes(&place.data), before);
    assert_eq!(names(place.root.path()), ["chat.backup", "data", "log"]);
}

#[test]
fn a_backup_that_is_cut_off_anywhere_is_refused() {
    let place = place();
    let (path, ..) = taken(&place);
    let whole = std::fs::read(path).unwrap();
    let every = either(7, 97);
    let lengths = (1..whole.len()).step_by(every);
    for length in lengths.chain([whole.len() / 2, whole.len() - 1]) {
        must_be_refused(&place, &whole[..length], &["cut off"]);
    }
    must_be_refused(&place, b"", &["cut off"]);
}

#[test]
fn a_bit_that_has_flipped_is_found_wherever_it_makes_a_difference() {
    let place = place();
    let (path, ..) = taken(&place);
    let whole = std::fs::read(path).unwrap();
    let content = zstd::decode_all(&whole[..]).unwrap();
    let before = bytes(&place.data);
    let (mut tried, mut harmless) = (0, 0);
    for at in (0..whole.len()).step_by(either(3, 53)) {
        tried += 1;
        let mut flipped = whole.clone();
        flipped[at] ^= 1 << (at % 8);
        // Of some zeros it is all the same from which other zeros they are said to be repeated.
        if zstd::decode_all(&flipped[..]).is_ok_and(|bytes| bytes == content) {
            harmless += 1;
            continue;
        }
        let ran = place.run_with("restore --force -", &flipped);
        assert_eq!(ran.code, 1, "byte {at}: {}", ran.stderr);
        let said = ["damaged", "cut off", "no backup of chatd"];
        let is_said = said.iter().any(|words| ran.stderr.contains(words));
        assert!(is_said, "byte {at}: {}", ran.stderr);
    }
    assert!(harmless * 10 < tried, "{harmless} of {tried}");
    assert_eq!(bytes(&place.data), before);
    let mut longer = whole;
    longer.extend(b"and more");
    must_be_refused(&place, &longer, &["damaged"]);
}

/// The parts of a backup, to be forged.
struct Parts {
    manifest: Value,
    secret: Vec<u8>,
    database: Vec<u8>,
}

fn parts(backup: &Path) -> Parts {
    let file = std::fs::File::open(backup).unwrap();
    let mut tar = tar::Archive::new(zstd::Decoder::new(file).unwrap());
    let mut contents = tar.entries().unwrap().map(|entry| {
        let mut bytes = Vec::new();
        entry.unwrap().read_to_end(&mut bytes).unwrap();
        bytes
    });
    Parts {
        manifest: serde_json::from_slice(&contents.next().unwrap()).unwrap(),
        secret: contents.next().unwrap(),
        database: contents.next().unwrap(),
    }
}

fn tar_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(zstd::Encoder::new(Vec::new(), 0).unwrap());
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o600);
        tar.append_data(&mut header, name, *bytes).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

impl Parts {
    fn packed(&self) -> Vec<u8> {
        tar_of(&[
            ("manifest.json", self.manifest.to_string().as_bytes()),
            ("jwt.secret", &self.secret),
            ("chatd.db", &self.database),
        ])
    }

    /// Changes the database by SQL.
    fn change(&mut self, sql: &str) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("chatd.db");
        std::fs::write(&path, &self.database).unwrap();
        let database = Connection::open(&path).unwrap();
        database
            .execute_batch("PRAGMA journal_mode = DELETE")
            .unwrap();
        database.execute_batch(sql).unwrap();
        database.close().unwrap();
        self.database = std::fs::read(&path).unwrap();
    }
}

#[test]
fn a_file_of_somebody_else_is_no_backup() {
    let place = place();
    let (path, ..) = taken(&place);
    let foreign = ["is no backup of chatd"];
    must_be_refused(&place, b"dear diary, ", &foreign);
    must_be_refused(&place, &tar_of(&[]), &["cut off"]);
    must_be_refused(&place, &tar_of(&[("holiday.jpg", b"beach")]), &foreign);
    must_be_refused(&place, &tar_of(&[("manifest.json", b"{}")]), &foreign);
    let Parts { manifest, .. } = parts(&path);
    let manifest = manifest.to_string();
    let evil: [(&str, &[u8]); 3] = [
        ("manifest.json", manifest.as_bytes()),
        ("jwt.secret", &[7; 32]),
        ("chatd.db-wal", b"what"),
    ];
    must_be_refused(&place, &tar_of(&evil), &foreign);
}

#[test]
fn a_backup_of_a_newer_chatd_is_refused_by_name() {
    let place = place();
    let (path, ..) = taken(&place);
    let mut newer = parts(&path);
    newer.manifest["schema"] = 4711.into();
    newer.manifest["chatd"] = "47.11.0".into();
    let said = ["newer chatd", "47.11.0", "schema 4711"];
    must_be_refused(&place, &newer.packed(), &said);
    // Nor is a form that it does not know called damaged, whatever else is in it.
    newer.manifest = serde_json::json!({ "format": 4712, "chatd": "47.12.0", "schema": "Ω" });
    let said = ["newer chatd", "47.12.0", "format 4712", "this one knows 1"];
    must_be_refused(&place, &newer.packed(), &said);
}

#[test]
fn what_does_not_fit_together_is_found() {
    let place = place();
    let (path, ..) = taken(&place);
    // Repacked as it is, it is sound.
    place
        .run_with("backup --verify -", parts(&path).packed())
        .ended(0, &["sound"]);
    let mut miscounted = parts(&path);
    miscounted.manifest["rows"]["messages"] = 7.into();
    must_be_refused(
        &place,
        &miscounted.packed(),
        &["7 rows of messages", "has 1"],
    );
    let mut gap = parts(&path);
    gap.change("UPDATE messages SET seq = 2; UPDATE rooms SET last_seq = 2");
    must_be_refused(&place, &gap.packed(), &["damaged", "messages 1 to 2"]);
    let mut orphan = parts(&path);
    orphan.change("PRAGMA foreign_keys = OFF; UPDATE messages SET user_id = randomblob(16)");
    must_be_refused(
        &place,
        &orphan.packed(),
        &["a row of messages names one of users"],
    );
    let mut broken = parts(&path);
    // What is on the second page and those after it.
    broken.database[4096..4096 * 4].fill(0x5a);
    must_be_refused(&place, &broken.packed(), &["damaged"]);
    let mut short = parts(&path);
    short.secret.truncate(31);
    must_be_refused(&place, &short.packed(), &["damaged", "jwt.secret"]);
    let mut no_database = parts(&path);
    no_database.database = b"this was never a database".repeat(100);
    must_be_refused(&place, &no_database.packed(), &["damaged"]);
    std::io::stdout().flush().unwrap();
}
