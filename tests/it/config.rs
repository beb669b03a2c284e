//! The configuration: what wins, what is refused, and what the refusal says.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod filed;
mod tls;

use std::path::PathBuf;
use std::time::Duration;

use chatd::config::{
    Config, ConfigError, ConfigErrors, Flags, Loaded, LogFormat, LogLevel, Origin, Registration,
    Sources, load,
};

const EXAMPLE: &str = include_str!("../../config.example.toml");

fn sources(file: Option<PathBuf>, env: &[(&str, &str)]) -> Sources {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Sources {
        file,
        env: env.iter().map(owned).collect(),
        flags: Flags::default(),
    }
}

/// Loads a file of this content; mistakes name it `config.toml`, without its folder.
fn mistakes(content: impl AsRef<[u8]>) -> Result<Loaded, Vec<ConfigError>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    std::fs::write(&path, content).unwrap();
    load(&sources(Some(path), &[])).map_err(|ConfigErrors(mut errors)| {
        for error in &mut errors {
            error.place = error.place.rsplit('/').next().unwrap().to_owned();
        }
        errors
    })
}

/// The only mistake.
fn only(mut errors: Vec<ConfigError>) -> ConfigError {
    assert_eq!(errors.len(), 1, "{errors:?}");
    errors.remove(0)
}

/// The same for a file with one mistake at most.
fn load_file(content: impl AsRef<[u8]>) -> Result<Loaded, ConfigError> {
    mistakes(content).map_err(only)
}

fn load_all(sources: &Sources) -> Result<Loaded, ConfigError> {
    load(sources).map_err(|errors| only(errors.0))
}

fn load_env(env: &[(&str, &str)]) -> Result<Loaded, ConfigError> {
    load_all(&sources(None, env))
}

fn defaults_as_toml() -> toml::Table {
    toml::Table::try_from(Config::default()).unwrap()
}

/// Each line is a file, `=>`, and what its operator reads after the file's name.
fn assert_files_refused(cases: &str) {
    for case in cases.trim().lines() {
        let (content, expected) = case.split_once(" => ").unwrap();
        let refusal = load_file(content).unwrap_err().to_string();
        assert_eq!(refusal, format!("config.toml:{expected}"), "{content}");
    }
}

/// Each line is a variable, `=>`, and what its operator reads after the variable's name.
fn assert_variables_refused(cases: &str) {
    for case in cases.trim().lines() {
        let (variable, expected) = case.split_once(" => ").unwrap();
        let (name, value) = variable.split_once('=').unwrap();
        let refusal = load_env(&[(name, value)]).unwrap_err().to_string();
        assert_eq!(refusal, format!("{name}: {expected}"), "{variable}");
    }
}

#[test]
fn without_any_source_the_defaults_hold() {
    let loaded = load(&Sources::default()).unwrap();
    assert_eq!(loaded.config, Config::default());
    assert!(loaded.origins.contains_key("data.dir"));
    assert!(loaded.origins.values().all(|from| *from == Origin::Default));
}

#[test]
fn the_example_holds_every_key_with_its_default_and_no_other() {
    let loaded = load_file(EXAMPLE).unwrap();
    assert_eq!(loaded.config, Config::default());
    for (key, origin) in &loaded.origins {
        assert!(matches!(origin, Origin::File { .. }), "{key} is missing");
    }
    assert_eq!(EXAMPLE.parse::<toml::Table>().unwrap(), defaults_as_toml());
}

#[test]
fn every_key_of_the_example_has_a_comment_of_its_own() {
    let mut above = "";
    for line in EXAMPLE.lines() {
        if line.contains(" = ") && !line.starts_with('#') {
            assert!(above.starts_with("# "), "no comment above {line:?}");
        }
        above = line;
    }
}

