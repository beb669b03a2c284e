//! The data folder: whose it is, and who may look at it.

use super::{Place, mode, place};
use chatd::server::StartError;
use chatd::store::{Error, OpenError};
use rustix::process::{Signal, geteuid};
use std::fs::{Permissions, create_dir, create_dir_all, write};
use std::os::unix::fs::{PermissionsExt, chown};

#[test]
fn a_second_server_is_refused_with_the_process_id_of_the_first() {
    let place = place();
    let first = place.serve();
    let second = place.run("serve --listen 127.0.0.1:0");
    let pid = format!("in use by process {};", first.child.id());
    second.ended(1, &[&pid, place.data.to_str().unwrap(), "--data-dir"]);
    assert_eq!(second.stdout, "");
    first.stop();
    place.serve().stop();
}

#[test]
fn a_killed_server_leaves_nothing_that_stops_the_next_one() {
    let place = place();
    let mut killed = place.serve();
    killed.signal(Signal::KILL);
    killed.ended_within(super::STOP);
    assert!(place.data.join("control.sock").exists());
    place.add("ada", "longenough");
    let next = place.serve();
    assert_eq!(next.sign_in("ada", "longenough"), 200);
    place.add("bob", "longenough");
    assert_eq!(next.sign_in("bob", "longenough"), 200);
    next.stop();
}

#[test]
fn only_its_owner_sees_what_is_in_the_folder() {
    let mut place = place();
    place.data = place.root.path().join("some/where/data");
    let server = place.serve();
    server.register("ada", "longenough");
    assert_eq!(mode(&place.data), 0o700);
    let mut names = Vec::new();
    for entry in place.data.read_dir().unwrap() {
        let entry = entry.unwrap();
        assert_eq!(mode(&entry.path()), 0o600, "{}", entry.path().display());
        names.push(entry.file_name().into_string().unwrap());
    }
    for name in ["chatd.db", "chatd.lock", "control.sock", "jwt.secret"] {
        assert!(names.iter().any(|there| there == name), "{name}: {names:?}");
    }
    server.stop();
    assert!(!place.data.join("control.sock").exists());
    assert_eq!(place.data.join("jwt.secret").metadata().unwrap().len(), 32);
}

#[test]
fn a_folder_that_others_may_read_is_made_private() {
    let place = place();
    create_dir(&place.data).unwrap();
    std::fs::set_permissions(&place.data, Permissions::from_mode(0o755)).unwrap();
    place.add("ada", "longenough");
    assert_eq!(mode(&place.data), 0o700);
    std::fs::set_permissions(&place.data, Permissions::from_mode(0o775)).unwrap();
    place.serve().stop();
    assert_eq!(mode(&place.data), 0o700);
}

#[test]
fn a_folder_that_others_use_is_left_alone() {
    let place = place();
    create_dir(&place.data).unwrap();
    std::fs::set_permissions(&place.data, Permissions::from_mode(0o755)).unwrap();
    write(place.data.join("thesis.odt"), "years of work").unwrap();
    let refused = place.run("serve --listen 127.0.0.1:0");
    refused.ended(1, &["has files in it that are not chatd's", "--data-dir"]);
    assert_eq!(mode(&place.data), 0o755);
    assert_eq!(place.data.read_dir().unwrap().count(), 1);
}

#[test]
fn a_file_is_no_data_folder() {
    let place = place();
    write(&place.data, "").unwrap();
    let refused = place.run("serve --listen 127.0.0.1:0");
    refused.ended(1, &["name a folder, not a file"]);
}

#[test]
fn a_file_that_is_no_database_is_named_with_the_way_out() {
    let place = place();
    place.add("ada", "longenough");
    let database = place.data.join("chatd.db");
    write(
        &database,
        "anything but a database, and long enough to be one",
    )
    .unwrap();
    for args in ["serve --listen 127.0.0.1:0", "user list"] {
        let refused = place.run(args);
        let path = database.canonicalize().unwrap();
        refused.ended(
            1,
            &[
                path.to_str().unwrap(),
                "not a database",
                "backup",
                "--data-dir",
            ],
        );
    }
}

/// Has nothing in its pages but the first make sense.
fn damage(place: &Place) {
    let database = place.data.join("chatd.db");
    let mut bytes = std::fs::read(&database).unwrap();
    let page = usize::from(u16::from_be_bytes([bytes[16], bytes[17]]));
    bytes[page..].fill(0xa5);
    write(&database, bytes).unwrap();
}

#[test]
fn a_database_that_is_damaged_inside_is_told_with_the_way_out() {
    let place = place();
    place.add("ada", "longenough");
    damage(&place);
    for args in ["serve --listen 127.0.0.1:0", "user list", "stats"] {
        place
            .run(args)
            .ended(1, &["is damaged", "malformed", "chatd restore --force"]);
    }
    let looked = place.run("doctor");
    assert_eq!(looked.code, 1, "{}", looked.stderr);
    assert!(
        looked.stdout.contains("problem: its database is damaged"),
        "{}",
        looked.stdout
    );
    assert!(looked.stdout.contains("chatd restore --force"));
    for line in looked.stdout.lines() {
        let begins = |word: &&str| line.starts_with(word);
        assert!(
            ["ok: ", "warning: ", "problem: ", "  → "]
                .iter()
                .any(begins),
            "{line}"
        );
    }
}

