//! A backup while everybody talks: it holds what was acknowledged before it began, and nobody waits long.

use super::super::{either, report};
use super::{Connection, chatd, executable, identity, in_the_database};
use crate::harness::{Executable, Person, small_disk};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Output;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Messages that are in the database from the start.
fn before() -> u32 {
    either(1_000_000, 100_000)
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
    let sending: Vec<_> = (0..super::CLIENTS)
        .map(|client| {
            let ann = server.again(&ann);
            tokio::spawn(send(ann, room.clone(), client, stop.clone(), acked.clone()))
        })
        .collect();
    // They are at full speed when it begins.
    crate::harness::soon("some acks", async {
        while acked.lock().unwrap().len() < 500 {
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
    let (most_before, p99_before, _) = longest(alone.map(|(sent, at, _)| *at - *sent));
    assert!(count > 50, "only {count} acks came amid the backup");
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
    assert!(promised >= 500);
    // Whoever was signed in is, and the room goes on where the backup ends.
    let server = Executable::start(folder).await;
    let ann = server.again(&ann);
    let next = ann.say(&room, "after the restore").await;
    assert_eq!(next["seq"], restored.len() + 1);
    let took = ended - began;
    report(
        "a backup amid talk",
        format_args!(
            "{} MiB in {took:.1?}, {promised} acknowledged before all there; {count} acks amid it, {:.0} a second, \
             p99 {p99:.1?}, longest {most:.1?} (before: {p99_before:.1?}, {most_before:.1?})",
            std::fs::metadata(executable::data(server.root()).join("chatd.db"))
                .unwrap()
                .len()
                >> 20,
            f64::from(u32::try_from(count).unwrap()) / took.as_secs_f64(),
        ),
    );
}

#[tokio::test]
async fn a_backup_that_the_disk_has_no_room_for_is_refused_before_it_fills_the_disk() {
    const MIB: u64 = 1 << 20;
    let Some(chatd) = small_disk::start(32 * MIB, MIB).await else {
        return;
    };
    let ada = chatd.person("ada").await;
    let room = ada.room("lounge", false).await;
    for _ in 0..250 {
        ada.say(&room, &"x".repeat(4000)).await;
    }
    let file = chatd.root().join("chat.backup");
    let folder = small_disk::inside(&chatd);
    // Of what is left all is taken but one MiB.
    let disk = rustix::fs::statvfs(&folder).unwrap();
    let rest = usize::try_from(disk.f_bavail * disk.f_frsize - MIB).unwrap();
    std::fs::write(folder.join("more"), vec![0; rest]).unwrap();
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
    assert!(!file.exists() && !folder.join("backup.copy").exists());
    assert_eq!(ada.say(&room, "still here").await["seq"], 251);
}
