//! The calls that are asked and answered once.

use std::collections::HashMap;
use std::time::Duration;

use tokio_stream::Stream;

use crate::client::{Client, Stub};
use crate::record::TaskResult;
use crate::task::{messages, Filter, TaskSpec};
use crate::v1::{self, CancelOutcome, RegisterMode, TaskStatus, TaskView};
use crate::{wire, Error};

/// A unary method of the generated client.
macro_rules! method {
    ($name:ident) => {
        |mut stub: Stub, request| async move { stub.$name(request).await }
    };
}

/// What became of one task of a batch.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Registered {
    /// The task as the server has it, without its payload.
    pub task: v1::Task,
    /// False if the task was known.
    pub created: bool,
}

/// What came of a cancel.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Cancelled {
    /// What came of it.
    pub outcome: CancelOutcome,
    /// The task after it, without its payload.
    pub task: v1::Task,
}

/// What came of a cancel of many.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CancelledAll {
    /// How many met which outcome.
    pub counts: HashMap<CancelOutcome, u32>,
    /// At most 1,000 of those that still ran when the wait was over; empty if nobody waited.
    pub still_running_ids: Vec<String>,
}

/// What a wait gave.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Waited {
    /// Whether nothing was unfinished.
    pub done: bool,
    /// How many tasks have which status.
    pub counts: HashMap<TaskStatus, u32>,
}

/// How a node's workers were resized.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Workers {
    /// How many there were.
    pub before: i32,
    /// How many there are.
    pub after: i32,
}

/// A part of the log of results.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Page {
    /// The results; may be empty.
    pub results: Vec<TaskResult>,
    /// Where to ask again from; never empty.
    pub next_cursor: String,
    /// Results that are missing before these; `None` if none are.
    pub gap: Option<v1::Gap>,
}

/// Which tasks to list, and how.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct ListOptions {
    request: v1::GetTasksRequest,
    filter: Filter,
}

impl ListOptions {
    /// The tasks that match.
    pub fn new(filter: Filter) -> Self {
        Self { request: v1::GetTasksRequest::default(), filter }
    }

    /// How many are fetched at once, at most 1,000. Otherwise the server's choice.
    pub fn page_size(mut self, size: i32) -> Self {
        self.request.page_size = size;
        self
    }

    /// The order: `create_time`, as it is unless this is called, `due_time` or `priority`, each also with ` desc`.
    pub fn order_by(mut self, order: impl Into<String>) -> Self {
        self.request.order_by = order.into();
        self
    }

    /// Gives the tasks with their payload.
    pub fn full(mut self) -> Self {
        self.request.view = TaskView::Full.into();
        self
    }
}

impl Client {
    /// Registers a task and gives it as the server has it.
    ///
    /// # Errors
    ///
    /// [`ALREADY_EXISTS`](crate::reason::ALREADY_EXISTS) if its id or key is known with other content,
    /// [`QUEUE_FULL`](crate::reason::QUEUE_FULL), and what is wrong with the task.
    pub async fn register(&self, task: TaskSpec) -> Result<v1::Task, Error> {
        let request = v1::RegisterTaskRequest { task: Some(task.into_message()?) };
        Ok(self.repeated(request, method!(register_task)).await?.task.unwrap_or_default())
    }

    /// Registers at most 1,000 tasks in one call, all or none. The answers are in order.
    ///
    /// # Errors
    ///
    /// What refuses one of them; its violations name it.
    pub async fn register_all(&self, tasks: impl IntoIterator<Item = TaskSpec>) -> Result<Vec<Registered>, Error> {
        self.register_many(messages(tasks)?, RegisterMode::Atomic).await?.into_iter().collect()
    }

    /// Registers at most 1,000 tasks in one call, each for itself. The answers are in order.
    ///
    /// # Errors
    ///
    /// What refuses the call. What refuses one of the tasks is its answer.
    pub async fn register_each(
        &self,
        tasks: impl IntoIterator<Item = TaskSpec>,
    ) -> Result<Vec<Result<Registered, Error>>, Error> {
        self.register_many(messages(tasks)?, RegisterMode::PerItem).await
    }

    async fn register_many(
        &self,
        tasks: Vec<v1::TaskSpec>,
        mode: RegisterMode,
    ) -> Result<Vec<Result<Registered, Error>>, Error> {
        let request = v1::RegisterTasksRequest { tasks, mode: mode.into() };
        Ok(answers(self.repeated(request, method!(register_tasks)).await?.results))
    }

