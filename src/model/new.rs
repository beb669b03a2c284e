//! What is to be made, each part of it checked: by somebody who asks for it, or by an import.

use super::{
    Description, DisplayName, EmailAddress, RoomId, RoomName, Secret, Time, UserId, Username,
};

/// An account that is to be made.
#[derive(Debug, Clone)]
pub struct NewUser {
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

/// A room that is to be made.
#[derive(Debug, Clone)]
pub struct NewRoom {
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
