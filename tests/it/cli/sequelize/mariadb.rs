//! A MariaDB of the tests' own: one for most of them, on a folder and a port of its own, ended with them.

use mysql::prelude::Queryable;
use mysql::{Conn, OptsBuilder};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Making the system tables and starting take so long at most, on a machine that has much else to do.
const START: Duration = Duration::from_mins(2);
/// Between two tries to connect.
const LOOK: Duration = Duration::from_millis(20);
/// So many ports are tried: between looking for one and listening there somebody else may take it.
const PORTS: usize = 5;
/// What the server says when somebody has, and when it gives up, for whatever reason.
const TAKEN: &str = "Bind on TCP/IP port";
const GIVEN_UP: &str = "[ERROR] Aborting";
/// Makes the system tables and runs the server until stdin ends, as it does when the tests do.
const RUN: &str = r#"
root=$1 port=$2 user=$(id -un)
shift 2
mariadb-install-db --no-defaults --user="$user" --datadir="$root/data" --skip-test-db --skip-name-resolve \
  --auth-root-authentication-method=normal >"$root/install.log" 2>&1 || exit 1
trap 'kill -9 "$server" 2>/dev/null; wait; rm -rf "$root"' EXIT
mariadbd --no-defaults --user="$user" --datadir="$root/data" --socket="$root/socket" --port="$port" \
  --bind-address=127.0.0.1 --skip-name-resolve --skip-log-bin --innodb-flush-log-at-trx-commit=0 \
  --innodb-buffer-pool-size=32M --pid-file="$root/pid" "$@" </dev/null >"$root/log" 2>&1 &
server=$!
cat >/dev/null
"#;

/// Who may read the databases of the tests, and the password, as it is and in a URL.
pub const READER: &str = "reader";
pub const PASSWORD: &str = "p@ss:w/rd?#%";
pub const PASSWORD_IN_URL: &str = "p%40ss%3Aw%2Frd%3F%23%25";

/// The server.
pub struct MariaDb {
    root: PathBuf,
    port: u16,
    /// Once it is closed the server ends.
    stdin: Option<ChildStdin>,
    child: Child,
}

impl Drop for MariaDb {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _ = self.child.wait();
    }
}

/// A database, with nothing in it yet.
pub struct Database {
    pub conn: Conn,
    pub name: String,
    pub port: u16,
}

impl MariaDb {
    /// The one that all tests share.
    pub fn get() -> &'static Self {
        static ONE: OnceLock<Result<MariaDb, String>> = OnceLock::new();
        // One that does not start is not waited for by each test anew.
        let started = ONE.get_or_init(Self::start).as_ref();
        started.unwrap_or_else(|why| panic!("no MariaDB: {why}"))
    }

    fn start() -> Result<Self, String> {
        Self::start_with(&[])
    }

    /// Another one, with these options.
    pub fn start_with(options: &[&str]) -> Result<Self, String> {
        Self::start_on(std::iter::repeat_with(free_port).take(PORTS), options)
    }

    /// Starts one on the first of these ports that nobody else has by then.
    fn start_on(ports: impl Iterator<Item = u16>, options: &[&str]) -> Result<Self, String> {
        for program in ["mariadbd", "mariadb-install-db", "my_print_defaults"] {
            let paths = std::env::var("PATH").unwrap();
            let mut places = paths.split(':').chain(["/usr/sbin"]).map(Path::new);
            if !places.any(|place| place.join(program).exists()) {
                return Err(format!("{program} is missing; tests/run installs it"));
            }
        }
        let mut last = String::new();
        for port in ports {
            match Self::start_at(port, options) {
                Err(log) if log.contains(TAKEN) => last = log,
                done => return done,
            }
        }
        Err(last)
    }

    fn start_at(port: u16, options: &[&str]) -> Result<Self, String> {
        let root = tempfile::tempdir().unwrap().keep();
        let path = format!("{}:/usr/sbin", std::env::var("PATH").unwrap());
        let mut child = Command::new("sh")
            .args(["-c", RUN, "sh", root.to_str().unwrap(), &port.to_string()])
            .args(options)
            .env("PATH", path)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let mut server = Self {
            stdin: child.stdin.take(),
            root,
            port,
            child,
        };
        let deadline = Instant::now() + START;
        loop {
            if let Ok(mut conn) = server.connect() {
                let reader = format!("CREATE USER {READER}@'%' IDENTIFIED BY '{PASSWORD}'");
                conn.query_drop(reader).unwrap();
                return Ok(server);
            }
            let log = server.log();
            let is_gone = server.child.try_wait().unwrap().is_some();
            if is_gone || log.contains(GIVEN_UP) || Instant::now() > deadline {
                return Err(log);
            }
            std::thread::sleep(LOOK);
        }
    }

    /// What it and its making have said.
    fn log(&self) -> String {
        let read = |name| std::fs::read_to_string(self.root.join(name)).unwrap_or_default();
        format!("{}\n{}", read("install.log"), read("log"))
    }

    /// A connection as its owner.
    fn connect(&self) -> mysql::Result<Conn> {
        let socket = self.root.join("socket");
        let options = OptsBuilder::new()
            .socket(socket.to_str())
            .user(Some("root"));
        let mut conn = Conn::new(options)?;
        conn.query_drop("SET sql_mode = ''")?;
        Ok(conn)
    }

    /// A new database, which the reader may read.
    pub fn database(&self, name: &str) -> Database {
        let mut conn = self.connect().unwrap();
        for statement in [
            format!("CREATE DATABASE {name} CHARACTER SET utf8mb4"),
            format!("GRANT SELECT ON {name}.* TO {READER}@'%'"),
            format!("USE {name}"),
        ] {
            conn.query_drop(statement).unwrap();
        }
        Database {
            conn,
            name: name.to_owned(),
            port: self.port,
        }
    }

    /// The path of its socket.
    pub fn socket(&self) -> PathBuf {
        self.root.join("socket")
    }
}

impl Database {
    /// Its address, with the reader's password.
    pub fn url(&self) -> String {
        self.url_by(self.port)
    }

    /// The same by another port.
    pub fn url_by(&self, port: u16) -> String {
        let name = &self.name;
        format!("mysql://{READER}:{PASSWORD_IN_URL}@127.0.0.1:{port}/{name}")
    }

    /// Runs statements that are divided by semicolons at line ends.
    pub fn run(&mut self, statements: &str) {
        for statement in statements
            .split(";\n")
            .filter(|text| !text.trim().is_empty())
        {
            self.conn.query_drop(statement).unwrap();
        }
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

#[test]
fn a_port_that_somebody_else_takes_meanwhile_is_given_up_for_another() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let server = MariaDb::start_on([port, free_port()].into_iter(), &[]);
    let server = server.unwrap_or_else(|why| panic!("no MariaDB: {why}"));
    assert_ne!(server.port, port);
    assert_eq!(server.database("elsewhere").port, server.port);
}
