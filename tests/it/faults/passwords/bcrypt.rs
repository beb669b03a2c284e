//! Hashes by bcrypt, as accounts have that came from another chat.

use super::{App, login, report, store, stored};

/// Hashes by others, with what fits them.
const FOREIGN: [(&str, &str); 5] = [
    // bcryptjs 3 for Node, with its usual cost.
    (
        "$2b$10$UrGUZLkZhv6ZNakkIfF46OVhWVbkKk9hhV7lhycjrrZrduzv3odWu",
        "correct horse",
    ),
    // The bcrypt package for Node.
    (
        "$2b$10$DtD1YZ.KcjUY7NwnozljNOqeegWQDl5jhmPX2r.bEDboKlqWSA/jO",
        "grüße 😀 aus Wien",
    ),
    // The bcrypt package for Python, with the mark of earlier versions.
    (
        "$2a$04$EUCAq2NpMgXfFFgG76xej.NJrOeGgNYlZUtjowMSe2tcjZVxgnzsC",
        "correct horse",
    ),
    // Apache's htpasswd.
    (
        "$2y$05$sI90MrfZiEHfbVKmuijt9uNjx7D7oWn7FqAggQU2pZL2Ta9gdZ.cy",
        "correct horse",
    ),
    // The bcrypt package for Node, which has left out what is beyond 72 bytes.
    (
        "$2b$05$2kVz4Jr88BJRa.EroeD.ve/vC/Mv7A6N2vnYImFZ7qBFtX/8w7KGC",
        "Ein sehr langes Passwort, das nach zweiundsiebzig Bytes noch nicht zu Ende ist",
    ),
];

#[tokio::test]
async fn passwords_by_bcrypt_are_right_and_kept_by_argon2id_from_then_on() {
    let app = App::start().await;
    app.person("ada").await;
    let chat = app.server.chat();
    for (hash, password) in FOREIGN {
        store(&app, "ada", hash);
        for wrong in ["wrong", "", &password[1..]] {
            let before = chat.hashes_computed();
            let refused = login(&app, "ada", wrong).await;
            refused.expect_error(401, "invalid_credentials");
            assert_eq!(chat.hashes_computed() - before, 1, "{hash}");
            assert_eq!(
                stored(&app, "ada"),
                hash,
                "a wrong password changes nothing"
            );
        }
        login(&app, "ada", password).await.expect(200);
        let new = stored(&app, "ada");
        assert!(new.starts_with("$argon2id$"), "{hash} {new}");
        let before = chat.hashes_computed();
        login(&app, "ada", password).await.expect(200);
        assert_eq!(chat.hashes_computed() - before, 1);
        assert_eq!(stored(&app, "ada"), new);
    }
    report(
        "passwords by bcrypt",
        format!(
            "{} hashes of other programs checked and replaced",
            FOREIGN.len()
        ),
    );
}

#[tokio::test]
async fn of_a_long_password_bcrypt_knows_its_first_72_bytes_until_it_is_replaced() {
    let app = App::start().await;
    app.person("ada").await;
    let (hash, password) = FOREIGN[4];
    assert!(password.len() > 72);
    store(&app, "ada", hash);
    // That is how it was, so that nobody is kept out.
    let other_end = format!("{}another end", &password[..72]);
    login(&app, "ada", &other_end).await.expect(200);
    // From now on all of it counts.
    login(&app, "ada", password).await.expect(401);
    login(&app, "ada", &other_end).await.expect(200);
}
