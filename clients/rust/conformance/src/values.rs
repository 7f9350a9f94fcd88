//! Values and tasks, between what the schema says and what the client takes and gives.

use std::time::{Duration, SystemTime};

use millhand::v1::{self, task_spec::Due};
use millhand::{prost_types, Error, Filter, Payload, Registered, TaskResult, TaskSpec};
use prost_types::{Any, Timestamp};

use crate::player::Fault;
use crate::wire::{self, value::Kind, Value};

/// What a case says of a task, as the client takes it.
pub(crate) fn task(written: wire::Task) -> Result<TaskSpec, Fault> {
    let spec = written.spec.clone().unwrap_or_default();
    let mut task = with_payload(TaskSpec::new(spec.handler), &written)?
        .id(spec.id)
        .idempotency_key(spec.idempotency_key)
        .name(spec.name)
        .description(spec.description)
        .queue(spec.queue)
        .priority(spec.priority)
        .correlation_id(spec.correlation_id)
        .fairness_key(spec.fairness_key)
        .traceparent(spec.traceparent);
    for (key, value) in spec.labels {
        task = task.label(key, value);
    }
    task = match &spec.due {
        Some(Due::Delay(delay)) => task.delay(time(delay)),
        Some(Due::RunAt(at)) => task.run_at(moment(*at)?),
        None => task,
    };
    if let Some(deadline) = spec.deadline {
        task = task.deadline(moment(deadline)?);
    }
    task = given(task, &spec.timeout, TaskSpec::attempt_timeout);
    task = given(task, &spec.start_timeout, TaskSpec::start_timeout);
    task = given(task, &spec.heartbeat_timeout, TaskSpec::heartbeat_timeout);
    task = given(task, &spec.retry_delay, TaskSpec::retry_delay);
    if let Some(retries) = spec.retries {
        task = task.retries(retries);
    }
    if let Some(policy) = spec.retry_policy {
        task = task.retry_policy(policy);
    }
    Ok(task)
}

pub(crate) fn tasks(written: Vec<wire::Task>) -> Result<Vec<TaskSpec>, Fault> {
    written.into_iter().map(task).collect()
}

fn given(
    task: TaskSpec,
    limit: &Option<prost_types::Duration>,
    option: impl FnOnce(TaskSpec, Duration) -> TaskSpec,
) -> TaskSpec {
    match limit {
        Some(limit) => option(task, time(limit)),
        None => task,
    }
}

fn with_payload(task: TaskSpec, written: &wire::Task) -> Result<TaskSpec, Fault> {
    if !written.integer.is_empty() {
        return Ok(task.json(&written.integer.parse::<i64>()?));
    }
    if !written.not_a_number.is_empty() {
        return Ok(task.json(&written.not_a_number.parse::<f64>()?));
    }
    match written.payload.as_ref().and_then(|value| value.kind.as_ref()) {
        None => Ok(task),
        Some(Kind::Json(text)) => Ok(task.json(&serde_json::from_str::<serde_json::Value>(text)?)),
        Some(Kind::Blob(blob)) if blob.content_type.is_empty() => Ok(task.bytes(blob.data.clone())),
        Some(Kind::Blob(blob)) => Ok(task.blob(blob.data.clone(), blob.content_type.clone())),
        Some(Kind::Message(packed)) => with_message(task, packed),
    }
}

fn with_message(task: TaskSpec, packed: &Any) -> Result<TaskSpec, Fault> {
    match packed.type_url.rsplit('/').next() {
        Some("google.protobuf.Duration") => Ok(task.message(&packed.to_msg::<prost_types::Duration>()?)),
        Some("millhand.v1.TaskFilter") => Ok(task.message(&packed.to_msg::<v1::TaskFilter>()?)),
        _ => Err(format!("this program does not know the type of {}", packed.type_url).into()),
    }
}

/// What a handler returned, as the schema says it.
pub(crate) fn output(result: &TaskResult) -> Result<Value, Fault> {
    let kind = match result.output() {
        Some(Payload::Blob(blob)) => {
            Kind::Blob(wire::Blob { data: blob.data.clone(), content_type: blob.content_type.clone() })
        }
        Some(Payload::Message(packed)) => Kind::Message(unpacked(result, packed)?),
        _ => Kind::Json(result.json::<serde_json::Value>()?.to_string()),
    };
    Ok(Value { kind: Some(kind) })
}

/// A message that was read as one of the program's own types, and packed again.
fn unpacked(result: &TaskResult, packed: &Any) -> Result<Any, Fault> {
    if let Some(known) = result.message::<prost_types::Duration>() {
        return Ok(Any::from_msg(&known)?);
    }
    if let Some(known) = result.message::<v1::TaskFilter>() {
        return Ok(Any::from_msg(&known)?);
    }
    Err(format!("this program does not know the type of {}", packed.type_url).into())
}

pub(crate) fn result(result: &TaskResult, brief: bool) -> Result<wire::Result, Fault> {
    let failure = result.error().as_ref().map(failure);
    let output = if brief || failure.is_some() { None } else { Some(output(result)?) };
    Ok(wire::Result { task: Some(result.task().clone()), output, failure, cursor: result.cursor().to_owned() })
}

pub(crate) fn registered(one: Result<Registered, Error>) -> wire::Registered {
    match one {
        Ok(one) => wire::Registered { task: Some(one.task), created: one.created, failure: None },
        Err(error) => wire::Registered { failure: Some(failure(&error)), ..Default::default() },
    }
}

/// An error as a user would branch on it.
pub(crate) fn failure(error: &Error) -> wire::Failure {
    let kind = match error {
        Error::Refused(_) => "Error::Refused",
        Error::TaskFailed(_) => "Error::TaskFailed",
        Error::Output(_) => "Error::Output",
        _ => "Error",
    };
    let violations = error.violations().iter();
    wire::Failure {
        r#type: kind.to_owned(),
        code: error.code() as i32,
        reason: error.reason().to_owned(),
        metadata: error.metadata().clone(),
        violations: violations
            .map(|one| wire::Violation { field: one.field.clone(), description: one.description.clone() })
            .collect(),
        retry_after: error.retry_after().and_then(|delay| delay.try_into().ok()),
        message: error.message(),
        task: error.task().cloned(),
    }
}

pub(crate) fn filter(written: Option<v1::TaskFilter>) -> Result<Filter, Fault> {
    let written = written.unwrap_or_default();
    let statuses: Vec<_> = written.statuses().collect();
    let mut filter = Filter::all().labels(written.labels).correlation_id(written.correlation_id);
    filter = written.ids.into_iter().fold(filter, Filter::id);
    filter = written.handlers.into_iter().fold(filter, Filter::handler);
    filter = written.queues.into_iter().fold(filter, Filter::queue);
    filter = statuses.into_iter().fold(filter, Filter::status);
    if let Some(after) = written.created_after {
        filter = filter.created_after(moment(after)?);
    }
    if let Some(before) = written.created_before {
        filter = filter.created_before(moment(before)?);
    }
    Ok(filter)
}

pub(crate) fn time(given: &prost_types::Duration) -> Duration {
    Duration::try_from(*given).unwrap_or_default()
}

fn moment(given: Timestamp) -> Result<SystemTime, Fault> {
    Ok(given.try_into()?)
}
