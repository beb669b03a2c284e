//! A way to a database server, on which it is seen what passes, and which may end or stand still.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What becomes of it after so many bytes of answers.
#[derive(Clone, Copy)]
pub enum End {
    Never,
    Cut(usize),
    /// Nothing more comes, and nobody says so.
    StandStill(usize),
}

/// What has passed.
#[derive(Default)]
struct Passed {
    asked: Vec<u8>,
    answered: usize,
}

/// The way, for one connection.
pub struct Way {
    /// Where it begins.
    pub port: u16,
    passed: Arc<Mutex<Passed>>,
}

impl Way {
    /// A way to the server on a port of this machine.
    pub fn to(port: u16, end: End) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let passed = Arc::new(Mutex::new(Passed::default()));
        let way = Self {
            port: listener.local_addr().unwrap().port(),
            passed: passed.clone(),
        };
        std::thread::spawn(move || {
            let (client, _) = listener.accept().unwrap();
            let server = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port))).unwrap();
            let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            let seen = passed.clone();
            std::thread::spawn(move || ask(from, to, &seen));
            answer(server, client, end, &passed);
        });
        way
    }

    /// What was asked so far.
    pub fn asked(&self) -> Vec<u8> {
        self.passed.lock().unwrap().asked.clone()
    }

    /// How many bytes were answered so far.
    pub fn answered(&self) -> usize {
        self.passed.lock().unwrap().answered
    }
}

/// Passes questions on, for as long as somebody asks.
fn ask(mut client: TcpStream, mut server: TcpStream, passed: &Mutex<Passed>) {
    let mut buffer = [0; 1024];
    while let Ok(read @ 1..) = client.read(&mut buffer) {
        passed.lock().unwrap().asked.extend(&buffer[..read]);
        if server.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    let _ = server.shutdown(Shutdown::Both);
}

/// Passes answers on, until the end.
fn answer(mut server: TcpStream, mut client: TcpStream, end: End, passed: &Mutex<Passed>) {
    let (End::Cut(bytes) | End::StandStill(bytes)) = end else {
        return answer(server, client, End::Cut(usize::MAX), passed);
    };
    let (mut buffer, mut left) = ([0; 1024], bytes);
    while let Ok(read @ 1..) = server.read(&mut buffer) {
        let read = read.min(left);
        if read == 0 || client.write_all(&buffer[..read]).is_err() {
            break;
        }
        passed.lock().unwrap().answered += read;
        left -= read;
    }
    if left == 0 && matches!(end, End::StandStill(_)) {
        // Whoever passes questions on keeps both sides open.
        return;
    }
    let _ = client.shutdown(Shutdown::Both);
    let _ = server.shutdown(Shutdown::Both);
}
