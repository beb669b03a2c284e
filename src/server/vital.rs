//! The tasks without which a server only looks alive.

use futures_util::FutureExt;
use std::any::Any;
use std::fmt;
use std::panic::AssertUnwindSafe;
use tokio::task::JoinSet;

/// Tasks that go on until the server stops. When one ends before, whoever started the server has to
/// know, since nobody is served any more. Dropping this ends them.
#[derive(Debug, Default)]
pub struct Vital {
    tasks: JoinSet<Lost>,
    ended: Vec<&'static str>,
}

/// A task that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    task: &'static str,
    panic: Option<String>,
}

impl fmt::Display for Lost {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.panic {
            Some(panic) => write!(to, "{} panicked: {panic}", self.task),
            None => write!(to, "{} has ended", self.task),
        }
    }
}

impl Vital {
    /// Starts a task; `task` is its name, with an article. Must be called within a Tokio runtime.
    pub fn spawn(&mut self, task: &'static str, work: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(async move {
            // Nothing that the task owned is looked at after its panic.
            let ended = AssertUnwindSafe(work).catch_unwind().await;
            let panic = ended.err().map(|panic| words(&*panic));
            Lost { task, panic }
        });
    }

    /// Resolves when the first of the tasks ends, and says which.
    pub async fn lost(&mut self) -> Lost {
        match self.tasks.join_next().await {
            Some(Ok(lost)) => {
                self.ended.push(lost.task);
                lost
            }
            Some(Err(error)) => Lost {
                task: "a task",
                panic: Some(error.to_string()),
            },
            None => std::future::pending().await,
        }
    }

    /// Waits until the task of this name has ended.
    pub async fn ended(&mut self, task: &'static str) {
        while !self.ended.contains(&task) && !self.tasks.is_empty() {
            self.lost().await;
        }
    }
}

/// What a panic said.
fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a word")
        .to_owned()
}
