//! Takes the steps of a case, by the client's own means.

use std::collections::HashMap;

use millhand::v1::{self, CancelOutcome, RegisterMode, TaskStatus, TaskView};
use millhand::{CancelledAll, Client, Error, Execute, ListOptions, ReadOptions, Record, TaskResult};
use prost::Message;
use tokio_stream::{Stream, StreamExt};

use crate::player::{Eyes, Fault};
use crate::wire::{self, seen::What, step::Call, Step};
use crate::{load, sessions, values};

/// Takes a step. An error of the client's is what the step shows; any other is a fault of this program.
pub(crate) async fn take(client: &Client, eyes: &Eyes, step: Step) -> Result<(), Fault> {
    match step.call.ok_or("the schema has no such call")? {
        Call::Execute(call) => execute(client, eyes, call).await,
        Call::ExecuteRegistered(call) => execute_registered(client, eyes, call).await,
        Call::Register(task) => {
            eyes.saw(What::Task(client.register(values::task(task)?).await?));
            Ok(())
        }
        Call::RegisterMany(call) => register_many(client, eyes, call).await,
        Call::Get(call) => get(client, eyes, call).await,
        Call::List(call) => list(client, eyes, call).await,
        Call::Active(_) => show_tasks(eyes, client.active(), 0, "").await,
        Call::Cancel(call) => cancel(client, eyes, call).await,
        Call::CancelAll(call) => {
            let all = client.cancel_all(values::filter(call.filter)?, call.reason).await?;
            saw_cancelled(eyes, all);
            Ok(())
        }
        Call::CancelAllAndWait(call) => {
            let timeout = call.timeout.as_ref().map(values::time);
            let all = client.cancel_all_and_wait(values::filter(call.filter)?, call.reason, timeout).await?;
            saw_cancelled(eyes, all);
            Ok(())
        }
        Call::Wait(call) => {
            let timeout = call.timeout.as_ref().map(values::time);
            let waited = client.wait(values::filter(call.filter)?, timeout).await?;
            saw_waited(eyes, waited.done, &waited.counts);
            Ok(())
        }
        Call::Results(call) => results(client, eyes, call).await,
        Call::ResultsPage(call) => results_page(client, eyes, call).await,
        Call::Cancelled(call) => cancelled(client, eyes, call).await,
        Call::Session(call) => sessions::play(client, eyes, call).await,
        Call::Load(call) => load::measure(client, eyes, &call).await,
        other => ask_server(client, eyes, other).await,
    }
}

async fn ask_server(client: &Client, eyes: &Eyes, call: Call) -> Result<(), Fault> {
    match call {
        Call::Handlers(_) => {
            for handler in client.handlers().await? {
                eyes.saw(What::Handler(handler));
            }
            eyes.saw_end("");
        }
        Call::Info(_) => eyes.saw(What::Info(client.info().await?)),
        Call::Explain(call) => eyes.saw(What::Explanation(client.explain(call.id).await?)),
        Call::StartWorkers(call) => {
            let workers = client.start_workers(call.count, call.node_id).await?;
            let shown = v1::StartWorkersResponse { before: workers.before, after: workers.after };
            eyes.saw(What::Workers(shown));
        }
        Call::Shutdown(call) => {
            let counts = client.shutdown(call.mode()).await?;
            saw_waited(eyes, counts.is_empty(), &counts);
        }
        Call::Raw(call) => raw(client, eyes, call).await?,
        Call::CancelStep(name) => {
            eyes.cancel_step(&name);
            eyes.saw_end("");
        }
        Call::Pause(name) => eyes.pause(&name).await,
        Call::Close(_) => {
            client.close();
            eyes.saw_end("");
        }
        other => return Err(format!("this program has no call {other:?}").into()),
    }
    Ok(())
}

