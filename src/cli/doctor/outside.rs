//! The server as its clients reach it: name, connection, TLS, and what a proxy in front of it lets through.

use super::super::web::{Reply, Site, WebError, connect};
use super::machine::same_time;
use super::{Report, certificate, here};
use crate::config::Config;
use http::header::{
    CONNECTION, CONTENT_TYPE, ORIGIN, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{Request, StatusCode};
use serde_json::Value;
use std::net::{IpAddr, SocketAddr};
use tokio::net::TcpStream;

/// Where clients of Socket.IO begin.
const POLLING: &str = "/socket.io/?EIO=4&transport=polling";
const WEBSOCKET: &str = "/socket.io/?EIO=4&transport=websocket";
/// The example of RFC 6455, section 1.3: nobody checks that it is new.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
/// The packet by which a client without a token asks to be let in.
const CONNECT: &str = "40";
/// A packet of the engine's own.
const PING: &str = "2";

/// Looks from outside; `config` is the one of this machine, which need not be the server's.
pub(super) async fn look(site: &Site, config: Option<&Config>, report: &mut Report) {
    let Some(stream) = reach(site, report).await else {
        return;
    };
    if site.is_https {
        if !certificate::look(site, stream, report).await {
            return;
        }
    } else {
        // Who takes one connection after another would wait for a request on it.
        drop(stream);
    }
    if !is_chatd(site, report).await {
        return;
    }
    if !site.is_https {
        plain(site, report);
    }
    websocket(site, report).await;
    polling(site, report).await;
    if let Some(config) = config {
        here::look(site, config, report).await;
    }
}

/// Whether nobody has to be kept from listening on the way.
fn plain(site: &Site, report: &mut Report) {
    if is_loopback(site) {
        report.ok("HTTP without TLS, which does not leave this machine");
    } else {
        report.warn(
            format!("{site} is HTTP: everybody on the way can read passwords and messages"),
            "set TLS up, by a reverse proxy or by chatd itself, and use https://",
        );
    }
}

/// Looks the name up and connects to all of its addresses; gives the first connection.
async fn reach(site: &Site, report: &mut Report) -> Option<TcpStream> {
    let addresses = match site.look_up().await {
        Ok(addresses) => addresses,
        Err(error) => {
            let fix = "look for a slip in the name, and whether its DNS has an A or AAAA record";
            report.problem(format!("the name {} is not found: {error}", site.host), fix);
            return None;
        }
    };
    let (mut reached, mut failed) = (None, Vec::new());
    for address in &addresses {
        match connect(*address).await {
            Ok(stream) => {
                reached.get_or_insert(stream);
            }
            Err(error) => failed.push(format!("{address}: {error}")),
        }
    }
    let failures = failed.join(", ");
    match (&reached, failed.is_empty()) {
        (Some(_), true) => report.ok(format!("{} is reached at {}", site.host, listed(&addresses))),
        (Some(_), false) => report.warn(
            format!("{} is not reached at all of its addresses: {failures}", site.host),
            "clients try such addresses first and wait: let the server listen there, or take the record out of DNS",
        ),
        (None, _) => report.problem(
            format!("{} is not reached: {failures}", site.host),
            "look whether the server or its proxy runs and listens there, and what a firewall lets through",
        ),
    }
    reached
}

fn listed(addresses: &[SocketAddr]) -> String {
    let addresses: Vec<_> = addresses.iter().map(ToString::to_string).collect();
    addresses.join(", ")
}

/// Whether it is a chatd that answers.
async fn is_chatd(site: &Site, report: &mut Report) -> bool {
    let answer = site.get("/healthz").await;
    let reply = match &answer {
        Ok(reply) if reply.status == StatusCode::OK && reply.body == "ok\n" => reply,
        _ => {
            let (what, fix) = site.explain("/healthz", &answer).await;
            let otherwise = match answer {
                Ok(_) => {
                    "let the proxy pass all paths on to chatd as they are, and look whether it runs"
                }
                Err(_) => "look at the log of the server, and of the proxy in front of it",
            };
            report.problem(
                format!("/healthz is not answered as a chatd does: {what}"),
                fix.unwrap_or_else(|| otherwise.to_owned()),
            );
            return false;
        }
    };
    report.ok("a chatd answers");
    same_time(reply, report);
    true
}

/// Whether a WebSocket comes through, for a page of the server's own.
async fn websocket(site: &Site, report: &mut Report) {
    let request = Request::get(WEBSOCKET)
        .header(CONNECTION, "Upgrade")
        .header(UPGRADE, "websocket")
        .header(SEC_WEBSOCKET_VERSION, "13")
        .header(SEC_WEBSOCKET_KEY, KEY)
        .header(ORIGIN, site.origin());
    let told = match site.send(request, "").await {
        Ok(reply) if reply.status == StatusCode::SWITCHING_PROTOCOLS => {
            report.ok("WebSockets come through");
            return report.ok("pages of this address may connect");
        }
        Ok(reply) if reply.status == StatusCode::FORBIDDEN => {
            let told =
                "pages of this address may not connect: its web UI cannot talk to the server";
            let fix = format!("set server.public_url = \"{site}\" in the server's configuration");
            return report.problem(told, fix);
        }
        Ok(reply) if reply.status == StatusCode::TOO_MANY_REQUESTS => {
            return too_many(report);
        }
        Ok(reply) => format!("it answers {}", reply.status),
        Err(error) => error.to_string(),
    };
    report.warn(
        format!("WebSockets do not come through: {told}"),
        "let the proxy pass them on, without which clients poll: Caddy does so by itself, nginx by \
         \"proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;\"",
    );
}

/// Whether long polling comes through, as clients fall back to it: a session is opened, asks to be let in
/// without a token, and has to be told that it is not.
async fn polling(site: &Site, report: &mut Report) {
    let told = match poll(site).await {
        Ok(()) => return report.ok("long polling comes through"),
        Err(Stopped::TooMany) => return too_many(report),
        Err(Stopped::Because(why)) => why,
    };
    report.problem(
        format!("long polling does not come through: {told}"),
        "let the proxy pass GET and POST below /socket.io/ on with their queries, without caching or holding them back",
    );
}

/// Why polling went no further.
enum Stopped {
    TooMany,
    Because(String),
}

impl From<WebError> for Stopped {
    fn from(error: WebError) -> Self {
        Self::Because(error.to_string())
    }
}

async fn poll(site: &Site) -> Result<(), Stopped> {
    let opened = answered(&site.get(POLLING).await?)?;
    let open = opened.strip_prefix('0').map(serde_json::from_str::<Value>);
    let sid = match &open {
        Some(Ok(open)) => open["sid"].as_str(),
        _ => None,
    };
    let sid =
        sid.ok_or_else(|| Stopped::Because("the answer is none of Socket.IO's".to_owned()))?;
    let path = format!("{POLLING}&sid={sid}");
    let post = || Request::post(&path).header(CONTENT_TYPE, "text/plain;charset=UTF-8");
    answered(&site.send(post(), CONNECT).await?)?;
    let mut refused = answered(&site.get(&path).await?)?;
    // The engine's first ping may come before anything else.
    if refused == PING {
        refused = answered(&site.get(&path).await?)?;
    }
    // Its connection may be closed by now, as that of whoever is not let in.
    let _ = site.send(post(), "1").await;
    if refused.contains("unauthorized") {
        Ok(())
    } else {
        Err(Stopped::Because(format!(
            "the server said {refused:?} to a client without a token"
        )))
    }
}

fn answered(reply: &Reply) -> Result<String, Stopped> {
    match reply.status {
        StatusCode::OK => Ok(String::from_utf8_lossy(&reply.body).into_owned()),
        StatusCode::TOO_MANY_REQUESTS => Err(Stopped::TooMany),
        status => Err(Stopped::Because(format!("it answers {status}"))),
    }
}

fn too_many(report: &mut Report) {
    report.warn(
        "there are too many connections from your address, as the server sees it",
        "if a proxy stands in front of the server, name it in server.trusted_proxies, or all of its clients \
         share one address; else wait, and try again",
    );
}

fn is_loopback(site: &Site) -> bool {
    let address: Result<IpAddr, _> = site.host.parse();
    site.host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}
