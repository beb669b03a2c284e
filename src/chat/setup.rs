//! The first admin. Nobody becomes one by being first: while a server has no admin it prints a link at
//! its start, and whoever has that makes one.

use super::sessions::{Device, SignedIn};
use super::{Chat, Error, Input, Registration, tokens};
use crate::model::{ServerRole, Time};
use crate::store::users;
use sha2::{Digest, Sha256};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A setup link is good for so long.
pub const SETUP_TIME: Duration = Duration::from_mins(30);
/// Random bytes of a link's token.
const TOKEN_BYTES: usize = 18;

/// The account of the first admin, as somebody asks for it.
#[derive(Debug, Clone)]
pub struct SetupRequest {
    token: String,
    account: Registration,
}

/// The setup link that is good, if one is.
#[derive(Default)]
pub(super) struct Setup(Mutex<Option<Offer>>);

struct Offer {
    token: String,
    until: Time,
}

impl Setup {
    fn offer(&self, token: String, now: Time) {
        let ms = i64::try_from(SETUP_TIME.as_millis()).unwrap_or(i64::MAX);
        let until = now.plus_ms(ms);
        *self.lock() = Some(Offer { token, until });
    }

    fn is_good(&self, token: &str, now: Time) -> bool {
        // How long it takes to compare digests says nothing of what they were made of.
        let digest = |token: &str| Sha256::digest(token);
        self.lock()
            .as_ref()
            .is_some_and(|offer| now < offer.until && digest(&offer.token) == digest(token))
    }

    fn close(&self) {
        *self.lock() = None;
    }

    fn lock(&self) -> MutexGuard<'_, Option<Offer>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Chat {
    /// The link with which the first admin is made within [`SETUP_TIME`], once; nothing where there is
    /// an admin who can sign in. The link that was given before is good no more.
    pub async fn setup_link(&self) -> Result<Option<String>, Error> {
        if self.has_admin().await? {
            return Ok(None);
        }
        let token = tokens::random_text::<TOKEN_BYTES>()?;
        // What follows a # is sent to no server on the way, and stands in no log.
        let link = format!("{}/setup#{token}", self.config.server.public_url);
        self.setup.offer(token, self.now());
        Ok(Some(link))
    }

    async fn has_admin(&self) -> Result<bool, Error> {
        let looked = self.store.query(|tx| Ok::<_, Error>(users::has_admin(tx)?));
        looked.await
    }

    /// Reads `{token}` and says whether its link is good, so that nobody fills in a form for nothing. It is
    /// counted as making the admin is: a guess is no cheaper here.
    pub async fn check_setup(&self, mut input: Input, device: Device) -> Result<(), Error> {
        let token = input.text("token", |text| Ok(text.to_owned()));
        let token = token.ok_or_else(|| input.refusal())?;
        self.limits.sign_in_from(device.address)?;
        // The command line may have made one.
        if !self.setup.is_good(&token, self.now()) || self.has_admin().await? {
            return Err(setup_over());
        }
        Ok(())
    }

    /// Reads `{token, username, email, password}`.
    pub fn read_setup(&self, mut input: Input) -> Result<SetupRequest, Error> {
        let token = input.text("token", |text| Ok(text.to_owned()));
        let account = self.read_registration(input)?;
        let token = token.ok_or_else(|| Error::field("token", "is missing"))?;
        Ok(SetupRequest { token, account })
    }

    /// Makes the first admin, and signs them in.
    pub async fn set_up(&self, request: SetupRequest, device: Device) -> Result<SignedIn, Error> {
        self.limits.sign_in_from(device.address)?;
        if !self.setup.is_good(&request.token, self.now()) {
            return Err(setup_over());
        }
        let account = self.new_account(request.account).await?;
        let signed_in = self.begin(account, &device, move |tx, _, user| {
            // Somebody else may have been quicker, also by the command line.
            if users::has_admin(tx)? {
                return Err(setup_over());
            }
            Ok(users::set_role(tx, user, ServerRole::Admin)?)
        });
        let signed_in = signed_in.await?;
        self.setup.close();
        Ok(signed_in)
    }
}

fn setup_over() -> Error {
    Error::forbidden(
        "This setup link was used, replaced or is older than 30 minutes; whoever runs the server gets \
         another by restarting it, or makes an admin with \"chatd user add NAME --email ADDRESS --admin\".",
    )
}