#[test]
fn the_environment_wins_over_the_file_and_a_flag_over_both() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chatd.toml");
    let content = "[server]\nlisten = \"10.0.0.1:1\"\n[log]\nformat = \"json\"\nlevel = \"warn\"";
    std::fs::write(&path, content).unwrap();
    let env = [
        ("CHATD_SERVER__LISTEN", "10.0.0.2:2"),
        ("CHATD_LOG__FORMAT", "compact"),
    ];
    let mut sources = sources(Some(path.clone()), &env);
    sources.flags.listen = Some("10.0.0.3:3".to_owned());
    let loaded = load(&sources).unwrap();
    let (config, origins) = (loaded.config, loaded.origins);
    assert_eq!(config.server.listen, "10.0.0.3:3".parse().unwrap());
    assert_eq!(config.log.format, LogFormat::Compact);
    assert_eq!(config.log.level, LogLevel::Warn);
    assert_eq!(origins["server.listen"], Origin::Flag("--listen"));
    assert_eq!(origins["log.format"].to_string(), "CHATD_LOG__FORMAT");
    assert_eq!(origins["log.level"], Origin::File { path, line: 5 });
}

#[test]
fn every_flag_sets_its_key_and_is_named_as_its_origin() {
    let mut sources = Sources::default();
    sources.flags.listen = Some("[::1]:80".to_owned());
    sources.flags.data_dir = Some("/srv/chat".to_owned());
    sources.flags.log_format = Some("json".to_owned());
    let loaded = load(&sources).unwrap();
    assert_eq!(loaded.config.server.listen, "[::1]:80".parse().unwrap());
    assert_eq!(loaded.config.data.dir, PathBuf::from("/srv/chat"));
    assert_eq!(loaded.config.log.format, LogFormat::Json);
    assert_eq!(loaded.origins["data.dir"].to_string(), "--data-dir");
    assert_eq!(loaded.origins["log.format"].to_string(), "--log-format");
}

#[test]
fn a_variable_is_read_by_the_type_of_its_key() {
    let env = [
        ("CHATD_LIMITS__ENABLED", "false"),
        ("CHATD_LIMITS__MESSAGES_BURST", "7"),
        ("CHATD_ACCOUNTS__REGISTRATION", "invite"),
        ("CHATD_SERVER__TRUSTED_PROXIES", "10.0.0.0/8, 192.0.2.7,"),
        ("CHATD_SERVER__EXEMPT_ADDRESSES", ""),
        ("CHATD_DATA__DIR", "5"),
    ];
    let config = load_env(&env).unwrap().config;
    assert!(!config.limits.enabled);
    assert_eq!(config.limits.messages_burst, 7);
    assert_eq!(config.accounts.registration, Registration::Invite);
    let proxies = ["10.0.0.0/8", "192.0.2.7/32"].map(|net| net.parse().unwrap());
    assert_eq!(config.server.trusted_proxies, proxies);
    assert_eq!(config.server.exempt_addresses, []);
    assert_eq!(config.data.dir, PathBuf::from("5"));
}

#[test]
fn every_key_has_a_variable() {
    for key in load(&Sources::default()).unwrap().origins.keys() {
        let (section, name) = key.split_once('.').unwrap();
        let variable = format!("CHATD_{section}__{name}").to_uppercase();
        let value = match &defaults_as_toml()[section][name] {
            toml::Value::String(text) => text.clone(),
            toml::Value::Array(_) => String::new(),
            other => other.to_string(),
        };
        let loaded = load_env(&[(&variable, &value)]).unwrap();
        assert_eq!(loaded.origins[key], Origin::Env(variable));
    }
}

#[test]
fn chatd_config_names_the_file_unless_the_flag_does() {
    let folder = tempfile::tempdir().unwrap();
    let [first, second] = ["first", "second"].map(|name| {
        let path = folder.path().join(name);
        std::fs::write(&path, format!("data.dir = \"{name}\"")).unwrap();
        path
    });
    let dir = |file: Option<&PathBuf>, variable: &str| {
        let sources = sources(file.cloned(), &[("CHATD_CONFIG", variable)]);
        load(&sources).unwrap().config.data.dir
    };
    let second = second.to_str().unwrap();
    assert_eq!(dir(None, second), PathBuf::from("second"));
    assert_eq!(dir(Some(&first), second), PathBuf::from("first"));
    assert_eq!(dir(None, ""), PathBuf::from("chatd-data"));
}