async fn execute(client: &Client, eyes: &Eyes, call: wire::Execute) -> Result<(), Fault> {
    let task = values::task(call.task.unwrap_or_default())?;
    let mut executing: Execute<()> = client.execute(task);
    if let Some(limit) = &call.retry_when_full {
        executing = executing.wait_for_room(values::time(limit));
    }
    run(eyes, executing, call.timeout, call.cancel_on_timeout).await
}

async fn execute_registered(client: &Client, eyes: &Eyes, call: wire::ExecuteRegistered) -> Result<(), Fault> {
    run(eyes, client.execute_registered(call.id), call.timeout, call.cancel_on_timeout).await
}

async fn run(
    eyes: &Eyes,
    mut executing: Execute<()>,
    timeout: Option<millhand::prost_types::Duration>,
    cancel_on_timeout: bool,
) -> Result<(), Fault> {
    if let Some(timeout) = &timeout {
        executing = executing.timeout(values::time(timeout));
    }
    if cancel_on_timeout {
        executing = executing.cancel_on_timeout();
    }
    let result = executing.result().await?;
    eyes.saw(What::Output(values::output(&result)?));
    Ok(())
}

async fn register_many(client: &Client, eyes: &Eyes, call: wire::RegisterMany) -> Result<(), Fault> {
    let mode = call.mode();
    let tasks = values::tasks(call.tasks)?;
    let answers = match mode {
        RegisterMode::PerItem => client.register_each(tasks).await?,
        _ => client.register_all(tasks).await?.into_iter().map(Ok).collect(),
    };
    for one in answers {
        eyes.saw(What::Registered(values::registered(one)));
    }
    Ok(())
}

async fn get(client: &Client, eyes: &Eyes, call: v1::GetTaskRequest) -> Result<(), Fault> {
    let task = match call.view() {
        TaskView::Full => client.get_full(call.id).await?,
        _ => client.get(call.id).await?,
    };
    eyes.saw(What::Task(task));
    Ok(())
}

async fn list(client: &Client, eyes: &Eyes, call: wire::List) -> Result<(), Fault> {
    let request = call.request.unwrap_or_default();
    let full = request.view() == TaskView::Full;
    let mut options =
        ListOptions::new(values::filter(request.filter)?).page_size(request.page_size).order_by(request.order_by);
    if full {
        options = options.full();
    }
    show_tasks(eyes, client.list(options), call.at_most, &call.pause).await
}

async fn show_tasks(
    eyes: &Eyes,
    mut tasks: impl Stream<Item = Result<v1::Task, Error>> + Unpin,
    at_most: i32,
    pause: &str,
) -> Result<(), Fault> {
    let mut count = 0;
    while let Some(task) = tasks.next().await {
        eyes.saw(What::Task(task?));
        count += 1;
        if count == 1 && !pause.is_empty() {
            eyes.pause(pause).await;
        }
        if count == at_most {
            break;
        }
    }
    eyes.saw_end("");
    Ok(())
}

async fn cancel(client: &Client, eyes: &Eyes, call: v1::CancelTaskRequest) -> Result<(), Fault> {
    let wait = call.wait.as_ref().map(values::time);
    let answer = client.cancel(call.id.clone(), call.reason, wait).await?;
    eyes.saw(What::Cancel(wire::CancelAnswer {
        id: call.id,
        outcome: answer.outcome.into(),
        task: Some(answer.task),
        failure: None,
    }));
    Ok(())
}

fn saw_cancelled(eyes: &Eyes, all: CancelledAll) {
    let count = |(outcome, count): (CancelOutcome, u32)| v1::CancelCount {
        outcome: outcome.into(),
        count: i32::try_from(count).unwrap_or(i32::MAX),
    };
    eyes.saw(What::CancelledAll(wire::CancelledAll {
        counts: all.counts.into_iter().map(count).collect(),
        still_running_ids: all.still_running_ids,
    }));
}

fn saw_waited(eyes: &Eyes, done: bool, counts: &HashMap<TaskStatus, u32>) {
    let count = |(&status, &count): (&TaskStatus, &u32)| v1::StatusCount {
        status: status.into(),
        count: i32::try_from(count).unwrap_or(i32::MAX),
    };
    eyes.saw(What::Waited(wire::Waited { done, counts: counts.iter().map(count).collect() }));
}

