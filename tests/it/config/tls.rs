//! `[tls]`: what each key takes, and what they must not say together.

use super::{assert_files_refused, load_env, load_file, mistakes};
use chatd::config::Config;

#[test]
fn tls_is_off_unless_a_certificate_or_a_domain_is_named() {
    assert!(!Config::default().tls.is_on());
    let files = load_file("[tls]\ncertificate = \"a.pem\"\nkey = \"b.pem\"").unwrap();
    assert!(files.config.tls.is_on() && files.config.tls.has_files());
    let domains = load_env(&[("CHATD_TLS__DOMAINS", "Chat.Example.org, b.example.org")]).unwrap();
    let tls = domains.config.tls;
    assert!(tls.is_on() && !tls.has_files());
    assert_eq!(tls.domains, ["chat.example.org", "b.example.org"]);
}

#[test]
fn what_no_certificate_can_be_had_for_is_refused() {
    let bad = [
        "*.example.org",
        "192.0.2.1",
        "example",
        "a..org",
        "-a.org",
        "a_b.org",
        "a.org/",
    ];
    for bad in bad {
        let refusal = load_env(&[("CHATD_TLS__DOMAINS", bad)]).unwrap_err();
        let expected = format!("such as [\"chat.example.org\"]; {bad:?} is not one");
        assert!(refusal.problem.ends_with(&expected), "{refusal}");
    }
    let refusal = load_env(&[("CHATD_TLS__DOMAINS", "a,good.example,b,c,d,e,f,g")]).unwrap_err();
    let expected = r#"; "a", "b", "c", "d", "e" and 2 more are none"#;
    assert!(refusal.problem.ends_with(expected), "{refusal}");
    let long = format!("{}.org", "a".repeat(64));
    load_env(&[("CHATD_TLS__DOMAINS", &long)]).unwrap_err();
}

#[test]
fn the_other_keys_are_checked_by_themselves() {
    let cases = r#"
tls.certificate = 5 => 1:19: "tls.certificate" must be empty or the path of a file, not 5
tls.contact = "ada" => 1:15: "tls.contact" must be empty or an e-mail address such as "ada@example.org", not "ada"
tls.directory = "http://example.org/d" => 1:17: "tls.directory" must be the https:// URL of an ACME directory such as "https://acme-v02.api.letsencrypt.org/directory", not "http://example.org/d"
tls.redirect_from = "80" => 1:21: "tls.redirect_from" must be empty or an IP address and a port such as "0.0.0.0:80", not "80"; write "127.0.0.1:80", or "0.0.0.0:80" for every address of this machine
"#;
    assert_files_refused(cases);
    for directory in ["https://example.org/d", "http://127.0.0.1:14000/dir"] {
        let loaded = load_env(&[("CHATD_TLS__DIRECTORY", directory)]).unwrap();
        assert_eq!(loaded.config.tls.directory, directory);
    }
}

