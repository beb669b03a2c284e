//! What whoever runs the server sees and does beside accounts: everybody's rooms and sessions, and how
//! much there is. Only the command line asks for it, so nobody is checked here.

use super::accounts::named;
use super::page::{List, Page, place};
use super::{Chat, Command, Error};
use crate::model::{Event, KnownRoom, KnownSession, RoomId, SessionId};
use crate::store::sql::Tx;
use crate::store::{rooms, sessions, users};

/// How much there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    /// Accounts, disabled ones among them.
    pub accounts: i64,
    /// Sessions that are live.
    pub sessions: i64,
    /// Rooms.
    pub rooms: i64,
    /// Those of them that are private.
    pub private_rooms: i64,
    /// Messages that were written in them; deleted ones keep their place.
    pub messages: i64,
    /// Bytes of the database.
    pub database_bytes: u64,
    /// Bytes of its write-ahead log.
    pub log_bytes: u64,
    /// People who are online.
    pub people_online: u64,
    /// Sockets that are signed in.
    pub sockets: u64,
}

impl Chat {
    /// How much there is. It reads an index of all accounts and all rooms.
    pub async fn totals(&self) -> Result<Totals, Error> {
        self.store.in_place()?;
        let now = self.now();
        let read = move |tx: &mut Tx<'_>| {
            let counts = (users::count(tx)?, sessions::count(tx, now)?);
            Ok::<_, Error>((counts, rooms::totals(tx)?))
        };
        let ((accounts, sessions), (rooms, private_rooms, messages)) =
            self.store.query(read).await?;
        let size = self.store.size().map_err(|error| Error::internal(&error))?;
        Ok(Totals {
            accounts,
            sessions,
            rooms,
            private_rooms,
            messages,
            database_bytes: size.database,
            log_bytes: size.log,
            people_online: self.counts.people.get(),
            sockets: self.counts.sockets.get(),
        })
    }

    /// All rooms, in no order that says anything.
    pub async fn all_rooms(&self, page: Page) -> Result<List<KnownRoom>, Error> {
        let ((_, after), rows) = (page.after_place()?, page.rows());
        let found = self
            .store
            .query(move |tx| Ok::<_, Error>(rooms::all(tx, RoomId(after), rows)?))
            .await?;
        Ok(page.list(found, |room| place(room.created_at, room.id.0), |room| room))
    }

    /// Any room.
    pub async fn any_room(&self, id: RoomId) -> Result<KnownRoom, Error> {
        self.store.query(move |tx| known_room(tx, id)).await
    }

    /// Deletes any room, as its creator does; says which it was.
    pub fn delete_any_room(&self, id: RoomId) -> Command<KnownRoom> {
        let now = self.now();
        self.store.command(move |tx, events| {
            let room = known_room(tx, id)?;
            rooms::hide(tx, id, now)?;
            events.push(Event::RoomDeleted(id));
            Ok(room)
        })
    }

    /// Everybody's live sessions, in no order that says anything.
    pub async fn all_sessions(&self, page: Page) -> Result<List<KnownSession>, Error> {
        let ((_, after), rows, now) = (page.after_place()?, page.rows(), self.now());
        let found = self
            .store
            .query(move |tx| Ok::<_, Error>(sessions::all(tx, now, SessionId(after), rows)?))
            .await?;
        Ok(listed(&page, found))
    }

    /// Somebody's live sessions, the newest first, by their name or e-mail address.
    pub async fn sessions_of(&self, name: String, page: Page) -> Result<List<KnownSession>, Error> {
        let ((at, id), rows, now) = (page.before_place()?, page.rows(), self.now());
        let read = move |tx: &mut Tx<'_>| {
            let user = named(tx, &name)?;
            // Nobody's own session is asked from.
            let whose = (user.id, SessionId(uuid::Uuid::nil()));
            let found = sessions::list(tx, whose, now, (at, SessionId(id)), rows)?;
            let known = found.into_iter().map(|session| KnownSession {
                session,
                user: user.id,
                username: user.username.clone(),
            });
            Ok::<_, Error>(known.collect())
        };
        Ok(listed(&page, self.store.query(read).await?))
    }

    /// Ends anybody's session; says which it was.
    pub fn end_any_session(&self, id: SessionId) -> Command<KnownSession> {
        self.store.command(move |tx, events| {
            let known = sessions::known(tx, id)?;
            let known = known.ok_or_else(|| Error::not_found("such session"))?;
            sessions::delete(tx, known.user, id)?;
            events.push(Event::SessionsEnded(vec![id]));
            Ok(known)
        })
    }
}

fn known_room(tx: &mut Tx<'_>, id: RoomId) -> Result<KnownRoom, Error> {
    rooms::known(tx, id)?.ok_or_else(|| Error::not_found("such room"))
}

fn listed(page: &Page, found: Vec<KnownSession>) -> List<KnownSession> {
    let key = |known: &KnownSession| place(known.session.created_at, known.session.id.0);
    page.list(found, key, |known| known)
}
