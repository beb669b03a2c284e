//! Passwords and consents that are typed, on a terminal of a test's own, which `script` (util-linux) makes.

use super::inside::furnish;
use super::{Place, START, place};
use std::io::{Read, Write};
use std::process::Stdio;
use std::sync::mpsc::channel;
use std::time::Instant;

/// What a terminal showed after each of the typed texts, which follow each other as the words before
/// them appear.
fn typed(args: &str, dialogue: &[(&str, &str)]) -> String {
    let place = place();
    place.add("ada", "correct horse");
    typed_at(&place, args, dialogue)
}

/// The same in a place that is there already.
fn typed_at(place: &Place, args: &str, dialogue: &[(&str, &str)]) -> String {
    // The shell goes on after Ctrl-C, and says what became of the terminal.
    let chatd = env!("CARGO_BIN_EXE_chatd");
    let shell = format!("trap : INT; {chatd} {args}; echo \"code $?\"; stty -a; echo the end");
    let mut script = place.command_of("script", ["-qec", &shell, "/dev/null"]);
    let mut child = script
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let (tell, told) = channel();
    std::thread::spawn(move || {
        let mut bytes = [0; 1024];
        while let Ok(count @ 1..) = stdout.read(&mut bytes) {
            if tell.send(bytes[..count].to_vec()).is_err() {
                return;
            }
        }
    });
    let (mut shown, deadline) = (Vec::new(), Instant::now() + START);
    let mut seen_to = 0;
    for (words, text) in dialogue.iter().chain(&[("the end", "")]) {
        while !String::from_utf8_lossy(&shown[seen_to..]).contains(words) {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(more) = told.recv_timeout(left) else {
                let _ = child.kill();
                panic!("no {words:?}: {}", String::from_utf8_lossy(&shown));
            };
            shown.extend(more);
        }
        seen_to = shown.len();
        stdin.write_all(text.as_bytes()).unwrap();
    }
    drop(stdin);
    child.wait().unwrap();
    String::from_utf8_lossy(&shown).into_owned()
}

/// Whether the terminal shows again what is typed, takes it by lines, and Ctrl-C for a signal.
fn is_sane(shown: &str) -> bool {
    let settings = shown.rsplit("code ").next().unwrap();
    let words: Vec<_> = settings.split_whitespace().collect();
    ["echo", "icanon", "isig"]
        .iter()
        .all(|word| words.contains(word))
}

#[test]
fn ctrl_c_at_the_prompt_leaves_the_terminal_as_it_was() {
    for dialogue in [
        &[("Password: ", "\x03")][..],
        &[
            ("Password: ", "secret 1\n"),
            ("The same again: ", "sec\x03"),
        ],
    ] {
        let shown = typed("user passwd ada", dialogue);
        assert!(shown.contains("code 130\r\n"), "{shown}");
        assert!(is_sane(&shown), "{shown}");
    }
}

#[test]
fn a_password_that_is_typed_twice_is_taken() {
    let dialogue = [
        ("Password: ", "secret number 1\n"),
        ("The same again: ", "secret number 1\n"),
    ];
    let shown = typed("user passwd ada", &dialogue);
    assert!(shown.contains("code 0"), "{shown}");
    assert!(is_sane(&shown), "{shown}");
}

#[test]
fn a_room_is_deleted_if_whoever_is_asked_says_yes() {
    let place = place();
    let (_, room, _) = furnish(&place);
    let delete = format!("room delete {room}");
    let question =
        "Delete the room \"lounge\" of \"ada\" for everybody (members: 1, messages: 1)? [y/N] ";
    for (answer, said) in [("n\n", "nothing was done"), ("\n", "nothing was done")] {
        let shown = typed_at(&place, &delete, &[(question, answer)]);
        assert!(
            shown.contains(said) && shown.contains("code 1\r\n"),
            "{shown}"
        );
    }
    let shown = typed_at(&place, &delete, &[(question, "Y\n")]);
    assert!(
        shown.contains("The room \"lounge\" was deleted.\r\ncode 0\r\n"),
        "{shown}"
    );
    place.run(&format!("room show {room}")).ended(3, &[]);
}
