//! Files that are something else than what a command takes: it says what they are, and the way out.

use super::super::place;
use super::{ATTIC, odd};

#[test]
fn what_is_something_else_is_named_with_the_way_out() {
    let place = place();
    odd(&place);
    let page = format!("export --room {ATTIC} --format html --output page.html");
    for args in [
        "backup chat.backup",
        "export --all --output chat.jsonl",
        &page,
    ] {
        place.run(args).ended(0, &["Wrote"]);
    }
    let root = place.root.path();
    let export = std::fs::read(root.join("chat.jsonl")).unwrap();
    let packed = zstd::encode_all(&export[..], 3).unwrap();
    std::fs::write(root.join("chat.jsonl.zst"), packed).unwrap();
    // What tells a file of gzip's are its first bytes.
    std::fs::write(root.join("chat.jsonl.gz"), b"\x1f\x8b\x08\x00 and more").unwrap();
    std::fs::write(root.join("chat.pdf"), b"%PDF-1.7\n%\xe2\xe3\n").unwrap();
    std::fs::copy(place.data.join("chatd.db"), root.join("chatd.db")).unwrap();
    let no_backup = "this is no backup of chatd; name a file that \"chatd backup\" has made";
    for (file, to_import, to_restore) in [
        (
            "chat.jsonl",
            "",
            "this is an export, not a backup; bring it in with \"chatd import\"",
        ),
        (
            "chat.jsonl.gz",
            "unpack it with gunzip first",
            "unpack it with gunzip first",
        ),
        (
            "chat.jsonl.zst",
            "unpack it with unzstd first",
            "unpack it with unzstd first",
        ),
        (
            "chat.backup",
            "is a backup, not an export; \"chatd restore\"",
            "",
        ),
        (
            "page.html",
            "is a page to read, which cannot be brought in; export again, without",
            no_backup,
        ),
        (
            "chatd.db",
            "is a database, not an export; have \"chatd export --all\"",
            no_backup,
        ),
        ("chat.pdf", "is no export of chatd; name a file", no_backup),
    ] {
        for (command, said) in [("import", to_import), ("restore", to_restore)] {
            if said.is_empty() {
                continue;
            }
            let refused = place.run(&format!("{command} {file} --data-dir other"));
            refused.ended(1, &[&format!("\"{file}\""), said]);
            assert_eq!(refused.stderr.lines().count(), 1, "{}", refused.stderr);
        }
    }
    assert!(!root.join("other").exists());
}
