//! Signing in: one answer and one hash for every failure, and a line in the log for whoever bans
//! addresses by it.

use super::passwords::Verdict;
use super::sessions::{Device, SignedIn};
use super::{Chat, Code, Error, Input};
use crate::model::{ClientAddress, EmailAddress, Invalid, Password, User, UserId, Username};
use crate::store::{sessions, users};
use governor::clock::MonotonicClock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// A password is checked so often in one sign-in: once, and once more when its hash was replaced
/// meanwhile, as another sign-in does that finds one of older parameters.
const TRIES: u32 = 2;
/// So many failed sign-ins a minute are told to the log, each with its address.
const TOLD_PER_MINUTE: NonZeroU32 = NonZeroU32::new(120).expect("120 is not 0");
/// An account's newest sessions, so many, are looked at for where its owner is known to be.
const KNOWN_SESSIONS: i64 = 50;

/// A try to sign in.
#[derive(Debug, Clone)]
pub struct Login {
    account: Account,
    password: Password,
}

#[derive(Debug, Clone)]
enum Account {
    Email(String),
    Username(String),
}

/// What came of a password that was checked.
enum Outcome {
    SignedIn(User),
    /// The account's hash is another one by now.
    Changed,
}

impl Login {
    /// Reads `{email or username, password}`. An `email` without `@` is taken for a name.
    pub fn read(mut input: Input) -> Result<Self, Error> {
        let email = input.optional_text("email", |text| login_name("email", text));
        let username = input.optional_text("username", |text| login_name("username", text));
        // Whatever was typed is tried: what the rules for new passwords say does not matter here.
        let password = input.text("password", |text| Password::new("password", text, 0));
        input.check()?;
        let (Some(name), Some(password)) = (email.or(username), password) else {
            return Err(Error::field("email", "or 'username' must be given"));
        };
        let account = if name.contains('@') {
            Account::Email(EmailAddress::key_of(&name))
        } else {
            Account::Username(Username::key_of(&name))
        };
        Ok(Self { account, password })
    }
}

/// What somebody signs in with. Tries are counted by it and kept for a while, so that what is longer
/// than any name or address, and nobody's by that, is refused before it is counted.
fn login_name(field: &'static str, text: &str) -> Result<String, Invalid> {
    const MAX_BYTES: usize = EmailAddress::MAX_BYTES;
    if text.len() > MAX_BYTES {
        let why = format!("must have at most {MAX_BYTES} bytes");
        return Err(Invalid { field, why });
    }
    Ok(text.to_owned())
}

/// Failed sign-ins, told to the log so often that a ban can follow, and no more often than that: a
/// stranger must not fill the disk by them. What strangers typed is not told, since it may be a password.
pub(super) struct Failures {
    rate: RateLimiter<NotKeyed, InMemoryState, MonotonicClock, NoOpMiddleware<Instant>>,
    untold: AtomicU64,
}

impl Default for Failures {
    fn default() -> Self {
        let quota = Quota::per_minute(TOLD_PER_MINUTE);
        Self {
            rate: RateLimiter::direct_with_clock(quota, MonotonicClock),
            untold: AtomicU64::new(0),
        }
    }
}

impl Failures {
    fn note(&self, address: ClientAddress, error: &Error) {
        let why = match error.code {
            Code::InvalidCredentials => "the credentials are wrong",
            Code::RateLimited => "it is one too many",
            _ => return,
        };
        if self.rate.check().is_err() {
            self.untold.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let address = address.0.to_canonical();
        match self.untold.swap(0, Ordering::Relaxed) {
            0 => tracing::info!(%address, why, "a sign-in failed"),
            untold => tracing::info!(%address, why, untold, "a sign-in failed"),
        }
    }
}

impl Chat {
    /// Signs somebody in. Every failure has one answer and computes one hash.
    pub async fn sign_in(&self, login: Login, device: Device) -> Result<SignedIn, Error> {
        let signed_in = self.try_sign_in(&login, &device).await;
        if let Err(error) = &signed_in {
            self.failures.note(device.address, error);
        }
        signed_in
    }

    async fn try_sign_in(&self, login: &Login, device: &Device) -> Result<SignedIn, Error> {
        self.limits.sign_in_from(device.address)?;
        for number in 0..TRIES {
            let known = self.credentials(&login.account).await?;
            if number == 0 {
                let owner = known.as_ref().map(|known| known.id);
                self.charge_account(&login.account, owner, device.address)
                    .await?;
            }
            let hash = known.as_ref().map(|known| known.password.clone());
            let verdict = self.passwords.verify(login.password.as_str(), hash).await?;
            let (Some(known), Verdict::Right { better }) = (known, verdict) else {
                break;
            };
            if known.is_disabled {
                break;
            }
            let (session, expires_at) = self.new_session(known.id, device);
            let session_id = session.id;
            let begin = self.store.command(move |tx, _| {
                // The password may have changed, and the account been disabled, since it was read.
                let now_known = users::credentials(tx, known.id)?;
                let now_known = now_known.filter(|now_known| !now_known.is_disabled);
                let (Some(now_known), Some(user)) = (now_known, users::get(tx, known.id)?) else {
                    return Err(Error::invalid_credentials());
                };
                if now_known.password != known.password {
                    return Ok(Outcome::Changed);
                }
                if let Some(better) = &better {
                    users::set_password(tx, known.id, better)?;
                }
                sessions::insert(tx, &session)?;
                Ok(Outcome::SignedIn(user))
            });
            if let Outcome::SignedIn(user) = begin.await? {
                let token = self.token(user.id, session_id, expires_at)?;
                return Ok(SignedIn { user, token });
            }
        }
        Err(Error::invalid_credentials())
    }

    async fn credentials(&self, account: &Account) -> Result<Option<users::Credentials>, Error> {
        let account = account.clone();
        self.store
            .query(move |tx| {
                Ok::<_, Error>(match &account {
                    Account::Email(key) => users::credentials_by_email(tx, key)?,
                    Account::Username(key) => users::credentials_by_username(tx, key)?,
                })
            })
            .await
    }

    /// Counts a try by the account that it names. Strangers who use an account's allowance up do not
    /// keep its owner out where they are signed in already: each such network has one of its own.
    async fn charge_account(
        &self,
        account: &Account,
        owner: Option<UserId>,
        address: ClientAddress,
    ) -> Result<(), Error> {
        let (Account::Email(key) | Account::Username(key)) = account;
        let Err(refused) = self.limits.sign_in_to(key) else {
            return Ok(());
        };
        let Some(owner) = owner else {
            return Err(refused);
        };
        let (now, network) = (self.now(), address.network());
        let known = self
            .store
            .query(move |tx| Ok::<_, Error>(sessions::addresses(tx, owner, now, KNOWN_SESSIONS)?))
            .await?;
        let is_known = known
            .iter()
            .filter_map(|text| text.parse::<IpAddr>().ok())
            .any(|known| ClientAddress(known).network() == network);
        if is_known {
            self.limits.sign_in_at_home(owner, address)
        } else {
            Err(refused)
        }
    }
}
