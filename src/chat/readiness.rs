//! Whether the database answers. Anybody may ask, so it is asked no more than once a second.

use super::{Chat, Error};
use crate::store::users;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// An answer is good for so long.
const ANSWER_TIME: Duration = Duration::from_secs(1);

/// The last answer, and when it was given. Who asks while the database is asked waits for the same
/// answer.
#[derive(Default)]
pub(super) struct Readiness(Mutex<Option<(Instant, Result<(), Error>)>>);

impl Chat {
    /// Whether the database answers, or did within the last second.
    pub async fn ready(&self) -> Result<(), Error> {
        let mut last = self.readiness.0.lock().await;
        if let Some((at, answer)) = &*last
            && at.elapsed() < ANSWER_TIME
        {
            return answer.clone();
        }
        let probe = self.store.query(|tx| Ok::<_, Error>(users::probe(tx)?));
        let answer = probe.await.and_then(|()| Ok(self.store.in_place()?));
        *last = Some((Instant::now(), answer.clone()));
        answer
    }
}
