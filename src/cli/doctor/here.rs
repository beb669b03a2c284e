//! How clients reach the server of the configuration at hand, which has its data on this machine: what links
//! begin with, and whose address it sees.

use super::super::web::Site;
use super::Report;
use crate::config::Config;
use crate::server::control::{self, Answer, Origin, Whereabouts};
use crate::server::data_folder::DataFolder;
use std::net::SocketAddr;

/// Looks at a site that a chatd answers at, if there is data of the configuration on this machine.
pub(super) async fn look(site: &Site, config: &Config, report: &mut Report) {
    if !DataFolder::has_database(&config.data.dir).unwrap_or(false) {
        return;
    }
    let running = control::whereabouts(&config.data.dir).await.ok().flatten();
    // One that does not run would be where the configuration has it.
    let running = running.unwrap_or_else(|| Whereabouts::of(config, config.server.listen));
    compare(site, config, &running, report).await;
    forwarded(site, config, &running, report).await;
}

/// Holds what links begin with against how the server is reached.
async fn compare(site: &Site, config: &Config, running: &Whereabouts, report: &mut Report) {
    let fix = format!("set server.public_url = \"{site}\", and start the server again");
    let public: Result<Site, _> = config.server.public_url.parse();
    match public {
        Ok(public) if public == *site => report.ok("server.public_url says the same"),
        Ok(public) => report.problem(
            format!("server.public_url is {public}, so that links of invites lead there and not to {site}"),
            fix,
        ),
        Err(_) if is_own(site, running).await => {
            report.ok("server.public_url is not set, and need not be for this address");
        }
        Err(_) => report.warn(
            "server.public_url is not set, so that links of invites lead to the server's own address",
            fix,
        ),
    }
}

/// Whether a site is where links lead without a public URL.
async fn is_own(site: &Site, running: &Whereabouts) -> bool {
    let (listen, links) = (running.address, running.public_url.parse());
    if links.is_ok_and(|links: Site| links == *site) {
        return true;
    }
    let is_there = site.port == listen.port() && site.is_https == running.is_https;
    is_there
        && site.look_up().await.is_ok_and(|all| {
            let mut ips = all.iter().map(SocketAddr::ip);
            ips.any(|ip| ip == listen.ip() || ip.is_loopback() && listen.ip().is_loopback())
        })
}

/// Finds out whom the server of this configuration takes for the client of a request that comes from outside.
async fn forwarded(site: &Site, config: &Config, running: &Whereabouts, report: &mut Report) {
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
    let Some(Origin {
        peer,
        client,
        is_forwarded,
    }) = origin
    else {
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
    let is_passed_on = (site.is_https && !running.is_https) || (peer.is_loopback() && !is_here);
    match (is_passed_on, client == peer) {
        (_, false) => report.ok(format!(
            "the proxy at {peer} says for whom it speaks: the server takes you for {client}"
        )),
        (false, true) => report.ok(format!("the server takes you for {client}")),
        (true, true) if is_trusted && is_forwarded => report.ok(format!(
            "the proxy at {peer} says for whom it speaks: the server takes you for {client}, since you ask from \
             the proxy's own machine"
        )),
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
