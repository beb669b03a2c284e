//! Passwords: argon2id on a bounded pool, so that a flood of sign-ins never starves the rest. The hashes
//! that accounts of another chat came with, by bcrypt, are checked as well, and replaced when they fit.

use super::error::Error;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use bcrypt::HashParts;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use tokio::sync::Semaphore;

/// OWASP's second recommendation for argon2id: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// So many may wait for the pool; at 60 ms a hash nobody waits longer than a few seconds.
const WAITING: usize = 64;
/// Hashes by argon2 that were made elsewhere are checked up to this much memory, so many passes and lanes:
/// whoever can bring accounts in is not to stop the server by what one sign-in takes.
const FOREIGN_MEMORY_KIB: u32 = 65_536;
const FOREIGN_PASSES: u32 = 10;
const FOREIGN_LANES: u32 = 4;
/// The costs of bcrypt that are checked. Each doubles the time: the highest takes about a second, and
/// whoever chose more than that would keep everybody else waiting.
const BCRYPT_COSTS: RangeInclusive<u32> = 4..=14;
/// What the bcrypt hashes begin with that are of one and the same algorithm. `$2x$` marks those of a
/// faulty one.
const BCRYPT_MARKS: [&str; 3] = ["$2a$", "$2b$", "$2y$"];

/// Hashes and checks passwords.
pub struct Passwords {
    hasher: Arc<Hasher>,
    pool: Arc<Semaphore>,
    waiting: AtomicUsize,
}

/// Computes hashes, and counts them.
struct Hasher {
    argon: Argon2<'static>,
    computed: AtomicU64,
    /// The hash of no password, checked where there is none, so that it is as much work.
    nobody: PasswordHash,
}

/// A hash that a password can be checked against.
enum Known<'a> {
    Argon(Box<PasswordHash>),
    /// As accounts have that came from another chat.
    Bcrypt(&'a str),
}

/// Whether a password is right.
pub enum Verdict {
    Wrong,
    Right {
        /// The hash to keep from now on, where the known one was made in another way.
        better: Option<String>,
    },
}

impl Verdict {
    pub fn is_right(&self) -> bool {
        matches!(self, Self::Right { .. })
    }
}

impl Passwords {
    /// A pool as wide as the machine.
    pub fn new() -> Result<Self, Error> {
        let params = Params::new(MEMORY_KIB, PASSES, LANES, None)
            .map_err(|error| Error::internal(&error))?;
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let nobody = hash(&argon, uuid::Uuid::new_v4().as_bytes())?;
        let width = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self {
            hasher: Arc::new(Hasher {
                argon,
                computed: AtomicU64::new(0),
                nobody,
            }),
            pool: Arc::new(Semaphore::new(width)),
            waiting: AtomicUsize::new(0),
        })
    }

    /// How many hashes were computed since the start.
    pub fn computed(&self) -> u64 {
        self.hasher.computed.load(Ordering::Relaxed)
    }

    /// The hash of a new password, as a PHC string.
    pub async fn hash(&self, password: &str) -> Result<String, Error> {
        let password = password.to_owned();
        self.run(move |hasher| hasher.make(&password)).await?
    }

    /// Whether the password belongs to the hash. Without a hash, or with one that no password has, it
    /// is as much work, and never right.
    pub async fn verify(&self, password: &str, known: Option<String>) -> Result<Verdict, Error> {
        let password = password.to_owned();
        self.run(move |hasher| hasher.check(&password, known.as_deref()))
            .await?
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Hasher) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let _place = Place::take(&self.waiting)?;
        let permit = self.pool.clone().acquire_owned().await;
        let permit = permit.map_err(|_| Error::overloaded())?;
        let hasher = self.hasher.clone();
        let done = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work(&hasher)
        });
        done.await.map_err(|error| Error::internal(&error))
    }
}

impl Hasher {
    fn make(&self, password: &str) -> Result<String, Error> {
        self.computed.fetch_add(1, Ordering::Relaxed);
        hash(&self.argon, password.as_bytes()).map(|hash| hash.to_string())
    }

    fn check(&self, password: &str, known: Option<&str>) -> Result<Verdict, Error> {
        let known = known.and_then(Known::read);
        self.computed.fetch_add(1, Ordering::Relaxed);
        let (fits, is_ours) = match &known {
            None => {
                self.fits(password, &self.nobody);
                (false, true)
            }
            Some(Known::Argon(hash)) => (
                self.fits(password, hash),
                made_as(hash) == made_as(&self.nobody),
            ),
            // What is beyond 72 bytes counts for nothing, there as everywhere.
            Some(Known::Bcrypt(hash)) => (bcrypt::verify(password, hash).unwrap_or(false), false),
        };
        if !fits {
            return Ok(Verdict::Wrong);
        }
        let better = (!is_ours).then(|| self.make(password)).transpose()?;
        Ok(Verdict::Right { better })
    }

    fn fits(&self, password: &str, hash: &PasswordHash) -> bool {
        let fits = self.argon.verify_password(password.as_bytes(), hash);
        fits.is_ok()
    }
}

impl<'a> Known<'a> {
    /// Reads a hash; nothing for one that no password has.
    fn read(text: &'a str) -> Option<Self> {
        if BCRYPT_MARKS.iter().any(|mark| text.starts_with(mark)) {
            let parts: HashParts = text.parse().ok()?;
            return BCRYPT_COSTS
                .contains(&parts.get_cost())
                .then_some(Self::Bcrypt(text));
        }
        let hash = PasswordHash::new(text).ok()?;
        can_be_checked(&hash).then(|| Self::Argon(Box::new(hash)))
    }
}

/// Whether some password may fit a hash, so that it is worth keeping.
pub fn is_checkable(hash: &str) -> bool {
    Known::read(hash).is_some()
}

fn hash(argon: &Argon2<'_>, password: &[u8]) -> Result<PasswordHash, Error> {
    argon
        .hash_password(password)
        .map_err(|error| Error::internal(&error))
}

/// Whether checking a password against it computes a hash at all.
fn can_be_checked(hash: &PasswordHash) -> bool {
    hash.salt.is_some()
        && hash.hash.is_some()
        && Algorithm::try_from(hash.algorithm.as_str()).is_ok()
        && hash
            .version
            .is_none_or(|version| Version::try_from(version).is_ok())
        && Params::try_from(hash).is_ok_and(|params| {
            params.m_cost() <= FOREIGN_MEMORY_KIB
                && params.t_cost() <= FOREIGN_PASSES
                && params.p_cost() <= FOREIGN_LANES
        })
}

/// How a hash was made: its algorithm, version and parameters, and its length in bytes.
fn made_as(hash: &PasswordHash) -> (&str, Option<u32>, Option<Params>) {
    let params = Params::try_from(hash).ok();
    (hash.algorithm.as_str(), hash.version, params)
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
