//! Invites, and the ways into a room.

use super::rooms::{as_member, become_member, get};
use super::sessions::Who;
use super::{Chat, Command, Error, Input, Joined, tokens};
use crate::model::{Event, Invite, InviteEntry, MemberEntry, Role, RoomId, Time, UserId};
use crate::store::invites as table;
use crate::store::sql::Tx;
use crate::store::{Events, members, users};
use serde::Serialize;

/// An invite lasts a year at most, if it is to end at all; in seconds.
const LONGEST_SECONDS: i64 = 366 * 24 * 3600;
/// An invite may be good for so many at most, if it is to be counted at all.
const MOST_USES: i64 = 1_000_000;
/// Random bytes of an invite's token.
const TOKEN_BYTES: usize = 18;

/// An invite that somebody asks for.
#[derive(Debug, Clone, Copy)]
pub struct InviteRequest {
    expires_in_seconds: Option<i64>,
    max_uses: Option<i64>,
}

/// What an invite's token is an invite to.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InvitedTo {
    /// As much of the room as somebody who is not in it may know.
    pub room: RoomPreview,
    /// The name that whoever invites shows.
    pub invited_by: String,
}

/// As much of a room as somebody who is invited may know.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RoomPreview {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// How many are in it.
    pub member_count: i64,
}

impl InviteRequest {
    /// Reads `{expiresIn?: seconds, maxUses?}`.
    pub fn read(mut input: Input) -> Result<Self, Error> {
        let expires_in_seconds = input.optional_number("expiresIn", 1, LONGEST_SECONDS);
        let max_uses = input.optional_number("maxUses", 1, MOST_USES);
        input.check()?;
        Ok(Self {
            expires_in_seconds,
            max_uses,
        })
    }
}

/// How somebody comes into a room.
pub(super) enum Entry<'a> {
    /// By its public door.
    Door(RoomId),
    /// By an invite.
    Invite(&'a str),
}

/// Makes somebody a member, or finds that they are one already.
pub(super) fn enter(
    tx: &mut Tx<'_>,
    events: &mut Events,
    user: UserId,
    entry: Entry<'_>,
    now: Time,
) -> Result<Joined, Error> {
    let invite = match entry {
        Entry::Door(_) => None,
        Entry::Invite(token) => Some(by_token(tx, token)?),
    };
    let room = match (&invite, entry) {
        (Some(invite), _) => invite.room_id,
        (None, Entry::Door(room)) => room,
        (None, Entry::Invite(_)) => return Err(Error::not_found("such invite")),
    };
    let access = members::access(tx, room, user)?.ok_or_else(|| Error::not_found("such room"))?;
    if access.member.is_some() {
        let room = get(tx, room, user)?;
        return Ok(Joined {
            room,
            already: true,
        });
    }
    if invite.is_none() && access.is_private {
        return Err(Error::not_found("such room"));
    }
    if members::is_banned(tx, room, user)? {
        return Err(Error::banned());
    }
    if let Some(invite) = &invite {
        if !is_good(invite, now) {
            return Err(Error::invite_expired());
        }
        table::count_use(tx, &invite.token)?;
    }
    let member = MemberEntry {
        room_id: room,
        user_id: user,
        is_admin: false,
        joined_at: now,
        // What was said before counts as read.
        read_seq: access.last_seq,
    };
    become_member(tx, &member)?;
    let person = users::person(tx, user)?.ok_or_else(Error::unauthorized)?;
    let room = get(tx, room, user)?;
    events.push(Event::MemberJoined {
        room: room.clone(),
        person,
        at: now,
    });
    Ok(Joined {
        room,
        already: false,
    })
}

/// Whether an invite lets anybody in at `now`.
fn is_good(invite: &InviteEntry, now: Time) -> bool {
    invite.revoked_at.is_none()
        && invite.expires_at.is_none_or(|end| end > now)
        && invite.max_uses.is_none_or(|most| invite.uses < most)
}

