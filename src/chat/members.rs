//! Members: seeing them, naming admins, removing, banning.

use super::page::{List, Page, place};
use super::rooms::{as_admin, as_creator, as_member, visible};
use super::sessions::Who;
use super::{Chat, Command, Error};
use crate::model::{Ban, Event, Member, Person, Role, RoomId, Time, UserId};
use crate::store::members::Access;
use crate::store::sql::Tx;
use crate::store::{Events, members, users};

impl Chat {
    /// A room's members in the order in which they came.
    pub async fn members(&self, who: Who, room: RoomId, page: Page) -> Result<List<Member>, Error> {
        let ((at, id), rows) = (page.after_place()?, page.rows());
        let mut found = self
            .store
            .query(move |tx| {
                as_member(tx, who, room)?;
                Ok::<_, Error>(members::list(tx, room, (at, UserId(id)), rows)?)
            })
            .await?;
        for member in &mut found {
            member.is_online = self.presence.is_online(member.user_id);
        }
        Ok(page.list(
            found,
            |member| place(member.joined_at, member.user_id.0),
            |member| member,
        ))
    }

    /// Makes a member an admin of the room, or an admin a member: its creator.
    pub fn set_member_role(
        &self,
        who: Who,
        room: RoomId,
        user: UserId,
        role: Role,
    ) -> Command<Role> {
        self.store.command(move |tx, events| {
            let access = as_creator(tx, who, room)?;
            if user == access.created_by {
                return Err(Error::forbidden("The creator is always an admin."));
            }
            let (_, before) = member(tx, room, user)?;
            if before != role {
                members::set_role(tx, room, user, role)?;
                events.push(Event::MemberUpdated { room, user, role });
            }
            Ok(role)
        })
    }

    /// Removes a member: the room's admins, or the server's. The creator can't be removed.
    pub fn remove_member(&self, who: Who, room: RoomId, user: UserId) -> Command<()> {
        let now = self.now();
        self.store.command(move |tx, events| {
            let access = if who.is_server_admin() {
                visible(tx, who, room)?
            } else {
                as_admin(tx, who, room)?
            };
            not_the_creator(&access, user)?;
            let (person, _) = member(tx, room, user)?;
            remove(tx, events, room, person, who.user, now)
        })
    }

    /// Removes somebody and keeps them out: the room's admins. It need not be a member; banning twice is harmless.
    pub fn ban(&self, who: Who, room: RoomId, user: UserId) -> Command<()> {
        let now = self.now();
        self.store.command(move |tx, events| {
            not_the_creator(&as_admin(tx, who, room)?, user)?;
            let person = users::person(tx, user)?.ok_or_else(|| Error::not_found("such person"))?;
            if !members::is_banned(tx, room, user)? {
                members::ban(tx, room, user, who.user, now)?;
            }
            if members::person(tx, room, user)?.is_some() {
                remove(tx, events, room, person, who.user, now)?;
            }
            Ok(())
        })
    }

    /// Lets somebody come back, if they can find a way in.
    pub fn unban(&self, who: Who, room: RoomId, user: UserId) -> Command<()> {
        self.store.command(move |tx, _| {
            as_admin(tx, who, room)?;
            if members::unban(tx, room, user)? {
                Ok(())
            } else {
                Err(Error::not_found("ban of this person"))
            }
        })
    }

    /// Who is kept out of a room.
    pub async fn bans(&self, who: Who, room: RoomId, page: Page) -> Result<List<Ban>, Error> {
        let ((at, id), rows) = (page.after_place()?, page.rows());
        let found = self
            .store
            .query(move |tx| {
                as_admin(tx, who, room)?;
                Ok::<_, Error>(members::bans(tx, room, (at, UserId(id)), rows)?)
            })
            .await?;
        Ok(page.list(found, |ban| place(ban.created_at, ban.user_id.0), |ban| ban))
    }
}

fn member(tx: &mut Tx<'_>, room: RoomId, user: UserId) -> Result<(Person, Role), Error> {
    members::person(tx, room, user)?.ok_or_else(|| Error::not_found("such member"))
}

fn not_the_creator(access: &Access, user: UserId) -> Result<(), Error> {
    if user == access.created_by {
        return Err(Error::forbidden(
            "The creator can't be removed; they may hand the room over or delete it.",
        ));
    }
    Ok(())
}

fn remove(
    tx: &mut Tx<'_>,
    events: &mut Events,
    room: RoomId,
    person: Person,
    by: UserId,
    now: Time,
) -> Result<(), Error> {
    members::delete(tx, room, person.user_id)?;
    events.push(Event::MemberLeft {
        room,
        by: Some(by).filter(|by| *by != person.user_id),
        person,
        at: now,
    });
    Ok(())
}
