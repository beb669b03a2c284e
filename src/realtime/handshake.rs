//! A token becomes a connection.

use super::connection::{Connection, PARTING, Recipient};
use super::inbound::Inbound;
use super::visit::Visit;
use super::{Realtime, Signal};
use crate::chat::{Code, Error, Who};
use socketioxide::SocketIo;
use socketioxide::adapter::LocalAdapter;
use socketioxide::extract::{SocketRef, TryData};
use socketioxide::handler::ConnectHandler;
use socketioxide::socket::{DisconnectReason, Socket};
use socketioxide_core::Value;
use std::sync::Arc;
use std::time::Duration;

/// A busy server tries so often to look a session up before it gives the client up.
const TRIES: u32 = 3;
/// Between two tries.
const BETWEEN_TRIES: Duration = Duration::from_millis(300);

/// What a CONNECT packet carries; whatever else is in it is ignored.
#[derive(serde::Deserialize)]
struct Auth {
    token: String,
}

/// The only refusal that a client hears of as a `connect_error`: stock clients stay away after it.
#[derive(Debug)]
struct Unauthorized;

impl std::fmt::Display for Unauthorized {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("unauthorized")
    }
}

/// Waits for clients on the namespace `/`.
pub(super) fn listen(io: &SocketIo, shell: &Arc<Realtime>) {
    let greeter = Greeter(shell.clone());
    let shell = shell.clone();
    // Handlers are registered in the middleware, which runs before CONNECT is answered: an event
    // that follows the answer at once finds them.
    let middleware = move |socket: SocketRef, TryData(auth): TryData<Auth>| {
        let shell = shell.clone();
        async move { shell.connect(&socket, auth.ok()).await }
    };
    io.ns("/", greeter.with(middleware));
}

/// Lets a client in once the library takes its socket for connected: before that, whatever it is told
/// would be lost.
#[derive(Clone)]
struct Greeter(Arc<Realtime>);

impl ConnectHandler<LocalAdapter, ()> for Greeter {
    fn call(&self, socket: Arc<Socket<LocalAdapter>>, _: Option<Value>) {
        let socket = SocketRef::from(socket);
        if let Some(connection) = socket.extensions.remove::<Arc<Connection>>() {
            self.0.open(Recipient { connection, socket });
        }
    }
}

impl Realtime {
    async fn connect(
        self: Arc<Self>,
        socket: &SocketRef,
        auth: Option<Auth>,
    ) -> Result<(), Unauthorized> {
        let Some(visit) = Visit::of(socket) else {
            tracing::error!("a socket did not come through the entrance");
            return Err(Unauthorized);
        };
        if visit.events.charge().is_err() {
            return self.give_up(socket, &visit).await;
        }
        let authenticated = match auth {
            Some(auth) => self.authenticate(&auth.token).await,
            None => Err(Error::unauthorized()),
        };
        if let Err(error) = &authenticated {
            self.chat.counts().events_refused.one(error.code);
        }
        match authenticated {
            Ok(who) if !self.is_stopping() => {
                visit.signed_in();
                self.prepare(socket, who, visit);
                Ok(())
            }
            Err(error) if error.code == Code::Unauthorized => Err(Unauthorized),
            Ok(_) => self.give_up(socket, &visit).await,
            Err(error) => {
                if let Some(cause) = &error.cause {
                    tracing::error!(%cause, "a client could not be signed in by the server's fault");
                }
                self.give_up(socket, &visit).await
            }
        }
    }

    async fn authenticate(&self, token: &str) -> Result<Who, Error> {
        let mut tries = 1;
        loop {
            let answer = self.chat.authenticate(token).await;
            let busy = matches!(&answer, Err(error) if error.code == Code::Overloaded);
            if !busy || tries >= TRIES {
                return answer;
            }
            tries += 1;
            tokio::time::sleep(BETWEEN_TRIES).await;
        }
    }

    /// Ends the session of a client that may well come back: by the time of the error there is nobody
    /// left whom a `connect_error` could reach.
    async fn give_up(&self, socket: &SocketRef, visit: &Arc<Visit>) -> Result<(), Unauthorized> {
        visit.end(socket, &self.engine).await;
        Err(Unauthorized)
    }

    /// Prepares a connection for when the client is told that it is connected.
    fn prepare(self: &Arc<Self>, socket: &SocketRef, who: Who, visit: Arc<Visit>) {
        visit.entered();
        let connection = Arc::new(Connection::new(who, visit, self.engine.clone()));
        let id = connection.id;
        socket.on_fallback(Inbound {
            shell: self.clone(),
            connection: connection.clone(),
        });
        let shell = self.clone();
        let parting = connection.clone();
        let sid = socket.id;
        socket.on_disconnect(async move |reason: DisconnectReason| {
            parting.set_gone();
            shell.signal(Signal::Closed(id));
            let by_disconnect = reason == DisconnectReason::ClientNSDisconnect;
            parting.visit.left(sid, &shell.engine, by_disconnect);
            // The engine forgets the socket when this returns, and closes the transport at whatever
            // the client sends from then on, be DISCONNECT on its way or not.
            if parting.is_ended() {
                tokio::time::sleep(PARTING).await;
            }
        });
        socket.extensions.insert(connection);
    }

    fn open(&self, recipient: Recipient) {
        let connection = recipient.connection.clone();
        let recipient = Arc::new(recipient);
        // The hub has it from here to its end: a client that leaves while the writer is slow leaves nothing
        // but its place in the queue.
        let arriving = Arc::downgrade(&recipient);
        self.signal(Signal::Opened(recipient));
        let attach = self.chat.attach(connection.who, connection.id);
        let chat = self.chat.clone();
        attach.then(move |attached| {
            if let Err(error) = attached {
                chat.counts().events_refused.one(error.code);
                if let Some(cause) = &error.cause {
                    tracing::error!(%cause, "a client could not be let in by the server's fault");
                }
                if let Some(recipient) = arriving.upgrade() {
                    recipient.connection.cut(&recipient.socket);
                }
            }
        });
        connection.set_open();
    }
}
