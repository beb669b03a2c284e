//! Messages, as they come from the old table: by room, then by time.

use super::accounts::Accounts;
use super::ids::nobody;
use super::notes::{Kind, Notes, quoted};
use super::old::OldMessage;
use super::rooms::Room;
use crate::model::{Content, MessageEntry, MessageType, SYSTEM_MESSAGE, Time};

/// What becomes of one old message: one new one or, of one that is too long, several, with the numbers
/// after `seq`.
pub(super) fn take(
    old: &OldMessage,
    room: &Room,
    seq: i64,
    accounts: &Accounts,
    now: Time,
    notes: &mut Notes,
) -> Vec<MessageEntry> {
    let about = old.about();
    let fallback = room.talk.first.unwrap_or(room.entry.created_at);
    let (created_at, wrong) = old.created_at.mended(now, fallback);
    if let Some(wrong) = wrong {
        notes.add_time_of_message(&about, format!("{wrong} → {created_at}"));
    }
    let user_id = accounts.get(old.user.as_ref()).unwrap_or_else(|| {
        let why = old.user.as_ref().map_or_else(
            || "it has no author".to_owned(),
            |user| format!("there is no user {user}"),
        );
        notes.add(Kind::MessageOfNobody, &about, why);
        nobody()
    });
    let message_type = message_type(old, &about, notes);
    let mut contents = contents(old);
    let deleted_at = if contents.is_empty() {
        contents.push(String::new());
        if !old.deleted_at.is_set() {
            let what = "there is nothing to see in it";
            notes.add(Kind::MessageEmpty, &about, what);
        }
        Some(old.deleted_at.sensible(now).unwrap_or(created_at))
    } else {
        None
    };
    if contents.len() > 1 {
        let what = format!("{} messages", contents.len());
        notes.add(Kind::MessageSplit, &about, what);
    }
    let parts = contents
        .into_iter()
        .zip(0..)
        .map(|(content, part)| MessageEntry {
            id: old.id.as_ref().map_or_else(
                || super::ids::without_id(room.entry.id, seq + part, created_at),
                |id| id.message(usize::try_from(part).unwrap_or(usize::MAX), created_at),
            ),
            room_id: room.entry.id,
            seq: seq + 1 + part,
            user_id,
            content,
            message_type: message_type.clone(),
            client_id: None,
            reply_to: None,
            created_at,
            edited_at: None,
            deleted_at,
        });
    parts.collect()
}

impl OldMessage {
    /// How sentences name it.
    pub fn about(&self) -> String {
        let id = self.id.as_ref().map(ToString::to_string);
        format!(
            "message {}",
            id.unwrap_or_else(|| "without an id".to_owned())
        )
    }

    /// How many messages it becomes.
    pub fn parts(&self) -> i64 {
        i64::try_from(contents(self).len().max(1)).unwrap_or(i64::MAX)
    }
}

fn message_type(old: &OldMessage, about: &str, notes: &mut Notes) -> String {
    let usual = || MessageType::default().to_string();
    let Some(text) = old.message_type.as_deref().map(str::trim) else {
        return usual();
    };
    let text = text.to_lowercase();
    match MessageType::new(&text) {
        Ok(known) => known.to_string(),
        Err(_) if text.is_empty() || text == SYSTEM_MESSAGE => usual(),
        Err(_) => {
            let what = format!("its type {} → \"text\"", quoted(&text));
            notes.add(Kind::MessageChanged, about, what);
            usual()
        }
    }
}

/// What it says, in as many pieces as chatd takes it; none of a deleted one, or where nothing can be seen.
fn contents(old: &OldMessage) -> Vec<String> {
    let text = old.content.as_deref().unwrap_or_default();
    if old.deleted_at.is_set() {
        return Vec::new();
    }
    let mut pieces = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(end_of_piece(rest));
        if let Ok(piece) = Content::new(piece) {
            pieces.push(piece.to_string());
        }
        rest = after.trim_start();
    }
    pieces
}

/// Where a text is to be cut, in bytes: at a space or a line's end in its second half, if there is one,
/// or where it becomes too long; at its end, if it does not.
fn end_of_piece(text: &str) -> usize {
    let Some((most, _)) = text.char_indices().nth(Content::MAX_CHARS) else {
        return text.len();
    };
    let room = &text[..most];
    let half = room
        .char_indices()
        .nth(Content::MAX_CHARS / 2)
        .map_or(0, |(at, _)| at);
    let line = room.rfind('\n').filter(|at| *at > half);
    let space = || room.rfind(char::is_whitespace).filter(|at| *at > half);
    line.or_else(space).unwrap_or(most)
}
