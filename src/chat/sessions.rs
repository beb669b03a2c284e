//! Sessions: a token names one, and every use checks it in memory, so that tokens may live long and
//! still end within a second.

use super::page::{List, Page, place};
use super::{Chat, Command, Error};
use crate::model::{ClientAddress, Event, ServerRole, Session, SessionId, Time, User, UserId};
use crate::store::sessions as table;
use crate::store::sql::Tx;
use serde::Serialize;
use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

/// A session's last use is kept to within so many milliseconds.
const TOUCH_MS: u64 = 60_000;
/// Characters kept of what a client calls itself.
const USER_AGENT_CHARS: usize = 200;

/// Who is asking, on which session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Who {
    /// The account.
    pub user: UserId,
    /// The sign-in.
    pub session: SessionId,
    /// What they may do on the server.
    pub role: ServerRole,
}

impl Who {
    /// Whether they may remove any message, member or room.
    pub fn is_server_admin(&self) -> bool {
        self.role == ServerRole::Admin
    }
}

/// From where somebody signs in.
#[derive(Debug, Clone)]
pub struct Device {
    /// The client's address.
    pub address: ClientAddress,
    /// What the client calls itself.
    pub user_agent: Option<String>,
}

/// A token, for its owner.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Token {
    /// The token itself.
    pub token: String,
    /// When it ends, unless its session does before.
    pub expires_at: Time,
}

/// The answer to a sign-in or a registration.
#[derive(Debug, Clone, Serialize)]
pub struct SignedIn {
    /// Whose.
    pub user: User,
    /// The token.
    #[serde(flatten)]
    pub token: Token,
}

/// The sessions that were used since the start.
#[derive(Default)]
pub(super) struct Sessions {
    live: RwLock<HashMap<SessionId, Live>>,
    /// Counts the times that sessions ended, so that one which was read just before is not kept.
    ends: AtomicU64,
}

struct Live {
    user: UserId,
    role: ServerRole,
    expires_at: AtomicI64,
    last_seen_at: AtomicI64,
}

impl Sessions {
    fn get(&self, id: SessionId, now: Time) -> Option<Who> {
        let live = self.live.read().unwrap_or_else(PoisonError::into_inner);
        let session = live.get(&id)?;
        (session.expires_at.load(Ordering::Relaxed) > now.0).then_some(Who {
            user: session.user,
            session: id,
            role: session.role,
        })
    }

    /// Notes a use; says whether it is worth writing down.
    fn touch(&self, id: SessionId, now: Time) -> bool {
        let live = self.live.read().unwrap_or_else(PoisonError::into_inner);
        live.get(&id).is_some_and(|session| {
            let before = session.last_seen_at.load(Ordering::Relaxed);
            // A clock that was set back leaves a last use that is yet to come.
            now.0.abs_diff(before) > TOUCH_MS
                && session
                    .last_seen_at
                    .compare_exchange(before, now.0, Ordering::Relaxed, Ordering::Relaxed)
                    .is_ok()
        })
    }

    fn extend(&self, id: SessionId, expires_at: Time) {
        let live = self.live.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(session) = live.get(&id) {
            session
                .expires_at
                .fetch_max(expires_at.0, Ordering::Relaxed);
        }
    }

    /// Keeps a session that was read when `ends` sessions had ended; refuses if more have since.
    fn keep(&self, id: SessionId, owner: &table::Owner, ends: u64) -> bool {
        let mut live = self.live.write().unwrap_or_else(PoisonError::into_inner);
        if self.ends.load(Ordering::Acquire) != ends {
            return false;
        }
        live.entry(id).or_insert_with(|| Live {
            user: owner.user,
            role: owner.role,
            expires_at: AtomicI64::new(owner.expires_at.0),
            last_seen_at: AtomicI64::new(owner.last_seen_at.0),
        });
        true
    }

    pub fn forget(&self, ids: &[SessionId]) {
        let mut live = self.live.write().unwrap_or_else(PoisonError::into_inner);
        self.ends.fetch_add(1, Ordering::Release);
        for id in ids {
            live.remove(id);
        }
    }

    pub fn set_role(&self, user: UserId, role: ServerRole) {
        let mut live = self.live.write().unwrap_or_else(PoisonError::into_inner);
        self.ends.fetch_add(1, Ordering::Release);
        for session in live.values_mut().filter(|session| session.user == user) {
            session.role = role;
        }
    }

    fn expired(&self, now: Time) -> Vec<SessionId> {
        let live = self.live.read().unwrap_or_else(PoisonError::into_inner);
        live.iter()
            .filter(|(_, session)| session.expires_at.load(Ordering::Relaxed) <= now.0)
            .map(|(id, _)| *id)
            .collect()
    }
}

impl Chat {
    /// Who a token belongs to.
    pub async fn authenticate(&self, token: &str) -> Result<Who, Error> {
        let claim = self
            .tokens
            .check(token, self.now())
            .ok_or_else(Error::unauthorized)?;
        let who = match self.sessions.get(claim.session, self.now()) {
            Some(who) => who,
            None => self.load_session(claim.session).await?,
        };
        if who.user != claim.user {
            return Err(Error::unauthorized());
        }
        self.touch(who.session);
        Ok(who)
    }

