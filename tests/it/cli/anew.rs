//! What is in a data folder when nothing came of a start, and when something of it is gone.

use super::{Place, mode, place};
use chatd::server::data_folder::DataFolder;
use rustix::process::Signal;
use std::fs::{
    DirEntry, Permissions, create_dir, create_dir_all, read_dir, read_link, remove_file, rename,
    set_permissions, write,
};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Instant;

/// The names of what is in the place, but the log.
fn left(place: &Place) -> Vec<String> {
    let entries = read_dir(place.root.path()).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "log")
        .collect();
    names.sort();
    names
}

#[test]
fn a_start_that_comes_to_nothing_leaves_nothing_behind() {
    let mut place = place();
    place.data = "some/where/data".into();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap();
    let refused = place.run(&format!("serve --listen {port}"));
    refused.ended(1, &["in use", "--listen"]);
    assert_eq!(left(&place), [""; 0]);
    place
        .run("serve --listen 192.0.2.1:5000")
        .ended(1, &["no address of this machine"]);
    assert_eq!(left(&place), [""; 0]);
    // What was there before stays, whatever it is.
    create_dir(place.root.path().join("some")).unwrap();
    place.run(&format!("serve --listen {port}")).ended(1, &[]);
    assert_eq!(left(&place), ["some"]);
    assert_eq!(read_dir(place.root.path().join("some")).unwrap().count(), 0);
    let mut acme = place.command(["serve", "--listen", &port.to_string()]);
    acme.env("CHATD_TLS__DOMAINS", "chat.example.org");
    let refused: super::Ran = acme.output().unwrap().into();
    refused.ended(1, &["in use"]);
    assert_eq!(read_dir(place.root.path().join("some")).unwrap().count(), 0);
    // A folder that is there keeps its rights; what a killed start left in it is worth nothing.
    create_dir_all(place.root.path().join(&place.data)).unwrap();
    let data = place.root.path().join(&place.data);
    set_permissions(&data, Permissions::from_mode(0o755)).unwrap();
    write(data.join("chatd.db"), "").unwrap();
    place.run(&format!("serve --listen {port}")).ended(1, &[]);
    assert_eq!(mode(&data), 0o755);
    assert_eq!(read_dir(&data).unwrap().count(), 0);
}

#[test]
fn a_lock_that_is_removed_with_an_unused_folder_lets_nobody_share_it() {
    let place = place();
    create_dir(&place.data).unwrap();
    let first = DataFolder::open(&place.data).unwrap();
    // The next has opened the lock, and asks for it a second later.
    let delay = "-D -f -o /dev/null -e inject=flock:delay_enter=1000000:when=1";
    let serve = [
        env!("CARGO_BIN_EXE_chatd"),
        "serve",
        "--listen",
        "127.0.0.1:0",
    ];
    let mut second = place.start(place.command_of("strace", delay.split(' ').chain(serve)));
    let lock = place.data.canonicalize().unwrap().join("chatd.lock");
    let deadline = Instant::now() + super::START;
    while openers(&lock) < 2 {
        assert!(Instant::now() < deadline, "nobody opens the lock");
        std::thread::sleep(super::LOOK);
    }
    drop(first);
    second.wait_until_ready();
    assert!(lock.exists(), "the second holds a lock that nobody finds");
    second.stop();
}

/// How many processes have a file open.
fn openers(file: &Path) -> usize {
    let processes = read_dir("/proc").unwrap().flatten();
    let has_it = |process: &DirEntry| {
        // There are other names for this one.
        let is_number = process.file_name().to_string_lossy().parse::<u32>().is_ok();
        let files = read_dir(process.path().join("fd"));
        let mut files = files.into_iter().flatten().flatten();
        is_number && files.any(|one| read_link(one.path()).is_ok_and(|path| path == file))
    };
    processes.filter(has_it).count()
}

#[test]
fn a_disk_that_takes_no_database_is_told_with_the_way_out() {
    let place = place();
    let program = env!("CARGO_BIN_EXE_chatd");
    // In blocks of 512 bytes: room for an empty database, and none for the tables.
    let script = format!("ulimit -f 200; exec {program} serve --listen 127.0.0.1:0");
    let refused = place.command_of("sh", ["-c", &script]).output().unwrap();
    let refused = super::Ran::from(refused);
    refused.ended(1, &["chatd.db", "disk", "start again"]);
    assert!(!refused.stderr.contains('`'), "{}", refused.stderr);
}

