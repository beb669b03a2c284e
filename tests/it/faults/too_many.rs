//! More connections than there may be, and more than the system lets the process have.

use super::super::harness::{Executable, Person, Socket, executable, soon};
use super::hostile::raw::Raw;
use super::hostile::{Hall, serve};
use super::{either, report};
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Between two looks at something.
const LOOK: Duration = Duration::from_millis(50);
/// Who is not answered for so long was not accepted.
const UNANSWERED: Duration = Duration::from_secs(1);
/// Connections that come when there are enough.
const TOO_MANY: usize = 100;
/// When those who are refused are told to come back, in seconds.
const RETRY_AFTER: &str = "5";

/// The answer to a request on a connection of its own: its head, and the error in its body.
async fn ask(url: &str) -> (String, Value) {
    let address = url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET /healthz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    soon("an answer", stream.read_to_string(&mut answer))
        .await
        .unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    (head.to_owned(), body["error"].clone())
}

/// Fills a server whose limits are these, and knocks at its door.
async fn fill(what: &str, env: &[(&str, &str)], most: usize, status: &str, code: &str) {
    let hall = Hall::open(env).await;
    let mut inside: Vec<Socket> = Vec::new();
    while inside.len() < most {
        inside.push(hall.ada.connect_to(&hall.room).await);
    }
    let refused = join_all((0..TOO_MANY).map(|_| ask(&hall.chatd.url))).await;
    for (head, error) in refused {
        assert!(head.starts_with(&format!("HTTP/1.1 {status}")), "{head}");
        let retry = format!("\r\nretry-after: {RETRY_AFTER}");
        assert!(head.to_lowercase().contains(&retry), "{head}");
        assert_eq!(error["code"], code, "{error}");
        assert!(error["message"].is_string(), "{error}");
    }
    // Those inside do not notice.
    let send = json!({ "roomId": hall.room, "content": "still here" });
    inside[0].ask("send_message", send).await.unwrap();
    for socket in &mut inside {
        assert_eq!(
            socket.next("receive_message").await["content"],
            "still here"
        );
    }
    // A place that comes free is given to the next.
    inside.pop().unwrap().close().await;
    let began = Instant::now();
    let entered = async {
        let mut looks = tokio::time::interval(LOOK);
        loop {
            looks.tick().await;
            if ask(&hall.chatd.url).await.0.starts_with("HTTP/1.1 200") {
                return;
            }
        }
    };
    soon("a place", entered).await;
    report(
        &format!("too many: {what}"),
        format!(
            "{most} inside, {TOO_MANY} refused by {status}, a place given again after {:.1?}",
            began.elapsed()
        ),
    );
}

#[tokio::test]
async fn a_full_server_refuses_clearly_and_serves_those_inside() {
    let most = either(1000, 50);
    let env = [("CHATD_SERVER__MAX_CONNECTIONS", &*most.to_string())];
    fill("in all", &env, most, "503", "overloaded").await;
}

#[tokio::test]
async fn an_address_with_too_many_connections_is_refused_clearly() {
    let most = either(256, 50);
    let env = [
        ("CHATD_SERVER__EXEMPT_ADDRESSES", ""),
        (
            "CHATD_SERVER__MAX_CONNECTIONS_PER_ADDRESS",
            &*most.to_string(),
        ),
    ];
    fill("of one address", &env, most, "429", "rate_limited").await;
}

/// Starts it with so few files that it may have open.
async fn with_files(root: Arc<tempfile::TempDir>, files: usize) -> Executable {
    let mut shell: Command = executable::command("sh");
    let chatd = executable::path().display();
    shell
        .args(["-c", &format!("ulimit -n {files}; exec {chatd} serve")])
        .env("CHATD_DATA__DIR", executable::data(root.path()));
    Executable::spawn(shell, root)
        .await
        .expect("chatd says that it is ready")
}

/// Somebody says something and somebody else, who hears it, asks for who is there, which reads.
async fn works(sender: &mut Socket, hearer: &mut Socket, room: &str, content: &str) {
    let send = json!({ "roomId": room, "content": content });
    sender.ask("send_message", send).await.unwrap();
    assert_eq!(hearer.next("receive_message").await["content"], content);
    hearer
        .ask("get_room_users", json!({ "roomId": room }))
        .await
        .unwrap();
}

/// Connects until nobody accepts any more.
async fn use_up(person: &Person) -> Vec<Raw> {
    let mut taken = Vec::new();
    let used_up = async {
        while let Ok(one) = tokio::time::timeout(UNANSWERED, Raw::sign_in(person)).await {
            taken.push(one.expect("nobody who was accepted is cut"));
        }
    };
    soon("the end of the files", used_up).await;
    taken
}

#[tokio::test]
async fn a_server_without_a_file_left_serves_those_inside_and_recovers() {
    const FILES: usize = 100;
    let chatd = serve(Arc::new(tempfile::tempdir().unwrap()), &[]).await;
    let (ada, bob) = (chatd.person("ada").await, chatd.person("bob").await);
    let room = ada.room("narrow", false).await;
    bob.join(&room).await;
    let chatd = with_files(chatd.kill(), FILES).await;
    let (ada, bob) = (chatd.again(&ada), chatd.again(&bob));
    let (mut one, mut other) = (ada.connect_to(&room).await, bob.connect_to(&room).await);
    works(&mut one, &mut other, &room, "before").await;

    let mut taken = use_up(&bob).await;
    let late = tokio::spawn({
        let ada = ada.clone();
        async move { ada.connect().await }
    });
    works(&mut one, &mut other, &room, "without a file").await;
    assert!(!late.is_finished(), "nobody is accepted");
    let count = taken.len();
    taken.truncate(count / 2);
    let began = Instant::now();
    let mut late = soon("a place for who came late", late).await.unwrap();
    late.ask("join_room", json!({ "roomId": room }))
        .await
        .unwrap();
    let recovered = began.elapsed();
    works(&mut one, &mut late, &room, "after").await;
    report(
        "too many: no file left",
        format!(
            "{FILES} files, {count} connections took the rest, recovered after {recovered:.1?}"
        ),
    );
}
