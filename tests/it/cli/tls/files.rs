//! The certificate is in files of the operator's.

use super::super::{Place, Ran, place};
use super::{Authority, Pair, ask, connect, serve, shake_hands, shown, written};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustix::process::Signal;
use std::time::Instant;

#[test]
fn people_come_by_https_and_only_by_http_1() {
    let (place, authority) = (place(), Authority::new());
    let server = serve(&place, &authority.pair(), &[]);
    let said = format!("https://{}", server.address);
    assert!(
        server.ready.lines().next().unwrap().ends_with(&said),
        "{}",
        server.ready
    );
    let mut secure = connect(&server, &authority.trust(&["h2", "http/1.1"]));
    assert_eq!(secure.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
    let answer = ask(&mut secure, "/healthz");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(
        answer.contains("strict-transport-security: max-age=31536000\r\n"),
        "{answer}"
    );
    // Links lead there, too.
    let setup: Vec<_> = (0..2).map(|_| server.line()).collect();
    assert!(
        setup[1].trim().starts_with(&format!("{said}/setup#")),
        "{setup:?}"
    );
    let refused = shake_hands(&server, &authority.trust(&["h2"]), "127.0.0.1");
    assert!(
        refused
            .unwrap_err()
            .to_string()
            .contains("NoApplicationProtocol")
    );
    server.stop();
}

#[test]
fn a_hangup_changes_the_certificate_for_new_connections_and_keeps_the_old_ones() {
    let (place, authority) = (place(), Authority::new());
    let trust = authority.trust(&["http/1.1"]);
    let [first, second] = [authority.pair(), authority.pair()];
    let server = serve(&place, &first, &[]);
    let mut old = connect(&server, &trust);
    assert_eq!(shown(&old), first.der);
    assert!(ask(&mut old, "/healthz").starts_with("HTTP/1.1 200 "));

    written(&place, &second);
    // Nothing is read before somebody says so.
    assert_eq!(shown(&connect(&server, &trust)), first.der);
    server.signal(Signal::HUP);
    let deadline = Instant::now() + super::START;
    while shown(&connect(&server, &trust)) != second.der {
        assert!(Instant::now() < deadline, "{}", server.log());
    }
    assert!(ask(&mut old, "/healthz").starts_with("HTTP/1.1 200 "));

    // What cannot be used changes nothing, and the log says why.
    std::fs::write(place.root.path().join("key.pem"), &first.key).unwrap();
    server.signal(Signal::HUP);
    server.logged(&["ERROR", "stays the one that it was", "does not belong"]);
    assert_eq!(shown(&connect(&server, &trust)), second.der);
    assert!(ask(&mut old, "/healthz").starts_with("HTTP/1.1 200 "));
    server.stop();
}

/// What `serve` and `config check` say of these files.
fn refused(place: &Place, pair: &Pair) -> String {
    let files = written(place, pair);
    let said = [
        (&["serve", "--listen", "127.0.0.1:0"][..], 1),
        (&["config", "check"], 78),
    ]
    .map(|(args, code)| {
        let mut command = place.command(args);
        let command = command.envs(files.iter().map(|(name, path)| (name, path)));
        let ran = Ran::from(command.output().unwrap());
        assert_eq!(ran.code, code, "{}", ran.stderr);
        assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
        ran.stderr
    });
    assert!(!place.data.exists());
    let [serve, check] = said;
    let (key, check) = check
        .strip_prefix("chatd: ")
        .unwrap()
        .split_once(": ")
        .unwrap();
    assert!(["CHATD_TLS__CERTIFICATE", "CHATD_TLS__KEY"].contains(&key));
    assert!(serve.ends_with(check), "{serve}{check}");
    serve
}

#[test]
fn files_that_cannot_be_used_are_told_in_a_sentence_and_nothing_is_made() {
    let (place, authority) = (place(), Authority::new());
    let good = authority.pair();
    let with = |certificate: &str, key: &str| {
        let pair = Pair {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            der: Vec::new(),
        };
        refused(&place, &pair)
    };
    let told = with(&good.certificate, &authority.pair().key);
    assert!(
        told.contains("does not belong to the first certificate"),
        "{told}"
    );
    let told = with(&good.key, &good.key);
    assert!(told.contains("no certificate in it"), "{told}");
    let told = with(&good.certificate.replace('M', "!"), &good.key);
    assert!(told.contains("no certificate in it"), "{told}");
    let told = with(&good.certificate, "");
    assert!(told.contains("no private key in it"), "{told}");
    let locked = good.key.replace("PRIVATE", "ENCRYPTED PRIVATE");
    let told = with(&good.certificate, &locked);
    assert!(told.contains("without a password"), "{told}");
    let told = refused(&place, &authority.expired());
    assert!(
        told.contains("has expired, on 2020-03-31; renew it"),
        "{told}"
    );
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let place = place();
    let mut command = place.command(["serve", "--listen", "127.0.0.1:0"]);
    let command = command
        .env("CHATD_TLS__CERTIFICATE", "/nowhere/certificate.pem")
        .env("CHATD_TLS__KEY", "/nowhere/key.pem");
    let ran = Ran::from(command.output().unwrap());
    let words = [
        "\"/nowhere/certificate.pem\" of tls.certificate cannot be read",
        "name a file that is there",
    ];
    ran.ended(1, &words);
    assert!(!place.data.exists());
}

#[test]
fn a_certificate_without_a_key_is_a_mistake_of_the_configuration() {
    let place = place();
    let mut command = place.command(["config", "check"]);
    let command = command.env("CHATD_TLS__CERTIFICATE", "certificate.pem");
    Ran::from(command.output().unwrap())
        .ended(78, &["CHATD_TLS__CERTIFICATE: ", "needs \"tls.key\""]);
}

/// What `config check` says, with these files and variables.
fn checked(place: &Place, pair: &Pair, env: &[(&str, &str)]) -> Ran {
    let mut command = place.command(["config", "check"]);
    let files = written(place, pair);
    command.envs(files.iter().map(|(name, path)| (name, path)));
    command.envs(env.iter().copied()).output().unwrap().into()
}

#[test]
fn a_certificate_that_is_not_for_the_public_url_is_told_unless_a_proxy_is_named() {
    let (place, authority) = (place(), Authority::new());
    let pair = authority.pair();
    let elsewhere = ("CHATD_SERVER__PUBLIC_URL", "https://chat.example.org");
    let told = [
        "CHATD_TLS__CERTIFICATE: ",
        "is for localhost and 127.0.0.1, and not for chat.example.org of server.public_url; ",
        "server.trusted_proxies",
    ];
    // The server starts with it.
    let warned = checked(&place, &pair, &[elsewhere]);
    warned.ended(0, &told);
    warned.ended(0, &["The configuration is sound"]);
    let expired = checked(&place, &authority.expired(), &[elsewhere]);
    expired.ended(78, &told);
    expired.ended(78, &["has expired", "renew it"]);
    let proxies = ("CHATD_SERVER__TRUSTED_PROXIES", "127.0.0.1");
    let silent = checked(&place, &pair, &[elsewhere, proxies]);
    silent.ended(0, &[]);
    assert!(!silent.stderr.contains("is for"), "{}", silent.stderr);
    let here = ("CHATD_SERVER__PUBLIC_URL", "https://localhost:8443/chat");
    checked(&place, &pair, &[here]).ended(0, &["the environment and the flags alone"]);
    // An old version of X.509, which the number in it says.
    let mut der = pair.der.clone();
    let version = der.windows(5).position(|bytes| bytes == [0xa0, 3, 2, 1, 2]);
    der[version.unwrap() + 4] = 1;
    let body = STANDARD.encode(der);
    let certificate = format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n");
    let old = Pair {
        certificate,
        ..pair
    };
    checked(&place, &old, &[]).ended(78, &["old version of X.509", "subjectAltName"]);
}

#[test]
fn both_of_the_files_are_told_when_both_are_wrong() {
    let place = place();
    let mut command = place.command(["config", "check"]);
    let command = command
        .env("CHATD_TLS__CERTIFICATE", "nowhere.pem")
        .env("CHATD_TLS__KEY", "nowhere.key");
    Ran::from(command.output().unwrap()).ended(
        78,
        &[
            "2 mistakes",
            "\"nowhere.pem\" of tls.certificate",
            "\"nowhere.key\" of tls.key",
        ],
    );
}

#[test]
fn a_health_check_says_what_it_asked_and_not_what_people_ask() {
    let (place, authority) = (place(), Authority::new());
    let public = ("CHATD_SERVER__PUBLIC_URL", "https://localhost:8443");
    let server = serve(&place, &authority.pair(), &[public]);
    let mut command = place.command(["healthcheck"]);
    let checked = Ran::from(command.env(public.0, public.1).output().unwrap());
    checked.ended(0, &[&format!("https://{} is ready", server.address)]);
    // The wrong scheme is told by its own port, too.
    let args = format!("healthcheck --url http://{}", server.address);
    let told = format!(
        "this port speaks TLS, and no plain HTTP; ask https://{}",
        server.address
    );
    place.run(&args).ended(1, &[&told]);
    server.stop();
}
