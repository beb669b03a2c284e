//! A command on its way: queued, run by the writer, committed, told by the fan-out.

use super::sql::Tx;
use super::{Error, Store};
use crate::model::{Event, Message};
use std::future::{Future, IntoFuture};
use std::pin::Pin;

/// What a command tells the world, collected while it runs.
pub type Events = Vec<Event>;

type Run<T, E> = Box<dyn Fn(&mut Tx<'_>, &mut Events) -> Result<T, E> + Send>;

/// A command that is ready to be queued: its ids, its time and its limits are decided.
///
/// Await it for its result, or give it a reply with [`Command::then`]. Either queues it at once, and
/// the order in which commands are queued is the order in which they happen.
#[must_use = "a command does nothing until it is awaited or given a reply"]
pub struct Command<T, E>(Inner<T, E>);

enum Inner<T, E> {
    Ready(Store, Run<T, E>),
    Refused(E),
}

impl<T, E> Command<T, E>
where
    T: Send + 'static,
    E: From<Error> + Send + 'static,
{
    pub(super) fn new(store: Store, run: Run<T, E>) -> Self {
        Self(Inner::Ready(store, run))
    }

    /// A command that was refused before it cost anything.
    pub fn refused(error: impl Into<E>) -> Self {
        Self(Inner::Refused(error.into()))
    }

    /// The same command with another result.
    pub fn map<U: Send + 'static>(self, change: impl Fn(T) -> U + Send + 'static) -> Command<U, E> {
        Command(match self.0 {
            Inner::Refused(error) => Inner::Refused(error),
            Inner::Ready(store, run) => Inner::Ready(
                store,
                Box::new(move |tx, events| run(tx, events).map(&change)),
            ),
        })
    }

    /// Queues the command. `reply` gets the result in the fan-out, right after the command's events;
    /// or at once, when the command is refused or the queue is full. It must not block.
    pub fn then(self, reply: impl FnOnce(Result<T, E>) + Send + 'static) {
        match self.0 {
            Inner::Refused(error) => reply(Err(error)),
            Inner::Ready(store, run) => {
                let pending = Pending {
                    run,
                    reply: Box::new(reply),
                    result: None,
                    events: Vec::new(),
                };
                if let Err((mut job, error)) = store.queue(Box::new(pending)) {
                    job.fail(error);
                    job.told().finish();
                }
            }
        }
    }
}

impl<T, E> IntoFuture for Command<T, E>
where
    T: Send + 'static,
    E: From<Error> + Send + 'static,
{
    type Output = Result<T, E>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        let (reply, result) = tokio::sync::oneshot::channel();
        self.then(move |done| {
            // Whoever asked may have gone away; the command happened all the same.
            let _ = reply.send(done);
        });
        Box::pin(async move { result.await.unwrap_or_else(|_| Err(Error::Closed.into())) })
    }
}

/// A queued command, whatever its result's type.
pub(super) trait Job: Send {
    /// Runs the command and says whether what it wrote is to be kept; it is not when it was refused.
    fn run(&mut self, tx: &mut Tx<'_>) -> bool;
    /// Replaces the result: what the command wrote is not there.
    fn fail(&mut self, error: Error);
    /// What is to be told.
    fn told(self: Box<Self>) -> Told;
}

struct Pending<T, E> {
    run: Run<T, E>,
    reply: Box<dyn FnOnce(Result<T, E>) + Send>,
    result: Option<Result<T, E>>,
    events: Events,
}

impl<T, E> Job for Pending<T, E>
where
    T: Send + 'static,
    E: From<Error> + Send + 'static,
{
    fn run(&mut self, tx: &mut Tx<'_>) -> bool {
        self.events.clear();
        let result = (self.run)(tx, &mut self.events);
        let kept = result.is_ok();
        if !kept {
            self.events.clear();
        }
        self.result = Some(result);
        kept
    }

    fn fail(&mut self, error: Error) {
        self.events.clear();
        self.result = Some(Err(error.into()));
    }

    fn told(self: Box<Self>) -> Told {
        let Self {
            reply,
            result,
            events,
            ..
        } = *self;
        let result = result.unwrap_or_else(|| Err(Error::Closed.into()));
        Told {
            events,
            finish: Box::new(move || reply(result)),
        }
    }
}

/// A command that is on disk, or was refused: its events, and then its reply.
pub struct Told {
    /// What to tell, in order.
    pub events: Events,
    finish: Box<dyn FnOnce() + Send>,
}

impl Told {
    /// The message, if that is all there is to tell.
    pub fn only_message(&self) -> Option<&Message> {
        match self.events.as_slice() {
            [Event::MessagePosted(message)] => Some(message),
            _ => None,
        }
    }

    /// Gives the reply; after the events.
    pub fn finish(self) {
        (self.finish)();
    }
}
