//! The configuration: a file of any bytes, and an environment of any variables.

use super::{CALLED, hold, numbers, texts};
use chatd::config::{
    Config, ConfigError, ConfigErrors, Loaded, LogFormat, LogLevel, Registration, Sources, load,
};
use proptest::collection::vec;
use proptest::prelude::{Strategy, any};
use proptest::sample::select;
use std::path::PathBuf;
use std::time::Duration;

/// Files are written for each input, which takes its time.
const FILES: (u32, u32) = (5_000, 300);

/// The first mistake stands for all of them.
fn first(errors: ConfigErrors) -> ConfigError {
    errors.0.into_iter().next().unwrap()
}

fn load_file(content: &[u8]) -> Result<Loaded, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    std::fs::write(&path, content).unwrap();
    load(&Sources {
        file: Some(path),
        ..Sources::default()
    })
    .map_err(first)
}

fn load_env(env: Vec<(String, String)>) -> Result<Loaded, ConfigError> {
    load(&Sources {
        env,
        ..Sources::default()
    })
    .map_err(first)
}

fn is_readable(error: &ConfigError) {
    assert!(!error.place.is_empty() && !error.problem.is_empty());
    let text = error.to_string();
    assert!(text.chars().count() < 2_000, "{text}");
}

/// All keys, as a file writes them.
fn keys() -> Vec<String> {
    let loaded = load(&Sources::default()).unwrap();
    loaded.origins.into_keys().collect()
}

/// Configurations that an operator may have.
fn configs() -> impl Strategy<Value = Config> {
    use LogLevel::{Debug, Error, Info, Off, Trace, Warn};
    let networks = || vec((any::<[u8; 4]>(), 0_u8..=32), 0..4);
    let limits = vec(1..=u32::MAX, 9);
    let choices = (0_usize..3, 0_usize..6, 0_usize..3);
    let server = (
        any::<(u32, u16)>(),
        networks(),
        networks(),
        1..=1_000_000_u32,
    );
    let other = (
        "[a-z]{1,12}",
        60..=3650 * 86_400_u64,
        8..=256_u16,
        any::<(bool, bool)>(),
    );
    (server, limits, choices, other).prop_map(|(server, limits, choices, other)| {
        let mut config = Config::default();
        let ((ip, port), proxies, exempt, most) = server;
        let nets = |nets: Vec<([u8; 4], u8)>| {
            let nets = nets.into_iter();
            nets.map(|(ip, bits)| {
                format!("{}/{bits}", std::net::Ipv4Addr::from(ip))
                    .parse()
                    .unwrap()
            })
            .collect()
        };
        config.server.listen = (std::net::Ipv4Addr::from(ip), port).into();
        config.server.trusted_proxies = nets(proxies);
        config.server.exempt_addresses = nets(exempt);
        config.server.max_connections = most;
        let (word, seconds, chars, (enabled, may)) = other;
        config.server.public_url = format!("https://{word}.example.org/{word}");
        config.server.allowed_origins = vec![format!("https://{word}.example.org:8443")];
        config.data.dir = PathBuf::from(word);
        config.accounts.token_ttl = Duration::from_secs(seconds);
        config.accounts.min_password = chars;
        config.rooms.admins_may_invite = may;
        config.limits.enabled = enabled;
        let into = &mut config.limits;
        for (number, slot) in limits.into_iter().zip([
            &mut into.messages_burst,
            &mut into.messages_per_second,
            &mut into.events_burst,
            &mut into.events_per_second,
            &mut into.sign_in_burst,
            &mut into.sign_in_per_minute,
            &mut into.registrations_per_hour,
            &mut into.requests_burst,
            &mut into.requests_per_second,
        ]) {
            *slot = number;
        }
        config.accounts.registration = [
            Registration::Open,
            Registration::Invite,
            Registration::Closed,
        ][choices.0];
        config.log.level = [Off, Error, Warn, Info, Debug, Trace][choices.1];
        config.log.format = [LogFormat::Pretty, LogFormat::Compact, LogFormat::Json][choices.2];
        config
    })
}

