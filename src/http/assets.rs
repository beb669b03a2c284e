//! The web UI's files, embedded in the binary. Its routes are the UI's own, so that each of them is
//! answered with the index page.

use super::error::wrong_method;
use ::http::{HeaderValue, Method, header};
use axum::response::{IntoResponse, Response};

/// The page for whatever is no route of the server.
pub(super) async fn index(method: Method) -> Response {
    if method != Method::GET && method != Method::HEAD {
        let mut refusal = wrong_method().await.into_response();
        let allow = HeaderValue::from_static("GET,HEAD");
        refusal.headers_mut().insert(header::ALLOW, allow);
        return refusal;
    }
    let mut page = page();
    let revalidate = HeaderValue::from_static("no-cache");
    page.headers_mut().insert(header::CACHE_CONTROL, revalidate);
    page
}

#[cfg(feature = "ui")]
fn page() -> Response {
    use super::error::Refusal;
    use crate::chat::Error;
    use axum::response::Html;

    #[derive(rust_embed::Embed)]
    #[folder = "static/"]
    struct Files;

    match Files::get("index.html") {
        Some(file) => Html(file.data).into_response(),
        None => Refusal::from(Error::internal(&"index.html is not in the binary")).into_response(),
    }
}

#[cfg(not(feature = "ui"))]
fn page() -> Response {
    "chatd is running. This binary was built without the web UI.\n".into_response()
}
