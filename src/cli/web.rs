//! A small HTTP client, for commands that look at a server as its clients do: HTTP/1.1 on a connection
//! of its own for each request, trusting the certificates that the machine trusts.

mod any;
mod error;

pub(super) use error::WebError;

use crate::config::Config;
use crate::server::tls::roots;
use any::trusting_anybody;
use bytes::Bytes;
use http::header::{HOST, LOCATION};
use http::{HeaderMap, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Looking a name up, connecting, agreeing on TLS and being answered may each take so long.
const PATIENCE: Duration = Duration::from_secs(5);
/// So much of an answer is read, in bytes.
const ANSWER_BYTES: usize = 64 * 1024;

/// Where a server is reached.
#[derive(Debug, Clone)]
pub(super) struct Site {
    pub is_https: bool,
    /// A name or an address, without the brackets of IPv6.
    pub host: String,
    pub port: u16,
    /// What comes before the paths of the server, without a slash at its end; usually nothing.
    base: String,
    /// What is connected to in place of what the name stands for.
    at: Option<IpAddr>,
}

impl PartialEq for Site {
    fn eq(&self, other: &Self) -> bool {
        let named = |site: &Self| {
            (
                site.is_https,
                site.host.clone(),
                site.port,
                site.base.clone(),
            )
        };
        named(self) == named(other)
    }
}

/// What a request was answered.
#[derive(Debug)]
pub(super) struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Reply {
    /// Where it sends whoever asked.
    fn leads_to(&self) -> Option<&str> {
        let is_elsewhere = self.status.is_redirection();
        let place = self.headers.get(LOCATION).filter(|_| is_elsewhere);
        place.and_then(|place| place.to_str().ok())
    }
}

impl FromStr for Site {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "it must be a URL such as \"https://chat.example.org\"".to_owned();
        let uri: Uri = text.parse().map_err(|_| wrong())?;
        let is_https = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(wrong()),
        };
        let host = uri
            .host()
            .filter(|host| !host.is_empty())
            .ok_or_else(wrong)?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let default_port = if is_https { 443 } else { 80 };
        if uri.query().is_some()
            || uri
                .authority()
                .is_some_and(|all| all.as_str().contains('@'))
        {
            return Err(wrong());
        }
        Ok(Self {
            is_https,
            host: host.to_ascii_lowercase(),
            port: uri.port_u16().unwrap_or(default_port),
            base: uri.path().trim_end_matches('/').to_owned(),
            at: None,
        })
    }
}

impl fmt::Display for Site {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at {
            // The name is not what was asked.
            Some(ip) => {
                let host = ip.to_string();
                let asked = Self {
                    host,
                    at: None,
                    ..self.clone()
                };
                asked.fmt(to)
            }
            None => write!(to, "{}{}", self.origin(), self.base),
        }
    }
}

impl Site {
    /// Where a server that listens there is reached from its own machine; nothing if the system chooses its
    /// port. With TLS it has the name that its certificate is for.
    pub fn at(listen: SocketAddr, is_https: bool, config: &Config) -> Option<Self> {
        let ip = match listen.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        let name = || {
            let public: Option<Self> = config.server.public_url.parse().ok();
            let public = public.filter(|site| site.is_https).map(|site| site.host);
            public.or_else(|| config.tls.domains.first().cloned())
        };
        let name = is_https.then(name).flatten();
        (listen.port() != 0).then(|| Self {
            is_https,
            host: name.unwrap_or_else(|| ip.to_string()),
            port: listen.port(),
            base: String::new(),
            at: Some(ip),
        })
    }

    /// Where the server of this configuration is, by what the configuration says.
    pub fn of(config: &Config) -> Option<Self> {
        Self::at(config.server.listen, config.tls.is_on(), config)
    }

    /// The same port asked by HTTP in place of HTTPS, or the other way round.
    pub fn otherwise(&self) -> Self {
        Self {
            is_https: !self.is_https,
            ..self.clone()
        }
    }

    /// In the form that browsers send (RFC 6454, section 6).
    pub fn origin(&self) -> String {
        let scheme = if self.is_https { "https" } else { "http" };
        format!("{scheme}://{}", self.authority())
    }

