//! A session across connections: what is unanswered, what is unread, and how it opens again.
//!
//! A broken stream is opened anew under the same session id. Requests without an answer are sent again, which their
//! tasks' ids make harmless, and results start behind what was read: those that were not are dropped and given again.

use std::collections::{HashMap, HashSet, VecDeque};

use tokio::sync::oneshot;
use tonic::Code;

use crate::error::{closing, slow_reader};
use crate::record::{Record, TaskResult};
use crate::v1::{
    self, session_request::Kind as Ask, session_response::Kind as Answer, EndReason, RegisterMode, SessionRequest,
    SessionResponse,
};
use crate::{reason, Error};

/// The number of results that a stream may bring before it is given more credit, unless its server says otherwise.
const START_CREDIT: usize = 1000;

/// What a response means for the stream that brought it.
pub(crate) enum Next {
    /// It goes on.
    Response,
    /// Nothing more is to come.
    Over,
    /// The credit was spent; another stream brings more once what is there was read.
    CreditSpent,
    /// This stream is over.
    Lost(Error),
}

/// What a request will be answered with.
pub(crate) type Answered = Result<SessionResponse, Error>;

struct Pending {
    request: SessionRequest,
    answer: oneshot::Sender<Answered>,
}

/// A record, and where its reader stands once it has taken it; empty in the midst of a frame.
struct Unread {
    record: Record,
    cursor: String,
}

/// The state of a session. Its owner guards it.
#[derive(Default)]
pub(crate) struct SessionState {
    id: String,
    /// Everything up to here was read. It moves frame by frame, for a frame may hold results that are older than those
    /// before it.
    cursor: String,
    finished: bool,
    pending: VecDeque<Pending>,
    unread: VecDeque<Unread>,
    subscription: Option<v1::SessionSubscribe>,
    /// The tasks whose results were read behind the cursor, and would come again after a reconnect.
    read_behind: HashSet<String>,
    /// Tasks that others had registered first: ours on a stream only once it has registered them, too.
    adopted: HashMap<String, v1::TaskSpec>,
    /// The results that were read and are not credited again yet.
    read_since: usize,
    /// The number of results that this stream may bring before it is given more credit.
    credit: usize,
    number: u64,
}

impl SessionState {
    pub(crate) fn new(id: String) -> Self {
        Self { id, credit: START_CREDIT, ..Self::default() }
    }

    pub(crate) fn cursor(&self) -> &str {
        &self.cursor
    }

    pub(crate) fn finish(&mut self) {
        self.finished = true;
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.finished
    }

    pub(crate) fn has_unread(&self) -> bool {
        !self.unread.is_empty()
    }

    pub(crate) fn pending(&self) -> usize {
        self.pending.len()
    }

    /// What a new stream starts with: who we are, the subscription as far as it was read, and what is unanswered.
    pub(crate) fn opening(&mut self) -> Vec<SessionRequest> {
        self.unread.clear();
        self.read_since = 0;
        self.credit = START_CREDIT;
        let hello = v1::SessionHello { client_name: "rust".to_owned(), session_id: self.id.clone() };
        let mut requests = vec![request("hello", Ask::Hello(hello))];
        if let Some(subscription) = &self.subscription {
            let mut again = subscription.clone();
            if !self.cursor.is_empty() {
                again.after.clone_from(&self.cursor);
            }
            requests.push(request("resume", Ask::Subscribe(again)));
        }
        for spec in self.adopted.values() {
            let register = v1::SessionRegister { tasks: vec![spec.clone()], mode: RegisterMode::PerItem.into() };
            requests.push(request("adopt", Ask::Register(register)));
        }
        requests.extend(self.pending.iter().map(|pending| pending.request.clone()));
        requests
    }

    /// Takes a request in, and gives it back as it is sent, with what its answer comes through.
    pub(crate) fn ask(&mut self, kind: Ask) -> (SessionRequest, oneshot::Receiver<Answered>) {
        self.number += 1;
        let asked = request(&self.number.to_string(), kind);
        let (answer, coming) = oneshot::channel();
        self.pending.push_back(Pending { request: asked.clone(), answer });
        (asked, coming)
    }

    /// Takes one response in.
    pub(crate) fn receive(&mut self, response: SessionResponse) -> Next {
        match response.kind {
            Some(Answer::Results(results)) => self.take_results(results),
            Some(Answer::Progress(progress)) => self.take_progress(progress),
            Some(Answer::Gap(gap)) => {
                let cursor = gap.to_cursor.clone();
                self.unread.push_back(Unread { record: Record::Gap(gap), cursor });
            }
            Some(Answer::Goodbye(goodbye)) => return self.goodbye(&goodbye),
            Some(Answer::Error(error)) => return self.refused(&response.request_id, error),
            Some(Answer::Registered(_) | Answer::Cancelled(_) | Answer::Subscribed(_) | Answer::Unsubscribed(_)) => {
                self.answered(response)
            }
            Some(Answer::Welcome(welcome)) => self.welcomed(&welcome),
            Some(Answer::Pong(_) | Answer::Credited(_)) | None => {}
        }
        Next::Response
    }

