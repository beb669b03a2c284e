//! The real executable, on a folder and a port of its own.

use super::{PASSWORD, Person, Value, json, soon};
use rustix::process::{Pid, Signal, kill_process};
use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::oneshot;

/// Between two looks at whether a process has ended.
const LOOK: Duration = Duration::from_millis(5);

/// A running `chatd serve`, killed when the value goes away.
pub struct Executable {
    pub url: String,
    child: Child,
    http: reqwest::Client,
    root: Arc<TempDir>,
}

/// `program` with nothing in its environment that concerns chatd but rates that are off.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CHATD_") {
            command.env_remove(name);
        }
    }
    command
        .env("CHATD_LIMITS__ENABLED", "false")
        .env("CHATD_SERVER__LISTEN", "127.0.0.1:0")
        .stdin(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// The path of the executable.
pub fn path() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_chatd"))
}

impl Executable {
    /// Starts it on a folder, which is kept for as long as the value lives.
    pub async fn start(root: Arc<TempDir>) -> Self {
        let mut chatd = command(path());
        chatd.arg("serve").env("CHATD_DATA__DIR", data(root.path()));
        Self::spawn(chatd, root)
            .await
            .expect("chatd says that it is ready")
    }

    /// Runs a command that ends in `chatd serve`, and waits until that is ready; nothing if it ends
    /// before.
    pub async fn spawn(mut command: Command, root: Arc<TempDir>) -> Option<Self> {
        let mut child = command.stdout(Stdio::piped()).spawn().ok()?;
        let stdout = BufReader::new(child.stdout.take()?);
        let (tell, told) = oneshot::channel();
        std::thread::spawn(move || {
            let ready = stdout.lines().next().and_then(Result::ok);
            let _ = tell.send(ready.unwrap_or_default());
        });
        let mut executable = Self {
            url: String::new(),
            child,
            http: reqwest::Client::new(),
            root,
        };
        let ready = soon("chatd's start", told).await.ok()?;
        let (_, url) = ready.split_once("http://")?;
        executable.url = format!("http://{url}");
        Some(executable)
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The folder above its data folder.
    pub fn root(&self) -> &Path {
        self.root.path()
    }

    /// Kills it as a power cut would, and gives what is left.
    pub fn kill(mut self) -> Arc<TempDir> {
        self.end();
        self.root.clone()
    }

    /// Ends it as a service manager does, and gives its exit code and what is left.
    pub async fn stop(self) -> (Option<i32>, Arc<TempDir>) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        self.ended().await
    }

    /// Waits until it ends by itself, and gives its exit code and what is left.
    pub async fn ended(mut self) -> (Option<i32>, Arc<TempDir>) {
        let status = soon("the end of the process", async {
            let mut looks = tokio::time::interval(LOOK);
            loop {
                looks.tick().await;
                if let Some(status) = self.child.try_wait().unwrap() {
                    return status;
                }
            }
        });
        (status.await.code(), self.root.clone())
    }

    fn end(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Somebody without a token.
    pub fn stranger(&self) -> Person {
        Person::at(&self.url, &self.http, "stranger", Value::Null)
    }

    /// Registers somebody.
    pub async fn person(&self, name: &str) -> Person {
        let body = json!({
            "username": name, "email": format!("{name}@example.org"), "password": PASSWORD,
        });
        let answer = self.stranger().post("/api/auth/register", body).await;
        Person::at(&self.url, &self.http, name, answer.expect(201))
    }

    /// Somebody of an earlier run.
    pub fn again(&self, person: &Person) -> Person {
        let signed_in = json!({ "user": { "id": person.id }, "token": person.token });
        Person::at(&self.url, &self.http, &person.name, signed_in)
    }
}

/// The data folder beneath a folder of a test's own.
pub fn data(root: &Path) -> PathBuf {
    root.join("data")
}

impl Drop for Executable {
    fn drop(&mut self) {
        self.end();
    }
}
