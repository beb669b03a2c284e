//! `chatd serve` as a service: what it tells its manager (`sd_notify(3)`).

use super::{START, STOP, place};
use rustix::process::Signal;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// What the service says next.
fn told(manager: &UnixDatagram) -> String {
    let mut bytes = [0; 256];
    let length = manager.recv(&mut bytes).unwrap();
    String::from_utf8(bytes[..length].to_vec()).unwrap()
}

#[test]
fn its_manager_hears_when_it_is_ready_and_when_it_stops() {
    let place = place();
    let path = place.root.path().join("notify");
    let name = format!("chatd-test-{}", std::process::id());
    let abstract_name = SocketAddr::from_abstract_name(&name).unwrap();
    for (manager, named) in [
        (
            UnixDatagram::bind(&path).unwrap(),
            path.to_str().unwrap().to_owned(),
        ),
        (
            UnixDatagram::bind_addr(&abstract_name).unwrap(),
            format!("@{name}"),
        ),
    ] {
        manager.set_read_timeout(Some(START)).unwrap();
        let mut server = place.serve_with(&[("NOTIFY_SOCKET", &named)]);
        assert_eq!(told(&manager), "READY=1");
        // A service has no terminal that could be closed: this asks to read certificates again.
        server.signal(Signal::HUP);
        assert_eq!(server.send("GET /readyz", None, "").0, 200);
        server.signal(Signal::TERM);
        assert_eq!(told(&manager), "STOPPING=1");
        assert_eq!(
            server.ended_within(STOP).code(),
            Some(0),
            "{}",
            server.log()
        );
    }
}

#[test]
fn a_manager_that_is_not_there_stops_nobody() {
    let place = place();
    let server = place.serve_with(&[("NOTIFY_SOCKET", "/nowhere/notify")]);
    server.logged(&["the service manager could not be told READY=1"]);
    server.stop();
}
