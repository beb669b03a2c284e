//! `chatd doctor`: what it finds, and what it says to do.

mod proxy;

use super::{Place, Ran, Running, place};
use chatd::server::data_folder::DataFolder;
use proxy::{Habit, Proxy, proxy};
use rcgen::{BasicConstraints, DistinguishedName, IsCa};
use rustix::process::geteuid;
use serde_json::Value;
use std::fs::{Permissions, copy, create_dir, hard_link, set_permissions, write};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;

/// A user of the machine who has no files.
const NOBODY: u32 = 65_534;

/// What it finds with these arguments and variables.
fn look(place: &Place, args: &str, env: &[(&str, &str)]) -> Ran {
    let mut command = place.command(args.split(' '));
    command.envs(env.iter().copied()).output().unwrap().into()
}

impl Ran {
    /// Asserts that a finding of this state has these words, and its fix those.
    #[track_caller]
    fn found(&self, state: &str, what: &str, fix: &str) {
        let mut lines = self.stdout.lines();
        let start = format!("{state}: ");
        let found = lines.find(|line| line.starts_with(&start) && line.contains(what));
        assert!(found.is_some(), "no {state} {what:?}:\n{}", self.stdout);
        if state != "ok" {
            let next = lines.next().unwrap();
            assert!(next.starts_with("  → ") && next.contains(fix), "{next}");
        }
    }
}

/// The variables by which a command looks for a server at its address.
fn at(server: &Running) -> [(&'static str, String); 1] {
    [("CHATD_SERVER__LISTEN", server.address.to_string())]
}

fn look_at(place: &Place, server: &Running, args: &str, env: &[(&str, &str)]) -> Ran {
    let listen = at(server);
    let mut all = vec![(listen[0].0, listen[0].1.as_str())];
    all.extend(env);
    look(place, args, &all)
}

#[test]
fn where_all_is_well_it_ends_with_0_and_changes_nothing() {
    let place = place();
    let server = place.serve();
    let files = || std::fs::read_dir(&place.data).unwrap().count();
    let before = files();
    let found = look_at(&place, &server, "doctor", &[]);
    found.ended(0, &[]);
    for what in [
        "the configuration is sound",
        "SQLite is 3.",
        "the clock shows 20",
        "is there and has a database",
        "a server runs on the data folder",
        "its database answers",
        "is the running server's",
    ] {
        found.found("ok", what, "");
    }
    assert_eq!(files(), before);
    server.stop();
    let found = look(&place, "doctor --json", &[]);
    found.ended(0, &[]);
    let findings: Value = serde_json::from_str(&found.stdout).unwrap();
    let findings = findings.as_array().unwrap();
    assert!(findings.len() > 6);
    for finding in findings {
        let keys: Vec<_> = finding.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["fix", "state", "what"]);
        assert_eq!(
            finding["fix"].is_null(),
            finding["state"] == "ok",
            "{finding}"
        );
    }
}

#[test]
fn every_mistake_of_the_configuration_is_a_problem() {
    let place = place();
    write(
        place.root.path().join("chatd.toml"),
        "[server]\nlisten = 5\nlisen = 1\n",
    )
    .unwrap();
    let found = look(&place, "doctor --config chatd.toml", &[]);
    found.ended(1, &["there is a problem"]);
    found.found(
        "problem",
        "chatd.toml:2:10: \"server.listen\" must be",
        "chatd config default",
    );
    found.found(
        "problem",
        "unknown key \"server.lisen\"",
        "chatd config default",
    );
    found.found("ok", "SQLite is", "");
}

#[test]
fn a_folder_that_is_missing_empty_open_to_others_or_none_is_told() {
    let place = place();
    let found = look(&place, "doctor", &[]);
    found.ended(0, &[]);
    found.found("warning", "is not there", "--data-dir");
    assert!(!place.data.exists());
    create_dir(&place.data).unwrap();
    set_permissions(&place.data, Permissions::from_mode(0o755)).unwrap();
    let found = look(&place, "doctor", &[]);
    found.ended(0, &[]);
    found.found("warning", "may be looked at by other users", "chmod 700");
    found.found("warning", "has no database yet", "--data-dir");
    write(place.root.path().join("file"), "").unwrap();
    let found = look(&place, "doctor --data-dir file", &[]);
    found.ended(1, &[]);
    found.found("problem", "is no folder", "--data-dir");
}

#[test]
fn a_folder_that_somebody_else_has_for_themselves_is_told() {
    let place = place();
    let owner = DataFolder::open(&place.data).unwrap();
    let found = look(&place, "doctor", &[]);
    found.found("warning", "takes no requests", "starting or stopping");
    drop(owner);
    let found = look(&place, "doctor", &[]);
    assert!(
        !found.stdout.contains("takes no requests"),
        "{}",
        found.stdout
    );
}