#[test]
fn a_named_file_that_is_missing_or_a_folder_is_refused_as_that() {
    let path = "/nowhere/chatd.toml";
    let expected = "the file \"/nowhere/chatd.toml\" does not exist; name one that does, or none";
    let refusal = load_env(&[("CHATD_CONFIG", path)]).unwrap_err();
    assert_eq!(refusal.to_string(), format!("CHATD_CONFIG: {expected}"));
    let refusal = load_all(&sources(Some(path.into()), &[])).unwrap_err();
    assert_eq!(refusal.to_string(), format!("--config: {expected}"));
    let refusal = load_env(&[("CHATD_CONFIG", "/")]).unwrap_err().to_string();
    assert!(refusal.starts_with("/: cannot be read: "), "{refusal}");
    assert!(
        refusal.ends_with("; it is a folder, so name a file in it"),
        "{refusal}"
    );
}

#[test]
fn a_misspelt_key_is_refused_where_it_stands_with_the_nearest_one() {
    let refusal = load_file("# hello\n[server]\nlisen = \"127.0.0.1:1\"").unwrap_err();
    let expected = r#"config.toml:3:1: unknown key "server.lisen"; did you mean "server.listen"?"#;
    assert_eq!(refusal.to_string(), expected);
    let cases = r#"
listen = "127.0.0.1:1" => 1:1: unknown key "listen"; did you mean "server.listen"?
limits.max_connections = 5 => 1:8: unknown key "limits.max_connections"; did you mean "server.max_connections"?
log.colour = 1 => 1:5: unknown key "log.colour"; known here: "log.format", "log.level"
[limit] => 1:2: unknown section "limit"; did you mean "limits"?
[tsl] => 1:2: unknown section "tsl"; did you mean "tls"?
[database] => 1:2: unknown section "database"; the sections are accounts, data, limits, log, metrics, rooms, server, tls
server = 5 => 1:1: "server" is a section; write [server] on a line of its own
[[server]] => 1:3: "server" is a section; write [server] on a line of its own
log = { level = "info", level = "warn" } => 1:25: duplicate key "level"; it stands further up already, so have it once
"#;
    assert_files_refused(cases);
}

#[test]
fn every_mistake_is_told_from_the_top_of_the_file_to_the_flags() {
    let content = "[server]\nmax_connections = 0\nlisten = 5\n[data]\ndri = \"\"";
    let told = mistakes(content).unwrap_err();
    let places: Vec<_> = told.iter().map(|error| error.place.as_str()).collect();
    let expected = ["config.toml:2:19", "config.toml:3:10", "config.toml:5:1"];
    assert_eq!(places, expected);

    let env = [("CHATD_LOG__LEVEL", "loud"), ("CHATD_LISTEN", "x")];
    let mut sources = sources(Some("/nowhere".into()), &env);
    sources.flags.log_format = Some("xml".to_owned());
    let told = load(&sources).unwrap_err();
    let places: Vec<_> = told.0.iter().map(|error| error.place.as_str()).collect();
    let expected = [
        "--config",
        "CHATD_LOG__LEVEL",
        "CHATD_LISTEN",
        "--log-format",
    ];
    assert_eq!(places, expected);
    assert_eq!(told.to_string().lines().count(), 4);
}

#[test]
fn a_wrong_type_is_refused_where_the_value_stands() {
    let cases = r#"
server.max_connections = "many" => 1:26: "server.max_connections" must be a whole number from 1 to 1000000, not "many"
metrics.listen = 9464 => 1:18: "metrics.listen" must be empty or an IP address and a port such as "127.0.0.1:9464", not 9464; write "127.0.0.1:9464", or "0.0.0.0:9464" for every address of this machine
metrics.listen = "localhost" => 1:18: "metrics.listen" must be empty or an IP address and a port such as "127.0.0.1:9464", not "localhost"; write "127.0.0.1:9464"
server.listen = 5000 => 1:17: "server.listen" must be an IP address and a port such as "127.0.0.1:5000", not 5000; write "127.0.0.1:5000", or "0.0.0.0:5000" for every address of this machine
server.trusted_proxies = "::1" => 1:26: "server.trusted_proxies" must be a list of networks or addresses such as ["10.0.0.0/8", "::1"], not "::1"
server.trusted_proxies = [1] => 1:26: "server.trusted_proxies" must be a list of networks or addresses such as ["10.0.0.0/8", "::1"]; 1 is not one
limits.enabled = 1 => 1:18: "limits.enabled" must be true or false, not 1
data.dir = 1979-05-27 => 1:12: "data.dir" cannot be a date; put text in quotes
log.level = { info = {} } => 1:13: "log.level" must be "off", "error", "warn", "info", "debug" or "trace", not { info = {} }
"#;
    assert_files_refused(cases);
}

