//! Clients that shake hands badly, or not at all, or never read.

use super::super::{LOOK, place};
use super::{Authority, ask, connect, serve};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

/// What is promised.
const WITHIN: Duration = Duration::from_secs(10);
/// What a busy machine may take over it.
const SLACK: Duration = Duration::from_secs(2);
/// The beginning of a TLS record that promises 512 bytes of a handshake.
const BEGINNING: [u8; 5] = [22, 3, 1, 2, 0];

/// Says this and no more; nothing is answered but the end, after how long.
fn ended_after(mut stream: TcpStream, said: &[u8]) -> Duration {
    let began = Instant::now();
    stream.set_read_timeout(Some(WITHIN + SLACK)).unwrap();
    stream.write_all(said).unwrap();
    let mut heard = Vec::new();
    match stream.read_to_end(&mut heard) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => {
            panic!("{said:?} is open after {:?}", began.elapsed())
        }
        _ => assert_eq!(heard, b""),
    }
    began.elapsed()
}

#[test]
fn who_never_finishes_a_handshake_holds_a_place_and_is_closed_in_time() {
    let (place, authority) = (place(), Authority::new());
    let most = [("CHATD_SERVER__MAX_CONNECTIONS", "3")];
    let server = serve(&place, &authority.pair(), &most);
    let trust = authority.trust(&["http/1.1"]);
    let beginnings = [&b""[..], &BEGINNING[..1], &BEGINNING];
    // They come in this order, and take all the places.
    let dawdling = beginnings.map(|said| (TcpStream::connect(server.address).unwrap(), said));
    std::thread::scope(|scope| {
        let dawdling =
            dawdling.map(|(stream, said)| scope.spawn(move || ended_after(stream, said)));
        // Who comes then is told so, within TLS.
        let answer = ask(&mut connect(&server, &trust), "/healthz");
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        assert!(answer.contains("The server is full"), "{answer}");
        for dawdling in dawdling {
            let borne = dawdling.join().unwrap();
            assert!(borne <= WITHIN + SLACK, "{borne:?}");
            assert!(borne + SLACK >= WITHIN, "{borne:?}");
        }
    });
    let answer = ask(&mut connect(&server, &trust), "/healthz");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    server.stop();
}

#[test]
fn a_handshake_leaves_a_head_only_what_is_left_of_its_time() {
    let (place, authority) = (place(), Authority::new());
    let server = serve(&place, &authority.pair(), &[]);
    let began = Instant::now();
    let mut silent = connect(&server, &authority.trust(&[]));
    let mut heard = Vec::new();
    silent.sock.set_read_timeout(Some(WITHIN + SLACK)).unwrap();
    // What ends it is an end, with or without a word of TLS.
    let _ = silent.read_to_end(&mut heard);
    assert!(began.elapsed() <= WITHIN + SLACK, "{:?}", began.elapsed());
    server.stop();
}

#[test]
fn plain_http_where_tls_is_spoken_is_told_what_to_do() {
    let (place, authority) = (place(), Authority::new());
    let server = serve(&place, &authority.pair(), &[]);
    let (status, body) = server.send("GET /healthz", None, "");
    assert_eq!(status, 400);
    assert!(body.contains("begin the address with https://"), "{body}");
    assert!(body.contains("\"invalid_input\""), "{body}");
    server.stop();
}

#[test]
fn what_is_no_tls_and_no_http_hurts_nobody() {
    let (place, authority) = (place(), Authority::new());
    let server = serve(&place, &authority.pair(), &[]);
    for said in [
        &[22u8; 64][..],
        &[22, 3, 1, 0xff, 0xff, 1],
        &[0; 64],
        b"\r\n",
    ] {
        let mut stream = TcpStream::connect(server.address).unwrap();
        stream.set_read_timeout(Some(WITHIN + SLACK)).unwrap();
        stream.write_all(said).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut heard = Vec::new();
        let ended = stream.read_to_end(&mut heard);
        assert!(!matches!(ended, Err(error) if error.kind() == ErrorKind::WouldBlock));
    }
    let answer = ask(&mut connect(&server, &authority.trust(&[])), "/healthz");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    server.stop();
}

#[test]
fn a_client_that_never_reads_is_cut() {
    /// As many requests as are certainly more than all buffers take the answers of.
    const REQUESTS: usize = 400;
    let (place, authority) = (place(), Authority::new());
    let server = serve(&place, &authority.pair(), &[]);
    let mut greedy = connect(&server, &authority.trust(&["http/1.1"]));
    let request = "GET /socket.io/socket.io.js HTTP/1.1\r\nhost: x\r\n\r\n";
    greedy
        .write_all(request.repeat(REQUESTS).as_bytes())
        .unwrap();
    greedy.flush().unwrap();
    let began = Instant::now();
    // A connection that was cut is reset, which is seen without reading from it.
    while greedy.sock.take_error().unwrap().is_none() {
        assert!(began.elapsed() < WITHIN + 2 * SLACK, "it is still open");
        std::thread::sleep(LOOK);
    }
    assert!(began.elapsed() + SLACK >= WITHIN, "{:?}", began.elapsed());
    server.stop();
}
