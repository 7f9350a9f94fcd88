//! The client: one connection, and how a call is made over it.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tonic::metadata::AsciiMetadataValue;
use tonic::service::interceptor::InterceptedService;
use tonic::service::Interceptor;
use tonic::transport::Channel;
use tonic::{Request, Response, Status};

use crate::error::{closed, deadline_passed, Error};
use crate::retry::Patience;
use crate::settings::ClientBuilder;
use crate::v1::task_service_client::TaskServiceClient;

/// The largest message that a server sends.
const MAX_MESSAGE_BYTES: usize = 8 << 20;

/// The generated client, with this crate's connection and token.
pub type Stub = TaskServiceClient<InterceptedService<Channel, Bearer>>;

/// A connection to a server. Clones share it; any number of tasks and threads may use them at once.
///
/// Dropping the future of a call ends the wait on this side only: a task's life is its own, and only a cancel ends it.
#[derive(Clone, Debug)]
pub struct Client {
    stub: Stub,
    channel: Channel,
    patience: Duration,
    within: Option<Duration>,
    closed: Arc<watch::Sender<bool>>,
}

impl Client {
    /// A client without TLS or token, of the server at an address such as `127.0.0.1:50051`. It connects when it is first
    /// used. Needs a runtime of tokio's around it.
    ///
    /// # Errors
    ///
    /// [`Error::Settings`] if the address is none.
    pub fn connect(address: impl Into<String>) -> Result<Self, Error> {
        Self::builder(address).build()
    }

    /// The settings of a client of the server at an address such as `tasks.example.org:443`.
    pub fn builder(address: impl Into<String>) -> ClientBuilder {
        ClientBuilder::new(address.into())
    }

    pub(crate) fn new(channel: Channel, token: Option<AsciiMetadataValue>, patience: Duration) -> Self {
        let stub = TaskServiceClient::with_interceptor(channel.clone(), Bearer(token))
            .max_decoding_message_size(MAX_MESSAGE_BYTES);
        Self { stub, channel, patience, within: None, closed: Arc::new(watch::Sender::new(false)) }
    }

    /// The same client, each of whose calls ends with the code `DeadlineExceeded` when it has taken this long, repeats
    /// included. The server knows of the deadline. Of readers and sessions it bounds the whole life.
    #[must_use]
    pub fn with_deadline(&self, within: Duration) -> Self {
        Self { within: Some(within), ..self.clone() }
    }

    /// Closes the client and its clones: calls, readers and sessions that are under way end with the code `Cancelled`,
    /// and so do later ones. Tasks are not touched. Dropping the last clone closes the connection, too.
    pub fn close(&self) {
        self.closed.send_replace(true);
    }

    /// The generated client on the same connection, for what this crate does not wrap.
    pub fn stub(&self) -> Stub {
        self.stub.clone()
    }

    /// The connection, for other services of the server, such as health. It sends no token.
    pub fn channel(&self) -> Channel {
        self.channel.clone()
    }

    pub(crate) fn patience(&self) -> Patience {
        Patience::new(self.patience)
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.within.map(|within| Instant::now() + within)
    }

    /// Makes a call that is not safe to repeat.
    pub(crate) async fn once<Q, A, F>(&self, request: Q, call: impl FnOnce(Stub, Request<Q>) -> F) -> Result<A, Error>
    where
        F: Future<Output = Result<Response<A>, Status>>,
    {
        let ends = self.deadline();
        self.bounded(ends, attempt(call, self.stub(), request, ends)).await
    }

    /// Makes a call as often as it takes: what it does is done once, or changes nothing.
    pub(crate) async fn repeated<Q, A, F>(&self, request: Q, call: impl Fn(Stub, Request<Q>) -> F) -> Result<A, Error>
    where
        Q: Clone,
        F: Future<Output = Result<Response<A>, Status>>,
    {
        let ends = self.deadline();
        let trying = async {
            let mut patience = self.patience();
            loop {
                match attempt(&call, self.stub(), request.clone(), ends).await {
                    Ok(answer) => return Ok(answer),
                    Err(error) => patience.wait_after(error).await?,
                }
            }
        };
        self.bounded(ends, trying).await
    }

    /// Bounds work by a deadline, and by the life of the client.
    pub(crate) async fn bounded<A>(
        &self,
        ends: Option<Instant>,
        work: impl Future<Output = Result<A, Error>>,
    ) -> Result<A, Error> {
        let answered = self.while_open(async {
            match ends {
                None => work.await,
                Some(ends) => tokio::time::timeout_at(ends, work).await.unwrap_or_else(|_| Err(deadline_passed())),
            }
        });
        match answered.await {
            // The transport keeps the same deadline, and has a code of its own for it.
            Err(error) if error.is_lost() && ends.is_some_and(|ends| Instant::now() >= ends) => Err(deadline_passed()),
            answer => answer,
        }
    }

    /// Bounds work by the life of the client.
    pub(crate) async fn while_open<A>(&self, work: impl Future<Output = Result<A, Error>>) -> Result<A, Error> {
        let mut watching = self.closed.subscribe();
        tokio::select! {
            biased;
            _ = watching.wait_for(|closed| *closed) => Err(closed("client")),
            answer = work => answer,
        }
    }
}

pub(crate) async fn attempt<Q, A, F>(
    call: impl FnOnce(Stub, Request<Q>) -> F,
    stub: Stub,
    message: Q,
    ends: Option<Instant>,
) -> Result<A, Error>
where
    F: Future<Output = Result<Response<A>, Status>>,
{
    let mut request = Request::new(message);
    if let Some(ends) = ends {
        request.set_timeout(ends.saturating_duration_since(Instant::now()));
    }
    Ok(call(stub, request).await?.into_inner())
}

/// Adds the token, if there is one. That it is safe to send was decided when the client was made.
#[derive(Clone, Debug)]
pub struct Bearer(Option<AsciiMetadataValue>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(token) = &self.0 {
            request.metadata_mut().insert("authorization", token.clone());
        }
        Ok(request)
    }
}