#[test]
fn a_port_that_somebody_else_has_is_a_problem() {
    let place = place();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let found = look(&place, "doctor", &[("CHATD_SERVER__LISTEN", &address)]);
    found.ended(1, &[]);
    found.found(
        "problem",
        &format!("cannot listen on {address}"),
        "stop what uses it",
    );
    // Nor is it the server's that runs on the folder and listens elsewhere.
    let server = place.serve();
    let found = look(&place, "doctor", &[("CHATD_SERVER__LISTEN", &address)]);
    found.found(
        "problem",
        &format!("cannot listen on {address}"),
        "stop what uses it",
    );
    drop(taken);
    let found = look(&place, "doctor", &[("CHATD_SERVER__LISTEN", &address)]);
    found.found("warning", "does not listen on", "the configuration");
    server.stop();
}

#[test]
fn from_outside_it_looks_at_all_that_clients_need() {
    let place = place();
    let server = place.serve();
    let url = format!("http://{}", server.address);
    let args = format!("doctor --url {url}");
    let found = look_at(&place, &server, &args, &[]);
    found.ended(0, &[]);
    for what in [
        "is reached at",
        "does not leave this machine",
        "a chatd answers",
        "its clock and the one here agree",
        "WebSockets come through",
        "pages of this address may connect",
        "long polling comes through",
        "server.public_url is not set, and need not be",
    ] {
        found.found("ok", what, "");
    }
    let elsewhere = ("CHATD_SERVER__PUBLIC_URL", "https://elsewhere.example");
    let found = look_at(&place, &server, &args, &[elsewhere]);
    found.ended(1, &[]);
    found.found("problem", "public_url is https://elsewhere.example", &url);
    server.stop();
    let found = look(&place, &args, &[]);
    found.ended(1, &[]);
    found.found("problem", "is not reached", "firewall");
    let found = look(&place, "doctor --url http://nobody.invalid", &[]);
    found.ended(1, &[]);
    found.found("problem", "the name nobody.invalid is not found", "DNS");
    look(&place, "doctor --url nonsense", &[]).ended(2, &["https://chat.example.org"]);
}

#[test]
fn what_answers_and_is_no_chatd_is_told() {
    let place = place();
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in other.incoming().map_while(Result::ok) {
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi");
        }
    });
    let found = look(&place, &format!("doctor --url http://{address}"), &[]);
    found.ended(1, &[]);
    found.found(
        "problem",
        "is not answered as a chatd does",
        "pass all paths on",
    );
}

#[test]
fn behind_a_proxy_it_finds_out_whose_address_the_server_sees() {
    let place = place();
    let mut command = place.command(["serve", "--listen", "127.0.0.1:0"]);
    let proxies = ("CHATD_SERVER__TRUSTED_PROXIES", "127.0.0.1");
    command.env(proxies.0, proxies.1);
    let mut server = place.start(command);
    server.wait_until_ready();
    let habits = [Habit::Forwards, Habit::ForwardsItself, Habit::Nothing];
    let [good, near, silent] = habits.map(|habit| proxy(&place, server.address, 60, habit));
    let ask = |proxy: &Proxy, server: &Running, env: &[(&str, &str)]| {
        let url = format!("https://localhost:{}", proxy.address.port());
        let trust = ("SSL_CERT_FILE", proxy.certificate.to_str().unwrap());
        let public = ("CHATD_SERVER__PUBLIC_URL", url.as_str());
        let env = [&[trust, public], env].concat();
        look_at(&place, server, &format!("doctor --url {url}"), &env)
    };
    let found = ask(&good, &server, &[proxies]);
    found.found("ok", "the server takes you for 203.0.113.7", "");
    found.ended(0, &[]);
    // Asked on the proxy's own machine the server sees the same address twice, and rightly so.
    let found = ask(&near, &server, &[proxies]);
    let told = "says for whom it speaks: the server takes you for 127.0.0.1";
    found.found("ok", told, "");
    found.ended(0, &[]);
    let found = ask(&silent, &server, &[proxies]);
    let told = "the proxy at 127.0.0.1 does not say for whom it speaks";
    found.found("problem", told, "X-Forwarded-For");
    found.ended(1, &[]);
    // The configuration at hand is another server's.
    let elsewhere = super::place();
    let other = elsewhere.serve();
    let strange = proxy(&place, other.address, 60, Habit::Forwards);
    let found = ask(&strange, &server, &[proxies]);
    let told = "is not the server of this configuration";
    found.found("problem", told, "belong together");
    other.stop();
    server.stop();

    let server = place.serve();
    let unnamed = proxy(&place, server.address, 60, Habit::Forwards);
    let found = ask(&unnamed, &server, &[]);
    let told = "server.trusted_proxies does not name it";
    found.found("problem", told, "[\"127.0.0.1\"]");
    found.ended(1, &[]);
    server.stop();
}

