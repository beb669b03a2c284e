//! `chatd completions` and `chatd man`.

use super::place;
use std::fs::{create_dir, remove_file, write};

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
    assert!(!page.stdout.contains("chatd\\-help(1)"), "{}", page.stdout);
    assert!(
        page.stdout
            .contains("\n.SH \"EXIT STATUS\"\n.nf\n  0  done\n")
    );
    place
        .run("man pages")
        .ended(3, &["\"pages\" is not there; make that folder first"]);
    let folder = place.root.path().join("pages");
    write(&folder, "").unwrap();
    place.run("man pages").ended(3, &["\"pages\" is no folder"]);
    remove_file(&folder).unwrap();
    create_dir(&folder).unwrap();
    place.run("man pages").ended(0, &["pages"]);
    let text = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    assert!(text("chatd-user-add.1").contains("\\-\\-email"));
    // What is typed stays a line, with the marks that a shell reads; what explains is told with what it is about.
    assert!(text("chatd-user-list.1").contains(
        ".SH \"EXAMPLES\"\n.nf\nchatd user list\nchatd user list \\-\\-json | jq \\-r \\*(Aq.[] |"
    ));
    let serve = text("chatd-serve.1");
    assert!(
        serve.find("A flag wins over") < serve.find(".SH OPTIONS"),
        "{serve}"
    );
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
