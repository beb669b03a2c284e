//! The lines of an export: what was written is read as it was, and what may be brought in is by the
//! rules for what people type.

use super::{CALLED, hold, json, texts};
use chatd::model::{
    Content, Entry, Imported, MessageEntry, MessageId, RoomId, Secret, Time, UserEntry, UserId,
    Username,
};
use chatd::server::control::ENTRIES_BYTES;
use proptest::option::of;
use proptest::prelude::{Strategy, any};
use uuid::Uuid;

/// Moments that RFC 3339 can say.
fn times() -> impl Strategy<Value = Time> {
    (-62_167_219_200_000..=253_402_300_799_999_i64).prop_map(Time)
}

fn entries() -> impl Strategy<Value = Entry> {
    let ids = any::<[u8; 16]>().prop_map(Uuid::from_bytes);
    let user = (
        texts(),
        texts(),
        texts(),
        any::<bool>(),
        times(),
        of(times()),
    );
    let user = user.prop_map(
        |(username, email, password_hash, is_admin, created_at, last_seen_at)| {
            Entry::User(UserEntry {
                id: UserId::new(),
                display_name: username.clone(),
                username,
                email,
                password_hash: Secret(password_hash),
                is_admin,
                is_disabled: !is_admin,
                created_at,
                last_seen_at,
            })
        },
    );
    let message = (
        ids,
        any::<i64>(),
        texts(),
        texts(),
        of(texts()),
        (times(), of(times())),
    );
    let message = message.prop_map(
        |(id, seq, content, message_type, client_id, (created_at, deleted_at))| {
            Entry::Message(MessageEntry {
                id: MessageId(id),
                room_id: RoomId(id),
                seq,
                user_id: UserId(id),
                content,
                message_type,
                client_id,
                reply_to: None,
                created_at,
                edited_at: deleted_at,
                deleted_at,
            })
        },
    );
    proptest::prop_oneof![user, message]
}

#[test]
fn an_entry_is_read_as_it_was_written_and_brought_in_by_the_rules() {
    hold("lines of an export", CALLED, entries(), |entry| {
        let line = serde_json::to_vec(&entry).unwrap();
        assert!(!line.contains(&b'\n'));
        let again: Entry = serde_json::from_slice(&line).unwrap();
        assert_eq!(again, entry);
        match entry.checked() {
            Ok(Imported::User(user)) => assert!(Username::new(user.username.as_str()).is_ok()),
            Ok(Imported::Message(message)) => {
                let is_content = Content::new(&message.content).is_ok();
                assert_eq!(is_content, message.deleted_at.is_none(), "{message:?}");
            }
            Ok(other) => panic!("{other:?}"),
            Err(invalid) => assert!(!invalid.why.is_empty()),
        }
    });
    hold("any lines of an export", CALLED, json(), |value| {
        if let Ok(entry) = serde_json::from_value::<Entry>(value) {
            let _ = entry.checked();
        }
    });
}

#[test]
fn the_longest_message_fits_twice_into_a_part_of_an_import() {
    // A control character is written as six bytes (RFC 8259, section 7).
    let content = "\u{1}".repeat(3999) + "x";
    let id = Uuid::max();
    let longest = Entry::Message(MessageEntry {
        id: MessageId(id),
        room_id: RoomId(id),
        seq: i64::MAX,
        user_id: UserId(id),
        content,
        message_type: "x".repeat(32),
        client_id: Some("\"".repeat(64)),
        reply_to: Some(MessageId(id)),
        created_at: Time(0),
        edited_at: Some(Time(0)),
        deleted_at: None,
    });
    let bytes = serde_json::to_vec(&longest).unwrap().len();
    assert!(longest.checked().is_ok());
    assert!(2 * (bytes + 1) < ENTRIES_BYTES, "{bytes}");
}
