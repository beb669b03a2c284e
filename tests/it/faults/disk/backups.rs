//! A backup while everybody talks: it holds what was acknowledged before it began, and nobody waits long.

use super::super::{either, report};
use super::{Connection, chatd, executable, identity, in_the_database};
use crate::harness::{Executable, Person, small_disk};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Output;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Messages that are in the database from the start.
fn before() -> u32 {
    either(1_000_000, 100_000)
}
/// Messages a second that are to be said while a backup is made. Where a machine takes fewer even without
/// one, the report says so.
const RATE: f64 = 1_000.0;
/// Of the rate before a backup, or of the one that is asked for, so much is left amid it at least.
const LEFT: f64 = 0.5;
/// Those who say them.
const SPEAKERS: usize = 32;
/// So many are acknowledged before it begins.
fn least_acks() -> usize {
    either(3_000, 500)
}
/// So long an acknowledgement may take amid a backup, also on a machine that has much else to do.
const MOST_WAIT: Duration = Duration::from_secs(2);

/// An acknowledged message: when it was sent and acknowledged, and what it is.
type Acked = (Instant, Instant, Value);

/// Sends messages one after the other until told to stop.
async fn send(
    ann: Person,
    room: String,
    client: usize,
    stop: Arc<AtomicBool>,
    acked: Arc<Mutex<Vec<Acked>>>,
) {
    let path = format!("/api/rooms/{room}/messages");
    for number in 0.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let id = format!("mark-{client}-{number:06};");
        let body = json!({ "content": format!("{id:x<300}"), "clientId": id });
        let began = Instant::now();
        let message = ann.post(&path, body).await.expect(201);
        acked.lock().unwrap().push((began, Instant::now(), message));
    }
}

/// Fills a room of a database whose server has ended.
fn fill(root: &Path, messages: u32) {
    let database = Connection::open(executable::data(root).join("chatd.db")).unwrap();
    database
        .execute_batch(&format!(
            "BEGIN;
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {messages})
             INSERT INTO messages SELECT r.id, i, randomblob(16), r.created_by, hex(randomblob(150)), 'text',
               'old-' || i, NULL, 1700000000000 + i, NULL, NULL FROM rooms r, n;
             UPDATE rooms SET last_seq = {messages};
             COMMIT;"
        ))
        .unwrap();
    database.close().unwrap();
}