    /// A task, without its payload.
    ///
    /// # Errors
    ///
    /// [`TASK_NOT_FOUND`](crate::reason::TASK_NOT_FOUND).
    pub async fn get(&self, id: impl Into<String>) -> Result<v1::Task, Error> {
        self.view(id.into(), TaskView::Basic).await
    }

    /// A task with its payload.
    ///
    /// # Errors
    ///
    /// [`TASK_NOT_FOUND`](crate::reason::TASK_NOT_FOUND).
    pub async fn get_full(&self, id: impl Into<String>) -> Result<v1::Task, Error> {
        self.view(id.into(), TaskView::Full).await
    }

    async fn view(&self, id: String, view: TaskView) -> Result<v1::Task, Error> {
        let request = v1::GetTaskRequest { id, view: view.into() };
        Ok(self.repeated(request, method!(get_task)).await?.task.unwrap_or_default())
    }

    /// The tasks that match, fetched page by page as they are read. The first error is the last item.
    pub fn list(&self, options: ListOptions) -> impl Stream<Item = Result<v1::Task, Error>> + Send + Unpin {
        let client = self.clone();
        pages(move |page_token| {
            let (client, options) = (client.clone(), options.clone());
            async move {
                let filter = Some(options.filter.into_message()?);
                let request = v1::GetTasksRequest { filter, page_token, ..options.request };
                let answer = client.repeated(request, method!(get_tasks)).await?;
                Ok((answer.tasks, answer.next_page_token))
            }
        })
    }

    /// The tasks that have a live attempt. The first error is the last item.
    pub fn active(&self) -> impl Stream<Item = Result<v1::Task, Error>> + Send + Unpin {
        let client = self.clone();
        pages(move |page_token| {
            let client = client.clone();
            async move {
                let request = v1::GetActiveTasksRequest { page_size: 0, page_token };
                let answer = client.repeated(request, method!(get_active_tasks)).await?;
                Ok((answer.tasks, answer.next_page_token))
            }
        })
    }

    /// Asks for a task to be cancelled. Of running code it says `Signalled`, or with a `wait` what came of it.
    ///
    /// # Errors
    ///
    /// [`TASK_NOT_FOUND`](crate::reason::TASK_NOT_FOUND).
    pub async fn cancel(
        &self,
        id: impl Into<String>,
        reason: impl Into<String>,
        wait: Option<Duration>,
    ) -> Result<Cancelled, Error> {
        let request = v1::CancelTaskRequest { id: id.into(), reason: reason.into(), wait: wait.map(wire::duration) };
        let answer = self.repeated(request, method!(cancel_task)).await?;
        Ok(Cancelled { outcome: answer.outcome(), task: answer.task.unwrap_or_default() })
    }

    /// Cancels every matching task that was accepted before. Not repeated when the connection breaks: a repeat would also
    /// hit what was accepted in between.
    ///
    /// # Errors
    ///
    /// What refuses the call.
    pub async fn cancel_all(&self, which: Filter, reason: impl Into<String>) -> Result<CancelledAll, Error> {
        let request = v1::CancelAllRequest { filter: Some(which.into_message()?), reason: reason.into() };
        let answer = self.once(request, method!(cancel_all)).await?;
        Ok(CancelledAll { counts: outcomes(&answer.counts), still_running_ids: Vec::new() })
    }

    /// Cancels as [`cancel_all`](Self::cancel_all) does, and waits until all have stopped, at most for `timeout`.
    ///
    /// # Errors
    ///
    /// What refuses the call. That some still run is none.
    pub async fn cancel_all_and_wait(
        &self,
        which: Filter,
        reason: impl Into<String>,
        timeout: Option<Duration>,
    ) -> Result<CancelledAll, Error> {
        let request = v1::CancelAllAndWaitRequest {
            filter: Some(which.into_message()?),
            reason: reason.into(),
            timeout: timeout.map(wire::duration),
        };
        let answer = self.once(request, method!(cancel_all_and_wait)).await?;
        Ok(CancelledAll { counts: outcomes(&answer.counts), still_running_ids: answer.still_running_ids })
    }

    /// Waits until no matching task is unfinished, at most for `timeout`; zero looks once.
    ///
    /// # Errors
    ///
    /// What refuses the call. That a task failed is none, nor that the time is over.
    pub async fn wait(&self, which: Filter, timeout: Option<Duration>) -> Result<Waited, Error> {
        let request = v1::WaitRequest { filter: Some(which.into_message()?), timeout: timeout.map(wire::duration) };
        let answer = self.repeated(request, method!(wait)).await?;
        Ok(Waited { done: answer.done, counts: statuses(&answer.counts) })
    }

