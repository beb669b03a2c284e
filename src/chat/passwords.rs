//! Passwords: argon2id on a bounded pool, so that a flood of sign-ins never starves the rest.

use super::error::Error;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use tokio::sync::Semaphore;

/// OWASP's second recommendation for argon2id: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// So many may wait for the pool; at 60 ms a hash nobody waits longer than a few seconds.
const WAITING: usize = 64;

/// Hashes and checks passwords.
pub struct Passwords {
    hasher: Argon2<'static>,
    pool: Arc<Semaphore>,
    waiting: AtomicUsize,
    computed: AtomicU64,
    /// The hash of no password, checked where there is no account, so that both cases cost the same.
    nobody: String,
}

impl Passwords {
    /// A pool as wide as the machine.
    pub fn new() -> Result<Self, Error> {
        let params = Params::new(MEMORY_KIB, PASSES, LANES, None)
            .map_err(|error| Error::internal(&error))?;
        let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let nobody = hash(&hasher, uuid::Uuid::new_v4().as_bytes())?;
        let width = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self {
            hasher,
            pool: Arc::new(Semaphore::new(width)),
            waiting: AtomicUsize::new(0),
            computed: AtomicU64::new(0),
            nobody,
        })
    }

    /// How many hashes were computed since the start.
    pub fn computed(&self) -> u64 {
        self.computed.load(Ordering::Relaxed)
    }

    /// The hash of a new password, as a PHC string.
    pub async fn hash(&self, password: &str) -> Result<String, Error> {
        let password = password.to_owned();
        self.run(move |hasher| hash(hasher, password.as_bytes()))
            .await?
    }

    /// Whether the password belongs to the hash. Without a hash it is as much work, and never right.
    pub async fn verify(&self, password: &str, known: Option<String>) -> Result<bool, Error> {
        let exists = known.is_some();
        let known = known.unwrap_or_else(|| self.nobody.clone());
        let password = password.to_owned();
        let right = self
            .run(move |hasher| {
                PasswordHash::new(&known)
                    .is_ok_and(|hash| hasher.verify_password(password.as_bytes(), &hash).is_ok())
            })
            .await?;
        Ok(right && exists)
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Argon2<'static>) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let _place = Place::take(&self.waiting)?;
        let permit = self.pool.clone().acquire_owned().await;
        let permit = permit.map_err(|_| Error::overloaded())?;
        self.computed.fetch_add(1, Ordering::Relaxed);
        let hasher = self.hasher.clone();
        let done = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work(&hasher)
        });
        done.await.map_err(|error| Error::internal(&error))
    }
}

fn hash(hasher: &Argon2<'_>, password: &[u8]) -> Result<String, Error> {
    let hash: PasswordHash = hasher
        .hash_password(password)
        .map_err(|error| Error::internal(&error))?;
    Ok(hash.to_string())
}

/// A place in the queue, given back even when whoever waited goes away.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize) -> Result<Self, Error> {
        if waiting.fetch_add(1, Ordering::AcqRel) >= WAITING {
            waiting.fetch_sub(1, Ordering::AcqRel);
            return Err(Error::overloaded());
        }
        Ok(Self(waiting))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