fn by_token(tx: &mut Tx<'_>, token: &str) -> Result<InviteEntry, Error> {
    table::get(tx, token)?.ok_or_else(|| Error::not_found("such invite"))
}

impl Chat {
    /// Only the creator, or with `rooms.admins_may_invite` the room's admins as well.
    fn may_invite(&self) -> impl Fn(&mut Tx<'_>, Who, RoomId) -> Result<(), Error> + use<> {
        let admins = self.config.rooms.admins_may_invite;
        move |tx, who, room| {
            let (access, member) = as_member(tx, who, room)?;
            if access.created_by == who.user || admins && member.role == Role::Admin {
                Ok(())
            } else {
                Err(Error::forbidden("Only this room's creator may do this."))
            }
        }
    }

    fn shown(&self) -> impl Fn(InviteEntry) -> Invite + use<> {
        let base = self.config.server.public_url.clone();
        move |row| Invite {
            link: format!("{base}/invite/{}", row.token),
            token: row.token,
            room_id: row.room_id,
            expires_at: row.expires_at,
            max_uses: row.max_uses,
            uses: row.uses,
        }
    }

    /// Makes the room's invite, which replaces the earlier one.
    pub fn make_invite(&self, who: Who, room: RoomId, request: InviteRequest) -> Command<Invite> {
        let now = self.now();
        let token = match tokens::random_text::<TOKEN_BYTES>() {
            Ok(token) => token,
            Err(error) => return Command::refused(error),
        };
        let row = InviteEntry {
            token,
            room_id: room,
            created_by: who.user,
            created_at: now,
            expires_at: request
                .expires_in_seconds
                .map(|seconds| now.plus_ms(seconds * 1000)),
            max_uses: request.max_uses,
            uses: 0,
            revoked_at: None,
        };
        let (may_invite, shown) = (self.may_invite(), self.shown());
        self.store.command(move |tx, _| {
            may_invite(tx, who, room)?;
            table::revoke(tx, room, now)?;
            table::insert(tx, &row)?;
            Ok(shown(row.clone()))
        })
    }

    /// The room's invite, good or not; nothing if none was made since the last was revoked.
    pub async fn invite(&self, who: Who, room: RoomId) -> Result<Option<Invite>, Error> {
        let (may_invite, shown) = (self.may_invite(), self.shown());
        self.store
            .query(move |tx| {
                may_invite(tx, who, room)?;
                Ok(table::of_room(tx, room)?.map(shown))
            })
            .await
    }

    /// Ends the room's invite.
    pub fn revoke_invite(&self, who: Who, room: RoomId) -> Command<()> {
        let now = self.now();
        let may_invite = self.may_invite();
        self.store.command(move |tx, _| {
            may_invite(tx, who, room)?;
            if table::revoke(tx, room, now)? {
                Ok(())
            } else {
                Err(Error::not_found("invite to this room"))
            }
        })
    }

    /// What a token is an invite to.
    pub async fn invited_to(&self, token: String) -> Result<InvitedTo, Error> {
        let now = self.now();
        self.store
            .query(move |tx| {
                let invite = by_token(tx, &token)?;
                if !is_good(&invite, now) {
                    return Err(Error::invite_expired());
                }
                let room = get(tx, invite.room_id, invite.created_by)?;
                let by = users::person(tx, invite.created_by)?;
                Ok(InvitedTo {
                    room: RoomPreview {
                        name: room.name,
                        description: room.description,
                        member_count: room.member_count,
                    },
                    invited_by: by.map_or_else(String::new, |by| by.display_name.to_string()),
                })
            })
            .await
    }

    /// Joins the room of an invite.
    pub fn accept_invite(&self, who: Who, token: String) -> Command<Joined> {
        let now = self.now();
        self.store
            .command(move |tx, events| enter(tx, events, who.user, Entry::Invite(&token), now))
    }
}