#[test]
fn a_value_out_of_range_is_refused_with_the_range() {
    let cases = r#"
server.max_connections = 1_000_001 => 1:26: "server.max_connections" must be a whole number from 1 to 1000000, not 1000001
accounts.min_password = 7 => 1:25: "accounts.min_password" must be a whole number from 8 to 256, not 7
accounts.min_password = 257 => 1:25: "accounts.min_password" must be a whole number from 8 to 256, not 257
accounts.token_ttl = "59s" => 1:22: "accounts.token_ttl" must be from 1 minute to 3650 days, such as "30d", "12h", "90m" or "600s", not "59s"
accounts.token_ttl = "3651d" => 1:22: "accounts.token_ttl" must be from 1 minute to 3650 days, such as "30d", "12h", "90m" or "600s", not "3651d"
accounts.registration = "Open" => 1:25: "accounts.registration" must be "open", "invite" or "closed", not "Open"
limits.events_burst = 4294967296 => 1:23: "limits.events_burst" must be a whole number from 1 to 4294967295, not 4294967296
limits.events_burst = 99999999999999999999 => 1:23: "limits.events_burst" must be a whole number from 1 to 4294967295, not inf
data.dir = "" => 1:12: "data.dir" must be a folder such as "chatd-data", not ""
"#;
    assert_files_refused(cases);
}

#[test]
fn no_number_may_be_zero() {
    for (section, keys) in &defaults_as_toml() {
        for (key, value) in keys.as_table().unwrap() {
            if value.is_integer() {
                let refusal = load_file(format!("{section}.{key} = 0")).unwrap_err();
                assert!(refusal.problem.ends_with(", not 0"), "{refusal}");
            }
        }
    }
}

#[test]
fn the_ends_of_each_range_are_taken() {
    let content = "server.max_connections = 1_000_000\naccounts.min_password = 256\n\
                   accounts.token_ttl = \"1m\"\nlimits.events_burst = 1";
    let config = load_file(content).unwrap().config;
    assert_eq!(config.server.max_connections, 1_000_000);
    assert_eq!(config.accounts.min_password, 256);
    assert_eq!(config.accounts.token_ttl, Duration::from_mins(1));
    assert_eq!(config.limits.events_burst, 1);
}

#[test]
fn a_duration_is_read_and_written_in_its_longest_unit() {
    let name = "CHATD_ACCOUNTS__TOKEN_TTL";
    for (written, minutes) in [("3650d", 5_256_000), ("12h", 720), ("90m", 90)] {
        let config = load_env(&[(name, written)]).unwrap().config;
        assert_eq!(config.accounts.token_ttl, Duration::from_mins(minutes));
        let table = toml::Table::try_from(config).unwrap();
        assert_eq!(table["accounts"]["token_ttl"].as_str(), Some(written));
    }
    let odd = "/d/30/30 d/1.5h/-1d/30D/1d12h/5ß/30w/99999999999999999d/ 30d";
    for odd in odd.split('/') {
        let refusal = load_env(&[(name, odd)]).unwrap_err().to_string();
        assert!(refusal.ends_with(&format!("not \"{odd}\"")), "{refusal}");
    }
}