    /// The oldest unread record, which counts as read from now on.
    pub(crate) fn take(&mut self) -> Option<Record> {
        let item = self.unread.pop_front()?;
        if let Record::Result(result) = &item.record {
            self.read_since += 1;
            self.adopted.remove(&result.task().id);
            self.read_behind.insert(result.task().id.clone());
        }
        self.advance(item.cursor);
        Some(item.record)
    }

    /// New credit for what was read, once that is half of what a stream starts with.
    pub(crate) fn credit_due(&mut self) -> Option<SessionRequest> {
        if self.finished || self.read_since * 2 < self.credit {
            return None;
        }
        let results = i32::try_from(std::mem::take(&mut self.read_since)).unwrap_or(i32::MAX);
        Some(request("", Ask::Credit(v1::SessionCredit { results })))
    }

    /// Answers everything that is unanswered: nothing will come any more.
    pub(crate) fn give_up(&mut self, error: &Error) {
        for pending in self.pending.drain(..) {
            answer(pending, Err(error.clone()));
        }
    }

    fn welcomed(&mut self, welcome: &v1::SessionWelcome) {
        if let Some(credit) = usize::try_from(welcome.credit).ok().filter(|&credit| credit > 0) {
            self.credit = credit;
        }
    }

    fn take_results(&mut self, results: v1::SessionResults) {
        for message in results.results {
            let result = TaskResult::new(message);
            if self.read_behind.contains(&result.task().id) {
                self.read_since += 1;
            } else {
                self.unread.push_back(Unread { record: Record::Result(result), cursor: String::new() });
            }
        }
        self.advance_behind_unread(results.cursor);
    }

    /// Replaces an unread progress of the same task: a reader that pauses holds at most one of each.
    fn take_progress(&mut self, update: v1::ProgressUpdate) {
        for item in &mut self.unread {
            if let Record::Progress(waiting) = &mut item.record {
                if waiting.task_id == update.task_id {
                    *waiting = update;
                    return;
                }
            }
        }
        self.unread.push_back(Unread { record: Record::Progress(update), cursor: String::new() });
    }

    fn answered(&mut self, response: SessionResponse) {
        let Some(pending) = self.settled(&response.request_id) else {
            return; // The answer to what a new stream started with.
        };
        match (&response.kind, &pending.request.kind) {
            (Some(Answer::Registered(registered)), Some(Ask::Register(register))) => {
                self.adopt(&register.tasks, &registered.results);
            }
            (Some(Answer::Subscribed(subscribed)), Some(Ask::Subscribe(subscribe))) => {
                self.subscription = Some(subscribe.clone());
                self.advance_behind_unread(subscribed.cursor.clone());
            }
            (Some(Answer::Unsubscribed(_)), _) => self.subscription = None,
            _ => {}
        }
        answer(pending, Ok(response));
    }

    fn adopt(&mut self, specs: &[v1::TaskSpec], answers: &[v1::RegisterResult]) {
        for (spec, one) in specs.iter().zip(answers) {
            if let Some(task) = one.task.as_ref().filter(|task| task.session_id != self.id) {
                self.adopted.insert(task.id.clone(), spec.clone());
            }
        }
    }

    fn refused(&mut self, request_id: &str, refusal: v1::SessionError) -> Next {
        let error = Error::from(&refusal.status.unwrap_or_default());
        if error.reason() == reason::CLOSING {
            // The goodbye is on its way; the next stream sends the request again.
            return Next::Response;
        }
        match self.settled(request_id) {
            Some(pending) => {
                answer(pending, Err(error));
                Next::Response
            }
            None => Next::Lost(error),
        }
    }

    /// Takes a request out that has its answer.
    fn settled(&mut self, id: &str) -> Option<Pending> {
        let index = self.pending.iter().position(|pending| pending.request.request_id == id)?;
        self.pending.remove(index)
    }

    fn goodbye(&mut self, goodbye: &v1::SessionGoodbye) -> Next {
        self.advance_behind_unread(goodbye.cursor.clone());
        match goodbye.reason() {
            EndReason::Shutdown => Next::Lost(closing("the server is shutting down")),
            EndReason::CreditSpent => Next::CreditSpent,
            EndReason::SlowReader => Next::Lost(slow_reader("the session did not keep up")),
            _ => Next::Over,
        }
    }

    /// Moves the reader on to a cursor, as soon as it has read what came before it.
    fn advance_behind_unread(&mut self, cursor: String) {
        if cursor.is_empty() {
            return;
        }
        match self.unread.back_mut() {
            Some(last) => last.cursor = cursor,
            None => self.advance(cursor),
        }
    }

    fn advance(&mut self, cursor: String) {
        if !cursor.is_empty() {
            self.cursor = cursor;
            self.read_behind.clear();
        }
    }
}

/// A stream that ended without saying why.
pub(crate) fn cut() -> Error {
    Error::new(Code::Unavailable, "", "the session's stream ended without a goodbye")
}

fn request(id: &str, kind: Ask) -> SessionRequest {
    SessionRequest { request_id: id.to_owned(), kind: Some(kind) }
}

fn answer(pending: Pending, with: Answered) {
    // Who asked may be gone; the answer is of no use to anybody else.
    drop(pending.answer.send(with));
}
