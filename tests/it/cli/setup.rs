//! The first admin, by the link that a server without one prints.

use super::{Place, Running, place};
use serde_json::json;

/// The token of the link that is printed after a server is ready.
fn token(server: &Running) -> String {
    let why = server.line();
    assert_eq!(
        why,
        "There is no admin. Make one in a browser within 30 minutes:"
    );
    let link = server.line();
    let (page, token) = link.trim().split_once('#').unwrap();
    assert_eq!(page, format!("http://{}/setup", server.address));
    let port = server.address.port();
    let hint = format!("from another machine after: ssh -L {port}:127.0.0.1:{port} THIS-MACHINE");
    assert_eq!(server.line().trim(), hint);
    token.to_owned()
}

/// Asks to be the first admin; the answer's status.
fn set_up(server: &Running, token: &str, name: &str) -> u16 {
    let email = format!("{name}@example.org");
    let body = json!({"token": token, "username": name, "email": email, "password": "longenough"});
    let answer = server.request("POST /api/setup", None, Some(&body));
    if answer.status == 201 {
        assert_eq!(answer.body["user"]["role"], "admin");
        assert_eq!(server.me(answer.body["token"].as_str().unwrap()), 200);
    } else {
        assert_eq!(answer.body["error"]["code"], "forbidden", "{}", answer.body);
    }
    answer.status
}

/// Asks whether a link is good; the answer's status.
fn check(server: &Running, token: &str) -> u16 {
    let body = json!({ "token": token });
    server
        .request("POST /api/setup/check", None, Some(&body))
        .status
}

fn admins(place: &Place) -> Vec<String> {
    let all = place.list();
    let admins = all.iter().filter(|account| account["role"] == "admin");
    admins
        .map(|account| account["username"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn whoever_has_the_link_is_the_first_admin_and_nobody_else_is() {
    let place = place();
    let server = place.serve();
    let token = token(&server);
    server.register("first", "longenough");
    assert_eq!(set_up(&server, "", "eve"), 403);
    assert_eq!(set_up(&server, &format!("{token}x"), "eve"), 403);
    assert_eq!(check(&server, &format!("{token}x")), 403);
    assert_eq!(check(&server, &token), 204);
    // What is wrong with the account uses the link up no more than a wrong link makes an account.
    assert_eq!(place.list().len(), 1);
    let body = json!({ "token": token, "username": "a", "email": "ada@example.org" });
    let answer = server.request("POST /api/setup", None, Some(&body));
    assert_eq!(answer.status, 400);
    let fields = answer.body["error"]["details"]["fields"]
        .as_object()
        .unwrap();
    assert_eq!(fields.keys().collect::<Vec<_>>(), ["password", "username"]);
    assert_eq!(set_up(&server, &token, "ada"), 201);
    assert_eq!(check(&server, &token), 403);
    assert_eq!(set_up(&server, &token, "bob"), 403);
    assert_eq!(admins(&place), ["ada"]);
    server.stop();

    let next = place.serve();
    assert_eq!(set_up(&next, &token, "bob"), 403);
    next.signal(rustix::process::Signal::TERM);
    let rest = next.lines.lock().unwrap().iter().collect::<Vec<_>>();
    assert!(rest.is_empty(), "{rest:?}");
}

#[test]
fn the_link_is_no_good_once_the_command_line_has_made_an_admin() {
    let place = place();
    let server = place.serve();
    let token = token(&server);
    server.line();
    let command = server.line();
    let command = command.trim().strip_prefix("chatd ").unwrap();
    let folder = place.data.canonicalize().unwrap();
    let expected = format!(
        "user add NAME --email ADDRESS --admin --data-dir \"{}\"",
        folder.display()
    );
    assert_eq!(command, expected);
    let made = place.run("user add ada --email ada@example.org --admin --generate");
    assert_eq!(made.code, 0, "{}", made.stderr);
    assert_eq!(check(&server, &token), 403);
    assert_eq!(set_up(&server, &token, "eve"), 403);
    assert_eq!(admins(&place), ["ada"]);
    server.stop();
}

#[test]
fn of_two_who_use_the_link_at_once_one_is_the_admin() {
    let place = place();
    let server = place.serve();
    let token = token(&server);
    let statuses = std::thread::scope(|scope| {
        ["ada", "bob"]
            .map(|name| scope.spawn(|| set_up(&server, &token, name)))
            .map(|thread| thread.join().unwrap())
    });
    assert_eq!(statuses.iter().sum::<u16>(), 201 + 403, "{statuses:?}");
    assert_eq!(admins(&place).len(), 1);
    server.stop();
}

#[test]
fn asking_whether_a_link_is_good_counts_as_using_it() {
    let place = place();
    let limits = [
        ("CHATD_LIMITS__ENABLED", "true"),
        ("CHATD_LIMITS__SIGN_IN_BURST", "3"),
    ];
    let server = place.serve_with(&limits);
    let token = token(&server);
    assert_eq!(check(&server, "a guess"), 403);
    assert_eq!(set_up(&server, "another", "eve"), 403);
    assert_eq!(check(&server, &token), 204);
    assert_eq!(check(&server, &token), 429);
    server.stop();
}
