//! Failed sign-ins, in the log for whoever bans addresses by it.

use super::place;

/// So many lines a minute are written at most, and those that come back while the test runs.
const MOST_LINES: usize = 120 + 20;

#[test]
fn a_failed_sign_in_is_logged_with_its_address_and_nothing_that_was_typed() {
    let place = place();
    let server = place.serve();
    server.register("ada", "correct horse");
    assert_eq!(server.sign_in("ada", "correct horse"), 200);
    assert!(!server.log().contains("sign-in"), "{}", server.log());
    assert_eq!(server.sign_in("ada", "hunter2"), 401);
    // Some type their password where the name belongs.
    assert_eq!(server.sign_in("hunter3", "ada"), 401);
    let line = server.logged(&["a sign-in failed", "127.0.0.1"]);
    assert!(line.contains("INFO"), "{line}");
    let log = server.log();
    assert_eq!(log.matches("a sign-in failed").count(), 2, "{log}");
    for typed in ["hunter2", "hunter3", "ada", "example.org", "correct"] {
        assert!(!log.contains(typed), "{typed}: {log}");
    }
    server.stop();
}

#[test]
fn a_flood_of_failed_sign_ins_does_not_fill_the_log() {
    let place = place();
    let limits = [
        ("CHATD_LIMITS__ENABLED", "true"),
        ("CHATD_LIMITS__SIGN_IN_BURST", "1"),
    ];
    let server = place.serve_with(&limits);
    assert_eq!(server.sign_in("nobody", "hunter2"), 401);
    for _ in 0..400 {
        assert_eq!(server.sign_in("nobody", "hunter2"), 429);
    }
    let log = server.log();
    let lines = log.matches("a sign-in failed").count();
    assert!((100..=MOST_LINES).contains(&lines), "{lines} lines");
    // The address first, for a filter that reads from the left.
    server.logged(&["a sign-in failed", "address=127.0.0.1", "one too many"]);
    server.stop();
}
