//! Tokens: JWTs (RFC 7519) signed with HMAC-SHA-256 and nothing else.

use super::error::Error;
use crate::model::{SessionId, Time, UserId};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result as JwtResult};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use signature::{Signer, Verifier};

/// A secret shorter than the hash would be the weakest part (RFC 7518, section 3.2).
pub const SECRET_BYTES: usize = 32;

/// What a token says.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Claims {
    /// Whose it is.
    sub: UserId,
    /// The session it belongs to.
    sid: SessionId,
    /// When it was made, in seconds since 1970.
    iat: i64,
    /// When it ends, in seconds since 1970.
    exp: i64,
}

/// A token that was checked.
#[derive(Debug, Clone, Copy)]
pub struct Claim {
    /// Whose it says it is.
    pub user: UserId,
    /// The session it says it belongs to.
    pub session: SessionId,
}

/// Makes and checks tokens.
pub struct Tokens {
    encode: EncodingKey,
    decode: DecodingKey,
    validation: Validation,
}

impl Tokens {
    /// Tokens of one secret.
    pub fn new(secret: &[u8]) -> Self {
        // A second server in the same process finds the provider in its place already.
        let _ = PROVIDER.install_default();
        let mut validation = Validation::new(Algorithm::HS256);
        validation.leeway = 0;
        validation.set_required_spec_claims(&["exp", "sub"]);
        // The expiry is checked against our own clock, which tests can move.
        validation.validate_exp = false;
        validation.validate_aud = false;
        Self {
            encode: EncodingKey::from_secret(secret),
            decode: DecodingKey::from_secret(secret),
            validation,
        }
    }

    /// A token for a session, good until `expires_at`.
    pub fn issue(
        &self,
        user: UserId,
        session: SessionId,
        now: Time,
        expires_at: Time,
    ) -> Result<String, Error> {
        let claims = Claims {
            sub: user,
            sid: session,
            iat: now.seconds(),
            exp: expires_at.seconds(),
        };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.encode)
            .map_err(|error| Error::internal(&error))
    }

    /// What a token says, if it is ours and not out of date. Whether its session lives is for the
    /// sessions to say.
    pub fn check(&self, token: &str, now: Time) -> Option<Claim> {
        let claims = jsonwebtoken::decode::<Claims>(token, &self.decode, &self.validation)
            .ok()?
            .claims;
        (claims.exp > now.seconds()).then_some(Claim {
            user: claims.sub,
            session: claims.sid,
        })
    }
}

/// jsonwebtoken's own provider brings an RSA with an open advisory along, which nobody here needs.
static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: |algorithm, key| {
        only_hs256(*algorithm)?;
        Ok(Box::new(Hs256(mac(key.as_bytes())?)))
    },
    verifier_factory: |algorithm, key| {
        only_hs256(*algorithm)?;
        Ok(Box::new(Hs256(mac(key.try_get_as_bytes()?)?)))
    },
    key_utils: KeyUtils::new_unimplemented(),
};

fn only_hs256(algorithm: Algorithm) -> JwtResult<()> {
    if algorithm == Algorithm::HS256 {
        Ok(())
    } else {
        Err(ErrorKind::InvalidAlgorithm.into())
    }
}

fn mac(secret: &[u8]) -> JwtResult<Hmac<Sha256>> {
    Hmac::new_from_slice(secret).map_err(|_| ErrorKind::InvalidKeyFormat.into())
}

struct Hs256(Hmac<Sha256>);

impl Signer<Vec<u8>> for Hs256 {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, signature::Error> {
        let mut mac = self.0.clone();
        mac.update(message);
        Ok(mac.finalize().into_bytes().to_vec())
    }
}

impl Verifier<Vec<u8>> for Hs256 {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), signature::Error> {
        let mut mac = self.0.clone();
        mac.update(message);
        // Compares in constant time.
        mac.verify_slice(signature)
            .map_err(signature::Error::from_source)
    }
}

impl JwtSigner for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

impl JwtVerifier for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

/// A text that nobody can guess, of so many random bytes, in letters that URLs take as they are
/// (RFC 4648, section 5).
pub(super) fn random_text<const BYTES: usize>() -> Result<String, Error> {
    let mut random = [0; BYTES];
    getrandom::fill(&mut random).map_err(|error| Error::internal(&error))?;
    Ok(URL_SAFE_NO_PAD.encode(random))
}
