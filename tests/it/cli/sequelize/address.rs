//! What a URL and the environment say of where the old database is, and who reads it.

use super::mariadb::{self, MariaDb, READER};
use super::{Place, Ran, fixture, place};

/// Takes a database over with these variables.
fn take_over(place: &Place, url: &str, env: &[(&str, &str)]) -> Ran {
    let mut command = place.command(["import-sequelize", url, "--dry-run"]);
    command.envs(env.iter().copied()).output().unwrap().into()
}

#[test]
fn the_password_may_stand_in_a_variable_or_a_file_and_comes_before_the_one_in_the_url() {
    let (place, mut database) = (place(), MariaDb::get().database("password"));
    fixture::fill(&mut database);
    let port = database.port;
    let url = format!("mysql://{READER}@127.0.0.1:{port}/password");
    let right = ("CHATD_IMPORT_PASSWORD", mariadb::PASSWORD);
    let wrong = ("CHATD_IMPORT_PASSWORD", "s3cr3t");
    let file = place.root.path().join("secret");
    std::fs::write(&file, format!("{}\n", mariadb::PASSWORD)).unwrap();
    let named = ("CHATD_IMPORT_PASSWORD__FILE", file.to_str().unwrap());

    take_over(&place, &url, &[right]).ended(0, &["This would import"]);
    take_over(&place, &url, &[named]).ended(0, &["This would import"]);
    for (url, env) in [(url.clone(), vec![]), (database.url(), vec![wrong])] {
        let ran = take_over(&place, &url, &env);
        ran.ended(1, &["does not let \"reader\" in", "--tls"]);
        for secret in [mariadb::PASSWORD, mariadb::PASSWORD_IN_URL, "s3cr3t"] {
            assert!(!ran.stderr.contains(secret), "{}", ran.stderr);
        }
    }
    let other = url.replace(READER, &format!("{READER}:s3cr3t"));
    take_over(&place, &other, &[right]).ended(0, &["This would import"]);
    let ran = take_over(&place, &url, &[right, named]);
    ran.ended(78, &["CHATD_IMPORT_PASSWORD__FILE", "leave out either"]);
    let nowhere = ("CHATD_IMPORT_PASSWORD__FILE", "nowhere");
    let ran = take_over(&place, &url, &[nowhere]);
    ran.ended(78, &["\"nowhere\" cannot be read"]);
    assert!(!place.data.exists());
}

#[test]
fn what_a_url_asks_for_that_is_not_known_is_refused_by_its_name() {
    let place = place();
    let refused = |query: &str, said: &[&str]| {
        let url = format!("mysql://x:s3cr3t@127.0.0.1:1/chat?{query}");
        let ran = take_over(&place, &url, &[]);
        ran.ended(2, said);
        assert!(!ran.stderr.contains("s3cr3t"), "{}", ran.stderr);
        assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    };
    refused(
        "charset=utf8mb4",
        &["\"charset\" in the URL", "leave it out"],
    );
    refused("compress=s3cr3t", &["\"compress\" in the URL"]);
    refused("tls=skip-verify", &["\"tls\" in the URL", "--tls"]);
    refused(
        "ssl={\"rejectUnauthorized\":false}",
        &["\"ssl\" in the URL", "--tls"],
    );
    refused("sslMode=PREFERRED", &["\"sslMode\" in the URL", "--tls"]);
    refused(
        "danger_accept_invalid_certs=true",
        &["leave it out", "--tls-ca"],
    );
    refused("enable_cleartext_plugin=true", &["leave it out"]);
}
