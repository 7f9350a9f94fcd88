//! Registering, cancelling and reading results over one stream, which is opened again whenever it breaks.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::sync::{mpsc, oneshot, Notify};
use tokio::task::AbortHandle;
use tokio_stream::{Stream, StreamExt};

use crate::calls::{answers, Registered};
use crate::client::Client;
use crate::error::closed;
use crate::record::Record;
use crate::session_state::{cut, Answered, Next, SessionState};
use crate::task::{messages, new_id, Filter, TaskSpec};
use crate::v1::{
    self, session_request::Kind as Ask, session_response::Kind as Answer, CancelOutcome, RegisterMode, SessionRequest,
    SessionResponse, SubscribeScope, TaskView,
};
use crate::Error;

/// The number of requests without an answer at which a session takes no more: a dead server fills no memory.
const MAX_PENDING: usize = 64;

/// Which results a session gives.
#[derive(Clone, Debug)]
#[must_use]
pub struct SubscribeOptions {
    filter: Filter,
    request: v1::SessionSubscribe,
}

impl SubscribeOptions {
    /// Results of the session's own tasks: those registered under its id, also before a reconnect.
    pub fn own() -> Self {
        Self::new(SubscribeScope::Own, Filter::all())
    }

    /// Results of every task that matches, whoever registered it.
    pub fn everyone(filter: Filter) -> Self {
        Self::new(SubscribeScope::Filter, filter)
    }

    fn new(scope: SubscribeScope, filter: Filter) -> Self {
        Self { filter, request: v1::SessionSubscribe { scope: scope.into(), ..Default::default() } }
    }

    /// Results of tasks that match, only.
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filter = filter;
        self
    }

    /// Goes on behind this cursor. Otherwise, and for an empty one, it starts with everything retained of its own tasks
    /// or of the filter's ids, and from now on with others.
    pub fn after(mut self, cursor: impl Into<String>) -> Self {
        self.request.after = cursor.into();
        self
    }

    /// Gives [`Record::Progress`], too.
    pub fn include_progress(mut self) -> Self {
        self.request.include_progress = true;
        self
    }

    /// Gives the results' tasks with their payload.
    pub fn full(mut self) -> Self {
        self.request.view = TaskView::Full.into();
        self
    }
}

/// Registers tasks, cancels them and gives results over one stream, which is opened again whenever it breaks.
///
/// All methods may be used at once; records go to whoever asks for the next one. New credit goes out as results are
/// read: a session that nobody reads holds about a thousand of them and no more. Dropping it hangs up, and the tasks live
/// on.
pub struct Session {
    shared: Arc<Shared>,
    driver: AbortHandle,
}

struct Shared {
    client: Client,
    id: String,
    live: Mutex<Live>,
    changed: Notify,
}

struct Live {
    state: SessionState,
    /// Where requests go while there is a stream.
    outbox: Option<mpsc::UnboundedSender<SessionRequest>>,
    /// Why nothing more will come. `Ok`: the server has said that it was everything.
    over: Option<Result<(), Error>>,
}

impl Client {
    /// Opens a session. Needs a runtime of tokio's around it.
    pub fn session(&self) -> Session {
        self.resume_session(new_id())
    }

    /// Opens a session with the id of an earlier one, to go on with its tasks. Needs a runtime of tokio's around it.
    pub fn resume_session(&self, id: impl Into<String>) -> Session {
        let id = id.into();
        let live = Live { state: SessionState::new(id.clone()), outbox: None, over: None };
        let shared = Arc::new(Shared { client: self.clone(), id, live: Mutex::new(live), changed: Notify::new() });
        let driver = tokio::spawn(Arc::clone(&shared).drive()).abort_handle();
        Session { shared, driver }
    }
}

impl Session {
    /// What the server labels this session's tasks with.
    pub fn id(&self) -> &str {
        &self.shared.id
    }

    /// The place in the log up to which everything was read; empty before the server has named one.
    pub fn cursor(&self) -> String {
        self.shared.lock().state.cursor().to_owned()
    }

    /// Starts the results, and gives the cursor that they start behind. A second subscription replaces the first.
    ///
    /// # Errors
    ///
    /// [`CURSOR_INVALID`](crate::reason::CURSOR_INVALID), or why the session is over.
    pub async fn subscribe(&self, options: SubscribeOptions) -> Result<String, Error> {
        let filter = Some(options.filter.into_message()?);
        let answer = self.ask(Ask::Subscribe(v1::SessionSubscribe { filter, ..options.request })).await?;
        match answer.kind {
            Some(Answer::Subscribed(subscribed)) => Ok(subscribed.cursor),
            _ => Ok(String::new()),
        }
    }