#[test]
fn behind_a_proxy_with_tls_it_looks_at_the_certificate_and_what_comes_through() {
    let place = place();
    let server = place.serve();
    let good = proxy(&place, server.address, 60, Habit::Forwards);
    let url = format!("https://localhost:{}", good.address.port());
    let args = format!("doctor --url {url}");
    let trust = ("SSL_CERT_FILE", good.certificate.to_str().unwrap());
    let public = ("CHATD_SERVER__PUBLIC_URL", url.as_str());
    let found = look_at(&place, &server, &args, &[trust, public]);
    found.found("ok", "TLS works, with a certificate for localhost", "");
    found.found("ok", "WebSockets come through", "");
    found.found("ok", "long polling comes through", "");
    found.found("ok", "server.public_url says the same", "");
    let healthy = look(&place, &format!("healthcheck --url {url}"), &[trust]);
    healthy.ended(0, &["is ready"]);
    // A machine that trusts somebody else.
    let other = proxy(&place, server.address, 3, Habit::ForgetsUpgrades);
    let distrust = ("SSL_CERT_FILE", other.certificate.to_str().unwrap());
    let found = look_at(&place, &server, &args, &[distrust]);
    found.ended(1, &[]);
    found.found(
        "problem",
        "TLS fails: the certificate is not signed by the authority of its name",
        "SSL_CERT_FILE",
    );
    // Without a public URL links lead elsewhere, which is no more than a warning.
    let found = look_at(&place, &server, &args, &[trust]);
    found.found("warning", "server.public_url is not set, so that", &url);

    let args = format!("doctor --url https://localhost:{}", other.address.port());
    let found = look_at(&place, &server, &args, &[distrust]);
    found.found("warning", "3 days from now", "renew it");
    found.found(
        "warning",
        "WebSockets do not come through",
        "proxy_http_version 1.1",
    );
    let args = format!("doctor --url https://127.0.0.1:{}", other.address.port());
    let found = look_at(&place, &server, &args, &[distrust]);
    let told = "TLS fails: the certificate is for localhost, and not for 127.0.0.1";
    found.found("problem", told, "use a name that it is for");
    let mut params = proxy::params(-2);
    params.distinguished_name = DistinguishedName::new();
    let old = proxy::showing(&place, server.address, params, Habit::Forwards);
    let trust = ("SSL_CERT_FILE", old.certificate.to_str().unwrap());
    let found = look_at(&place, &server, &args, &[trust]);
    let told = "TLS fails: the certificate is from nobody whom this machine trusts";
    found.found("problem", told, "SSL_CERT_FILE");
    let args = format!("doctor --url https://localhost:{}", old.address.port());
    let found = look_at(&place, &server, &args, &[trust]);
    let told = "TLS fails: the certificate has expired, on 20";
    found.found("problem", told, "renew it");
    server.stop();
}

#[test]
fn a_port_that_is_asked_by_the_wrong_scheme_is_told_with_the_right_one() {
    let place = place();
    let server = place.serve();
    let proxy = proxy(&place, server.address, 60, Habit::Forwards);
    let trust = ("SSL_CERT_FILE", proxy.certificate.to_str().unwrap());
    let (http, https) = (server.address.port(), proxy.address.port());
    let urls = [
        (
            format!("http://localhost:{https}"),
            "this port speaks TLS",
            format!("ask https://localhost:{https}"),
        ),
        (
            format!("https://localhost:{http}"),
            "this port speaks no TLS",
            format!("ask http://localhost:{http}"),
        ),
    ];
    for (url, told, fix) in urls {
        let found = look_at(&place, &server, &format!("doctor --url {url}"), &[trust]);
        found.found("problem", told, &fix);
        let checked = look(&place, &format!("healthcheck --url {url}"), &[trust]);
        checked.ended(1, &[&url, "is not ready", told, &fix]);
    }
    server.stop();
}

#[test]
fn a_server_that_its_command_line_put_elsewhere_is_no_problem() {
    let place = place();
    let server = place.serve();
    let port = server.address.port();
    for host in ["127.0.0.1", "localhost"] {
        let found = look(&place, &format!("doctor --url http://{host}:{port}"), &[]);
        found.ended(0, &[]);
        found.found("ok", "its database answers", "");
        let told = format!("it listens on {}", server.address);
        found.found("warning", &told, "--listen");
        found.found("ok", "server.public_url is not set, and need not be", "");
    }
    server.stop();
}

