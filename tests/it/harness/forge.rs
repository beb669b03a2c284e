//! What no server gave out: tokens that somebody made up, and people who never registered.

use super::{App, Person};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use rusqlite::params;
use serde_json::{Value, json};
use sha2::Sha256;
use uuid::Uuid;

/// Everybody of a crowd is signed in for so many milliseconds.
const CROWD_SIGN_IN_MS: i64 = 24 * 3600 * 1000;

/// What a token says.
pub fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

/// A token with this header and these claims, signed by HMAC-SHA-256 whatever the header says.
pub fn token(header: &Value, claims: &Value, secret: &[u8]) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(header), part(claims));
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
    mac.update(signed.as_bytes());
    let signature = URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
    format!("{signed}.{signature}")
}

impl App {
    /// What the server signs tokens with.
    pub fn secret(&self) -> Vec<u8> {
        std::fs::read(self.folder.path().join("jwt.secret")).unwrap()
    }

    /// The server's database, opened beside it.
    pub fn database(&self) -> rusqlite::Connection {
        let path = self.folder.path().join("chatd.db");
        let database = rusqlite::Connection::open(path).unwrap();
        database.busy_timeout(super::DEADLINE).unwrap();
        database
    }

    /// So many people who are signed in and members of a room. They are written into the database,
    /// because registering each of them would hash a password.
    pub fn crowd(&self, room: &str, count: usize) -> Vec<Person> {
        let (now, secret) = (self.clock.now().0, self.secret());
        let ends = now + CROWD_SIGN_IN_MS;
        let room: Uuid = room.parse().unwrap();
        let mut database = self.database();
        let write = database
            .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
            .unwrap();
        let people = (0..count)
            .map(|number| {
                let (id, session, name) =
                    (Uuid::new_v4(), Uuid::new_v4(), format!("crowd-{number:04}"));
                write
                    .execute(
                        "INSERT INTO users (id, username, username_key, username_look, display_name, display_name_key,
                                            email, email_key, password, created_at)
                         VALUES (?1, ?2, ?2, ?2, ?2, ?2, ?2, ?2, 'nobody knows', ?3)",
                        params![id.as_bytes(), name, now],
                    )
                    .unwrap();
                write
                    .execute(
                        "INSERT INTO sessions (id, user_id, created_at, last_seen_at, expires_at, address)
                         VALUES (?1, ?2, ?3, ?3, ?4, '127.0.0.1')",
                        params![session.as_bytes(), id.as_bytes(), now, ends],
                    )
                    .unwrap();
                write
                    .execute(
                        "INSERT INTO room_members (room_id, user_id, joined_at, read_seq) VALUES (?1, ?2, ?3, 0)",
                        params![room.as_bytes(), id.as_bytes(), now],
                    )
                    .unwrap();
                let claims = json!({
                    "sub": id, "sid": session, "iat": now / 1000, "exp": ends / 1000,
                });
                let token = token(&json!({ "alg": "HS256", "typ": "JWT" }), &claims, &secret);
                let signed_in = json!({ "user": { "id": id }, "token": token });
                Person::at(&self.url(), &self.http, &name, signed_in)
            })
            .collect();
        write
            .execute(
                "UPDATE rooms SET member_count = member_count + ?1 WHERE id = ?2",
                params![i64::try_from(count).unwrap(), room.as_bytes()],
            )
            .unwrap();
        write.commit().unwrap();
        people
    }
}