#[test]
fn a_database_that_is_gone_is_told_before_a_new_chat_begins() {
    let place = place();
    place.add("ada", "longenough");
    remove_file(place.data.join("chatd.db")).unwrap();
    place
        .run("user list")
        .ended(3, &["has lost its chatd.db", "chatd restore --force"]);
    let looked = place.run("doctor").stdout;
    assert!(
        looked.contains("problem: the data folder") && looked.contains("has lost chatd.db\n"),
        "{looked}"
    );
    let server = place.serve();
    server.logged(&["WARN", "a new chat begins", "chatd restore --force"]);
    server.stop();
    let again = place.serve();
    assert_eq!(again.log().matches("a new chat begins").count(), 1);
    again.stop();
}

#[test]
fn a_log_without_its_database_is_not_wiped_out() {
    let place = place();
    let mut server = place.serve();
    server.register("ada", "longenough");
    server.signal(Signal::KILL);
    server.ended_within(super::STOP);
    let [database, aside] = ["chatd.db", "aside"].map(|name| place.data.join(name));
    rename(&database, &aside).unwrap();
    for args in [
        "serve --listen 127.0.0.1:0",
        "user add bob --email bob@example.org --generate",
        "user list",
        "backup chat.backup",
        "export --all",
        "stats",
    ] {
        place
            .run(args)
            .ended(1, &["chatd.db-wal", "put chatd.db back"]);
    }
    let looked = place.run("doctor").stdout;
    assert!(
        looked.contains("has lost chatd.db, but has its log"),
        "{looked}"
    );
    rename(&aside, &database).unwrap();
    let server = place.serve();
    assert_eq!(server.sign_in("ada", "longenough"), 200);
    server.stop();
}

#[test]
fn a_secret_that_is_gone_is_told_when_it_signs_people_out() {
    let place = place();
    place.add("ada", "longenough");
    let secret = place.data.join("jwt.secret");
    remove_file(&secret).unwrap();
    let server = place.serve();
    assert!(
        !server.log().contains("sign in anew"),
        "nobody was signed in"
    );
    let token = server.register("bob", "longenough");
    server.stop();
    remove_file(&secret).unwrap();
    // Whoever only looks makes none.
    place.run("user list").ended(0, &[]);
    place
        .run("backup chat.backup")
        .ended(1, &["has no jwt.secret"]);
    assert!(!secret.exists());
    let looked = place.run("doctor").stdout;
    assert!(
        looked.contains("warning: jwt.secret is not there"),
        "{looked}"
    );
    let server = place.serve();
    server.logged(&["WARN", "everybody has to sign in anew", "jwt.secret"]);
    assert_eq!(server.me(&token), 401);
    server.stop();
}

#[test]
fn a_database_that_is_removed_under_the_server_is_told_and_can_be_saved() {
    let place = place();
    let server = place.serve();
    server.register("ada", "longenough");
    let database = place.data.join("chatd.db");
    remove_file(&database).unwrap();
    let deadline = std::time::Instant::now() + super::START;
    while server.send("GET /readyz", None, "").0 == 200 {
        assert!(std::time::Instant::now() < deadline, "still ready");
        std::thread::sleep(super::LOOK);
    }
    server.logged(&["ERROR", "removed or replaced", "chatd backup"]);
    // Whoever asks is told to save it, and by no means to start the server anew first.
    let looked = place.run("doctor");
    looked.ended(1, &[]);
    for told in [
        "problem: chatd.db is gone while a server uses it\n  → take everything out with \"chatd backup FILE\" before",
        "problem: it is not ready: /readyz answers 500 Internal Server Error\n  → its log says why, and what to do before it",
    ] {
        assert!(looked.stdout.contains(told), "{}", looked.stdout);
    }
    let told = "it answers 500 Internal Server Error; its log says why, and what to do before it is stopped";
    place.run("healthcheck").ended(1, &[told]);
    let url = format!("healthcheck --url http://{}", server.address);
    place.run(&url).ended(1, &[told]);
    server.register("bob", "longenough");
    place.run("backup saved.backup").ended(0, &["2 accounts"]);
    // Another file of this name is not the database.
    write(&database, "").unwrap();
    assert_eq!(server.send("GET /readyz", None, "").0, 500);
    place.run("stats").ended(1, &["log"]);
    server.logged(&["command line failed", "removed or replaced"]);
    let log = server.log.clone();
    server.stop();
    let log = std::fs::read_to_string(log).unwrap();
    assert!(log.contains("what is in no backup is gone"), "{log}");
    place.run("restore --force saved.backup").ended(0, &[]);
    assert_eq!(place.list().len(), 2);
}
