//! The way to a server with TLS, one that wants nothing else, and one that has none.

use super::mariadb::{self, Database, MariaDb, PASSWORD_IN_URL, READER};
use super::way::{End, Way};
use super::{Place, fixture, place};
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
use std::io::{Read, Write};
use std::net::TcpListener;

/// Says that it is done.
const WELL: &[&str] = &["This would import 55 accounts"];

/// What a client says that wants nothing any more (MySQL's protocol, `COM_QUIT`).
const QUIT: [u8; 5] = [1, 0, 0, 0, 1];

/// A server with a certificate for `localhost`, and files of the authority that vouches for it and of another.
struct Secured {
    server: MariaDb,
    authority: String,
    stranger: String,
}

fn secured(place: &Place) -> Secured {
    let write = |name: &str, text: String| {
        let path = place.root.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let authority = |name: &str| {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        (write(name, certificate.pem()), certificate, key)
    };
    let (path, certificate, authority_key) = authority("authority.pem");
    let (stranger, ..) = authority("stranger.pem");
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let shown = params
        .signed_by(&key, &certificate, &authority_key)
        .unwrap();
    let options = [
        format!("--ssl-cert={}", write("shown.pem", shown.pem())),
        format!("--ssl-key={}", write("key.pem", key.serialize_pem())),
    ];
    let server = MariaDb::start_with(&options.each_ref().map(String::as_str));
    Secured {
        server: server.unwrap_or_else(|why| panic!("no MariaDB: {why}")),
        authority: path,
        stranger,
    }
}

/// The address of a database by a name of this machine.
fn at(host: &str, database: &Database) -> String {
    let (port, name) = (database.port, &database.name);
    format!("mysql://{READER}:{PASSWORD_IN_URL}@{host}:{port}/{name}")
}

#[test]
fn a_server_with_tls_is_read_by_it_once_it_shows_a_certificate_that_is_good() {
    let place = place();
    let Secured {
        server,
        authority,
        stranger,
    } = secured(&place);
    let mut database = server.database("secured");
    fixture::fill(&mut database);
    let (url, elsewhere) = (at("localhost", &database), at("127.0.0.1", &database));
    let asked = |url: &str, args: &str, code: i32, said: &[&str]| {
        let ran = place.take_over(url, &format!("--dry-run {args}"));
        ran.ended(code, said);
        for secret in [mariadb::PASSWORD, PASSWORD_IN_URL] {
            assert!(!ran.stderr.contains(secret), "{}", ran.stderr);
        }
    };
    // It may be read without TLS on this machine, until it wants nothing else.
    asked(&url, "", 0, WELL);
    database.run(&format!("ALTER USER {READER}@'%' REQUIRE SSL"));
    asked(&url, "", 1, &["does not let", "--tls"]);
    database.run(&format!("ALTER USER {READER}@'%' REQUIRE NONE"));
    database.run("SET GLOBAL require_secure_transport = ON");
    asked(&url, "", 1, &["does not let", "--tls"]);

    asked(&url, &format!("--tls --tls-ca {authority}"), 0, WELL);
    for query in [
        "ssl-mode=REQUIRED&ssl-ca",
        "require_ssl=true&root_cert_path",
        "sslMode=VERIFY_IDENTITY&sslCa",
        "ssl-ca",
    ] {
        asked(&format!("{url}?{query}={authority}"), "", 0, WELL);
    }
    let url_and_flag = format!("{url}?ssl=true");
    asked(
        &url_and_flag,
        &format!("--tls --tls-ca {authority}"),
        0,
        WELL,
    );

    let wrong = &["cannot be reached by TLS", "certificate", "--tls-ca", "SSH"];
    asked(&url, "--tls", 1, wrong);
    asked(&url, &format!("--tls --tls-ca {stranger}"), 1, wrong);
    asked(&format!("{url}?useSSL=true"), "", 1, wrong);
    // The certificate is for another name.
    asked(&elsewhere, &format!("--tls --tls-ca {authority}"), 1, wrong);
    // Files that are none.
    let file = place.root.path().join("file");
    std::fs::write(&file, "-----BEGIN NONSENSE-----").unwrap();
    asked(
        &url,
        "--tls --tls-ca file",
        1,
        &["\"file\" has no certificate"],
    );
    asked(
        &url,
        "--tls --tls-ca nowhere",
        1,
        &["\"nowhere\" cannot be read"],
    );
    let query = "cert_chain_path=nowhere&priv_key_path=nowhere";
    asked(
        &format!("{url}?{query}"),
        "",
        1,
        &["\"nowhere\" cannot be read"],
    );
    assert!(!place.data.exists());
}

/// A server that refuses its first client as MySQL 8 does when it is only to be spoken to by TLS.
fn refusing() -> u16 {
    const WHY: &str =
        "Connections using insecure transport are prohibited while --require_secure_transport=ON.";
    const SECURE_TRANSPORT_REQUIRED: u16 = 3159;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut packet = vec![u8::try_from(WHY.len() + 3).unwrap(), 0, 0, 0, 0xff];
    packet.extend(SECURE_TRANSPORT_REQUIRED.to_le_bytes());
    packet.extend(WHY.bytes());
    std::thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let _ = client.write_all(&packet);
        // Until the client is gone, which would otherwise not see why.
        let _ = client.read_to_end(&mut Vec::new());
    });
    port
}

#[test]
fn a_server_that_wants_nothing_but_tls_has_the_flag_for_it_named() {
    let place = place();
    let url = format!("mysql://{READER}:s3cr3t@127.0.0.1:{}/chat", refusing());
    let ran = place.take_over(&url, "");
    ran.ended(1, &["is only spoken to by TLS; add --tls"]);
    assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
}

#[test]
fn a_server_without_tls_is_told_nothing_by_whoever_asks_for_it() {
    let (place, database) = (place(), MariaDb::get().database("without_tls"));
    let pem = place.root.path().join("authority.pem");
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    std::fs::write(&pem, params.self_signed(&key).unwrap().pem()).unwrap();
    for (query, args) in [
        ("", "--tls"),
        ("?ssl=true", ""),
        ("?require_ssl=true", ""),
        ("?ssl-mode=VERIFY_CA", ""),
        ("?root_cert_path=authority.pem", ""),
        ("?cipher_suites=TLS13_AES_128_GCM_SHA256", ""),
    ] {
        let way = Way::to(database.port, End::Never);
        let url = format!("{}{query}", database.url_by(way.port));
        let ran = place.take_over(&url, args);
        ran.ended(1, &["has no TLS", "--tls", "SSH"]);
        let asked = way.asked();
        assert!(
            asked.is_empty() || asked == QUIT,
            "{query} {args}: {asked:?}"
        );
        assert!(!place.data.exists());
    }
    // Where nothing leaves the machine there is nothing to encrypt.
    let ran = place.take_over(&format!("{}?ssl=false", database.url()), "");
    ran.ended(1, &["there is no table"]);
}
