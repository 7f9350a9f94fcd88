//! Tasks as they are asked for, and which of those that exist are meant.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use serde::Serialize;
use uuid::Uuid;

use crate::payload::{self, Payload};
use crate::v1::{self, task_spec::Due, TaskStatus};
use crate::{reason, wire, Error};

/// What to run. The handler is all that it must have; what is left out is the handler's or the server's choice.
///
/// ```
/// use millhand::TaskSpec;
/// use serde_json::json;
///
/// let task = TaskSpec::new("word_count")
///     .json(&json!({"text": "to be or not to be"}))
///     .label("page", "1")
///     .retries(2);
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct TaskSpec {
    spec: v1::TaskSpec,
    /// The first thing that was given and cannot be sent. It is told where the task is used, so that building is one
    /// expression.
    fault: Option<Error>,
}

impl TaskSpec {
    /// A task for the handler of this name.
    pub fn new(handler: impl Into<String>) -> Self {
        Self { spec: v1::TaskSpec { handler: handler.into(), ..Default::default() }, fault: None }
    }

    /// Gives the handler a value as JSON.
    ///
    /// JSON numbers are doubles: NaN, infinities, and integers beyond 2^53 either way are refused with
    /// [`INVALID_PAYLOAD`](crate::reason::INVALID_PAYLOAD) and their path, when the task is used.
    pub fn json<T: Serialize + ?Sized>(mut self, value: &T) -> Self {
        match payload::to_json(value) {
            Ok(json) => self.payload(Payload::Json(json)),
            Err(fault) => {
                self.fault.get_or_insert(fault);
                self
            }
        }
    }

    /// Gives the handler bytes.
    pub fn bytes(self, data: impl Into<Vec<u8>>) -> Self {
        self.blob(data, "")
    }

    /// Gives the handler bytes that say what they are, such as `image/png`.
    pub fn blob(self, data: impl Into<Vec<u8>>, content_type: impl Into<String>) -> Self {
        self.payload(Payload::Blob(v1::Blob { content_type: content_type.into(), data: data.into() }))
    }

    /// Gives the handler a generated message, whose type the server must know.
    pub fn message<M: prost::Name>(mut self, message: &M) -> Self {
        match prost_types::Any::from_msg(message) {
            Ok(packed) => self.payload(Payload::Message(packed)),
            Err(fault) => {
                let fault = Error::unsendable(reason::INVALID_PAYLOAD, "payload", fault.to_string());
                self.fault.get_or_insert(fault);
                self
            }
        }
    }

    /// Gives the handler a payload as the contract has it.
    pub fn payload(mut self, payload: Payload) -> Self {
        self.spec.payload = Some(v1::Payload { kind: Some(payload) });
        self
    }

    /// Names the task. The client makes an id unless there is an idempotency key, so that registering may be repeated.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.spec.id = id.into();
        self
    }

    /// Makes one task of all registrations with the same key.
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.spec.idempotency_key = key.into();
        self
    }

    /// A name for people.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.spec.name = name.into();
        self
    }

    /// A description for people.
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.spec.description = description.into();
        self
    }

    /// The queue in which it waits.
    pub fn queue(mut self, queue: impl Into<String>) -> Self {
        self.spec.queue = queue.into();
        self
    }

    /// How urgent it is, from -100 to 100: lower runs first, 0 is normal.
    pub fn priority(mut self, priority: i32) -> Self {
        self.spec.priority = priority;
        self
    }

    /// Adds a label to filter by.
    pub fn label(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.spec.labels.insert(key.into(), value.into());
        self
    }

    /// An id of your own to find it by.
    pub fn correlation_id(mut self, id: impl Into<String>) -> Self {
        self.spec.correlation_id = id.into();
        self
    }

    /// Whose share of the workers it uses. Refused by servers so far.
    pub fn fairness_key(mut self, key: impl Into<String>) -> Self {
        self.spec.fairness_key = key.into();
        self
    }

    /// The W3C trace that it belongs to.
    pub fn traceparent(mut self, traceparent: impl Into<String>) -> Self {
        self.spec.traceparent = traceparent.into();
        self
    }

    /// Does not start before this time has passed. Replaces [`run_at`](Self::run_at).
    pub fn delay(mut self, delay: Duration) -> Self {
        self.spec.due = Some(Due::Delay(wire::duration(delay)));
        self
    }

    /// Does not start before this moment. Replaces [`delay`](Self::delay).
    pub fn run_at(mut self, moment: SystemTime) -> Self {
        self.spec.due = Some(Due::RunAt(wire::timestamp(moment)));
        self
    }

    /// Ends at this moment at the latest.
    pub fn deadline(mut self, moment: SystemTime) -> Self {
        self.spec.deadline = Some(wire::timestamp(moment));
        self
    }

    /// How long one attempt may run; zero is no limit.
    pub fn attempt_timeout(mut self, limit: Duration) -> Self {
        self.spec.timeout = Some(wire::duration(limit));
        self
    }

    /// How long it may wait for its first start; zero is no limit.
    pub fn start_timeout(mut self, limit: Duration) -> Self {
        self.spec.start_timeout = Some(wire::duration(limit));
        self
    }

    /// How long its handler may be silent; zero is no limit. Refused by servers so far.
    pub fn heartbeat_timeout(mut self, limit: Duration) -> Self {
        self.spec.heartbeat_timeout = Some(wire::duration(limit));
        self
    }

    /// The attempts after the first one that may fail.
    pub fn retries(mut self, retries: i32) -> Self {
        self.spec.retries = Some(retries);
        self
    }

    /// The delay before the first retry.
    pub fn retry_delay(mut self, delay: Duration) -> Self {
        self.spec.retry_delay = Some(wire::duration(delay));
        self
    }

    /// How the delay grows, and which reasons are not retried.
    pub fn retry_policy(mut self, policy: v1::RetryPolicy) -> Self {
        self.spec.retry_policy = Some(policy);
        self
    }

    /// The task as it is sent, with an id unless a key stands in for one.
    pub(crate) fn into_message(self) -> Result<v1::TaskSpec, Error> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let mut spec = self.spec;
        if spec.id.is_empty() && spec.idempotency_key.is_empty() {
            spec.id = new_id();
        }
        Ok(spec)
    }
}

