//! What watchers of the process are told.

use super::harness::{App, soon};
use std::time::{Duration, Instant};

/// An answer about the database may be so old.
const OLDEST_ANSWER: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_server_is_ready_while_its_database_answers_and_asks_it_once_a_second() {
    let app = App::start().await;
    let watcher = app.stranger();
    let is_ready = async || watcher.get("/readyz").await.status == 200;
    let becomes = async |ready: bool| {
        soon("a change of what is answered", async {
            while is_ready().await != ready {}
        })
        .await;
    };
    let rename = |from: &str, to: &str| {
        let rename = format!("ALTER TABLE {from} RENAME TO {to}");
        app.database().execute_batch(&rename).unwrap();
    };
    assert!(is_ready().await);
    let mut seen = 0;
    while seen < 3 {
        // Just after it became ready again, so that the answer is new.
        let asked = Instant::now();
        rename("users", "gone");
        let ready = is_ready().await;
        if asked.elapsed() < OLDEST_ANSWER / 2 && seen > 0 {
            assert!(ready, "from what is known already");
        }
        becomes(false).await;
        rename("gone", "users");
        becomes(true).await;
        seen += 1;
    }
    assert_eq!(watcher.get("/healthz").await.status, 200);
}