#[test]
fn an_allowed_origin_is_kept_in_the_form_that_browsers_send() {
    let name = "CHATD_SERVER__ALLOWED_ORIGINS";
    let good = "https://Chat.Example.org:443,http://localhost:3000,http://[::1]:80";
    let config = load_env(&[(name, good)]).unwrap().config;
    let kept = "https://chat.example.org,http://localhost:3000,http://[::1]";
    assert_eq!(config.server.allowed_origins.join(","), kept);
    let bad = "* null chat.example.org ftp://a.org https:// https://:80 https://a.org/ \
               https://a.org/chat https://a.org:0 https://a.org:+1 https://a.org:65536 \
               https://me@a.org https://[::zz] https://bücher.example https://a.org?b";
    for bad in bad.split_whitespace() {
        let list = format!("https://good.example, {bad}");
        let problem = load_env(&[(name, &list)]).unwrap_err().problem;
        let expected = format!("[\"https://chat.example.org\"]; \"{bad}\" is not one");
        assert!(problem.ends_with(&expected), "{problem}");
    }
}

#[test]
fn the_public_url_loses_the_slash_at_its_end() {
    let name = "CHATD_SERVER__PUBLIC_URL";
    let good = ["", "https://chat.example.org", "http://192.0.2.1:8080/chat"];
    for (url, slash) in good.iter().zip(["", "/", "//"]) {
        let loaded = load_env(&[(name, &format!("{url}{slash}"))]).unwrap();
        assert_eq!(loaded.config.server.public_url, *url);
    }
    let bad =
        "/,chat.example.org,https://,https:///a,ws://a.org,https://a.org/?b,https://a.org/b c";
    for bad in bad.split(',') {
        let problem = load_env(&[(name, bad)]).unwrap_err().problem;
        let expected = "\"server.public_url\" must be empty or an http(s) URL such as ";
        assert!(problem.starts_with(expected), "{problem}");
    }
}

#[test]
fn a_wrong_variable_or_flag_is_refused_by_its_name() {
    let cases = r#"
CHATD_ROOMS__ADMINS_MAY_INVITE=yes => "rooms.admins_may_invite" must be true or false, not "yes"
CHATD_ACCOUNTS__MIN_PASSWORD= => "accounts.min_password" must be a whole number from 8 to 256, not ""
"#;
    assert_variables_refused(cases);
    let mut sources = Sources::default();
    sources.flags.log_format = Some("xml".to_owned());
    let expected = r#"--log-format: "log.format" must be "pretty", "compact" or "json", not "xml""#;
    assert_eq!(load_all(&sources).unwrap_err().to_string(), expected);
}

