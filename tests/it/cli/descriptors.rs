//! How many files a server may have open, and what it says when they are too few.
#![cfg(target_os = "linux")]

use super::{Place, Running, place};

/// A server that is started by a shell with these limits.
fn serve_under(place: &Place, limits: &str, env: &[(&str, &str)]) -> Running {
    let mut shell = place.command_of("sh", ["-c"]);
    let chatd = env!("CARGO_BIN_EXE_chatd");
    let script = format!("{limits}; exec {chatd} serve --listen 127.0.0.1:0");
    shell.arg(script).envs(env.iter().copied());
    let mut running = place.start(shell);
    running.wait_until_ready();
    running
}

/// The soft and the hard limit of open files of a process.
fn open_files(server: &Running) -> (String, String) {
    let path = format!("/proc/{}/limits", server.child.id());
    let limits = std::fs::read_to_string(path).unwrap();
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"));
    let mut words = line.unwrap().split_whitespace().skip(3);
    let mut next = || words.next().unwrap().to_owned();
    (next(), next())
}

#[test]
fn a_server_takes_all_the_open_files_that_it_may_have() {
    let place = place();
    let server = serve_under(&place, "ulimit -Sn 100; ulimit -Hn 2000", &[]);
    assert_eq!(open_files(&server), ("2000".into(), "2000".into()));
    server.stop();
}

#[test]
fn too_few_open_files_for_the_connections_are_told_once_with_the_way_out() {
    for (most, are_few) in [("20000", true), ("4000", true), ("1000", false)] {
        let place = place();
        let env = [("CHATD_SERVER__MAX_CONNECTIONS", most)];
        let server = serve_under(&place, "ulimit -n 2000", &env);
        let log = server.log();
        let told: Vec<_> = log
            .lines()
            .filter(|line| line.contains("files may be open"))
            .collect();
        assert_eq!(told.len(), usize::from(are_few), "{log}");
        assert_eq!(log.contains("WARN"), are_few, "{log}");
        let needed = most.parse::<u32>().unwrap() + 512;
        for line in told {
            for words in [
                "WARN",
                "2000 ",
                &format!("server.max_connections = {most}"),
                &format!("ulimit -n {needed}"),
                &format!("LimitNOFILE={needed}"),
            ] {
                assert!(line.contains(words), "{words}: {line}");
            }
        }
        server.stop();
    }
}
