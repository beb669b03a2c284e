//! The command line, the data folder and the control socket, through the real executable.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod anew;
mod backup;
mod config;
mod control;
mod descriptors;
mod doctor;
mod export;
mod faults;
mod folder;
mod import;
mod inside;
mod pages;
mod proxies;
#[cfg(feature = "mysql")]
mod sequelize;
mod serve;
mod service;
mod setup;
mod sign_ins;
mod snapshots;
mod terminal;
mod tls;
mod upgrade;
mod user;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A start takes so long at most, also on a machine that has much else to do.
const START: Duration = Duration::from_secs(30);
/// A stop takes so long at most.
const STOP: Duration = Duration::from_secs(10);
/// Between two looks at something that is awaited.
const LOOK: Duration = Duration::from_millis(5);

/// A folder of a test's own, with a data folder in it that need not be there yet.
struct Place {
    root: TempDir,
    data: PathBuf,
}

/// What a command did.
struct Ran {
    code: i32,
    stdout: String,
    stderr: String,
}

/// A server that runs until it is stopped, or killed when the test fails.
struct Running {
    child: Child,
    address: SocketAddr,
    /// What it said on stdout when it was ready.
    ready: String,
    /// What it says on stdout after that, line by line.
    lines: Mutex<Receiver<String>>,
    log: PathBuf,
}

/// The answer to a request.
struct Answer {
    status: u16,
    body: Value,
}

fn place() -> Place {
    let root = tempfile::tempdir().unwrap();
    let data = root.path().join("data");
    Place { root, data }
}

impl Place {
    /// `chatd` with these arguments and nothing of the environment that concerns it.
    fn command<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Command {
        self.command_of(env!("CARGO_BIN_EXE_chatd"), args)
    }

