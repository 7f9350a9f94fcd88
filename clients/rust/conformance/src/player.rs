//! Plays one case: a step is one use of the client, and what it shows is seen.

use std::collections::{HashMap, HashSet};
use std::error::Error;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use millhand::Client;
use tokio::sync::{mpsc, Notify};
use tokio::task::{AbortHandle, JoinHandle};

use crate::wire::{self, from_program, seen::What, FromProgram, Seen, Step};
use crate::{calls, values};

/// What keeps a step, or the case, from being played.
pub(crate) type Fault = Box<dyn Error + Send + Sync>;

pub(crate) struct Player {
    case: wire::Case,
    said: mpsc::UnboundedSender<FromProgram>,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    count: HashMap<String, i32>,
    cursors: HashMap<String, String>,
    gone_on: HashSet<String>,
    running: HashMap<String, AbortHandle>,
}

/// What a step sees with, and asks.
#[derive(Clone)]
pub(crate) struct Eyes {
    player: Arc<Player>,
    step: String,
}

impl Player {
    pub(crate) fn new(case: wire::Case, said: mpsc::UnboundedSender<FromProgram>) -> Arc<Self> {
        Arc::new(Self { case, said, state: Mutex::default(), changed: Notify::new() })
    }

    pub(crate) fn go_on(&self, pause: String) {
        self.lock().gone_on.insert(pause);
        self.changed.notify_waiters();
    }

    /// Takes all steps, and waits for those in the background.
    pub(crate) async fn play(self: Arc<Self>) -> Result<(), Fault> {
        let client = client_of(self.case.connection.clone().unwrap_or_default())?;
        let mut background = Vec::new();
        for step in self.case.steps.clone() {
            let wanted = step.after_count.max(1);
            self.until(|state| {
                step.after_step.is_empty() || state.count.get(&step.after_step).is_some_and(|&seen| seen >= wanted)
            })
            .await;
            let is_background = step.background;
            let taking = self.start(&client, step);
            if is_background {
                background.push(taking);
            } else {
                taking.await??;
            }
        }
        for taking in background {
            taking.await??;
        }
        Ok(())
    }

    /// Starts a step in a task of its own, so that it can be aborted.
    fn start(self: &Arc<Self>, client: &Client, step: Step) -> JoinHandle<Result<(), Fault>> {
        let eyes = Eyes { player: Arc::clone(self), step: step.name.clone() };
        let client = match &step.deadline {
            Some(deadline) => client.with_deadline(values::time(deadline)),
            None => client.clone(),
        };
        let taking = tokio::spawn({
            let eyes = eyes.clone();
            async move { calls::take(&client, &eyes, step).await }
        });
        self.lock().running.insert(eyes.step.clone(), taking.abort_handle());
        tokio::spawn(async move {
            match taking.await {
                // Cancelling is dropping the future, which shows nothing: this is the word for it.
                Err(fault) if fault.is_cancelled() => {
                    eyes.saw(What::Failure(wire::Failure {
                        r#type: "dropped".to_owned(),
                        code: tonic::Code::Cancelled as i32,
                        ..Default::default()
                    }));
                    Ok(())
                }
                Err(fault) => Err(fault.into()),
                Ok(Err(fault)) => match fault.downcast::<millhand::Error>() {
                    Ok(error) => {
                        eyes.saw(What::Failure(values::failure(&error)));
                        Ok(())
                    }
                    Err(fault) => Err(fault),
                },
                Ok(Ok(())) => Ok(()),
            }
        })
    }

    async fn until(&self, mut holds: impl FnMut(&State) -> bool) {
        loop {
            let changed = self.changed.notified();
            if holds(&self.lock()) {
                return;
            }
            changed.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Eyes {
    /// Tells the runner what the step has shown.
    pub(crate) fn saw(&self, what: What) {
        let mut state = self.player.lock();
        if let Some(cursor) = cursor_in(&what).filter(|cursor| !cursor.is_empty()) {
            state.cursors.insert(self.step.clone(), cursor.to_owned());
        }
        *state.count.entry(self.step.clone()).or_default() += 1;
        let seen = Seen { step: self.step.clone(), what: Some(what) };
        // Without a runner nobody is there to be told: its end is the end of the input.
        drop(self.player.said.send(FromProgram { kind: Some(from_program::Kind::Seen(seen)) }));
        drop(state);
        self.player.changed.notify_waiters();
    }

    pub(crate) fn saw_end(&self, cursor: &str) {
        self.saw(What::Ended(wire::Ended { cursor: cursor.to_owned() }));
    }

    pub(crate) fn saw_begun(&self, cursor: &str, session_id: &str) {
        self.saw(What::Begun(wire::Begun { cursor: cursor.to_owned(), session_id: session_id.to_owned() }));
    }

    /// Tells the runner that the step has come here, and waits for its word.
    pub(crate) async fn pause(&self, name: &str) {
        self.saw(What::Paused(name.to_owned()));
        self.player.until(|state| state.gone_on.contains(name)).await;
    }

    /// The cursor that a case means.
    pub(crate) fn after(&self, after: &str) -> String {
        match after.strip_prefix('$') {
            Some(step) => self.player.lock().cursors.get(step).cloned().unwrap_or_default(),
            None => after.to_owned(),
        }
    }

    /// Cancels a step of the background the way the language has it.
    pub(crate) fn cancel_step(&self, name: &str) {
        if let Some(running) = self.player.lock().running.get(name) {
            running.abort();
        }
    }
}

fn cursor_in(what: &What) -> Option<&str> {
    match what {
        What::Ended(ended) => Some(&ended.cursor),
        What::Result(result) => Some(&result.cursor),
        What::Gap(gap) => Some(&gap.to_cursor),
        What::Begun(begun) => Some(&begun.cursor),
        What::Page(page) => Some(&page.next_cursor),
        What::CancelledTask(task) => Some(&task.cursor),
        _ => None,
    }
}

fn client_of(connection: wire::Connection) -> Result<Client, millhand::Error> {
    let mut builder = Client::builder(connection.address).patience(Duration::from_secs(120));
    if !connection.ca_pem.is_empty() {
        builder = builder.ca_certificate(&connection.ca_pem);
    }
    if !connection.certificate_pem.is_empty() {
        builder = builder.identity(&connection.certificate_pem, &connection.key_pem);
    }
    if !connection.token.is_empty() {
        builder = builder.token(connection.token);
    }
    if connection.insecure_token {
        builder = builder.insecure_token();
    }
    builder.build()
}