    /// Stops the results, and gives the cursor up to which they came; those unread can still be read.
    ///
    /// # Errors
    ///
    /// Why the session is over.
    pub async fn unsubscribe(&self) -> Result<String, Error> {
        match self.ask(Ask::Unsubscribe(v1::SessionUnsubscribe {})).await?.kind {
            Some(Answer::Unsubscribed(unsubscribed)) => Ok(unsubscribed.cursor),
            _ => Ok(String::new()),
        }
    }

    /// Registers tasks, all or none. The answers are in order.
    ///
    /// # Errors
    ///
    /// What refuses one of them, or why the session is over.
    pub async fn register_all(&self, tasks: impl IntoIterator<Item = TaskSpec>) -> Result<Vec<Registered>, Error> {
        self.register_soon(tasks, RegisterMode::Atomic).await?.await?.into_iter().collect()
    }

    /// Registers tasks, each for itself. The answers are in order.
    ///
    /// # Errors
    ///
    /// Why the session is over. What refuses one of the tasks is its answer.
    pub async fn register_each(
        &self,
        tasks: impl IntoIterator<Item = TaskSpec>,
    ) -> Result<Vec<Result<Registered, Error>>, Error> {
        self.register_soon(tasks, RegisterMode::PerItem).await?.await
    }

    /// Sends tasks without waiting for the answer, which is a future of its own and need not be awaited. It waits only
    /// while too many requests have no answer yet.
    ///
    /// # Errors
    ///
    /// A task that cannot be sent, or why the session is over.
    pub async fn register_soon(
        &self,
        tasks: impl IntoIterator<Item = TaskSpec>,
        mode: RegisterMode,
    ) -> Result<PendingRegistration, Error> {
        let tasks = messages(tasks)?;
        self.send(Ask::Register(v1::SessionRegister { tasks, mode: mode.into() })).await.map(PendingRegistration)
    }

    /// Asks for tasks to be cancelled; the answers have the order of the ids.
    ///
    /// # Errors
    ///
    /// Why the session is over. What refuses one of the ids is its answer.
    pub async fn cancel<I: Into<String>>(
        &self,
        ids: impl IntoIterator<Item = I>,
        reason: impl Into<String>,
    ) -> Result<Vec<Result<CancelOutcome, Error>>, Error> {
        let ids = ids.into_iter().map(Into::into).collect();
        match self.ask(Ask::Cancel(v1::SessionCancel { ids, reason: reason.into() })).await?.kind {
            Some(Answer::Cancelled(cancelled)) => Ok(cancelled
                .results
                .into_iter()
                .map(|one| match &one.error {
                    Some(status) => Err(Error::from(status)),
                    None => Ok(one.outcome()),
                })
                .collect()),
            _ => Ok(Vec::new()),
        }
    }

    /// Says that nothing more will be sent. [`next`](Self::next) then ends once this session's tasks are done.
    pub fn finish(&self) {
        let mut live = self.shared.lock();
        live.state.finish();
        live.outbox = None;
    }

    /// The next record of the subscription. `None` once the server has delivered everything, after
    /// [`finish`](Self::finish). Safe to drop: nothing is lost with the future.
    pub async fn next(&self) -> Option<Result<Record, Error>> {
        self.shared.until(Live::take).await
    }

    /// The records as a stream, which ends as [`next`](Self::next) does, or with its first error.
    pub fn records(&self) -> impl Stream<Item = Result<Record, Error>> + Send + Unpin + '_ {
        Box::pin(async_stream::try_stream! {
            while let Some(record) = self.next().await {
                yield record?;
            }
        })
    }

    async fn ask(&self, kind: Ask) -> Answered {
        PendingAnswer(self.send(kind).await?).await
    }

    async fn send(&self, kind: Ask) -> Result<oneshot::Receiver<Answered>, Error> {
        let mut kind = Some(kind);
        self.shared.until(|live| live.send(&mut kind)).await
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.debug_struct("Session").field("id", &self.shared.id).finish_non_exhaustive()
    }
}

/// What becomes of tasks that were sent with [`Session::register_soon`], once the server has answered.
#[derive(Debug)]
pub struct PendingRegistration(oneshot::Receiver<Answered>);

impl Future for PendingRegistration {
    type Output = Result<Vec<Result<Registered, Error>>, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        poll_answer(&mut self.0, context).map_ok(|answer| match answer.kind {
            Some(Answer::Registered(registered)) => answers(registered.results),
            _ => Vec::new(),
        })
    }
}

