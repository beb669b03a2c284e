//! Accounts: registering, changing oneself; and what the command line does to others.

use super::invites::{self, Entry};
use super::page::{List, Page, Search};
use super::sessions::{Device, SignedIn, Who, end_others};
use super::{Chat, Command, Error, Input};
use crate::config::Registration as Policy;
use crate::model::{
    DisplayName, EmailAddress, Event, NewUser, Password, Profile, Secret, ServerRole, User, UserId,
    Username,
};
use crate::store::sql::Tx;
use crate::store::{Events, sessions, users};

/// An account that somebody asks for.
#[derive(Debug, Clone)]
pub struct Registration {
    username: Username,
    email: EmailAddress,
    password: Password,
    invite: Option<String>,
}

/// A new password, by somebody who knows the old one.
#[derive(Debug, Clone)]
pub struct PasswordChange {
    current: Password,
    new: Password,
}

/// What somebody changes about themselves.
#[derive(Debug, Clone)]
pub struct AccountChange {
    display_name: Option<DisplayName>,
    email: Option<EmailAddress>,
}

/// An account that the command line makes.
#[derive(Debug, Clone)]
pub struct NewAccount {
    /// The name to sign in with.
    pub username: Username,
    /// The address.
    pub email: EmailAddress,
    /// The password.
    pub password: Password,
    /// What they may do on the server.
    pub role: ServerRole,
}

impl AccountChange {
    /// Reads `{displayName?, email?}`.
    pub fn read(mut input: Input) -> Result<Self, Error> {
        let display_name = input.optional_text("displayName", DisplayName::new);
        let email = input.optional_text("email", EmailAddress::new);
        input.check()?;
        Ok(Self {
            display_name,
            email,
        })
    }
}

impl Chat {
    fn least_password(&self) -> usize {
        usize::from(self.config.accounts.min_password)
    }

    /// Checks a password that somebody wants to have.
    pub fn new_password(&self, field: &'static str, text: &str) -> Result<Password, Error> {
        Ok(Password::new(field, text, self.least_password())?)
    }

    /// Reads `{username, email, password, invite?}`.
    pub fn read_registration(&self, mut input: Input) -> Result<Registration, Error> {
        let username = input.text("username", Username::new);
        let email = input.text("email", EmailAddress::new);
        let password = input.text("password", |text| {
            Password::new("password", text, self.least_password())
        });
        let invite = input.optional_text("invite", |text| Ok(text.to_owned()));
        input.check()?;
        let (Some(username), Some(email), Some(password)) = (username, email, password) else {
            return Err(input.refusal());
        };
        Ok(Registration {
            username,
            email,
            password,
            invite,
        })
    }

    /// Reads `{currentPassword, newPassword}`.
    pub fn read_password_change(&self, mut input: Input) -> Result<PasswordChange, Error> {
        let current = input.text("currentPassword", |text| {
            Password::new("currentPassword", text, 0)
        });
        let new = input.text("newPassword", |text| {
            Password::new("newPassword", text, self.least_password())
        });
        input.check()?;
        let (Some(current), Some(new)) = (current, new) else {
            return Err(input.refusal());
        };
        Ok(PasswordChange { current, new })
    }

    /// Makes an account and signs it in. With an invite it joins the invite's room at once.
    pub async fn register(
        &self,
        registration: Registration,
        device: Device,
    ) -> Result<SignedIn, Error> {
        match (self.config.accounts.registration, &registration.invite) {
            (Policy::Closed, _) => {
                return Err(Error::forbidden(
                    "Nobody can register here; ask whoever runs this server for an account.",
                ));
            }
            (Policy::Invite, None) => {
                return Err(Error::field("invite", "is missing: registering takes one"));
            }
            _ => {}
        }
        self.limits.registration(device.address)?;
        let invite = registration.invite.clone();
        let account = self.new_account(registration).await?;
        let now = account.created_at;
        self.begin(account, &device, move |tx, events, user| {
            if let Some(token) = &invite {
                invites::enter(tx, events, user, Entry::Invite(token), now)?;
            }
            Ok(())
        })
        .await
    }

    /// The account that somebody asks for, with their password hashed.
    pub(super) async fn new_account(&self, asked: Registration) -> Result<NewUser, Error> {
        let password = self.passwords.hash(asked.password.as_str()).await?;
        Ok(self.new_user(asked.username, asked.email, password, ServerRole::User))
    }