    /// One page of the log of results, for those who cannot keep a stream open. It starts behind the cursor `after`;
    /// empty is the oldest retained. A `size` of 0 leaves it to the server.
    ///
    /// # Errors
    ///
    /// [`CURSOR_INVALID`](crate::reason::CURSOR_INVALID).
    pub async fn results_page(&self, which: Filter, after: impl Into<String>, size: i32) -> Result<Page, Error> {
        let request = v1::GetResultsRequest {
            filter: Some(which.into_message()?),
            after: after.into(),
            page_size: size,
            view: TaskView::Basic.into(),
        };
        let answer = self.repeated(request, method!(get_results)).await?;
        Ok(Page {
            results: answer.results.into_iter().map(TaskResult::new).collect(),
            next_cursor: answer.next_cursor,
            gap: answer.gap,
        })
    }

    /// Why a task does not run, most binding reason first; no reasons if it is final.
    ///
    /// # Errors
    ///
    /// [`TASK_NOT_FOUND`](crate::reason::TASK_NOT_FOUND).
    pub async fn explain(&self, id: impl Into<String>) -> Result<v1::ExplainTaskResponse, Error> {
        self.repeated(v1::ExplainTaskRequest { id: id.into() }, method!(explain_task)).await
    }

    /// The server's catalogue of handlers.
    ///
    /// # Errors
    ///
    /// What refuses the call.
    pub async fn handlers(&self) -> Result<Vec<v1::Handler>, Error> {
        Ok(self.repeated(v1::ListHandlersRequest {}, method!(list_handlers)).await?.handlers)
    }

    /// The answering server: its version, node, store, limits and capabilities.
    ///
    /// # Errors
    ///
    /// What refuses the call.
    pub async fn info(&self) -> Result<v1::GetServerInfoResponse, Error> {
        self.repeated(v1::GetServerInfoRequest {}, method!(get_server_info)).await
    }

    /// Resizes a node's workers: `None` is the configured number, 0 drains all. An empty `node` is the one that answers.
    ///
    /// # Errors
    ///
    /// What refuses the call.
    pub async fn start_workers(&self, count: Option<i32>, node: impl Into<String>) -> Result<Workers, Error> {
        let request = v1::StartWorkersRequest { count, node_id: node.into() };
        let answer = self.repeated(request, method!(start_workers)).await?;
        Ok(Workers { before: answer.before, after: answer.after })
    }

    /// Stops a server, and says how many tasks were not final when it stopped. Not repeated when the connection breaks:
    /// another server may have taken the place by then. [`Client::stub`] has more of a choice.
    ///
    /// # Errors
    ///
    /// What refuses the call.
    pub async fn shutdown(&self, mode: v1::ShutdownMode) -> Result<HashMap<TaskStatus, u32>, Error> {
        let request = v1::ShutdownRequest { mode: mode.into(), ..Default::default() };
        Ok(statuses(&self.once(request, method!(shutdown)).await?.counts))
    }
}

pub(crate) fn answers(results: Vec<v1::RegisterResult>) -> Vec<Result<Registered, Error>> {
    results
        .into_iter()
        .map(|one| match one.error {
            Some(status) => Err(Error::from(&status)),
            None => Ok(Registered { task: one.task.unwrap_or_default(), created: one.created }),
        })
        .collect()
}

/// Counts by outcome. Those that are newer than this crate are counted as `Unspecified`.
fn outcomes(counts: &[v1::CancelCount]) -> HashMap<CancelOutcome, u32> {
    let mut all = HashMap::new();
    for one in counts {
        *all.entry(one.outcome()).or_default() += u32::try_from(one.count).unwrap_or_default();
    }
    all
}

/// Counts by status. Those that are newer than this crate are counted as `Unspecified`.
fn statuses(counts: &[v1::StatusCount]) -> HashMap<TaskStatus, u32> {
    let mut all = HashMap::new();
    for one in counts {
        *all.entry(one.status()).or_default() += u32::try_from(one.count).unwrap_or_default();
    }
    all
}

/// The tasks of all pages; `fetch` takes a token and gives a page and the token of the next.
fn pages<F>(fetch: impl Fn(String) -> F + Send + 'static) -> impl Stream<Item = Result<v1::Task, Error>> + Send + Unpin
where
    F: std::future::Future<Output = Result<(Vec<v1::Task>, String), Error>> + Send,
{
    Box::pin(async_stream::try_stream! {
        let mut token = String::new();
        loop {
            let (tasks, next) = fetch(token).await?;
            for task in tasks {
                yield task;
            }
            if next.is_empty() {
                break;
            }
            token = next;
        }
    })
}
