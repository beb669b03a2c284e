//! What an import takes of an [`Entry`]: the same, checked by the rules for what people type.

use super::{
    BanEntry, ClientId, Content, Description, DisplayName, EmailAddress, Entry, Invalid,
    InviteEntry, MemberEntry, MessageEntry, MessageType, RoomEntry, RoomId, RoomName,
    SYSTEM_MESSAGE, Secret, Time, UserEntry, UserId, Username,
};

/// No hash of a password that anybody makes is longer, in bytes.
const HASH_BYTES: usize = 512;
/// The longest token of an invite, in bytes; ours have 24.
const TOKEN_BYTES: usize = 128;

/// An entry that may be brought in.
#[derive(Debug, Clone)]
pub enum Imported {
    /// An account.
    User(ImportedUser),
    /// A room.
    Room(ImportedRoom),
    /// Somebody who is in a room.
    Member(MemberEntry),
    /// Somebody who may not come into a room.
    Ban(BanEntry),
    /// An invite.
    Invite(InviteEntry),
    /// A message.
    Message(MessageEntry),
}

/// An account that may be brought in.
#[derive(Debug, Clone)]
pub struct ImportedUser {
    /// Its id.
    pub id: UserId,
    /// The name to sign in with.
    pub username: Username,
    /// The name that others see.
    pub display_name: DisplayName,
    /// The e-mail address.
    pub email: EmailAddress,
    /// The hash of the password.
    pub password_hash: Secret,
    /// Whether they may do everything on the server.
    pub is_admin: bool,
    /// Whether nobody can sign in with it.
    pub is_disabled: bool,
    /// When it was made.
    pub created_at: Time,
    /// When they were last connected.
    pub last_seen_at: Option<Time>,
}

/// A room that may be brought in.
#[derive(Debug, Clone)]
pub struct ImportedRoom {
    /// Its id.
    pub id: RoomId,
    /// Its name.
    pub name: RoomName,
    /// What it is for.
    pub description: Option<Description>,
    /// Whether only members know of it.
    pub is_private: bool,
    /// Who owns it.
    pub created_by: UserId,
    /// When it was made.
    pub created_at: Time,
}

fn wrong<T>(field: &'static str, why: &str) -> Result<T, Invalid> {
    let why = why.to_owned();
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
    fn checked(self) -> Result<ImportedUser, Invalid> {
        let why = "may not have more than 512 bytes";
        must(
            self.password_hash.0.len() <= HASH_BYTES,
            "passwordHash",
            why,
        )?;
        Ok(ImportedUser {
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
    fn checked(self) -> Result<ImportedRoom, Invalid> {
        let description = self.description.as_deref().map(Description::new);
        Ok(ImportedRoom {
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
        // It is a part of a link's path (RFC 3986, section 2.3).
        let unreserved = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
        let fits = (1..=TOKEN_BYTES).contains(&self.token.len());
        must(
            fits && self.token.bytes().all(unreserved),
            "token",
            "must have 1 to 128 letters, digits, '-', '.', '_' and '~'",
        )?;
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