#[test]
fn an_address_of_the_configuration_that_the_running_server_does_not_serve_is_told() {
    let place = place();
    let name = "CHATD_METRICS__LISTEN";
    let any = (name, "127.0.0.1:0");
    let server = place.serve_with(&[any]);
    let found = look_at(&place, &server, "doctor", &[any]);
    found.ended(0, &[]);
    found.found("ok", "127.0.0.1:0 is the running server's", "");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let found = look_at(&place, &server, "doctor", &[(name, &address)]);
    found.ended(1, &[]);
    let told = format!("cannot listen on {address}");
    found.found("problem", &told, "stop what uses it");
    drop(taken);
    let found = look_at(&place, &server, "doctor", &[(name, &address)]);
    let told = format!("does not listen on {address}, as metrics.listen says");
    found.found("warning", &told, "start it again");
    server.stop();
}

/// What another user of the machine finds out about a folder that is not theirs.
fn look_as_another(place: &Place, args: &[&str], env: &[(&str, &str)]) -> Ran {
    let mut command = if geteuid().is_root() {
        let chatd = place.root.path().join("chatd");
        set_permissions(place.root.path(), Permissions::from_mode(0o755)).unwrap();
        let built = env!("CARGO_BIN_EXE_chatd");
        if hard_link(built, &chatd).is_err() {
            copy(built, &chatd).unwrap();
        }
        let mut command = place.command_of(chatd.to_str().unwrap(), args);
        command.uid(NOBODY).gid(NOBODY);
        command
    } else {
        place.command(args)
    };
    command.envs(env.iter().copied()).output().unwrap().into()
}

#[test]
fn whoever_is_not_the_folders_owner_is_told_the_whole_command() {
    let place = place();
    let folder = if geteuid().is_root() {
        create_dir(&place.data).unwrap();
        place.data.to_str().unwrap().to_owned()
    } else {
        "/usr".to_owned()
    };
    write(place.root.path().join("my chat.toml"), "").unwrap();
    let args = ["doctor", "--config", "my chat.toml", "--data-dir", &folder];
    let trust = ("SSL_CERT_FILE", "house.pem");
    let found = look_as_another(&place, &args, &[trust]);
    found.ended(1, &[]);
    let command = format!("chatd doctor --config 'my chat.toml' --data-dir {folder}");
    found.found("problem", "belongs to the user root", &command);
    found.found(
        "problem",
        "belongs to the user root",
        "sudo -u root --preserve-env=CHATD_",
    );
    found.found("problem", "belongs to the user root", ",SSL_CERT_FILE ");
}

#[test]
fn a_health_check_of_a_folder_that_one_may_not_look_into_asks_no_other_server() {
    let (place, other) = (place(), super::place());
    create_dir(&place.data).unwrap();
    set_permissions(&place.data, Permissions::from_mode(0o000)).unwrap();
    let server = other.serve();
    let listen = at(&server);
    let listen = (listen[0].0, listen[0].1.as_str());
    let args = ["healthcheck", "--data-dir", place.data.to_str().unwrap()];
    let checked = look_as_another(&place, &args, &[listen]);
    checked.ended(1, &["cannot be used", "whom the data folder belongs to"]);
    set_permissions(&place.data, Permissions::from_mode(0o700)).unwrap();
    server.stop();
}

#[test]
fn a_certificate_as_openssl_makes_them_by_itself_is_named() {
    let place = place();
    let server = place.serve();
    let mut params = proxy::params(60);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let proxy = proxy::showing(&place, server.address, params, Habit::Forwards);
    let trust = ("SSL_CERT_FILE", proxy.certificate.to_str().unwrap());
    let args = format!("doctor --url https://localhost:{}", proxy.address.port());
    let found = look_at(&place, &server, &args, &[trust]);
    found.ended(1, &[]);
    found.found(
        "problem",
        "the certificate is one of an authority",
        "basicConstraints=critical,CA:FALSE",
    );
    server.stop();
}

#[test]
fn what_the_engine_says_of_its_own_is_not_taken_for_the_servers_answer() {
    let place = place();
    let server = place.serve();
    let late = proxy(&place, server.address, 60, Habit::IsLate);
    let url = format!("https://localhost:{}", late.address.port());
    let trust = ("SSL_CERT_FILE", late.certificate.to_str().unwrap());
    let found = look_at(&place, &server, &format!("doctor --url {url}"), &[trust]);
    // Its ping came alone, before the server had heard of the client.
    let answer = late.answer().unwrap();
    assert!(answer.ends_with("\r\n\r\n2"), "{answer}");
    found.found("ok", "long polling comes through", "");
    server.stop();
}