#[test]
fn contradictions_are_told_with_where_each_of_the_keys_stands() {
    let cases = [
        (
            "[tls]\ncertificate = \"a\"",
            "2:15: \"tls.certificate\" needs \"tls.key\", the file with its private key",
        ),
        (
            "[tls]\nkey = \"a\"",
            "2:7: \"tls.key\" needs \"tls.certificate\", the file with the certificate that it belongs to",
        ),
        (
            "[tls]\ncertificate = \"a\"\nkey = \"b\"\ndomains = [\"a.org\"]",
            "4:11: \"tls.domains\" gets a certificate by itself, and \"tls.certificate\" (config.toml:2:15) \
             names one; leave out either",
        ),
        (
            "[tls]\nkey = \"b\"\ndomains = [\"a.org\"]",
            "3:11: \"tls.domains\" gets a certificate by itself, and \"tls.key\" (config.toml:2:7) belongs to \
             another; leave out either",
        ),
        (
            "[server]\npublic_url = \"http://a.org\"\n[tls]\ndomains = [\"a.org\"]",
            "2:14: \"server.public_url\" begins with http://, but \"tls.domains\" (config.toml:4:11) has people \
             come by https://; write https:// there, too",
        ),
        (
            "[server]\npublic_url = \"http://a.org\"\n[tls]\ncertificate = \"a\"\nkey = \"b\"",
            "2:14: \"server.public_url\" begins with http://, but \"tls.certificate\" (config.toml:4:15) has \
             people come by https://; write https:// there, too",
        ),
        (
            "[tls]\nredirect_from = \"0.0.0.0:80\"",
            "2:17: \"tls.redirect_from\" leads to https://, which is off; set \"tls.certificate\" and \
             \"tls.key\", or \"tls.domains\", or leave it out",
        ),
        (
            "[server]\nlisten = \"0.0.0.0:443\"\n[tls]\ncertificate = \"a\"\nkey = \"b\"\n\
             redirect_from = \"0.0.0.0:80\"",
            "6:17: \"tls.redirect_from\" needs \"server.public_url\", the https:// address that it leads to",
        ),
        (
            "[metrics]\nlisten = \"127.0.0.1:5000\"",
            "2:10: \"metrics.listen\" is the address of \"server.listen\" (default); choose another port, or set \
             \"metrics.enabled\" to show them there",
        ),
        (
            "[metrics]\nlisten = \"0.0.0.0:80\"\n[tls]\ndomains = [\"a.org\"]\nredirect_from = \"0.0.0.0:80\"",
            "2:10: \"metrics.listen\" is the address of \"tls.redirect_from\" (config.toml:5:17); choose another port",
        ),
        (
            "[server]\npublic_url = \"https://b.org:8443/chat\"\n[tls]\ndomains = [\"a.org\", \"c.org\"]",
            "2:14: \"server.public_url\" has a name that \"tls.domains\" (config.toml:4:11) gets no certificate \
             for; add it there, or use one of those",
        ),
        (
            "[tls]\ndomains = [\"a.org\"]\nredirect_from = \"127.0.0.1:5000\"",
            "3:17: \"tls.redirect_from\" is the address of \"server.listen\" (default), where https:// is; \
             choose another port",
        ),
    ];
    for (content, expected) in cases {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        std::fs::write(&path, content).unwrap();
        let told = super::load_all(&super::sources(Some(path), &[])).unwrap_err();
        let prefix = format!("{}/", folder.path().display());
        let told = told.to_string().replace(&prefix, "");
        assert_eq!(told, format!("config.toml:{expected}"), "{content}");
    }
}

#[test]
fn a_contradiction_may_be_between_a_file_and_a_variable() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    std::fs::write(&path, "server.public_url = \"http://a.org\"").unwrap();
    let sources = super::sources(Some(path), &[("CHATD_TLS__DOMAINS", "a.org")]);
    let told = super::load_all(&sources).unwrap_err().to_string();
    assert!(
        told.contains("1:21: \"server.public_url\" begins"),
        "{told}"
    );
    assert!(
        told.contains("\"tls.domains\" (CHATD_TLS__DOMAINS)"),
        "{told}"
    );
}

#[test]
fn what_was_refused_by_itself_is_in_no_contradiction() {
    let told = mistakes("[tls]\ncertificate = \"a\"\nkey = 5\nredirect_from = \"x\"").unwrap_err();
    let places: Vec<_> = told.iter().map(|error| error.place.as_str()).collect();
    assert_eq!(places, ["config.toml:3:7", "config.toml:4:17"]);
    // And what is sound is looked at although something else is not.
    let told = mistakes("[tls]\ncertificate = \"a\"\n[log]\nlevel = 5").unwrap_err();
    let places: Vec<_> = told.iter().map(|error| error.place.as_str()).collect();
    assert_eq!(places, ["config.toml:4:9", "config.toml:2:15"]);
}