/// A task as it is sent, for those who have the message already. Its payload is sent as it is.
impl From<v1::TaskSpec> for TaskSpec {
    fn from(spec: v1::TaskSpec) -> Self {
        Self { spec, fault: None }
    }
}

/// The tasks as they are sent, or what is wrong with the first that cannot be.
pub(crate) fn messages(tasks: impl IntoIterator<Item = TaskSpec>) -> Result<Vec<v1::TaskSpec>, Error> {
    tasks.into_iter().map(TaskSpec::into_message).collect()
}

/// A new id. Ids order by time, so that a database keeps neighbours together.
pub(crate) fn new_id() -> String {
    Uuid::now_v7().to_string()
}

/// Which tasks are meant: all kinds of condition must match, of the values of one any, of the labels all. A filter
/// without conditions, as [`Filter::all`] makes it, means every task.
///
/// ```
/// use millhand::Filter;
///
/// let reports = Filter::all().handler("report").label("page", "1");
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Filter {
    filter: v1::TaskFilter,
    /// The first list that came out empty.
    empty: Option<&'static str>,
}

impl Filter {
    /// Every task.
    pub fn all() -> Self {
        Self::default()
    }

    /// Tasks with one of these ids. An empty list is refused when the filter is used: on the wire it would be no
    /// condition at all, and mean everybody's tasks.
    pub fn ids<I: Into<String>>(mut self, ids: impl IntoIterator<Item = I>) -> Self {
        let before = self.filter.ids.len();
        self.filter.ids.extend(ids.into_iter().map(Into::into));
        if self.filter.ids.len() == before {
            self.empty.get_or_insert("ids");
        }
        self
    }

    /// Tasks with this id, or another one that was given.
    pub fn id(self, id: impl Into<String>) -> Self {
        self.ids([id])
    }

    /// Tasks for this handler, or another one that was given.
    pub fn handler(mut self, handler: impl Into<String>) -> Self {
        self.filter.handlers.push(handler.into());
        self
    }

    /// Tasks of this queue, or another one that was given.
    pub fn queue(mut self, queue: impl Into<String>) -> Self {
        self.filter.queues.push(queue.into());
        self
    }

    /// Tasks with this status, or another one that was given.
    pub fn status(mut self, status: TaskStatus) -> Self {
        self.filter.statuses.push(status.into());
        self
    }

    /// Tasks with this label, and all others that were given.
    pub fn label(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.filter.labels.insert(key.into(), value.into());
        self
    }

    /// Tasks with all of these labels.
    pub fn labels(mut self, labels: HashMap<String, String>) -> Self {
        self.filter.labels.extend(labels);
        self
    }

    /// Tasks with this correlation id.
    pub fn correlation_id(mut self, id: impl Into<String>) -> Self {
        self.filter.correlation_id = id.into();
        self
    }

    /// Tasks registered at this moment or later.
    pub fn created_after(mut self, moment: SystemTime) -> Self {
        self.filter.created_after = Some(wire::timestamp(moment));
        self
    }

    /// Tasks registered before this moment.
    pub fn created_before(mut self, moment: SystemTime) -> Self {
        self.filter.created_before = Some(wire::timestamp(moment));
        self
    }

    /// The filter as it is sent.
    pub(crate) fn into_message(self) -> Result<v1::TaskFilter, Error> {
        match self.empty {
            None => Ok(self.filter),
            Some(list) => Err(Error::unsendable(
                reason::INVALID_ARGUMENT,
                &format!("filter.{list}"),
                "is an empty list, which would match every task: leave it out to mean that",
            )),
        }
    }
}

/// A filter as it is sent, for those who have the message already.
impl From<v1::TaskFilter> for Filter {
    fn from(filter: v1::TaskFilter) -> Self {
        Self { filter, empty: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_gets_an_id_unless_a_key_stands_in_for_one() {
        let named = TaskSpec::new("echo").id("a").into_message().unwrap();
        let keyed = TaskSpec::new("echo").idempotency_key("k").into_message().unwrap();
        let made = TaskSpec::new("echo").into_message().unwrap();

        assert_eq!(named.id, "a");
        assert_eq!(keyed.id, "");
        assert_eq!(Uuid::parse_str(&made.id).unwrap().get_version_num(), 7);
    }

    #[test]
    fn a_payload_that_cannot_be_sent_is_told_when_the_task_is_used() {
        let error = TaskSpec::new("echo").json(&f64::NAN).retries(1).into_message().unwrap_err();

        assert_eq!(error.reason(), reason::INVALID_PAYLOAD);
    }

    #[test]
    fn an_empty_list_of_ids_is_refused() {
        let error = Filter::all().ids(Vec::<String>::new()).into_message().unwrap_err();

        assert_eq!(error.reason(), reason::INVALID_ARGUMENT);
        assert_eq!(error.violations()[0].field, "filter.ids");
    }

    #[test]
    fn the_later_of_delay_and_moment_counts() {
        let spec =
            TaskSpec::new("echo").run_at(SystemTime::now()).delay(Duration::from_secs(3)).into_message().unwrap();

        assert!(matches!(spec.due, Some(Due::Delay(delay)) if delay.seconds == 3));
    }
}
