//! The machine, and the server on it: clock, SQLite, the port, open files.

use super::super::healthcheck::SEE_LOG;
use super::super::web::{Reply, Site};
use super::Report;
use crate::config::Config;
use crate::server::control::Whereabouts;
use crate::server::data_folder::DataFolder;
use crate::server::tls::files::Files;
use crate::server::{ListenError, control, descriptors};
use crate::store::sqlite_version;
use http::header::DATE;
use std::net::{SocketAddr, TcpListener};
use std::time::{SystemTime, UNIX_EPOCH};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

/// When this binary was built, in seconds since 1970: no clock is right that shows an earlier time.
const BUILT: &str = env!("CHATD_BUILT");
/// Two clocks may differ by so many seconds: an answer takes its time, and says whole seconds.
const DRIFT: i64 = 10;

/// Looks at what does not depend on the configuration.
pub(super) fn look(report: &mut Report) {
    match sqlite_version() {
        Ok(version) => report.ok(format!("SQLite is {version}")),
        Err(error) => report.problem(
            error.to_string(),
            "install a released chatd, which has it inside",
        ),
    }
    let (now, built) = (now(), BUILT.parse().unwrap_or(0));
    if now < built {
        report.problem(
            format!("the clock shows {}, before this chatd was built", date(now)),
            "set it, and keep it right: timedatectl set-ntp true",
        );
    } else {
        report.ok(format!("the clock shows {} UTC", date(now)));
    }
}

/// Looks at whether the server of a configuration runs, or could.
pub(super) async fn look_at_server(config: &Config, report: &mut Report) {
    let runs = control::is_served(&config.data.dir).await;
    let running = control::whereabouts(&config.data.dir).await.ok().flatten();
    let site = match &running {
        Some(running) => Site::at(running.address, running.is_https, config),
        None => Site::of(config),
    };
    if runs {
        report.ok("a server runs on the data folder");
    } else if DataFolder::is_owned(&config.data.dir).unwrap_or(false) {
        report.warn(
            "another chatd owns the data folder but takes no requests",
            "it may be starting or stopping, or a command at work; if it stays so, look at its log",
        );
    }
    let answer = match &site {
        Some(site) => Some(site.get("/readyz").await),
        None => None,
    };
    if let (true, Some(Ok(reply))) = (runs, &answer) {
        ready(reply, report);
    }
    let listen = config.server.listen;
    let real = running.as_ref().map(|running| running.address);
    // Port 0 is any.
    let is_there =
        real.is_none_or(|real| real == listen || (real.ip(), 0) == (listen.ip(), listen.port()));
    let is_own = runs && is_there && matches!(answer, Some(Ok(_)));
    if is_own {
        owned(real.unwrap_or(listen), report);
    } else {
        let place = real.map_or_else(String::new, |real| format!("; it listens on {real}"));
        let fix = "run this with the configuration and the environment of the server; where its command line says \
                   --listen, nothing is wrong";
        port(
            "server.listen",
            listen,
            runs.then_some((place.as_str(), fix)),
            report,
        );
    }
    // One of another version does not say which others it has.
    if running.is_some() || !is_own {
        other_ports(config, runs, running.as_ref(), report);
    }
    for fault in Files::faults(config) {
        report.problem(fault.what(), fault.fix().unwrap_or("see to the file"));
    }
    files(config, report);
}

fn ready(reply: &Reply, report: &mut Report) {
    if reply.status.is_success() {
        report.ok("it is ready: its database answers");
    } else {
        report.problem(
            format!("it is not ready: /readyz answers {}", reply.status),
            SEE_LOG,
        );
    }
    same_time(reply, report);
}

/// Compares a server's clock with the one here.
pub(super) fn same_time(reply: &Reply, report: &mut Report) {
    let told = reply.headers.get(DATE).and_then(|date| date.to_str().ok());
    // The format of HTTP (RFC 9110, section 5.6.7) is one of RFC 2822's but for the zone's name.
    let told = told.map(|date| date.replace("GMT", "+0000"));
    let told = told.and_then(|date| OffsetDateTime::parse(&date, &Rfc2822).ok());
    let Some(told) = told else {
        return;
    };
    let ahead = told.unix_timestamp() - now();
    if ahead.abs() <= DRIFT {
        report.ok("its clock and the one here agree");
    } else {
        let direction = if ahead > 0 { "ahead of" } else { "behind" };
        report.warn(
            format!("its clock is {} s {direction} the one here", ahead.abs()),
            "find out which is wrong and set it, and keep both right: timedatectl set-ntp true",
        );
    }
}

fn owned(address: SocketAddr, report: &mut Report) {
    report.ok(format!("{address} is the running server's"));
}

/// Looks at whether the server has its other ports, or can have them.
fn other_ports(config: &Config, runs: bool, running: Option<&Whereabouts>, report: &mut Report) {
    let fix = "run this with the configuration and the environment of the server, or start it again with these";
    let redirect = running.and_then(|running| running.redirect_from);
    let metrics = running.and_then(|running| running.metrics);
    for (setting, address, served) in [
        ("tls.redirect_from", config.tls.redirect_from, redirect),
        ("metrics.listen", config.metrics.listen, metrics),
    ] {
        match address {
            Some(address) if served == Some(address) => owned(address, report),
            Some(address) => port(setting, address, runs.then_some(("", fix)), report),
            None => {}
        }
    }
}

/// Looks at whether the server can have a port; `elsewhere` says where the running one listens instead, and
/// what to do.
fn port(
    setting: &'static str,
    address: SocketAddr,
    elsewhere: Option<(&str, &str)>,
    report: &mut Report,
) {
    match (TcpListener::bind(address), elsewhere) {
        (Ok(_), Some((place, fix))) if address.port() != 0 => report.warn(
            format!("the running server does not listen on {address}, as {setting} says{place}"),
            fix,
        ),
        (Ok(_), _) => report.ok(format!("{address} is free to listen on")),
        (Err(error), _) => {
            let refused = ListenError {
                address,
                setting,
                error,
            };
            report.problem(refused.what(), refused.fix());
        }
    }
}

fn files(config: &Config, report: &mut Report) {
    descriptors::raise();
    let connections = config.server.max_connections;
    match descriptors::shortage(connections) {
        None => report.ok(format!(
            "files enough may be open for {connections} connections"
        )),
        Some(shortage) => report.warn(shortage.what, shortage.fix),
    }
}

fn now() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// A time as people read it, to the second.
pub(super) fn date(seconds: i64) -> String {
    crate::model::Time(seconds.saturating_mul(1000))
        .to_string()
        .replace(".000Z", "")
        .replace('T', " ")
}