async fn results(client: &Client, eyes: &Eyes, call: wire::Results) -> Result<(), Fault> {
    let request = call.request.unwrap_or_default();
    let full = request.view() == TaskView::Full;
    let mut options = ReadOptions::new(values::filter(request.filter)?).after(eyes.after(&request.after));
    if request.follow {
        options = options.follow();
    }
    if request.close_on_completion {
        options = options.until_done();
    }
    if request.include_progress {
        options = options.include_progress();
    }
    if full {
        options = options.full();
    }
    let mut results = client.results(options).await?;
    eyes.saw_begun(results.cursor(), "");
    let shown = Shown { at_most: call.at_most, pause: call.pause, pause_after: call.pause_after, brief: call.brief };
    show_records(eyes, &mut results, shown).await?;
    eyes.saw_end(results.cursor());
    Ok(())
}

/// How much of a stream is shown, and how.
#[derive(Default)]
pub(crate) struct Shown {
    pub(crate) at_most: i32,
    pub(crate) pause: String,
    pub(crate) pause_after: i32,
    pub(crate) brief: bool,
}

pub(crate) async fn show_records(
    eyes: &Eyes,
    records: &mut (impl Stream<Item = Result<Record, Error>> + Unpin),
    shown: Shown,
) -> Result<(), Fault> {
    let mut count = 0;
    while let Some(record) = records.next().await {
        match record? {
            Record::Result(result) => {
                show_result(eyes, &result, shown.brief)?;
                count += 1;
                if count == shown.pause_after && !shown.pause.is_empty() {
                    eyes.pause(&shown.pause).await;
                }
            }
            Record::Gap(gap) => eyes.saw(What::Gap(gap)),
            Record::Progress(progress) => eyes.saw(What::Progress(progress)),
            Record::Cancelled(one) => {
                eyes.saw(What::CancelledTask(wire::CancelledTask { task: Some(one.task), cursor: one.cursor }));
                count += 1;
            }
            _ => return Err("this program does not know this kind of record".into()),
        }
        if shown.at_most > 0 && count == shown.at_most {
            break;
        }
    }
    Ok(())
}

fn show_result(eyes: &Eyes, result: &TaskResult, brief: bool) -> Result<(), Fault> {
    eyes.saw(What::Result(values::result(result, brief)?));
    Ok(())
}

async fn results_page(client: &Client, eyes: &Eyes, call: v1::GetResultsRequest) -> Result<(), Fault> {
    let after = eyes.after(&call.after);
    let page = client.results_page(values::filter(call.filter)?, after, call.page_size).await?;
    if let Some(gap) = page.gap {
        eyes.saw(What::Gap(gap));
    }
    for result in &page.results {
        show_result(eyes, result, false)?;
    }
    eyes.saw(What::Page(wire::Page { next_cursor: page.next_cursor }));
    Ok(())
}

async fn cancelled(client: &Client, eyes: &Eyes, call: wire::Cancelled) -> Result<(), Fault> {
    let request = call.request.unwrap_or_default();
    let mut cancelled = client.cancelled(eyes.after(&request.after), request.follow).await?;
    eyes.saw_begun(cancelled.cursor(), "");
    show_records(eyes, &mut cancelled, Shown { at_most: call.at_most, ..Default::default() }).await?;
    eyes.saw_end(cancelled.cursor());
    Ok(())
}

async fn raw(client: &Client, eyes: &Eyes, call: wire::Raw) -> Result<(), Fault> {
    if call.method != "GetTask" {
        return Err(format!("this program has no raw {}", call.method).into());
    }
    let request = v1::GetTaskRequest::decode(&*call.request)?;
    let response = client.stub().get_task(request).await.map_err(Error::from)?;
    eyes.saw(What::Raw(response.into_inner().encode_to_vec()));
    Ok(())
}