/// Runs `chatd` on the folder below `root`, to its end.
async fn run(args: Vec<String>, root: &Path) -> Output {
    let mut command = executable::command(executable::path());
    command
        .args(args)
        .env("CHATD_DATA__DIR", executable::data(root))
        .stderr(std::process::Stdio::piped());
    let ran = tokio::task::spawn_blocking(move || command.output());
    let ran = ran.await.unwrap().unwrap();
    assert!(
        ran.status.success(),
        "{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    ran
}

/// The longest of these, and the one that 99 of 100 do not exceed.
fn longest(times: impl Iterator<Item = Duration>) -> (Duration, Duration, usize) {
    let mut times: Vec<_> = times.collect();
    times.sort_unstable();
    let at = times.len() * 99 / 100;
    let p99 = times.get(at).copied().unwrap_or_default();
    (times.last().copied().unwrap_or_default(), p99, times.len())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_holds_what_was_acknowledged_before_it_began_and_holds_nobody_up() {
    let (server, ann, room) = chatd().await;
    let folder = server.kill();
    fill(folder.path(), before());
    let server = Executable::start(folder.clone()).await;
    let (stop, acked) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(Mutex::new(Vec::new())),
    );
    let sent = Instant::now();
    let sending: Vec<_> = (0..SPEAKERS)
        .map(|client| {
            let ann = server.again(&ann);
            tokio::spawn(send(ann, room.clone(), client, stop.clone(), acked.clone()))
        })
        .collect();
    // They are at full speed when it begins.
    crate::harness::soon("some acks", async {
        while acked.lock().unwrap().len() < least_acks() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    let file = folder.path().join("chat.backup");
    let args = |words: &[&str]| {
        let words = words.iter().map(|word| (*word).to_owned());
        words.chain([file.to_str().unwrap().to_owned()]).collect()
    };
    let began = Instant::now();
    run(args(&["backup"]), folder.path()).await;
    let ended = Instant::now();
    stop.store(true, Ordering::Relaxed);
    for client in sending {
        client.await.unwrap();
    }
    let acked = std::mem::take(&mut *acked.lock().unwrap());
    let amid = acked
        .iter()
        .filter(|(sent, at, _)| *at > began && *sent < ended);
    let (most, p99, count) = longest(amid.map(|(sent, at, _)| *at - *sent));
    let alone = acked.iter().filter(|(_, at, _)| *at < began);
    let (most_before, p99_before, before) = longest(alone.map(|(sent, at, _)| *at - *sent));
    let rate = |count: usize, time: Duration| {
        f64::from(u32::try_from(count).unwrap()) / time.as_secs_f64()
    };
    let (rate_before, rate_amid) = (rate(before, began - sent), rate(count, ended - began));
    assert!(
        rate_amid >= LEFT * rate_before.min(RATE),
        "{rate_before} a second before it, and {rate_amid} amid it"
    );
    let is_slow = if rate_before < RATE {
        "; this machine takes fewer than 1,000 a second here without a backup, too"
    } else {
        ""
    };
    assert!(most < MOST_WAIT, "an ack took {most:?}");
    run(args(&["backup", "--verify"]), folder.path()).await;
    drop(server);
    run(args(&["restore", "--force"]), folder.path()).await;
    let restored = in_the_database(folder.path(), &room);
    let mut promised = 0;
    for (_, at, message) in &acked {
        if *at < began {
            let (client_id, kept) = identity(message);
            assert_eq!(restored.get(&client_id), Some(&kept), "{message}");
            promised += 1;
        }
    }
    assert!(promised >= least_acks());
    // Whoever was signed in is, and the room goes on where the backup ends.
    let server = Executable::start(folder).await;
    let ann = server.again(&ann);
    let next = ann.say(&room, "after the restore").await;
    assert_eq!(next["seq"], restored.len() + 1);
    let took = ended - began;
    report(
        "a backup amid talk",
        format_args!(
            "{} MiB in {took:.1?}, {promised} acknowledged before all there; {count} acks amid it, {rate_amid:.0} a \
             second, p99 {p99:.1?}, longest {most:.1?} (before: {rate_before:.0} a second, {p99_before:.1?}, \
             {most_before:.1?}){is_slow}",
            std::fs::metadata(executable::data(server.root()).join("chatd.db"))
                .unwrap()
                .len()
                >> 20,
        ),
    );
}

const MIB: u64 = 1 << 20;
/// What a backup leaves free.
const RESERVE: u64 = 64 * MIB;

/// A server on a small disk with something said, its room and whoever says it; nothing where there can
/// be no small disk.
async fn small() -> Option<(Executable, Person, String)> {
    let chatd = small_disk::start(RESERVE + 32 * MIB, MIB).await?;
    let ada = chatd.person("ada").await;
    let room = ada.room("lounge", false).await;
    for _ in 0..250 {
        ada.say(&room, &"x".repeat(4000)).await;
    }
    Some((chatd, ada, room))
}

/// Takes all of a disk that is free but so many bytes.
fn fill_up(folder: &Path, but: u64) {
    let disk = rustix::fs::statvfs(folder).unwrap();
    let rest = usize::try_from(disk.f_bavail * disk.f_frsize - but).unwrap();
    std::fs::write(folder.join("more"), vec![0; rest]).unwrap();
}

#[tokio::test]
async fn a_backup_that_the_disk_has_no_room_for_is_refused_before_it_fills_the_disk() {
    let Some((chatd, ada, room)) = small().await else {
        return;
    };
    let file = chatd.root().join("chat.backup");
    let folder = small_disk::inside(&chatd);
    // There is room for the copy, and too little for what is said while it is made.
    let takes = |name: &str| folder.join(name).metadata().unwrap().len();
    let takes = takes("chatd.db") + takes("chatd.db-wal");
    assert!(takes < RESERVE, "{takes}");
    fill_up(&folder, takes + takes / 2);
    let mut command = executable::command(executable::path());
    command
        .args(["backup", file.to_str().unwrap()])
        .env("CHATD_DATA__DIR", &folder)
        .stderr(std::process::Stdio::piped());
    let ran = tokio::task::spawn_blocking(move || command.output());
    let ran = ran.await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert_eq!(ran.status.code(), Some(1), "{said}");
    assert!(
        said.contains("too little room") && said.contains("make room"),
        "{said}"
    );
    assert!(!said.contains(" 0 MiB"), "{said}");
    assert!(!file.exists() && !folder.join("backup.copy").exists());
    assert_eq!(ada.say(&room, "still here").await["seq"], 251);
    // As much again as it takes is enough.
    std::fs::remove_file(folder.join("more")).unwrap();
    fill_up(&folder, 3 * takes);
    let begun = ask(&folder, "{\"request\":\"begin_copy\"}");
    assert_eq!(begun["Ok"]["copy"]["number"], 1, "{begun}");
}

/// Asks a server for something about a copy.
fn ask(folder: &Path, request: &str) -> Value {
    let mut stream = UnixStream::connect(folder.join("control.sock")).unwrap();
    stream.write_all(format!("{request}\n").as_bytes()).unwrap();
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer).unwrap();
    serde_json::from_str(&answer).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_that_comes_to_take_the_room_of_what_is_said_is_ended() {
    let Some((chatd, ada, room)) = small().await else {
        return;
    };
    let folder = small_disk::inside(&chatd);
    let begun = ask(&folder, "{\"request\":\"begin_copy\"}");
    let number = &begun["Ok"]["copy"]["number"];
    assert_eq!(*number, 1, "{begun}");
    let question = format!("{{\"request\":\"ask_copy\",\"number\":{number}}}");
    crate::harness::soon("the copy", async {
        while ask(&folder, &question)["Ok"]["copy"]["isReady"] != true {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    // Of so small a copy less than the most has to be left.
    fill_up(&folder, MIB / 2);
    for _ in 0..2 {
        let ended = ask(&folder, &question);
        assert_eq!(ended["Err"]["code"], "storage_full", "{ended}");
    }
    let end = format!("{{\"request\":\"end_copy\",\"number\":{number}}}");
    assert_eq!(ask(&folder, &end)["Ok"], "done");
    assert!(!folder.join("backup.copy").exists());
    assert_eq!(ada.say(&room, "still here").await["seq"], 251);
}
