//! The server as its clients reach it: name, connection, TLS, and what a proxy in front of it lets through.

use super::super::web::{Reply, Site, connect};
use super::Report;
use super::certificate;
use super::machine::same_time;
use crate::config::Config;
use crate::server::control::{self, Answer, Origin};
use crate::server::data_folder::DataFolder;
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
    if !is_private(site, stream, report).await || !is_chatd(site, report).await {
        return;
    }
    websocket(site, report).await;
    polling(site, report).await;
    if let Some(config) = config.filter(|config| is_served_here(config)) {
        compare(site, config, report);
        forwarded(site, config, report).await;
    }
}

/// Whether nobody on the way can listen, or nobody has to be kept from it. Says whether to go on.
async fn is_private(site: &Site, stream: TcpStream, report: &mut Report) -> bool {
    if site.is_https {
        return certificate::look(site, stream, report).await;
    }
    if is_loopback(site) {
        report.ok("HTTP without TLS, which does not leave this machine");
    } else {
        report.warn(
            format!("{site} is HTTP: everybody on the way can read passwords and messages"),
            "set TLS up, by a reverse proxy or by chatd itself, and use https://",
        );
    }
    true
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
    let reply = match site.get("/healthz").await {
        Ok(reply) => reply,
        Err(error) => {
            let fix = "look at the log of the server, and of the proxy in front of it";
            report.problem(format!("/healthz is not answered: {error}"), fix);
            return false;
        }
    };
    if reply.status != StatusCode::OK || reply.body != "ok\n" {
        report.problem(
            format!(
                "/healthz answers {}, which is not what a chatd says",
                reply.status
            ),
            "let the proxy pass all paths on to chatd as they are, and look whether it runs",
        );
        return false;
    }
    report.ok("a chatd answers");
    same_time(&reply, report);
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
        Err(error) => error,
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

impl From<String> for Stopped {
    fn from(why: String) -> Self {
        Self::Because(why)
    }
}

async fn poll(site: &Site) -> Result<(), Stopped> {
    let opened = answered(&site.get(POLLING).await?)?;
    let open = opened.strip_prefix('0').map(serde_json::from_str::<Value>);
    let sid = match &open {
        Some(Ok(open)) => open["sid"].as_str(),
        _ => None,
    };
    let sid = sid.ok_or_else(|| "the answer is none of Socket.IO's".to_owned())?;
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

/// Whether the configuration at hand is that of a server with data on this machine.
fn is_served_here(config: &Config) -> bool {
    DataFolder::has_database(&config.data.dir).unwrap_or(false)
}

/// Holds the configuration against how the server is reached.
fn compare(site: &Site, config: &Config, report: &mut Report) {
    let server = &config.server;
    let fix = format!("set server.public_url = \"{site}\", and start the server again");
    let public: Result<Site, _> = server.public_url.parse();
    match public {
        Ok(public) if public == *site => report.ok("server.public_url says the same"),
        Ok(public) => report.problem(
            format!("server.public_url is {public}, so that links of invites lead there and not to {site}"),
            fix,
        ),
        Err(_) if Site::of(config).as_ref() == Some(site) => {
            report.ok("server.public_url is not set, and need not be for this address");
        }
        Err(_) => report.problem(
            "server.public_url is not set, so that links of invites lead to the server's own address".to_owned(),
            fix,
        ),
    }
}

/// Finds out whom the server of this configuration takes for the client of a request that comes from outside.
async fn forwarded(site: &Site, config: &Config, report: &mut Report) {
    let word = uuid::Uuid::new_v4().simple().to_string();
    let path = format!("/healthz?{word}");
    let request = control::Request::Witness { word };
    let ask = || control::ask(&config.data.dir, &request);
    // Without a server on the folder there is nobody to ask.
    let Ok(Ok(Answer::Witness(_))) = ask().await else {
        return;
    };
    if let Err(error) = site.get(&path).await {
        let fix = "look at the log of the server, and of the proxy in front of it";
        return report.problem(format!("/healthz is not answered again: {error}"), fix);
    }
    let Ok(Ok(Answer::Witness(origin))) = ask().await else {
        return;
    };
    let Some(Origin { peer, client }) = origin else {
        return report.problem(
            format!("what answers at {site} is not the server of this configuration"),
            "name a URL and a configuration that belong together, or let the proxy pass queries on as they are",
        );
    };
    let trusted = &config.server.trusted_proxies;
    let is_trusted = trusted.iter().any(|network| network.contains(&peer));
    // Something else speaks TLS for the server, or calls it from this machine for whoever called elsewhere.
    let is_here = site
        .look_up()
        .await
        .is_ok_and(|all| all.iter().all(|address| address.ip().is_loopback()));
    let is_passed_on = (site.is_https && !config.tls.is_on()) || (peer.is_loopback() && !is_here);
    match (is_passed_on, client == peer) {
        (_, false) => report.ok(format!(
            "the proxy at {peer} says for whom it speaks: the server takes you for {client}"
        )),
        (false, true) => report.ok(format!("the server takes you for {client}")),
        (true, true) if is_trusted => report.problem(
            format!("the proxy at {peer} does not say for whom it speaks: all clients have its address"),
            "have it set X-Forwarded-For, as README shows for nginx",
        ),
        (true, true) => report.problem(
            format!(
                "a proxy at {peer} stands before the server, and server.trusted_proxies does not name it: all \
                 clients have its address"
            ),
            format!("name it there, [\"{peer}\"], and have it set X-Forwarded-For"),
        ),
    }
}

fn is_loopback(site: &Site) -> bool {
    let address: Result<IpAddr, _> = site.host.parse();
    site.host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}
