//! What can go wrong, read from the details that the server sends.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use prost::Message;
use prost_types::Any;
use tonic::{Code, Status};
use tonic_types::pb;

use crate::v1::{self, TaskStatus};
use crate::{reason, wire};

/// Why there is no answer.
///
/// Branch on [`reason`](Error::reason) with the constants of [`reason`](mod@crate::reason), or on
/// [`code`](Error::code). Messages are for people and may change.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Error {
    /// The server, the connection, or this client before anything was sent, refused a request.
    Refused(Box<Failure>),
    /// A task ended without an output: it failed, was cancelled, or took too long. The reason may be the handler's own.
    TaskFailed(Box<TaskFailure>),
    /// There is an output, but it is not of the type that was asked for.
    Output(Arc<serde_json::Error>),
    /// A client cannot be made with these settings.
    Settings(String),
}

/// A refusal and all that is known about it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Failure {
    /// gRPC's code.
    pub code: Code,
    /// The stable name of the cause; empty when the transport refused and not a Millhand server.
    pub reason: String,
    /// A sentence for people.
    pub message: String,
    /// Facts about the cause: `task_id`, `handler`, `queue`, `limit`, `status`.
    pub metadata: HashMap<String, String>,
    /// The fields of a request that are wrong; empty unless the input is at fault.
    pub violations: Vec<Violation>,
    /// How long to wait before the same may succeed; `None` when waiting does not help.
    pub retry_after: Option<Duration>,
}

/// How a task ended without an output.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TaskFailure {
    /// Why.
    pub failure: Failure,
    /// The task as it ended.
    pub task: v1::Task,
}

/// One thing that is wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Violation {
    /// The path of the field, such as `task.payload.json.width`.
    pub field: String,
    /// What is wrong with it, and what to do.
    pub description: String,
}

static NO_METADATA: LazyLock<HashMap<String, String>> = LazyLock::new(HashMap::new);

impl Error {
    /// gRPC's code. What fails on this side alone is [`Code::InvalidArgument`] if a value cannot be sent,
    /// [`Code::Cancelled`] if the client or session was closed, and [`Code::FailedPrecondition`] otherwise.
    pub fn code(&self) -> Code {
        self.failure().map_or(Code::FailedPrecondition, |known| known.code)
    }

    /// The stable name of the cause, such as [`reason::QUEUE_FULL`], or one that a handler made up. Empty when the
    /// transport refused and not a Millhand server.
    pub fn reason(&self) -> &str {
        self.failure().map_or("", |known| &known.reason)
    }

    /// The sentence for people, without the reason. `to_string` has both.
    pub fn message(&self) -> String {
        self.failure().map_or_else(|| self.to_string(), |known| known.message.clone())
    }

    /// Facts about the cause; empty if there are none.
    pub fn metadata(&self) -> &HashMap<String, String> {
        self.failure().map_or(&NO_METADATA, |known| &known.metadata)
    }

    /// The fields of a request that are wrong; empty unless the input is at fault.
    pub fn violations(&self) -> &[Violation] {
        self.failure().map_or(&[], |known| &known.violations)
    }

    /// How long to wait before the same may succeed; `None` when waiting does not help.
    pub fn retry_after(&self) -> Option<Duration> {
        self.failure().and_then(|known| known.retry_after)
    }

    /// The task that ended without an output; `None` for refusals.
    pub fn task(&self) -> Option<&v1::Task> {
        match self {
            Self::TaskFailed(failed) => Some(&failed.task),
            _ => None,
        }
    }

    fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            Self::TaskFailed(failed) => Some(&failed.failure),
            Self::Output(_) | Self::Settings(_) => None,
        }
    }

    /// Whether the server could not be reached, or does not serve now.
    pub(crate) fn is_lost(&self) -> bool {
        self.code() == Code::Unavailable
    }

    pub(crate) fn new(code: Code, reason: &str, message: impl Into<String>) -> Self {
        Self::Refused(Box::new(Failure::new(code, reason, message)))
    }

    /// Something of the caller's that cannot be sent. `field` is its path.
    pub(crate) fn unsendable(reason: &str, field: &str, description: impl Into<String>) -> Self {
        let description = description.into();
        let mut failure = Failure::new(Code::InvalidArgument, reason, format!("{field} {description}"));
        failure.violations.push(Violation { field: field.to_owned(), description });
        Self::Refused(Box::new(failure))
    }

    pub(crate) fn of_task(status: &pb::Status, task: v1::Task) -> Self {
        Self::TaskFailed(Box::new(TaskFailure { failure: Failure::read(status), task }))
    }
}