    fn authority(&self) -> String {
        let host = if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        };
        match (self.is_https, self.port) {
            (true, 443) | (false, 80) => host,
            (_, port) => format!("{host}:{port}"),
        }
    }

    /// The addresses that the name stands for.
    pub async fn look_up(&self) -> Result<Vec<SocketAddr>, WebError> {
        if let Some(ip) = self.at {
            return Ok(vec![(ip, self.port).into()]);
        }
        let looked = timeout(PATIENCE, lookup_host((self.host.as_str(), self.port))).await;
        let found = looked.map_err(|_| too_slow("was not looked up"))?;
        let found: Vec<_> = found.map_err(WebError::told)?.collect();
        if found.is_empty() {
            return Err(WebError::told("it has no address"));
        }
        Ok(found)
    }

    /// A request by GET.
    pub async fn get(&self, path: &str) -> Result<Reply, WebError> {
        self.send(Request::get(path), "").await
    }

    /// Sends a request to the first of the addresses that takes it.
    pub async fn send(
        &self,
        request: http::request::Builder,
        body: &'static str,
    ) -> Result<Reply, WebError> {
        let mut request = request
            .header(HOST, self.authority())
            .body(Full::new(Bytes::from_static(body.as_bytes())))
            .map_err(WebError::told)?;
        let uri = format!("{}{}", self.base, request.uri());
        *request.uri_mut() = uri
            .parse()
            .map_err(|_| WebError::told(format!("{uri:?} is no path")))?;
        let mut failed = WebError::told("it has no address");
        for address in self.look_up().await? {
            match connect(address).await {
                Ok(stream) if self.is_https => {
                    return exchange(self.secure(stream).await?, request).await;
                }
                Ok(stream) => return exchange(stream, request).await,
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }

    /// What is wrong with the answer for a path that is none of chatd's, and what to do about it, where that is known.
    pub async fn explain(
        &self,
        path: &str,
        answer: &Result<Reply, WebError>,
    ) -> (String, Option<String>) {
        if !self.is_https && self.speaks_tls().await {
            let fix = format!("ask {}", self.otherwise());
            return (
                "this port speaks TLS, and no plain HTTP".to_owned(),
                Some(fix),
            );
        }
        match answer {
            Ok(reply) => match reply.leads_to() {
                Some(to) => {
                    let fix = format!("ask {}", to.strip_suffix(path).unwrap_or(to));
                    (format!("it leads to {to}"), Some(fix))
                }
                None if reply.status.is_success() => {
                    ("what answers there is no chatd".to_owned(), None)
                }
                None => (format!("it answers {}", reply.status), None),
            },
            Err(error) => (error.to_string(), error.fix(self)),
        }
    }

    /// Agrees on TLS with the server, whose certificate must be good for its name, unless it is the one of
    /// this machine.
    pub async fn secure(&self, stream: TcpStream) -> Result<TlsStream<TcpStream>, WebError> {
        let config = match self.at {
            Some(_) => trusting_anybody()?,
            None => roots::client().ok_or(WebError::TrustsNobody)?,
        };
        self.agree(stream, config).await
    }

    /// Whether something that is asked by HTTP speaks TLS, whatever its certificate.
    pub async fn speaks_tls(&self) -> bool {
        let (Ok(addresses), Ok(config)) = (self.look_up().await, trusting_anybody()) else {
            return false;
        };
        let stream = match addresses.first() {
            Some(address) => connect(*address).await,
            None => return false,
        };
        let Ok(stream) = stream else { return false };
        let agreed = self.agree(stream, config).await;
        matches!(agreed, Ok(_) | Err(WebError::Alert(_)))
    }

    async fn agree(
        &self,
        stream: TcpStream,
        config: ClientConfig,
    ) -> Result<TlsStream<TcpStream>, WebError> {
        let name = ServerName::try_from(self.host.clone()).map_err(WebError::told)?;
        let connector = TlsConnector::from(Arc::new(config));
        let agreed = timeout(PATIENCE, connector.connect(name, stream)).await;
        let agreed = agreed.map_err(|_| too_slow("did not agree on TLS"))?;
        agreed.map_err(WebError::from)
    }
}

/// Connects to one address.
pub(super) async fn connect(address: SocketAddr) -> Result<TcpStream, WebError> {
    let connected = timeout(PATIENCE, TcpStream::connect(address)).await;
    let connected = connected.map_err(|_| too_slow("did not take a connection"))?;
    connected.map_err(WebError::told)
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
) -> Result<Reply, WebError> {
    let exchanged = timeout(PATIENCE, async {
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // It ends with the sender, or when the server closes.
        let connection = tokio::spawn(connection);
        let (head, body) = sender.send_request(request).await?.into_parts();
        let body = match head.status {
            StatusCode::SWITCHING_PROTOCOLS => Ok(Bytes::new()),
            _ => Limited::new(body, ANSWER_BYTES)
                .collect()
                .await
                .map(http_body_util::Collected::to_bytes),
        };
        connection.abort();
        Ok::<_, hyper::Error>((head, body))
    });
    let (head, body) = exchanged
        .await
        .map_err(|_| too_slow("did not answer"))?
        .map_err(|error| WebError::told(innermost(&error)))?;
    Ok(Reply {
        status: head.status,
        headers: head.headers,
        body: body.map_err(|error| WebError::told(innermost(&*error)))?,
    })
}

fn too_slow(what: &str) -> WebError {
    WebError::told(format!("it {what} within {} s", PATIENCE.as_secs()))
}

/// What the last cause of an error says, which hyper's own words leave out.
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(cause) = innermost.source() {
        innermost = cause;
    }
    match innermost.downcast_ref::<io::Error>() {
        Some(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            "it closed the connection".to_owned()
        }
        _ => innermost.to_string(),
    }
}
