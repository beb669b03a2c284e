//! Invites: the one that a room shows, and what became of the earlier ones.

use super::Error;
use super::sql::{Row, Tx, values};
use crate::model::{InviteEntry, RoomId, Time};

fn read(row: &Row<'_>) -> Result<InviteEntry, Error> {
    Ok(InviteEntry {
        token: row.get(0)?,
        room_id: row.get(1)?,
        created_by: row.get(2)?,
        created_at: row.get(3)?,
        expires_at: row.get(4)?,
        max_uses: row.get(5)?,
        uses: row.get(6)?,
        revoked_at: row.get(7)?,
    })
}

pub(crate) fn insert(tx: &mut Tx<'_>, invite: &InviteEntry) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO room_invites
           (token, room_id, created_by, created_at, expires_at, max_uses, uses, revoked_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        values![
            invite.token,
            invite.room_id,
            invite.created_by,
            invite.created_at,
            invite.expires_at,
            invite.max_uses,
            invite.uses,
            invite.revoked_at,
        ],
    )?;
    Ok(())
}

/// The invite of a token, good or not, of a room that is there.
pub(crate) fn get(tx: &mut Tx<'_>, token: &str) -> Result<Option<InviteEntry>, Error> {
    tx.one(
        "SELECT i.token, i.room_id, i.created_by, i.created_at, i.expires_at, i.max_uses, i.uses, i.revoked_at
         FROM room_invites i JOIN rooms r ON r.id = i.room_id
         WHERE i.token = ? AND r.deleted_at IS NULL",
        values![token],
        read,
    )
}

/// The newest invite of a room that was not revoked. There may be others in a room from elsewhere.
pub(crate) fn of_room(tx: &mut Tx<'_>, room: RoomId) -> Result<Option<InviteEntry>, Error> {
    let invites = tx.all(
        "SELECT token, room_id, created_by, created_at, expires_at, max_uses, uses, revoked_at
         FROM room_invites WHERE room_id = ? AND revoked_at IS NULL",
        values![room],
        read,
    )?;
    Ok(invites.into_iter().max_by_key(|invite| invite.created_at))
}

/// Ends what invites a room has and says whether there were any.
pub(crate) fn revoke(tx: &mut Tx<'_>, room: RoomId, at: Time) -> Result<bool, Error> {
    let ended = tx.execute(
        "UPDATE room_invites SET revoked_at = ? WHERE room_id = ? AND revoked_at IS NULL",
        values![at, room],
    )?;
    Ok(ended > 0)
}

pub(crate) fn count_use(tx: &mut Tx<'_>, token: &str) -> Result<(), Error> {
    tx.execute(
        "UPDATE room_invites SET uses = uses + 1 WHERE token = ?",
        values![token],
    )?;
    Ok(())
}
