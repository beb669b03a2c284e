//! The web UI's files, embedded in the binary, and the official Socket.IO client beside them. Any
//! other path is the UI's own route, and is answered with the index page.

use super::error::wrong_method;
use ::http::{HeaderMap, HeaderValue, Method, Uri, header};
use axum::response::{IntoResponse, Response};

/// For pages and files whose content may change under the same name.
const REVALIDATE: HeaderValue = HeaderValue::from_static("no-cache");

/// Answers whatever is no route of the server.
pub(super) async fn index(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    if method != Method::GET && method != Method::HEAD {
        let mut refusal = wrong_method().await.into_response();
        let allow = HeaderValue::from_static("GET,HEAD");
        refusal.headers_mut().insert(header::ALLOW, allow);
        return refusal;
    }
    answer(uri.path(), &headers)
}

#[cfg(not(feature = "ui"))]
fn answer(path: &str, _: &HeaderMap) -> Response {
    if path.starts_with("/socket.io/") {
        return no_such_file();
    }
    let page = "chatd is running. This binary was built without the web UI.\n";
    ([(header::CACHE_CONTROL, REVALIDATE)], page).into_response()
}

#[cfg(feature = "ui")]
use embedded::answer;

fn no_such_file() -> Response {
    super::error::Refusal::from(crate::chat::Error::not_found("such file")).into_response()
}

#[cfg(feature = "ui")]
mod embedded {
    use super::{HeaderMap, HeaderValue, IntoResponse, Response, header};
    use super::{REVALIDATE, no_such_file};
    use crate::http::error::Refusal;
    use ::http::StatusCode;
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use rust_embed::EmbeddedFile;

    /// What build.rs made: each text also in the encodings below.
    #[derive(rust_embed::Embed)]
    #[folder = "$OUT_DIR/ui"]
    struct Files;

    const INDEX: &str = "index.html";
    /// Where every name has a hash of the content in it.
    const HASHED: &str = "assets/";
    const FOREVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
    /// The encodings that are kept, and how their files' names end; the best first.
    const ENCODINGS: [(&str, &str); 2] = [("br", ".br"), ("gzip", ".gz")];
    /// A file's type, by the end of its name.
    const TYPES: [(&str, &str); 5] = [
        (".html", "text/html; charset=utf-8"),
        (".css", "text/css; charset=utf-8"),
        (".js", "text/javascript; charset=utf-8"),
        (".svg", "image/svg+xml"),
        (".webmanifest", "application/manifest+json"),
    ];
    /// What the page and its worker may do: load what this server has, and talk to this server. Nothing
    /// may be written into the page itself, and the page into no other.
    const POLICY: HeaderValue = HeaderValue::from_static(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
         connect-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; \
         form-action 'self'; frame-ancestors 'none'",
    );

    pub(super) fn answer(path: &str, headers: &HeaderMap) -> Response {
        let name = path.trim_start_matches('/');
        let is_folder = name.starts_with(HASHED) || name.starts_with("socket.io/");
        let name = match kind(name) {
            Some(_) if Files::get(name).is_some() => name,
            _ if is_folder => return no_such_file(),
            _ => INDEX,
        };
        file(name, headers)
    }

    fn kind(name: &str) -> Option<&'static str> {
        let known = TYPES.iter().find(|(end, _)| name.ends_with(end));
        known.map(|(_, kind)| *kind)
    }

    /// A file in the best form that the client takes.
    fn file(name: &str, asked: &HeaderMap) -> Response {
        let Some((encoding, file)) = best(name, asked) else {
            let error = crate::chat::Error::internal(&"index.html is not in the binary");
            return Refusal::from(error).into_response();
        };
        let mut headers = HeaderMap::new();
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        if let Some(kind) = kind(name) {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        }
        if let Some(encoding) = encoding {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        headers.insert(header::CONTENT_SECURITY_POLICY, POLICY);
        if name.starts_with(HASHED) {
            headers.insert(header::CACHE_CONTROL, FOREVER);
            return (headers, file.data).into_response();
        }
        headers.insert(header::CACHE_CONTROL, REVALIDATE);
        let tag = format!(
            "\"{}\"",
            URL_SAFE_NO_PAD.encode(file.metadata.sha256_hash())
        );
        let is_known = has_tag(asked, &tag);
        if let Ok(tag) = HeaderValue::try_from(tag) {
            headers.insert(header::ETAG, tag);
        }
        if is_known {
            return (StatusCode::NOT_MODIFIED, headers).into_response();
        }
        (headers, file.data).into_response()
    }

    fn best(name: &str, asked: &HeaderMap) -> Option<(Option<&'static str>, EmbeddedFile)> {
        let mut encoded = ENCODINGS.iter().filter(|(coding, _)| takes(asked, coding));
        encoded
            .find_map(|(coding, end)| {
                Files::get(&format!("{name}{end}")).map(|file| (Some(*coding), file))
            })
            .or_else(|| Files::get(name).map(|file| (None, file)))
    }

    /// Whether the client takes a content coding (RFC 9110, section 12.5.3).
    fn takes(asked: &HeaderMap, coding: &str) -> bool {
        let weight = |name: &str| {
            let listed = asked.get_all(header::ACCEPT_ENCODING).iter();
            let mut items = listed
                .filter_map(|value| value.to_str().ok())
                .flat_map(|value| value.split(','));
            items.find_map(|item| {
                let (found, parameters) = item.split_once(';').unwrap_or((item, ""));
                let weight = parameters.trim().strip_prefix("q=").unwrap_or("1");
                let is_it = found.trim().eq_ignore_ascii_case(name);
                is_it.then(|| weight.trim().parse::<f32>().unwrap_or(1.0))
            })
        };
        weight(coding)
            .or_else(|| weight("*"))
            .is_some_and(|weight| weight > 0.0)
    }

    /// Whether the client has this version already (RFC 9110, section 13.1.2).
    fn has_tag(asked: &HeaderMap, tag: &str) -> bool {
        let known = asked.get_all(header::IF_NONE_MATCH).iter();
        known
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(|item| item.trim().trim_start_matches("W/"))
            .any(|item| item == "*" || item == tag)
    }
}
