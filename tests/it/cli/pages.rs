//! `chatd completions` and `chatd man`.

use super::place;
use std::fs::create_dir;

#[test]
fn every_shell_is_told_of_every_command() {
    let place = place();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = place.run(&format!("completions {shell}"));
        script.ended(0, &[]);
        assert_eq!(script.stderr, "");
        for word in ["serve", "doctor", "passwd", "data-dir"] {
            assert!(script.stdout.contains(word), "{shell}: {word}");
        }
    }
    place.run("completions tcsh").ended(2, &["bash"]);
    // Bash itself takes it.
    let script = place.run("completions bash").stdout;
    let parsed = place.command_of("bash", ["-n", "-c", &script]).status();
    assert!(parsed.unwrap().success());
}

#[test]
fn the_manual_is_a_page_or_one_a_command() {
    let place = place();
    let page = place.run("man");
    page.ended(0, &[]);
    assert!(page.stdout.contains(".TH chatd 1"), "{}", page.stdout);
    assert!(page.stdout.contains("Exit codes:"), "{}", page.stdout);
    place
        .run("man pages")
        .ended(3, &["\"pages\"", "make it first"]);
    let folder = place.root.path().join("pages");
    create_dir(&folder).unwrap();
    place.run("man pages").ended(0, &["pages"]);
    let text = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    assert!(text("chatd-user-add.1").contains("\\-\\-email"));
    assert!(text("chatd.1").contains("chatd\\-doctor(1)"));
}

#[test]
fn nothing_is_coloured_that_is_not_read_on_a_terminal_or_is_not_to_be() {
    let place = place();
    assert!(!place.run("--help").stdout.contains('\u{1b}'));
    // On a terminal of its own, which `script` (util-linux) makes.
    let chatd = env!("CARGO_BIN_EXE_chatd");
    let on_terminal = |unwanted: &str| {
        let shell = format!("{chatd} --help; {chatd} nonsense");
        let mut script = place.command_of("script", ["-qc", &shell, "/dev/null"]);
        let shown = script
            .env("NO_COLOR", unwanted)
            .env("TERM", "xterm")
            .output();
        String::from_utf8(shown.unwrap().stdout).unwrap()
    };
    assert!(on_terminal("").contains('\u{1b}'));
    let plain = on_terminal("1");
    assert!(
        plain.contains("Usage:") && !plain.contains('\u{1b}'),
        "{plain}"
    );
}