impl Failure {
    fn new(code: Code, reason: &str, message: impl Into<String>) -> Self {
        Self {
            code,
            reason: reason.to_owned(),
            message: message.into(),
            metadata: HashMap::new(),
            violations: Vec::new(),
            retry_after: None,
        }
    }

    /// Reads a status and its details. Details of a newer server that are not known here are passed over: what is known
    /// of the failure stands without them.
    fn read(status: &pb::Status) -> Self {
        let mut failure = Self::new(Code::from_i32(status.code), "", &status.message);
        for detail in &status.details {
            failure.add(detail);
        }
        failure
    }

    fn add(&mut self, detail: &Any) {
        match detail.type_url.rsplit('/').next() {
            Some("google.rpc.ErrorInfo") => {
                if let Ok(info) = pb::ErrorInfo::decode(&*detail.value) {
                    self.reason = info.reason;
                    self.metadata = info.metadata;
                }
            }
            Some("google.rpc.BadRequest") => {
                let known = pb::BadRequest::decode(&*detail.value).unwrap_or_default();
                self.violations.extend(known.field_violations.into_iter().map(Violation::from));
            }
            Some("google.rpc.RetryInfo") => {
                let known = pb::RetryInfo::decode(&*detail.value).unwrap_or_default();
                self.retry_after = known.retry_delay.as_ref().map(wire::std_duration);
            }
            _ => {}
        }
    }
}

impl From<pb::bad_request::FieldViolation> for Violation {
    fn from(given: pb::bad_request::FieldViolation) -> Self {
        Self { field: given.field, description: given.description }
    }
}

impl From<&pb::Status> for Error {
    fn from(status: &pb::Status) -> Self {
        Self::Refused(Box::new(Failure::read(status)))
    }
}

impl From<Status> for Error {
    fn from(status: Status) -> Self {
        if let Some(source) = std::error::Error::source(&status) {
            // No server said this: the connection broke, for which tonic has several codes.
            return Self::new(Code::Unavailable, "", described(status.message(), source));
        }
        let mut read = pb::Status::decode(status.details()).unwrap_or_default();
        read.code = status.code() as i32;
        read.message = status.message().to_owned();
        Self::from(&read)
    }
}

/// A message with its causes, for those of a broken connection say what to do and the message only that it broke.
fn described(message: &str, cause: &dyn std::error::Error) -> String {
    let mut text = message.to_owned();
    let mut next = Some(cause);
    while let Some(cause) = next {
        let said = cause.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        next = cause.source();
    }
    text
}

impl fmt::Display for Error {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => refusal.fmt(to),
            Self::TaskFailed(failed) => {
                let status = TaskStatus::try_from(failed.task.status).unwrap_or_default();
                let name = status.as_str_name().trim_start_matches("TASK_STATUS_");
                write!(to, "task {} ended as {name}: {}", failed.task.id, failed.failure)
            }
            Self::Output(_) => to.write_str("the output is not of the type that was asked for"),
            Self::Settings(fault) => write!(to, "a client cannot be made: {fault}"),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason.as_str() {
            "" => write!(to, "{:?}: {}", self.code, self.message)?,
            reason => write!(to, "{reason}: {}", self.message)?,
        }
        for violation in self.violations.iter().filter(|one| !self.message.contains(&one.description)) {
            write!(to, "; {}: {}", violation.field, violation.description)?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Output(cause) => Some(&**cause),
            _ => None,
        }
    }
}

impl From<serde_json::Error> for Error {
    fn from(cause: serde_json::Error) -> Self {
        Self::Output(Arc::new(cause))
    }
}

pub(crate) fn closed(what: &str) -> Error {
    Error::new(Code::Cancelled, "", format!("the {what} was closed"))
}

pub(crate) fn deadline_passed() -> Error {
    Error::new(Code::DeadlineExceeded, "", "the deadline of the call has passed")
}

pub(crate) fn closing(message: &str) -> Error {
    Error::new(Code::Unavailable, reason::CLOSING, message)
}

pub(crate) fn slow_reader(message: &str) -> Error {
    Error::new(Code::ResourceExhausted, reason::SLOW_READER, message)
}
