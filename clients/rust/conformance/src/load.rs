//! Measures how many tasks a second go through one connection.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

use millhand::v1::RegisterMode;
use millhand::{Client, Record, Session, SubscribeOptions, TaskSpec};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::player::{Eyes, Fault};
use crate::values;
use crate::wire::{self, seen::What};

pub(crate) async fn measure(client: &Client, eyes: &Eyes, call: &wire::Load) -> Result<(), Fault> {
    let began = Instant::now();
    let end = began + call.duration.as_ref().map(values::time).unwrap_or_default();
    let tasks = match call.batch {
        0 => unary(client, call, end).await?,
        _ => pipelined(client, call, end).await?,
    };
    let rate = wire::Rate { tasks: i64::try_from(tasks)?, seconds: began.elapsed().as_secs_f64() };
    eyes.saw(What::Rate(rate));
    Ok(())
}

fn echo() -> TaskSpec {
    TaskSpec::new("echo").json("x")
}

async fn unary(client: &Client, call: &wire::Load, end: Instant) -> Result<u64, Fault> {
    let count = Arc::new(AtomicU64::new(0));
    let mut all = JoinSet::new();
    for _ in 0..call.in_flight {
        let (client, count) = (client.clone(), Arc::clone(&count));
        all.spawn(async move {
            while Instant::now() < end {
                let echoed: String = client.execute(echo()).await?;
                if echoed != "x" {
                    return Err(Fault::from(format!("the echo was {echoed}")));
                }
                count.fetch_add(1, Ordering::Relaxed);
            }
            Ok(())
        });
    }
    for ended in all.join_all().await {
        ended?;
    }
    Ok(count.load(Ordering::Relaxed))
}

async fn pipelined(client: &Client, call: &wire::Load, end: Instant) -> Result<u64, Fault> {
    let session = Arc::new(client.session());
    session.subscribe(SubscribeOptions::own()).await?;
    let room = Arc::new(Semaphore::new(usize::try_from(call.in_flight)?));
    let reading = tokio::spawn(read(Arc::clone(&session), Arc::clone(&room)));
    let batch = u32::try_from(call.batch)?;
    let mut sent = 0;
    while Instant::now() < end {
        room.acquire_many(batch).await?.forget();
        let tasks = (0..batch).map(|_| echo());
        drop(session.register_soon(tasks, RegisterMode::Atomic).await?);
        sent += u64::from(batch);
    }
    session.finish();
    let came = reading.await??;
    if came != sent {
        return Err(format!("{came} of {sent} tasks came back").into());
    }
    Ok(sent)
}

/// Reads all results, and says how many tasks had the right one.
async fn read(session: Arc<Session>, room: Arc<Semaphore>) -> Result<u64, Fault> {
    let mut came = HashSet::new();
    while let Some(record) = session.next().await {
        if let Record::Result(result) = record? {
            if result.value() == Some("x".into()) && came.insert(result.task().id.clone()) {
                room.add_permits(1);
            }
        }
    }
    Ok(u64::try_from(came.len())?)
}