    /// The same of another program.
    fn command_of<A: AsRef<OsStr>>(
        &self,
        program: &str,
        args: impl IntoIterator<Item = A>,
    ) -> Command {
        let mut command = Command::new(program);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("CHATD_") {
                command.env_remove(name);
            }
        }
        command
            .args(args)
            .env("CHATD_DATA__DIR", &self.data)
            .env("CHATD_LIMITS__ENABLED", "false")
            .current_dir(self.root.path())
            .stdin(Stdio::null());
        command
    }

    /// Runs a command whose arguments have no spaces.
    fn run(&self, args: &str) -> Ran {
        self.command(args.split(' ')).output().unwrap().into()
    }

    /// Runs a command with this on stdin.
    fn run_with(&self, args: &str, stdin: impl AsRef<[u8]>) -> Ran {
        let mut command = self.command(args.split(' '));
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that reads one line may be gone before the rest is written.
        let _ = child.stdin.take().unwrap().write_all(stdin.as_ref());
        child.wait_with_output().unwrap().into()
    }

    /// Makes an account with this password.
    fn add(&self, name: &str, password: &str) {
        let args = format!("user add {name} --email {name}@example.org --password-stdin");
        let added = self.run_with(&args, format!("{password}\n"));
        assert_eq!(added.code, 0, "{}", added.stderr);
        assert_eq!(added.stdout, "");
    }

    /// All accounts.
    fn list(&self) -> Vec<Value> {
        let listed = self.run("user list --json");
        assert_eq!(listed.code, 0, "{}", listed.stderr);
        serde_json::from_str(&listed.stdout).unwrap()
    }

    /// A running server, with these variables in its environment.
    fn serve_with(&self, env: &[(&str, &str)]) -> Running {
        let mut command = self.command(["serve", "--listen", "127.0.0.1:0"]);
        command.envs(env.iter().copied());
        let mut running = self.start(command);
        running.wait_until_ready();
        running
    }

    /// A process that becomes a server, with its log in a file.
    fn start(&self, mut command: Command) -> Running {
        let log = self.root.path().join("log");
        let log_file = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .unwrap();
        let child = command
            .stdout(Stdio::piped())
            .stderr(log_file)
            .spawn()
            .unwrap();
        Running {
            child,
            address: ([0, 0, 0, 0], 0).into(),
            ready: String::new(),
            lines: Mutex::new(channel().1),
            log,
        }
    }

    fn serve(&self) -> Running {
        self.serve_with(&[])
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Ran {
    /// Asserts how it ended, and that it said these things about it.
    #[track_caller]
    fn ended(&self, code: i32, said: &[&str]) {
        assert_eq!(self.code, code, "{}", self.stderr);
        for words in said {
            assert!(self.stderr.contains(words), "{words:?}: {}", self.stderr);
        }
    }
}

impl Running {
    fn wait_until_ready(&mut self) {
        let stdout = BufReader::new(self.child.stdout.take().unwrap());
        let (tell, told) = channel();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let _ = tell.send(line);
            }
        });
        self.lines = Mutex::new(told);
        self.ready = format!("{}\n{}", self.line(), self.line());
        let (_, address) = self
            .ready
            .split_once("://")
            .unwrap_or_else(|| panic!("{}", self.log()));
        let address = address.split_whitespace().next().unwrap();
        self.address = address.parse().unwrap();
    }

    /// The next line that it says on stdout.
    fn line(&self) -> String {
        let line = self.lines.lock().unwrap().recv_timeout(START);
        line.unwrap_or_else(|_| panic!("{}", self.log()))
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits until the process has ended.
    fn ended_within(&mut self, time: Duration) -> ExitStatus {
        let deadline = Instant::now() + time;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "still running: {}", self.log());
            std::thread::sleep(LOOK);
        }
    }

    /// Stops it as a service manager does.
    fn stop(mut self) {
        self.signal(Signal::TERM);
        let status = self.ended_within(STOP);
        assert_eq!(status.code(), Some(0), "{}", self.log());
    }

    /// Waits for a line of the log with these words, and gives it.
    #[track_caller]
    fn logged(&self, words: &[&str]) -> String {
        let deadline = Instant::now() + START;
        loop {
            let log = self.log();
            let mut lines = log.lines();
            if let Some(line) = lines.find(|line| words.iter().all(|word| line.contains(word))) {
                return line.to_owned();
            }
            assert!(Instant::now() < deadline, "{words:?}: {log}");
            std::thread::sleep(LOOK);
        }
    }

    /// What it has logged so far.
    fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// One HTTP/1.1 request (RFC 9112) on a connection of its own; the answer's status and body.
    fn send(&self, line: &str, token: Option<&str>, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(START)).unwrap();
        let authorization = token.map_or_else(String::new, |token| {
            format!("authorization: Bearer {token}\r\n")
        });
        let request = format!(
            "{line} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n{authorization}\r\n{body}",
            self.address,
            body.len()
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, body.to_owned())
    }

    /// A request with JSON, whose answer is JSON.
    fn request(&self, line: &str, token: Option<&str>, body: Option<&Value>) -> Answer {
        let body = body.map(Value::to_string).unwrap_or_default();
        let (status, body) = self.send(line, token, &body);
        Answer {
            status,
            body: serde_json::from_str(&body).unwrap_or_default(),
        }
    }

    /// Registers somebody, whose token it is.
    fn register(&self, name: &str, password: &str) -> String {
        let email = format!("{name}@example.org");
        let body = json!({"username": name, "email": email, "password": password});
        let answer = self.request("POST /api/auth/register", None, Some(&body));
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.body["token"].as_str().unwrap().to_owned()
    }

    /// The status of a try to sign in.
    fn sign_in(&self, name: &str, password: &str) -> u16 {
        let body = json!({"username": name, "password": password});
        self.request("POST /api/auth/login", None, Some(&body))
            .status
    }

    /// The status of asking for one's own account.
    fn me(&self, token: &str) -> u16 {
        self.request("GET /api/users/me", Some(token), None).status
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended already when the test went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The rights of a file or folder.
fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o7777
}

/// Waits until something is so.
#[track_caller]
fn until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + START;
    while !is_so() {
        assert!(Instant::now() < deadline, "{what} never was");
        std::thread::sleep(LOOK);
    }
}