    /// Makes an account with its first session, and does what else belongs to the same command.
    pub(super) async fn begin(
        &self,
        account: NewUser,
        device: &Device,
        more: impl Fn(&mut Tx<'_>, &mut Events, UserId) -> Result<(), Error> + Send + 'static,
    ) -> Result<SignedIn, Error> {
        let (session, expires_at) = self.new_session(account.id, device);
        let session_id = session.id;
        let made = self.store.command(move |tx, events| {
            users::insert(tx, &account)?;
            sessions::insert(tx, &session)?;
            more(tx, events, account.id)?;
            users::get(tx, account.id)?.ok_or_else(Error::unauthorized)
        });
        let user = made.await?;
        let token = self.token(user.id, session_id, expires_at)?;
        Ok(SignedIn { user, token })
    }

    fn new_user(
        &self,
        username: Username,
        email: EmailAddress,
        password: String,
        role: ServerRole,
    ) -> NewUser {
        NewUser {
            id: UserId::new(),
            display_name: DisplayName::from_username(&username),
            username,
            email,
            password_hash: Secret(password),
            is_admin: role == ServerRole::Admin,
            is_disabled: false,
            created_at: self.now(),
            last_seen_at: None,
        }
    }

    /// Changes somebody's own password; their other sessions end.
    pub async fn change_password(&self, who: Who, change: PasswordChange) -> Result<(), Error> {
        let known = self
            .store
            .query(move |tx| Ok::<_, Error>(users::credentials(tx, who.user)?))
            .await?
            .ok_or_else(Error::unauthorized)?;
        self.limits.password(who.user)?;
        let right = self
            .passwords
            .verify(change.current.as_str(), Some(known.password.clone()))
            .await?;
        if !right.is_right() {
            return Err(Error::wrong_password());
        }
        let hash = self.passwords.hash(change.new.as_str()).await?;
        self.store
            .command(move |tx, events| {
                // Another change may have come first, and have ended this session.
                let now_known = users::credentials(tx, who.user)?;
                if now_known.is_none_or(|now_known| now_known.password != known.password) {
                    return Err(Error::wrong_password());
                }
                users::set_password(tx, who.user, &hash)?;
                events.push(Event::SessionsEnded(end_others(
                    tx,
                    who.user,
                    Some(who.session),
                )?));
                Ok(())
            })
            .await
    }

    /// Somebody's own account.
    pub async fn me(&self, who: Who) -> Result<User, Error> {
        self.store
            .query(move |tx| users::get(tx, who.user)?.ok_or_else(Error::unauthorized))
            .await
    }

    /// Changes somebody's own account.
    pub fn change_me(&self, who: Who, change: AccountChange) -> Command<User> {
        self.store.command(move |tx, events| {
            if let Some(name) = &change.display_name {
                users::set_display_name(tx, who.user, name)?;
                let person = users::person(tx, who.user)?.ok_or_else(Error::unauthorized)?;
                events.push(Event::PersonChanged(person));
            }
            if let Some(email) = &change.email {
                users::set_email(tx, who.user, email)?;
            }
            users::get(tx, who.user)?.ok_or_else(Error::unauthorized)
        })
    }

    /// People by the beginning of their name or a part of the name that they show.
    pub async fn people(&self, search: Search, page: Page) -> Result<List<Profile>, Error> {
        let (after, rows) = (page.after_key(), page.rows());
        let found = self
            .store
            .query(move |tx| {
                let name = search.at_start(Username::key_of);
                let shown = search.inside(DisplayName::key_of);
                Ok::<_, Error>(users::search(tx, &name, &shown, &after, rows)?)
            })
            .await?;
        Ok(page.list(
            found,
            |(key, _)| key.clone(),
            |(_, profile)| self.with_presence(profile),
        ))
    }

    /// One person, as others see them.
    pub async fn person(&self, id: UserId) -> Result<Profile, Error> {
        let profile = self
            .store
            .query(move |tx| users::profile(tx, id)?.ok_or_else(|| Error::not_found("such person")))
            .await?;
        Ok(self.with_presence(profile))
    }

    fn with_presence(&self, mut profile: Profile) -> Profile {
        profile.is_online = self.presence.is_online(profile.id);
        profile
    }
}

/// What the command line does.
impl Chat {
    /// Makes an account, whatever the registration policy.
    pub async fn add_user(&self, account: NewAccount) -> Result<User, Error> {
        let hash = self.passwords.hash(account.password.as_str()).await?;
        let account = self.new_user(account.username, account.email, hash, account.role);
        let user = shown(&account);
        self.store
            .command(move |tx, _| Ok::<_, Error>(users::insert(tx, &account)?))
            .await?;
        Ok(user)
    }

    /// All accounts by name.
    pub async fn users(&self, page: Page) -> Result<List<User>, Error> {
        let (after, rows) = (page.after_key(), page.rows());
        let users = self
            .store
            .query(move |tx| Ok::<_, Error>(users::list(tx, &after, rows)?))
            .await?;
        Ok(page.list(users, |user| Username::key_of(&user.username), |user| user))
    }

    /// Sets somebody's password; all their sessions end.
    pub async fn set_password(&self, name: String, password: Password) -> Result<User, Error> {
        let hash = self.passwords.hash(password.as_str()).await?;
        self.store
            .command(move |tx, events| {
                let user = named(tx, &name)?;
                users::set_password(tx, user.id, &hash)?;
                events.push(Event::SessionsEnded(end_others(tx, user.id, None)?));
                Ok(user)
            })
            .await
    }

    /// Sets what somebody may do on the server. Says, too, whether it has an admin then who can sign in.
    pub fn set_server_role(&self, name: String, role: ServerRole) -> Command<(User, bool)> {
        self.store.command(move |tx, events| {
            let user = named(tx, &name)?;
            users::set_role(tx, user.id, role)?;
            events.push(Event::ServerRoleChanged {
                user: user.id,
                role,
            });
            Ok((User { role, ..user }, users::has_admin(tx)?))
        })
    }

    /// Disables an account, which ends all its sessions, or enables it again. Says, too, whether the server has
    /// an admin then who can sign in.
    pub fn set_disabled(&self, name: String, disabled: bool) -> Command<(User, bool)> {
        self.store.command(move |tx, events| {
            let user = named(tx, &name)?;
            users::set_disabled(tx, user.id, disabled)?;
            if disabled {
                events.push(Event::SessionsEnded(end_others(tx, user.id, None)?));
            }
            Ok((User { disabled, ..user }, users::has_admin(tx)?))
        })
    }
}

fn shown(account: &NewUser) -> User {
    User {
        id: account.id,
        username: account.username.to_string(),
        display_name: account.display_name.to_string(),
        email: account.email.to_string(),
        role: users::role(account.is_admin),
        created_at: account.created_at,
        disabled: account.is_disabled,
    }
}

/// The account of a name or an e-mail address.
pub(super) fn named(tx: &mut Tx<'_>, name: &str) -> Result<User, Error> {
    users::find(tx, &Username::key_of(name), &EmailAddress::key_of(name))?
        .ok_or_else(|| Error::not_found("account of this name"))
}
