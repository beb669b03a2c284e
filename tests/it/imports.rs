//! A room that is being imported: nobody sees it before it is whole, and nobody else's is touched.

use super::harness::{App, Person};
use chatd::chat::FinishedRoom;
use chatd::model::{
    BanEntry, Entry, InviteEntry, MemberEntry, MessageEntry, MessageId, RoomEntry, RoomId, Time,
    UserId,
};
use serde_json::json;

/// A moment of long ago.
const THEN: Time = Time(1_700_000_000_000);
const TOKEN: &str = "an-invite";
const DAY_MS: i64 = 24 * 3600 * 1000;

/// A public room of somebody's, without messages.
fn room(creator: UserId) -> (RoomId, Vec<Entry>) {
    let id = RoomId::new();
    let room = RoomEntry {
        id,
        name: "Salon".to_owned(),
        description: None,
        is_private: false,
        created_by: creator,
        created_at: THEN,
    };
    let member = MemberEntry {
        room_id: id,
        user_id: creator,
        is_admin: true,
        joined_at: THEN,
        read_seq: 0,
    };
    let invite = InviteEntry {
        token: TOKEN.to_owned(),
        room_id: id,
        created_by: creator,
        created_at: THEN,
        expires_at: None,
        max_uses: None,
        uses: 0,
        revoked_at: None,
    };
    let entries = vec![
        Entry::Room(room),
        Entry::Member(member),
        Entry::Invite(invite),
    ];
    (id, entries)
}

fn message(room_id: RoomId, user_id: UserId, seq: i64) -> Entry {
    Entry::Message(MessageEntry {
        id: MessageId::new(),
        room_id,
        seq,
        user_id,
        content: format!("number {seq}"),
        message_type: "text".to_owned(),
        client_id: None,
        reply_to: None,
        created_at: THEN,
        edited_at: None,
        deleted_at: None,
    })
}

fn id_of(person: &Person) -> UserId {
    person.id.parse().unwrap()
}

/// Nobody is told anything of a room, by whatever way they ask.
async fn is_unseen(app: &App, who: &Person, id: RoomId) {
    let path = format!("/api/rooms/{id}");
    let content = json!({ "content": "hello" });
    for answer in [
        who.get(&path).await,
        who.get(&format!("{path}/messages")).await,
        who.get(&format!("{path}/users")).await,
        who.get(&format!("/api/rooms/invites/{TOKEN}")).await,
        who.post(&format!("{path}/join"), json!({})).await,
        who.post(&format!("{path}/messages"), content).await,
        who.delete(&path).await,
    ] {
        answer.expect_error(404, "not_found");
    }
    for scope in ["mine", "public"] {
        let rooms = who.get(&format!("/api/rooms?scope={scope}")).await;
        assert_eq!(rooms.expect(200)["rooms"], json!([]), "{scope}");
    }
    let all = app.server.chat().totals().await.unwrap();
    assert_eq!((all.rooms, all.messages), (0, 0));
}

#[tokio::test]
async fn a_room_is_unseen_until_it_is_whole_and_purged_when_nobody_finishes_it() {
    let app = App::start().await;
    let chat = app.server.chat();
    let ada = app.person("ada").await;
    let (id, mut entries) = room(id_of(&ada));
    entries.push(message(id, id_of(&ada), 1));
    chat.import(entries.clone()).await.unwrap();
    // Once more, as whoever asked a server does that was killed.
    chat.import(entries.clone()).await.unwrap();
    is_unseen(&app, &ada, id).await;
    // Nobody takes it for a deleted one, and more of it comes.
    chat.housekeeping().await.unwrap();
    chat.import(vec![message(id, id_of(&ada), 2)])
        .await
        .unwrap();
    // Not as long as something is missing.
    let whole = |members, messages| {
        vec![FinishedRoom {
            id,
            members,
            messages,
        }]
    };
    let refused = chat.finish_import(whole(1, 3)).await.unwrap_err();
    assert!(
        refused.message.contains("run the import again"),
        "{refused}"
    );
    chat.finish_import(whole(2, 2)).await.unwrap_err();
    is_unseen(&app, &ada, id).await;
    app.clock.jump_ms(DAY_MS);
    chat.housekeeping().await.unwrap();
    let left = "SELECT (SELECT count(*) FROM rooms) + (SELECT count(*) FROM messages) + (SELECT count(*) FROM room_members)
                + (SELECT count(*) FROM room_invites)";
    let left: i64 = app
        .database()
        .query_row(left, [], |row| row.get(0))
        .unwrap();
    assert_eq!(left, 0);
    let late = chat
        .import(vec![message(id, id_of(&ada), 3)])
        .await
        .unwrap_err();
    assert!(
        late.message.contains("not being imported any more"),
        "{late}"
    );
    // It may begin again.
    chat.import(entries).await.unwrap();
    chat.finish_import(whole(1, 1)).await.unwrap();
    chat.finish_import(whole(1, 1)).await.unwrap();
    let there = ada.get(&format!("/api/rooms/{id}/messages")).await;
    assert_eq!(there.expect(200)["messages"][0]["content"], "number 1");
    assert_eq!(chat.totals().await.unwrap().rooms, 1);
}

#[tokio::test]
async fn nothing_is_brought_into_a_room_that_is_there_or_out_of_order() {
    let app = App::start().await;
    let chat = app.server.chat();
    let ada = app.person("ada").await;
    let made = ada.post("/api/rooms", json!({ "name": "Salon" })).await;
    let there: RoomId = made.expect(201)["id"].as_str().unwrap().parse().unwrap();
    let ban = BanEntry {
        room_id: there,
        user_id: id_of(&ada),
        banned_by: id_of(&ada),
        created_at: THEN,
    };
    for entry in [message(there, id_of(&ada), 1), Entry::Ban(ban)] {
        let refused = chat.import(vec![entry]).await.unwrap_err();
        assert!(refused.message.contains("not being imported"), "{refused}");
    }
    // What is there is not given up, nor cleared.
    chat.give_up_import(vec![there]).await.unwrap();
    assert!(chat.clear_import(there).await.unwrap());
    let path = format!("/api/rooms/{there}/messages");
    assert_eq!(ada.get(&path).await.expect(200)["messages"], json!([]));
    let (id, mut entries) = room(id_of(&ada));
    entries.push(message(id, id_of(&ada), 2));
    // All of it is refused, the room as well.
    chat.import(entries.clone()).await.unwrap_err();
    entries.pop();
    chat.import(entries).await.unwrap();
    for seq in [0, 2] {
        let entry = message(id, id_of(&ada), seq);
        chat.import(vec![entry]).await.unwrap_err();
    }
    // Nor by somebody who is not there.
    let stranger = message(id, UserId::new(), 1);
    chat.import(vec![stranger]).await.unwrap_err();
    // The database still keeps what it promises.
    assert!(chat.clear_import(id).await.unwrap());
    assert_eq!(chat.totals().await.unwrap().rooms, 1);
}
