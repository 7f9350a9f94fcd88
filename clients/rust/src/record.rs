//! What readers and sessions give.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::v1;
use crate::{payload, Error, Payload};

/// What a reader or a session gives.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Record {
    /// How a task ended.
    Result(TaskResult),
    /// Results that cannot be given any more: trimmed, or of a log that was replaced.
    Gap(v1::Gap),
    /// How far an attempt is: the latest word of its handler.
    Progress(v1::ProgressUpdate),
    /// A task that became CANCELLED; of [`Client::cancelled`](crate::Client::cancelled) only.
    Cancelled(CancelledTask),
}

/// How a task ended.
#[derive(Clone, Debug)]
pub struct TaskResult(v1::Result);

impl TaskResult {
    pub(crate) fn new(message: v1::Result) -> Self {
        Self(message)
    }

    /// The task as it ended.
    pub fn task(&self) -> &v1::Task {
        // A server always sets it; an empty task stands for what one of another make might leave out.
        static NONE: std::sync::LazyLock<v1::Task> = std::sync::LazyLock::new(v1::Task::default);
        self.0.task.as_ref().unwrap_or(&NONE)
    }

    /// The result's place in the log: read on behind it.
    pub fn cursor(&self) -> &str {
        &self.0.cursor
    }

    /// What the handler returned, as the contract has it; `None` if it was nothing, or the task did not complete.
    pub fn output(&self) -> Option<&Payload> {
        self.0.output.as_ref().and_then(|output| output.kind.as_ref())
    }

    /// Why there is no output; `None` if the task completed.
    pub fn error(&self) -> Option<Error> {
        let status = self.0.error.as_ref()?;
        Some(Error::of_task(status, self.task().clone()))
    }

    /// What the handler returned, as a value of a type of one's own; nothing is JSON null.
    ///
    /// # Errors
    ///
    /// [`Error::TaskFailed`] if the task did not complete, [`Error::Output`] if the output is of another type.
    pub fn json<R: DeserializeOwned>(&self) -> Result<R, Error> {
        match self.error() {
            Some(error) => Err(error),
            None => payload::decode(self.0.output.as_ref()),
        }
    }

    /// What the handler returned, as JSON; `None` if it is bytes or a message.
    pub fn value(&self) -> Option<Value> {
        payload::to_value(self.0.output.as_ref())
    }

    /// The bytes that the handler returned; `None` if it returned none.
    pub fn bytes(&self) -> Option<&[u8]> {
        match self.output() {
            Some(Payload::Blob(blob)) => Some(&blob.data),
            _ => None,
        }
    }

    /// The message that the handler returned; `None` if it returned none of this type.
    pub fn message<M: prost::Name + Default>(&self) -> Option<M> {
        match self.output() {
            Some(Payload::Message(packed)) if packed.type_url.rsplit('/').next() == Some(&M::full_name()) => {
                M::decode(&*packed.value).ok()
            }
            _ => None,
        }
    }

    /// The result itself, or why there is no output.
    pub(crate) fn completed(self) -> Result<Self, Error> {
        match self.error() {
            Some(error) => Err(error),
            None => Ok(self),
        }
    }

    /// The message of the contract, and all of its fields.
    pub fn into_message(self) -> v1::Result {
        self.0
    }
}

/// A task that became CANCELLED.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CancelledTask {
    /// The task as it ended, without its payload.
    pub task: v1::Task,
    /// Its place in the log: read on behind it.
    pub cursor: String,
}
