//! A MariaDB of the tests' own: one for all of them, on a folder and a port of its own, ended with them.

use mysql::prelude::Queryable;
use mysql::{Conn, OptsBuilder};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Making the system tables and starting take so long at most, on a machine that has much else to do.
const START: Duration = Duration::from_mins(2);
/// Between two tries to connect.
const LOOK: Duration = Duration::from_millis(20);
/// Makes the system tables and runs the server until stdin ends, as it does when the tests do.
const RUN: &str = r#"
root=$1 port=$2 user=$(id -un)
mariadb-install-db --no-defaults --user="$user" --datadir="$root/data" --skip-test-db --skip-name-resolve \
  --auth-root-authentication-method=normal >"$root/install.log" 2>&1 || exit 1
trap 'kill -9 "$server" 2>/dev/null; wait; rm -rf "$root"' EXIT
mariadbd --no-defaults --user="$user" --datadir="$root/data" --socket="$root/socket" --port="$port" \
  --bind-address=127.0.0.1 --skip-name-resolve --skip-log-bin --innodb-flush-log-at-trx-commit=0 \
  --innodb-buffer-pool-size=32M --pid-file="$root/pid" </dev/null >"$root/log" 2>&1 &
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
    _stdin: ChildStdin,
    child: Child,
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
        for program in ["mariadbd", "mariadb-install-db", "my_print_defaults"] {
            let paths = std::env::var("PATH").unwrap();
            let mut places = paths.split(':').chain(["/usr/sbin"]).map(Path::new);
            if !places.any(|place| place.join(program).exists()) {
                return Err(format!("{program} is missing; tests/run installs it"));
            }
        }
        let root = tempfile::tempdir().unwrap().keep();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let path = format!("{}:/usr/sbin", std::env::var("PATH").unwrap());
        let mut child = Command::new("sh")
            .args(["-c", RUN, "sh", root.to_str().unwrap(), &port.to_string()])
            .env("PATH", path)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let mut server = Self {
            _stdin: child.stdin.take().unwrap(),
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
            let is_gone = server.child.try_wait().unwrap().is_some();
            if is_gone || Instant::now() > deadline {
                return Err(server.log());
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

/// A way to a server that ends after so many bytes of answers.
pub fn cut_after(port: u16, bytes: usize) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let here = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let mut server = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port))).unwrap();
        let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut from, &mut to);
        });
        let (mut buffer, mut left) = ([0; 1024], bytes);
        while let Ok(read @ 1..) = server.read(&mut buffer) {
            let read = read.min(left);
            if read == 0 || client.write_all(&buffer[..read]).is_err() {
                break;
            }
            left -= read;
        }
        let _ = client.shutdown(Shutdown::Both);
        let _ = server.shutdown(Shutdown::Both);
    });
    here
}