#[test]
fn an_address_that_lacks_something_is_refused_with_what_to_write() {
    let here = r#""127.0.0.1:8080", or "0.0.0.0:8080" for every address of this machine"#;
    for (text, advice) in [
        ("192.0.2.1", r#""192.0.2.1:5000""#),
        ("192.0.2.1:", r#""192.0.2.1:5000""#),
        ("::1", r#""[::1]:5000""#),
        ("[::1]", r#""[::1]:5000""#),
        ("localhost", r#""127.0.0.1:5000""#),
        ("localhost:8080", r#""127.0.0.1:8080""#),
        ("*:8080", r#""0.0.0.0:8080""#),
        (":8080", here),
        ("8080", here),
    ] {
        let mut sources = Sources::default();
        sources.flags.listen = Some(text.to_owned());
        let refusal = load_all(&sources).unwrap_err();
        let expected = format!("not {text:?}; write {advice}");
        assert!(refusal.problem.ends_with(&expected), "{refusal}");
    }
    for text in ["chat.example.org:5000", "", ":", "70000", ":70000", "foo"] {
        let mut sources = Sources::default();
        sources.flags.listen = Some(text.to_owned());
        let refusal = load_all(&sources).unwrap_err();
        let expected = format!("not {text:?}");
        assert!(refusal.problem.ends_with(&expected), "{refusal}");
    }
}

#[test]
fn an_unknown_variable_with_a_section_is_refused() {
    let cases = "
CHATD_SERVER__LISEN=x => unknown variable; did you mean CHATD_SERVER__LISTEN?
CHATD_SERVR__LISTEN=x => unknown variable; did you mean CHATD_SERVER__LISTEN?
CHATD_server__listen=x => unknown variable; did you mean CHATD_SERVER__LISTEN?
CHATD_LOG__COLOURS=x => unknown variable; known here: CHATD_LOG__FORMAT, CHATD_LOG__LEVEL
CHATD_SERVER_LISTEN=x => unknown variable; did you mean CHATD_SERVER__LISTEN?
CHATD_LISTEN=x => unknown variable; did you mean CHATD_SERVER__LISTEN?
CHATD_DATA_DIR=x => unknown variable; did you mean CHATD_DATA__DIR?
CHATD_LOG_LEVL=x => unknown variable; did you mean CHATD_LOG__LEVEL?
CHATD_LIMITS_EVENT_BURST=5 => unknown variable; did you mean CHATD_LIMITS__EVENTS_BURST?
CHATD__LISTEN=x => unknown variable; did you mean CHATD_SERVER__LISTEN?
CHATD___=x => unknown variable; the sections are accounts, data, limits, log, metrics, rooms, server, tls
";
    assert_variables_refused(cases);
}

#[test]
fn variables_that_are_no_keys_are_left_alone() {
    for name in "CHATD_REQUIRE_UI CHATD_BIN CHATD_PORT_5000_TCP_ADDR CHATD_SERVICE_HOST PATH OTHER__KEY chatd_log__level".split(' ') {
        let config = load_env(&[(name, "x")]).unwrap().config;
        assert_eq!(config, Config::default(), "{name}");
    }
}

#[test]
fn bad_syntax_is_refused_where_it_stands() {
    for (content, place) in [
        ("[server]\nlisten = ", "config.toml:2:10"),
        ("# ä\n[server\n", "config.toml:2:8"),
        ("a = \"ä\" b", "config.toml:1:9"),
        ("log.level = 1\nlog.level = 2", "config.toml:2:5"),
    ] {
        let error = load_file(content).unwrap_err();
        assert_eq!(error.place, place, "{error}");
        assert!(!error.problem.is_empty() && !error.problem.contains('\n'));
    }
    let refusal = load_file(b"[data]\ndir = \"\xff\"").unwrap_err();
    let expected = "config.toml:2:8: not UTF-8; save the file as UTF-8 text";
    assert_eq!(refusal.to_string(), expected);
}

#[test]
fn a_long_wrong_value_is_cut_in_the_message() {
    let content = format!("log.format = \"{}\"", "ü".repeat(10_000));
    let problem = load_file(content).unwrap_err().problem;
    assert!(problem.chars().count() < 200, "{problem}");
    assert!(problem.ends_with('…'), "{problem}");
}

#[test]
fn odd_input_is_answered_and_never_panics() {
    let few = "\u{feff}|\0|\r|= 1|[]|[.]|\"\" = 1|[\"\"]|server.\"\" = 1|a = nan|server.\"a.b\" = 1|\
               \"server.listen\" = []|[server.listen.x]|data.dir = \"\"\"|limits.events_burst = -1e999";
    let many = ["[", "a = [", "a.", "[[", "\"", "x", "[server]\nx"].map(|odd| odd.repeat(100_000));
    let odd = few.split('|').chain(many.iter().map(String::as_str));
    for refusal in odd.filter_map(|content| mistakes(content).err()).flatten() {
        assert!(refusal.place.starts_with("config.toml:"), "{refusal}");
    }
    // A file that is cut off anywhere, in the midst of a character too.
    let whole = defaults_as_toml().to_string().replace("chatd", "dätä");
    for end in 0..whole.len() {
        let _ = mistakes(&whole.as_bytes()[..end]);
    }
    for key in load(&Sources::default()).unwrap().origins.keys() {
        let name = format!("CHATD_{}", key.to_uppercase().replace('.', "__"));
        for value in ", - \0 :// [ http://[ https://]: ß \u{fffd}".split(' ') {
            let _ = load_env(&[(&name, value)]);
        }
    }
    for name in "CHATD__ CHATD_____ CHATD_SERVER__ CHATD_\u{130}__\u{df}".split(' ') {
        assert_eq!(load_env(&[(name, "")]).unwrap_err().place, name);
    }
}