#[test]
fn a_configuration_that_was_written_is_read_as_it_was() {
    hold(
        "files of a whole configuration",
        FILES,
        configs(),
        |config| {
            let text = toml::to_string(&config).unwrap();
            let loaded = load_file(text.as_bytes()).unwrap();
            assert_eq!(loaded.config, config, "{text}");
            // The same by variables.
            let table = toml::Table::try_from(&config).unwrap();
            let mut env = Vec::new();
            for (section, keys) in &table {
                for (key, value) in keys.as_table().unwrap() {
                    let text = match value {
                        toml::Value::Array(entries) => {
                            let entries = entries.iter().map(|entry| entry.as_str().unwrap());
                            entries.collect::<Vec<_>>().join(",")
                        }
                        toml::Value::String(text) => text.clone(),
                        other => other.to_string(),
                    };
                    env.push((format!("CHATD_{section}__{key}").to_uppercase(), text));
                }
            }
            assert_eq!(load_env(env).unwrap().config, config);
        },
    );
}

#[test]
fn a_file_of_any_bytes_is_read_or_refused_where_it_is_wrong() {
    let line = (select(keys()), texts()).prop_map(|(key, text)| format!("{key} = {text}\n"));
    let quoted = (select(keys()), texts()).prop_map(|(key, text)| format!("{key} = {text:?}\n"));
    let bytes = proptest::prop_oneof![
        vec(any::<u8>(), 0..200),
        vec(proptest::prop_oneof![line, quoted], 1..4)
            .prop_map(|lines| lines.concat().into_bytes()),
        "[\\[\\]{}=.,\"'#a-z0-9 \n]{0,100}".prop_map(String::into_bytes),
    ];
    hold("files of any bytes", FILES, bytes, |bytes| {
        if let Err(error) = load_file(&bytes) {
            is_readable(&error);
            let (_, place) = error.place.split_once("config.toml:").unwrap();
            let (line, column) = place.split_once(':').unwrap();
            let lines = bytes.split(|byte| *byte == b'\n').count();
            let line: usize = line.parse().unwrap();
            assert!((1..=lines).contains(&line), "{error}");
            assert!(column.parse::<usize>().unwrap() >= 1, "{error}");
        }
    });
}

#[test]
fn a_variable_of_any_name_and_value_is_read_refused_or_not_about_us() {
    let known =
        select(keys()).prop_map(|key| format!("CHATD_{}", key.to_uppercase().replace('.', "__")));
    let names = proptest::prop_oneof![
        known,
        "CHATD_[A-Z_]{0,20}",
        "CHATD_[A-Z]{1,8}__[A-Z_]{1,12}",
        texts(),
    ];
    hold(
        "variables",
        CALLED,
        (names, texts()),
        |(name, value)| match load_env(vec![(name.clone(), value)]) {
            Err(error) => {
                is_readable(&error);
                assert!(name.starts_with("CHATD_"), "{name:?}");
                assert_eq!(error.place, name);
            }
            Ok(loaded) if !name.contains("__") => assert_eq!(loaded.config, Config::default()),
            Ok(_) => {}
        },
    );
}

#[test]
fn a_number_is_accepted_where_it_is_within_its_range() {
    let ranges = [
        ("server.max_connections", 1, 1_000_000),
        ("accounts.min_password", 8, 256),
        ("limits.messages_burst", 1, i64::from(u32::MAX)),
    ];
    let numbers = numbers(vec![0, 8, 256, 1_000_000, i64::from(u32::MAX)]);
    hold(
        "numbers of keys",
        CALLED,
        (select(ranges.to_vec()), numbers),
        |(range, number)| {
            let (key, least, most) = range;
            let name = format!("CHATD_{}", key.to_uppercase().replace('.', "__"));
            let accepted = load_env(vec![(name, number.to_string())]).is_ok();
            assert_eq!(
                accepted,
                (least..=most).contains(&number),
                "{key} = {number}"
            );
        },
    );
}

#[test]
fn a_duration_is_accepted_where_it_is_within_its_range() {
    const DAY: i64 = 86_400;
    let edges =
        [60, 3650 * DAY].map(|seconds| [seconds, seconds / 60, seconds / 3_600, seconds / DAY]);
    let counts = numbers(edges.concat()).prop_map(i64::unsigned_abs);
    let inputs = (counts, "[dhms]");
    hold("durations", CALLED, inputs, |(count, unit)| {
        let seconds = match unit.as_str() {
            "d" => 86_400,
            "h" => 3_600,
            "m" => 60,
            _ => 1,
        };
        let total = count.checked_mul(seconds);
        let good = total.filter(|total| (60..=3650 * 86_400).contains(total));
        let text = format!("{count}{unit}");
        let loaded = load_env(vec![("CHATD_ACCOUNTS__TOKEN_TTL".to_owned(), text)]);
        let ttl = loaded.ok().map(|loaded| loaded.config.accounts.token_ttl);
        assert_eq!(ttl, good.map(Duration::from_secs), "{count}{unit}");
    });
}