struct PendingAnswer(oneshot::Receiver<Answered>);

impl Future for PendingAnswer {
    type Output = Answered;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answered> {
        poll_answer(&mut self.0, context)
    }
}

fn poll_answer(coming: &mut oneshot::Receiver<Answered>, context: &mut Context<'_>) -> Poll<Answered> {
    // A sender that is gone went with the session.
    Pin::new(coming).poll(context).map(|answer| answer.unwrap_or_else(|_| Err(closed("session"))))
}

impl Live {
    fn take(&mut self) -> Option<Option<Result<Record, Error>>> {
        if let Some(record) = self.state.take() {
            self.give_credit();
            return Some(Some(Ok(record)));
        }
        match self.over.as_ref()? {
            Ok(()) => Some(None),
            Err(error) => {
                let error = error.clone();
                // It was told; the records end here.
                self.over = Some(Ok(()));
                Some(Some(Err(error)))
            }
        }
    }

    fn give_credit(&mut self) {
        if self.outbox.is_some() {
            if let Some(credit) = self.state.credit_due() {
                self.put(credit);
            }
        }
    }

    /// Takes a request in, if there is room for it.
    fn send(&mut self, kind: &mut Option<Ask>) -> Option<Result<oneshot::Receiver<Answered>, Error>> {
        match &self.over {
            Some(Err(error)) => return Some(Err(error.clone())),
            Some(Ok(())) => return Some(Err(closed("session"))),
            None if self.state.is_finished() => return Some(Err(closed("session"))),
            None if self.state.pending() >= MAX_PENDING => return None,
            None => {}
        }
        let (request, coming) = self.state.ask(kind.take()?);
        self.put(request);
        Some(Ok(coming))
    }

    fn put(&self, request: SessionRequest) {
        if let Some(outbox) = &self.outbox {
            // A stream that is gone is opened again, and the request is sent then.
            drop(outbox.send(request));
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks whenever something has changed, until there is something to see.
    async fn until<T>(&self, mut look: impl FnMut(&mut Live) -> Option<T>) -> T {
        loop {
            let changed = self.changed.notified();
            if let Some(found) = look(&mut self.lock()) {
                self.changed.notify_waiters();
                return found;
            }
            changed.await;
        }
    }

    /// Keeps a stream open until the session is over.
    async fn drive(self: Arc<Self>) {
        let over = self.client.bounded(self.client.deadline(), self.drive_on()).await;
        let mut live = self.lock();
        live.outbox = None;
        let why = over.clone().err().unwrap_or_else(|| closed("session"));
        live.state.give_up(&why);
        live.over = Some(over);
        self.changed.notify_waiters();
    }

    async fn drive_on(&self) -> Result<(), Error> {
        let mut patience = self.client.patience();
        loop {
            let lost = match self.drive_one_stream(|| patience.progressed()).await {
                Next::Over => return Ok(()),
                Next::Lost(error) => error,
                Next::Response | Next::CreditSpent => {
                    self.until(|live| (!live.state.has_unread()).then_some(())).await;
                    continue;
                }
            };
            patience.wait_after(lost).await?;
        }
    }

    /// Opens a stream and reads it to its end.
    async fn drive_one_stream(&self, mut progressed: impl FnMut()) -> Next {
        let outgoing = self.open_outbox();
        let mut responses = match self.client.stub().session(outgoing).await {
            Ok(response) => response.into_inner(),
            Err(status) => return self.leave(Next::Lost(status.into())),
        };
        loop {
            let response = match responses.next().await {
                None => return self.leave(Next::Lost(cut())),
                Some(Err(status)) => return self.leave(Next::Lost(status.into())),
                Some(Ok(response)) => response,
            };
            progressed();
            match self.receive(response) {
                Next::Response => {}
                next => return self.leave(next),
            }
        }
    }

    /// A new outbox, with what a stream starts with. The stream is half-closed when the outbox is dropped.
    fn open_outbox(&self) -> impl Stream<Item = SessionRequest> + Send + 'static {
        let mut live = self.lock();
        let (outbox, requests) = mpsc::unbounded_channel();
        live.outbox = Some(outbox);
        for request in live.state.opening() {
            live.put(request);
        }
        if live.state.is_finished() {
            live.outbox = None;
        }
        tokio_stream::wrappers::UnboundedReceiverStream::new(requests)
    }

    fn receive(&self, response: SessionResponse) -> Next {
        let next = self.lock().state.receive(response);
        self.changed.notify_waiters();
        next
    }

    fn leave(&self, next: Next) -> Next {
        self.lock().outbox = None;
        next
    }
}
