//! Files and folders that somebody has put where backups and restores make theirs: none is written to,
//! emptied or removed.

use super::{bytes, mode, names, place, taken};
use crate::cli::until;
use rustix::process::geteuid;
use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::process::Stdio;

/// Somebody else.
const OTHER: u32 = 4711;

#[test]
fn what_has_the_name_of_an_unfinished_backup_is_not_overwritten() {
    let place = place();
    place.add("ada", "longenough");
    let root = place.root.path();
    let (precious, unfinished) = (root.join("precious"), root.join("chat.backup.unfinished"));
    std::fs::write(&precious, "years of work").unwrap();
    let refused = || {
        let said = ["unfinished\" is in the way", "name another file"];
        place.run("backup chat.backup").ended(1, &said);
        assert_eq!(std::fs::read_to_string(&precious).unwrap(), "years of work");
        assert!(unfinished.symlink_metadata().is_ok());
        assert!(!root.join("chat.backup").exists());
        std::fs::remove_file(&unfinished).unwrap();
    };
    symlink(&precious, &unfinished).unwrap();
    refused();
    std::fs::hard_link(&precious, &unfinished).unwrap();
    refused();
    if geteuid().is_root() {
        std::fs::write(&unfinished, "").unwrap();
        chown(&unfinished, Some(OTHER), None).unwrap();
        refused();
    }
    // What may be one of ours is taken over, and is nobody else's to read.
    std::fs::write(&unfinished, "half a backup").unwrap();
    set_permissions(&unfinished, Permissions::from_mode(0o666)).unwrap();
    place.run("backup chat.backup").ended(0, &["Wrote"]);
    assert_eq!(mode(&root.join("chat.backup")), 0o600);
    place
        .run("backup --verify chat.backup")
        .ended(0, &["sound"]);
}

/// What has `strace` wait a second before a file is given another name, and write down that it is to be.
const WAIT: [&str; 7] = [
    "-f",
    "-o",
    "trace",
    "-e",
    "trace=rename,renameat2",
    "-e",
    "inject=rename,renameat2:delay_enter=1000000",
];

#[test]
fn a_file_that_is_made_while_a_backup_is_on_its_way_is_kept() {
    let place = place();
    place.add("ada", "longenough");
    let root = place.root.path();
    let backup = [env!("CARGO_BIN_EXE_chatd"), "backup", "chat.backup"];
    let mut command = place.command_of("strace", WAIT.into_iter().chain(backup));
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = child.spawn().unwrap();
    until("the end of the backup", || {
        let trace = std::fs::read_to_string(root.join("trace"));
        trace.is_ok_and(|trace| trace.contains("chat.backup.unfinished"))
    });
    std::fs::write(root.join("chat.backup"), "precious").unwrap();
    let ran: crate::cli::Ran = child.wait_with_output().unwrap().into();
    ran.ended(1, &["is there already", "--force"]);
    let kept = std::fs::read_to_string(root.join("chat.backup")).unwrap();
    assert_eq!(kept, "precious");
    assert_eq!(names(root), ["chat.backup", "data", "trace"]);
}

#[test]
fn a_file_system_that_renames_in_the_old_way_only_takes_backups_too() {
    let place = place();
    place.add("ada", "longenough");
    let words = [
        "-f",
        "-o",
        "/dev/null",
        "-e",
        "trace=renameat2",
        "-e",
        "inject=renameat2:error=EINVAL",
    ];
    for (args, said) in [
        (&["backup", "chat.backup"][..], "Wrote"),
        (&["restore", "--force", "chat.backup"], "Restored"),
    ] {
        let chatd = [env!("CARGO_BIN_EXE_chatd")];
        let words = words.iter().chain(&chatd).chain(args);
        let ran: crate::cli::Ran = place.command_of("strace", words).output().unwrap().into();
        ran.ended(0, &[said]);
    }
    assert_eq!(names(&place.data), ["chatd.db", "jwt.secret"]);
}

#[test]
fn what_has_the_name_of_an_unfinished_restore_is_not_emptied() {
    let place = place();
    taken(&place);
    let root = place.root.path();
    let (other, restoring) = (root.join("other"), root.join("data.restoring"));
    let before = bytes(&place.data);
    let refused = |said: &str| {
        place.run("restore --force chat.backup").ended(
            1,
            &[
                "data.restoring\" is in the way",
                said,
                "nothing was changed",
            ],
        );
        assert_eq!(bytes(&place.data), before);
        assert!(restoring.symlink_metadata().is_ok());
    };
    std::fs::create_dir(&other).unwrap();
    std::fs::write(other.join("unfinished"), "").unwrap();
    std::fs::write(other.join("chatd.db"), "years of work").unwrap();
    symlink(&other, &restoring).unwrap();
    refused("is no folder");
    assert_eq!(names(&other), ["chatd.db", "unfinished"]);
    std::fs::remove_file(&restoring).unwrap();
    std::fs::write(&restoring, "no folder").unwrap();
    refused("is no folder");
    std::fs::remove_file(&restoring).unwrap();
    // A data folder, and one in which somebody has put something.
    for more in [None, Some("thesis.odt")] {
        std::fs::create_dir(&restoring).unwrap();
        std::fs::write(restoring.join("chatd.db"), "years of work").unwrap();
        if let Some(more) = more {
            std::fs::write(restoring.join("unfinished"), "").unwrap();
            std::fs::write(restoring.join(more), "years of work").unwrap();
        }
        let there = bytes(&restoring);
        refused("something else in it");
        assert_eq!(bytes(&restoring), there);
        std::fs::remove_dir_all(&restoring).unwrap();
    }
    if geteuid().is_root() {
        std::fs::create_dir(&restoring).unwrap();
        chown(&restoring, Some(OTHER), None).unwrap();
        refused("belongs to another user");
        std::fs::remove_dir(&restoring).unwrap();
    }
    // An empty one that others may read becomes private.
    std::fs::create_dir(&restoring).unwrap();
    set_permissions(&restoring, Permissions::from_mode(0o777)).unwrap();
    place
        .run("restore --force chat.backup")
        .ended(0, &["Restored"]);
    assert_eq!(mode(&place.data), 0o700);
}
