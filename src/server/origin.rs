//! Which web pages may talk to this server: its own, by the name that it is called by or by its public
//! address; those that the configuration names; and, while it listens on loopback only, a developer's.

use crate::config::Config;
use http::header::{HOST, HeaderMap, ORIGIN};
use http::{HeaderName, HeaderValue, Method, request::Parts};
use tower_http::cors::{AllowOrigin, CorsLayer};

/// A browser may keep the answer to a preflight so long, in seconds.
const PREFLIGHT_SECONDS: u64 = 600;

/// Which origins are allowed.
#[derive(Debug, Clone)]
pub(super) struct Origins {
    allowed: Vec<String>,
    /// Listening on loopback only, so that front ends' development servers may talk to it.
    local: bool,
}

impl Origins {
    pub fn new(config: &Config) -> Self {
        // A proxy may call the server by another name than the browser called the proxy by.
        let mut allowed = config.server.allowed_origins.clone();
        allowed.extend(config.server.public_origin());
        Self {
            allowed,
            local: config.server.listen.ip().is_loopback(),
        }
    }

    /// Whether a request may be answered. Programs send no `Origin`, and are fine.
    pub fn allow(&self, headers: &HeaderMap) -> bool {
        let Some(origin) = headers.get(ORIGIN) else {
            return true;
        };
        origin
            .to_str()
            .is_ok_and(|origin| self.knows(origin, headers.get(HOST)))
    }

    fn knows(&self, origin: &str, host: Option<&HeaderValue>) -> bool {
        let Some((scheme, authority)) = origin.split_once("://") else {
            return false;
        };
        if scheme != "http" && scheme != "https" {
            return false;
        }
        let own = host.is_some_and(|host| host.as_bytes() == authority.as_bytes());
        let is_local = || {
            let name = authority
                .rsplit_once(':')
                .map_or(authority, |(name, _)| name);
            scheme == "http" && matches!(name, "localhost" | "127.0.0.1")
        };
        own || self.allowed.iter().any(|allowed| allowed == origin) || self.local && is_local()
    }

    /// What tells browsers that an allowed page may read the answers.
    pub fn cors(&self) -> CorsLayer {
        let origins = self.clone();
        let headers = ["authorization", "content-type"].map(HeaderName::from_static);
        let told = ["x-request-id", "retry-after"].map(HeaderName::from_static);
        CorsLayer::new()
            .allow_origin(AllowOrigin::predicate(move |origin, parts: &Parts| {
                origin
                    .to_str()
                    .is_ok_and(|origin| origins.knows(origin, parts.headers.get(HOST)))
            }))
            .allow_methods([
                Method::GET,
                Method::POST,
                Method::PUT,
                Method::PATCH,
                Method::DELETE,
            ])
            .allow_headers(headers)
            .expose_headers(told)
            .allow_credentials(true)
            .max_age(std::time::Duration::from_secs(PREFLIGHT_SECONDS))
    }
}
