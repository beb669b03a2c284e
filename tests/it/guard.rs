//! The guard around a stream, over real TCP on loopback.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::ErrorKind;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chatd::realtime::transport::Transport;
use chatd::server::guard::Guard;
use chatd::server::limits::GuardLimits;
use futures_util::FutureExt;
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt, BufWriter};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// How long anything may take that is expected to happen.
const DEADLINE: Duration = Duration::from_secs(10);

/// A timeout that a test waits out.
const SHORT: Duration = Duration::from_millis(300);

/// What is written at once, in bytes.
static CHUNK: [u8; 64 * 1024] = [0; 64 * 1024];

async fn in_time<F: Future>(future: F) -> F::Output {
    timeout(DEADLINE, future)
        .await
        .expect("it should happen in time")
}

/// A client's stream, and the server's with a guard around it, ready to be written to.
async fn guarded(limits: GuardLimits) -> (TcpStream, Guard<TcpStream>, Arc<Transport>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap());
    let (client, accepted) = tokio::join!(client, listener.accept());
    let stream = accepted.unwrap().0;
    in_time(stream.writable()).await.unwrap();
    let transport = Arc::new(Transport::new());
    let guard = Guard::new(stream, Arc::clone(&transport), limits);
    (client.unwrap(), guard, transport)
}

fn short_stall() -> GuardLimits {
    GuardLimits {
        stall_timeout: SHORT,
        ..GuardLimits::default()
    }
}

/// Writes until the peer, which does not read, has no more room.
fn write_until_pending(guard: &mut (impl AsyncWrite + Unpin)) {
    while let Some(written) = guard.write(&CHUNK).now_or_never() {
        written.unwrap();
    }
}

#[tokio::test]
async fn a_peer_that_reads_slowly_is_not_cut() {
    let (mut client, mut guard, transport) = guarded(short_stall()).await;
    let began = Instant::now();
    let writer = tokio::spawn(async move {
        while began.elapsed() < 3 * SHORT {
            guard.write_all(&CHUNK).await?;
        }
        std::io::Result::Ok(())
    });
    let mut bytes = vec![0; 256 * 1024];
    let mut pace = tokio::time::interval(Duration::from_millis(10));
    while in_time(client.read(&mut bytes)).await.unwrap() > 0 {
        pace.tick().await;
    }
    in_time(writer).await.unwrap().unwrap();
    assert!(!transport.is_cut());
}

#[tokio::test]
async fn a_stall_stops_the_reader_until_the_peer_drains() {
    let (mut client, mut guard, transport) = guarded(GuardLimits::default()).await;
    client.write_all(b"unread").await.unwrap();
    in_time(guard.get_ref().readable()).await.unwrap();

    assert_eq!(transport.written(), 0);
    write_until_pending(&mut guard);
    let written = transport.written();
    assert!(written > 0);
    let mut bytes = [0; 6];
    assert!(guard.read(&mut bytes).now_or_never().is_none());

    let draining = tokio::spawn(async move {
        let mut bytes = vec![0; 64 * 1024];
        while client.read(&mut bytes).await.is_ok_and(|read| read > 0) {}
    });
    in_time(guard.write(&[0])).await.unwrap();
    assert_eq!(transport.written(), written + 1);
    in_time(guard.read_exact(&mut bytes)).await.unwrap();
    assert_eq!(&bytes, b"unread");
    drop(guard);
    in_time(draining).await.unwrap();
}

#[tokio::test]
async fn a_stall_ends_the_connection_even_when_only_the_reader_still_waits() {
    let (_client, mut guard, transport) = guarded(short_stall()).await;
    write_until_pending(&mut guard);
    let error = in_time(guard.read(&mut [0; 1])).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert!(transport.is_cut());
}

#[tokio::test]
async fn a_stalled_write_fails_although_only_the_flush_is_awaited() {
    let (_client, mut guard, _) = guarded(short_stall()).await;
    write_until_pending(&mut guard);
    let mut buffered = BufWriter::new(guard);
    buffered.write_all(b"buffered").await.unwrap();
    let error = in_time(buffered.flush()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
}

#[tokio::test]
async fn a_cut_wakes_a_waiting_reader_and_a_waiting_writer() {
    let (_client, guard, transport) = guarded(GuardLimits::default()).await;
    let (mut read, mut write) = tokio::io::split(guard);
    write_until_pending(&mut write);
    let mut byte = [0; 1];
    let (read, written, ()) = in_time(async {
        tokio::join!(read.read(&mut byte), write.write(&[0]), async {
            tokio::task::yield_now().await;
            transport.cut();
        })
    })
    .await;
    assert_eq!(read.unwrap_err().kind(), ErrorKind::ConnectionAborted);
    assert_eq!(written.unwrap_err().kind(), ErrorKind::ConnectionAborted);
}

#[tokio::test]
async fn a_paused_peer_is_not_read_until_reading_goes_on() {
    let (mut client, mut guard, transport) = guarded(GuardLimits::default()).await;
    transport.set_reading(false);
    client.write_all(b"held").await.unwrap();
    in_time(guard.get_ref().readable()).await.unwrap();
    let mut bytes = [0; 4];
    let mut reading = pin!(guard.read_exact(&mut bytes));
    assert!(reading.as_mut().now_or_never().is_none());

    let go_on = tokio::spawn(async move { transport.set_reading(true) });
    in_time(reading).await.unwrap();
    in_time(go_on).await.unwrap();
    assert_eq!(&bytes, b"held");
}

#[tokio::test]
async fn a_peer_is_read_at_its_rate() {
    let (mut client, mut guard, _) = guarded(GuardLimits {
        read_bytes_per_second: 64 * 1024,
        read_burst_bytes: 8 * 1024,
        ..GuardLimits::default()
    })
    .await;
    let began = Instant::now();
    client.write_all(&CHUNK[..40 * 1024]).await.unwrap();
    let mut bytes = [0; 2 * 1024];
    for _ in 0..20 {
        in_time(guard.read_exact(&mut bytes)).await.unwrap();
    }
    // All but the burst and one read takes its time at 64 KiB a second.
    assert!(began.elapsed() >= Duration::from_millis(450));
}
