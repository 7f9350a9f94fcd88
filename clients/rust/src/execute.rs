//! Running a task and waiting for it, across lost connections and full queues.

use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::time::Duration;

use serde::de::DeserializeOwned;
use tokio::time::Instant;

use crate::client::{attempt, Client};
use crate::record::TaskResult;
use crate::retry::Room;
use crate::v1::{self, execute_task_request::Target};
use crate::{wire, Error, TaskSpec};

impl Client {
    /// Runs a task and gives its output as an `R`, when awaited; [`Execute::result`] gives bytes and messages.
    ///
    /// ```no_run
    /// # async fn example() -> millhand::Result<()> {
    /// use millhand::{Client, TaskSpec};
    /// use serde_json::json;
    ///
    /// let client = Client::connect("127.0.0.1:50051")?;
    /// let echoed: Vec<i32> = client.execute(TaskSpec::new("echo").json(&json!([1, 2]))).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn execute<R>(&self, task: TaskSpec) -> Execute<R> {
        Execute::new(self.clone(), task.into_message().map(Target::Task))
    }

    /// Runs a registered task now, whatever it waits for, and gives its output when awaited.
    pub fn execute_registered<R>(&self, id: impl Into<String>) -> Execute<R> {
        Execute::new(self.clone(), Ok(Target::Id(id.into())))
    }
}

/// A task that is to run, and how to wait for it. Nothing happens before it is awaited.
///
/// Across a lost connection the wait goes on: the task is registered once. Dropping the future ends the wait, and the
/// task goes on.
///
/// # Errors
///
/// [`Error::TaskFailed`] with the task and the handler's own reason if it ended without an output;
/// [`TASK_TIMEOUT`](crate::reason::TASK_TIMEOUT) if the wait was over before.
#[derive(Debug)]
#[must_use = "nothing runs before it is awaited"]
pub struct Execute<R> {
    client: Client,
    target: Result<Target, Error>,
    timeout: Option<Duration>,
    cancel_on_timeout: bool,
    room: Duration,
    output: PhantomData<fn() -> R>,
}

impl<R> Execute<R> {
    fn new(client: Client, target: Result<Target, Error>) -> Self {
        Self { client, target, timeout: None, cancel_on_timeout: false, room: Duration::ZERO, output: PhantomData }
    }

    /// Ends the wait after this time with [`TASK_TIMEOUT`](crate::reason::TASK_TIMEOUT). The task goes on unless
    /// [`cancel_on_timeout`](Self::cancel_on_timeout) is called. Otherwise the wait takes as long as the task.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Has the server cancel the task when the wait is over.
    pub fn cancel_on_timeout(mut self) -> Self {
        self.cancel_on_timeout = true;
        self
    }

    /// Tries again for this time while the queue is full. Otherwise that is an error at once.
    pub fn wait_for_room(mut self, limit: Duration) -> Self {
        self.room = limit;
        self
    }

    /// Runs the task and gives its result, for outputs that are bytes or messages.
    ///
    /// # Errors
    ///
    /// As [`Execute`] has them.
    pub async fn result(self) -> Result<TaskResult, Error> {
        let target = self.target.clone()?;
        let ends = self.client.deadline();
        let response = self.client.bounded(ends, self.until_done(target, ends)).await?;
        TaskResult::new(response.result.unwrap_or_default()).completed()
    }

    async fn until_done(&self, target: Target, ends: Option<Instant>) -> Result<v1::ExecuteTaskResponse, Error> {
        let gives_up = self.timeout.map(|timeout| Instant::now() + timeout);
        let room = Room::new(self.room);
        let mut patience = self.client.patience();
        loop {
            let request = self.request(target.clone(), gives_up);
            let call = |mut stub: crate::Stub, request| async move { stub.execute_task(request).await };
            let error = match attempt(call, self.client.stub(), request, ends).await {
                Ok(response) => return Ok(response),
                Err(error) => error,
            };
            if error.is_lost() {
                patience.wait_after(error).await?;
            } else {
                room.wait_after(error).await?;
            }
        }
    }

    fn request(&self, target: Target, gives_up: Option<Instant>) -> v1::ExecuteTaskRequest {
        let on_timeout = if self.cancel_on_timeout { v1::OnTimeout::Cancel } else { v1::OnTimeout::LeaveRunning };
        v1::ExecuteTaskRequest {
            target: Some(target),
            timeout: gives_up.map(|moment| wire::duration(moment.saturating_duration_since(Instant::now()))),
            on_timeout: on_timeout.into(),
            view: v1::TaskView::Basic.into(),
        }
    }
}

impl<R: DeserializeOwned + 'static> IntoFuture for Execute<R> {
    type Output = Result<R, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async { self.result().await?.json() })
    }
}
