//! Plays a session, from its opening to its end.

use millhand::v1::{self, RegisterMode, SubscribeScope, TaskView};
use millhand::{Client, PendingRegistration, Session, SubscribeOptions};
use tokio::task::JoinSet;

use crate::calls::{show_records, Shown};
use crate::player::{Eyes, Fault};
use crate::values;
use crate::wire::{self, seen::What, session_act::Kind, SessionAct};

pub(crate) async fn play(client: &Client, eyes: &Eyes, call: wire::Session) -> Result<(), Fault> {
    let session = if call.session_id.is_empty() { client.session() } else { client.resume_session(call.session_id) };
    if let Some(subscribe) = call.subscribe {
        self::subscribe(eyes, &session, subscribe).await?;
    }
    eyes.saw_begun(&session.cursor(), session.id());
    let mut pipelined = JoinSet::new();
    for act in call.acts {
        self::act(eyes, &session, act, &mut pipelined).await?;
    }
    if call.finish {
        session.finish();
    }
    if call.finish || call.at_most > 0 {
        let shown =
            Shown { at_most: call.at_most, pause: call.pause, pause_after: call.pause_after, brief: call.brief };
        show_records(eyes, &mut session.records(), shown).await?;
    }
    pipelined.join_all().await;
    eyes.saw_end(&session.cursor());
    Ok(())
}

async fn act(eyes: &Eyes, session: &Session, act: SessionAct, pipelined: &mut JoinSet<()>) -> Result<(), Fault> {
    match act.kind.ok_or("the schema has no such act")? {
        Kind::Register(register) => {
            let mode =
                if register.mode() == RegisterMode::PerItem { RegisterMode::PerItem } else { RegisterMode::Atomic };
            let answer = session.register_soon(values::tasks(register.tasks)?, mode).await?;
            if act.pipelined {
                let eyes = eyes.clone();
                pipelined.spawn(async move { saw_registered(&eyes, answer).await });
            } else {
                saw_registered(eyes, answer).await;
            }
        }
        Kind::Cancel(cancel) => {
            let answers = session.cancel(cancel.ids.clone(), cancel.reason).await?;
            for (id, answer) in cancel.ids.into_iter().zip(answers) {
                let (outcome, failure) = match answer {
                    Ok(outcome) => (outcome.into(), None),
                    Err(error) => (0, Some(values::failure(&error))),
                };
                eyes.saw(What::Cancel(wire::CancelAnswer { id, outcome, task: None, failure }));
            }
        }
        Kind::Subscribe(subscribe) => self::subscribe(eyes, session, subscribe).await?,
        Kind::Unsubscribe(_) => eyes.saw_begun(&session.unsubscribe().await?, ""),
    }
    Ok(())
}

async fn saw_registered(eyes: &Eyes, answer: PendingRegistration) {
    for one in answer.await.unwrap_or_else(|error| vec![Err(error)]) {
        eyes.saw(What::Registered(values::registered(one)));
    }
}

async fn subscribe(eyes: &Eyes, session: &Session, call: v1::SessionSubscribe) -> Result<(), Fault> {
    let (scope, full) = (call.scope(), call.view() == TaskView::Full);
    let filter = values::filter(call.filter)?;
    let mut options = match scope {
        SubscribeScope::Filter => SubscribeOptions::everyone(filter),
        _ => SubscribeOptions::own().filter(filter),
    };
    options = options.after(eyes.after(&call.after));
    if call.include_progress {
        options = options.include_progress();
    }
    if full {
        options = options.full();
    }
    session.subscribe(options).await?;
    Ok(())
}