#[test]
fn the_doctor_finds_a_database_whole_that_was_killed_with_its_log() {
    let place = place();
    let server = place.serve();
    server.register("ada", "longenough");
    drop(server);
    let looked = place.run("doctor");
    assert!(
        looked.stdout.contains("ok: its database is whole"),
        "{}",
        looked.stdout
    );
}

#[test]
fn a_disk_that_fails_is_not_taken_for_damage() {
    let error = StartError::Store {
        database: "chatd.db".into(),
        error: OpenError::Database(Error::Unwritten("disk I/O error".to_owned())),
    };
    let said = error.to_string();
    assert!(said.contains("may be full"), "{said}");
    assert!(
        !said.contains("damaged") && !said.contains("backup"),
        "{said}"
    );
}

#[test]
fn a_folder_that_cannot_be_made_is_named_with_the_way_out() {
    let mut place = place();
    place.data = "/proc/nowhere".into();
    let refused = place.run("serve --listen 127.0.0.1:0");
    refused.ended(1, &["\"/proc/nowhere\"", "--data-dir"]);
}

#[test]
fn a_secret_that_is_too_short_is_refused() {
    let place = place();
    place.add("ada", "longenough");
    write(place.data.join("jwt.secret"), [7; 31]).unwrap();
    let refused = place.run("serve --listen 127.0.0.1:0");
    refused.ended(
        1,
        &["jwt.secret", "32 to 4096 bytes", "backup", "delete it"],
    );
    // The doctor says so without a start, and mends nothing.
    let looked = place.run("doctor");
    let told = [
        "jwt.secret\" is not a secret: it must have 32 to 4096 bytes\n  → ",
        "delete it and start again",
    ];
    assert!(
        told.iter().all(|told| looked.stdout.contains(told)),
        "{}",
        looked.stdout
    );
    looked.ended(1, &[]);
    let secret = place.data.join("jwt.secret");
    assert_eq!(std::fs::read(&secret).unwrap(), [7; 31]);
    std::fs::set_permissions(&secret, Permissions::from_mode(0o000)).unwrap();
    let looked = place.run("doctor");
    let told = ["jwt.secret\" cannot be read by the user", "chmod 600"];
    assert!(
        told.iter().all(|told| looked.stdout.contains(told)),
        "{}",
        looked.stdout
    );
    assert_eq!(mode(&secret), 0);
    // A group may well let the folder's user read a file of somebody else's.
    if geteuid().is_root() {
        for (rights, is_told) in [(0o640, false), (0o600, true)] {
            chown(&secret, Some(1), Some(1)).unwrap();
            std::fs::set_permissions(&secret, Permissions::from_mode(rights)).unwrap();
            let looked = place.run("doctor").stdout;
            assert_eq!(looked.contains(told[0]), is_told, "{looked}");
        }
        chown(&secret, Some(0), Some(0)).unwrap();
    }
    std::fs::set_permissions(&secret, Permissions::from_mode(0o600)).unwrap();
    write(place.data.join("jwt.secret"), [7; 64]).unwrap();
    place.serve().stop();
}

#[test]
fn a_secret_that_cannot_be_read_is_named_with_the_way_out() {
    let place = place();
    create_dir_all(place.data.join("jwt.secret")).unwrap();
    let refused = place.run("serve --listen 127.0.0.1:0");
    refused.ended(1, &["jwt.secret", "--data-dir"]);
}

#[test]
fn the_secret_outlives_a_restart() {
    let place = place();
    let server = place.serve();
    let token = server.register("ada", "longenough");
    server.stop();
    let server = place.serve();
    assert_eq!(server.me(&token), 200);
    server.stop();
}

#[test]
fn a_path_longer_than_a_socket_address_works_all_the_same() {
    let mut place = place();
    place.data = place
        .root
        .path()
        .join("d".repeat(100))
        .join("d".repeat(100));
    let server = place.serve();
    assert_eq!(mode(&place.data.join("control.sock")), 0o600);
    place.add("ada", "longenough");
    assert_eq!(server.sign_in("ada", "longenough"), 200);
    server.stop();
    assert!(!place.data.join("control.sock").exists());
}

#[test]
fn a_relative_folder_belongs_to_where_the_command_runs() {
    let place = Place {
        data: "relative/data".into(),
        ..place()
    };
    let server = place.serve();
    place.add("ada", "longenough");
    assert_eq!(server.sign_in("ada", "longenough"), 200);
    server.stop();
    assert!(place.root.path().join("relative/data/chatd.db").exists());
}

#[test]
fn a_command_that_makes_a_data_folder_says_where() {
    let place = Place {
        data: "here/data".into(),
        ..place()
    };
    let add = |name: &str| {
        let email = format!("{name}@example.org");
        place.run(&format!("user add {name} --email {email} --generate"))
    };
    let first = add("ada");
    let made = place.root.path().canonicalize().unwrap().join("here/data");
    let said = format!("new data folder: {}\n", made.display());
    first.ended(0, &[&said]);
    let second = add("bob");
    second.ended(0, &[]);
    assert!(!second.stderr.contains("data folder"), "{}", second.stderr);
}

#[test]
fn a_data_folder_that_is_not_there_is_named_with_its_whole_path() {
    let place = Place {
        data: "nowhere".into(),
        ..place()
    };
    let root = place.root.path().canonicalize().unwrap();
    let whole = root.join("nowhere");
    place.run("user list").ended(3, &[whole.to_str().unwrap()]);
    write(&whole, "").unwrap();
    place
        .run("serve --listen 127.0.0.1:0")
        .ended(1, &[whole.to_str().unwrap()]);
}
