//! What an import takes of an [`Entry`]: the same, checked by the rules for what people type.

use super::{
    BanEntry, ClientId, Content, Description, DisplayName, EmailAddress, Entry, Invalid,
    InviteEntry, InviteToken, MemberEntry, MessageEntry, MessageType, NewRoom, NewUser, RoomEntry,
    RoomName, SYSTEM_MESSAGE, UserEntry, Username,
};

/// No hash of a password that anybody makes is longer, in bytes.
const HASH_BYTES: usize = 512;

/// An entry that may be brought in.
#[derive(Debug, Clone)]
pub enum Imported {
    /// An account.
    User(NewUser),
    /// A room.
    Room(NewRoom),
    /// Somebody who is in a room.
    Member(MemberEntry),
    /// Somebody who may not come into a room.
    Ban(BanEntry),
    /// An invite.
    Invite(InviteEntry),
    /// A message.
    Message(MessageEntry),
}

fn wrong<T>(field: &'static str, why: impl Into<String>) -> Result<T, Invalid> {
    let why = why.into();
    Err(Invalid { field, why })
}

fn must(holds: bool, field: &'static str, why: &str) -> Result<(), Invalid> {
    if holds { Ok(()) } else { wrong(field, why) }
}

impl Entry {
    /// Checks it by the rules that hold for what chatd makes itself.
    ///
    /// # Errors
    /// The field that is wrong, and why; also for what says something of the whole export.
    pub fn checked(self) -> Result<Imported, Invalid> {
        Ok(match self {
            Self::User(user) => Imported::User(user.checked()?),
            Self::Room(room) => Imported::Room(room.checked()?),
            Self::Member(member) => {
                must(member.read_seq >= 0, "readSeq", "may not be less than 0")?;
                Imported::Member(member)
            }
            Self::Ban(ban) => Imported::Ban(ban),
            Self::Invite(invite) => Imported::Invite(invite.checked()?),
            Self::Message(message) => Imported::Message(message.checked()?),
            Self::Export(_) | Self::End(_) => {
                return wrong("type", "is of no account, room or what is in one");
            }
        })
    }
}

impl UserEntry {
    fn checked(self) -> Result<NewUser, Invalid> {
        if self.password_hash.0.len() > HASH_BYTES {
            let why = format!("may not have more than {HASH_BYTES} bytes");
            return wrong("passwordHash", why);
        }
        Ok(NewUser {
            id: self.id,
            username: Username::new(&self.username)?,
            display_name: DisplayName::new(&self.display_name)?,
            email: EmailAddress::new(&self.email)?,
            password_hash: self.password_hash,
            is_admin: self.is_admin,
            is_disabled: self.is_disabled,
            created_at: self.created_at,
            last_seen_at: self.last_seen_at,
        })
    }
}

impl RoomEntry {
    fn checked(self) -> Result<NewRoom, Invalid> {
        let description = self.description.as_deref().map(Description::new);
        Ok(NewRoom {
            id: self.id,
            name: RoomName::new(&self.name)?,
            description: description
                .transpose()?
                .filter(|text| !text.as_str().is_empty()),
            is_private: self.is_private,
            created_by: self.created_by,
            created_at: self.created_at,
        })
    }
}

impl InviteEntry {
    fn checked(self) -> Result<Self, Invalid> {
        InviteToken::new(&self.token)?;
        must(self.uses >= 0, "uses", "may not be less than 0")?;
        let counts = self.max_uses.is_none_or(|most| most > 0);
        must(counts, "maxUses", "may not be less than 1")?;
        Ok(self)
    }
}

impl MessageEntry {
    fn checked(mut self) -> Result<Self, Invalid> {
        must(self.seq > 0, "seq", "may not be less than 1")?;
        if self.deleted_at.is_some() {
            let why = "must be empty, since the message was deleted";
            must(self.content.is_empty(), "content", why)?;
        } else {
            self.content = Content::new(&self.content)?.to_string();
        }
        if self.message_type != SYSTEM_MESSAGE {
            MessageType::new(&self.message_type)?;
        }
        if let Some(id) = &self.client_id {
            ClientId::new(id)?;
        }
        Ok(self)
    }
}