    /// Whether the session of a live connection still lives, and what its owner is by now. Asking
    /// counts as a use of it.
    pub fn still(&self, session: SessionId) -> Result<Who, Error> {
        let who = self
            .sessions
            .get(session, self.now())
            .ok_or_else(Error::unauthorized)?;
        self.touch(session);
        Ok(who)
    }

    async fn load_session(&self, id: SessionId) -> Result<Who, Error> {
        loop {
            let ends = self.sessions.ends.load(Ordering::Acquire);
            let owner = self
                .store
                .query(move |tx| Ok::<_, Error>(table::owner(tx, id)?))
                .await?
                .ok_or_else(Error::unauthorized)?;
            if self.sessions.keep(id, &owner, ends) {
                return self
                    .sessions
                    .get(id, self.now())
                    .ok_or_else(Error::unauthorized);
            }
        }
    }

    fn touch(&self, id: SessionId) {
        let now = self.now();
        if self.sessions.touch(id, now) {
            // Losing one of these to a full queue costs a minute of precision.
            self.store
                .command(move |tx, _| Ok::<_, Error>(table::touch(tx, id, now)?))
                .then(|_| ());
        }
    }

    /// When a session ends that is begun or refreshed at `from`.
    fn session_end(&self, from: Time) -> Time {
        let ms = self.config.accounts.token_ttl.as_millis();
        from.plus_ms(i64::try_from(ms).unwrap_or(i64::MAX))
    }

    /// The session of a new sign-in and the moment when it ends.
    pub(super) fn new_session(&self, user: UserId, device: &Device) -> (table::NewSession, Time) {
        let now = self.now();
        let expires_at = self.session_end(now);
        let session = table::NewSession {
            id: SessionId::new(),
            user,
            at: now,
            expires_at,
            user_agent: device
                .user_agent
                .as_ref()
                .map(|name| name.chars().take(USER_AGENT_CHARS).collect()),
            address: device.address.0.to_string(),
        };
        (session, expires_at)
    }

    pub(super) fn token(
        &self,
        user: UserId,
        session: SessionId,
        expires_at: Time,
    ) -> Result<Token, Error> {
        Ok(Token {
            token: self.tokens.issue(user, session, self.now(), expires_at)?,
            expires_at,
        })
    }

    /// A new token for the same session, which lives as long as its newest token.
    pub async fn refresh(&self, who: Who) -> Result<Token, Error> {
        let expires_at = self.session_end(self.now());
        self.store
            .command(move |tx, _| {
                if table::extend(tx, who.session, expires_at)? {
                    Ok(())
                } else {
                    Err(Error::unauthorized())
                }
            })
            .await?;
        self.sessions.extend(who.session, expires_at);
        self.token(who.user, who.session, expires_at)
    }

    /// Somebody's own live sessions, the newest first.
    pub async fn sessions(&self, who: Who, page: Page) -> Result<List<Session>, Error> {
        let ((at, id), rows, now) = (page.before_place()?, page.rows(), self.now());
        let found = self
            .store
            .query(move |tx| {
                let (whose, before) = ((who.user, who.session), (at, SessionId(id)));
                Ok::<_, Error>(table::list(tx, whose, now, before, rows)?)
            })
            .await?;
        Ok(page.list(
            found,
            |session| place(session.created_at, session.id.0),
            |session| session,
        ))
    }

    /// Ends one of somebody's own sessions.
    pub fn end_session(&self, who: Who, id: SessionId) -> Command<()> {
        self.store.command(move |tx, events| {
            if !table::delete(tx, who.user, id)? {
                return Err(Error::not_found("session of yours with this id"));
            }
            events.push(Event::SessionsEnded(vec![id]));
            Ok(())
        })
    }

    /// Ends the sessions that nobody can use any more, forgets idle limits, and purges deleted rooms.
    /// Called each minute.
    pub async fn housekeeping(&self) -> Result<(), Error> {
        let now = self.now();
        let expired = self.sessions.expired(now);
        self.limits.forget_idle();
        self.store
            .command(move |tx, events| {
                table::delete_expired(tx, now)?;
                if !expired.is_empty() {
                    events.push(Event::SessionsEnded(expired.clone()));
                }
                Ok::<_, Error>(())
            })
            .await?;
        self.purge_deleted_rooms().await
    }
}

/// Ends all sessions of a user but one; says which ended.
pub(super) fn end_others(
    tx: &mut Tx<'_>,
    user: UserId,
    keep: Option<SessionId>,
) -> Result<Vec<SessionId>, Error> {
    let mut ended = table::ids(tx, user)?;
    ended.retain(|id| Some(*id) != keep);
    for id in &ended {
        table::delete(tx, user, *id)?;
    }
    Ok(ended)
}
