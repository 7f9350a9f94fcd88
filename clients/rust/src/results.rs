//! Reading the log of results, across lost connections and restarts of the server.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::time::Instant;
use tokio_stream::{Stream, StreamExt};
use tonic::Code;

use crate::client::{Client, Stub};
use crate::error::{closing, slow_reader};
use crate::record::{CancelledTask, Record, TaskResult};
use crate::retry::Patience;
use crate::v1::{self, EndReason, TaskView};
use crate::{Error, Filter};

/// From where to read the log of results and how far, and of which tasks.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct ReadOptions {
    filter: Filter,
    request: v1::StreamResultsRequest,
}

impl ReadOptions {
    /// Results of the tasks that match; all that are retained, and then it ends.
    pub fn new(filter: Filter) -> Self {
        Self { filter, request: v1::StreamResultsRequest::default() }
    }

    /// Goes on behind this cursor; `"0"` is the oldest retained. Otherwise, and for an empty one, it starts from now on
    /// if it follows and the filter has no ids, and with everything retained if not.
    pub fn after(mut self, cursor: impl Into<String>) -> Self {
        self.request.after = cursor.into();
        self
    }

    /// Waits for more once everything there is was given.
    pub fn follow(mut self) -> Self {
        self.request.follow = true;
        self
    }

    /// Ends when every task of the filter's ids has ended; those that had ended before are given.
    pub fn until_done(mut self) -> Self {
        self.request.close_on_completion = true;
        self
    }

    /// Gives [`Record::Progress`], too.
    pub fn include_progress(mut self) -> Self {
        self.request.include_progress = true;
        self
    }

    /// Gives the results' tasks with their payload.
    pub fn full(mut self) -> Self {
        self.request.view = TaskView::Full.into();
        self
    }
}

/// A stream of the log, each record once and in order. It reconnects and goes on where it was; dropping it hangs up.
///
/// Its last item is the first error that it cannot get over.
#[must_use = "streams do nothing unless they are read"]
pub struct Results {
    frames: Frames,
    ahead: Option<Frame>,
    cursor: String,
}

impl Results {
    /// The place in the log behind everything that was given. Keep it to go on from here later.
    pub fn cursor(&self) -> &str {
        &self.cursor
    }

    /// The next record; `None` at the end. Safe to drop: nothing is lost with the future.
    pub async fn next(&mut self) -> Option<Result<Record, Error>> {
        StreamExt::next(self).await
    }

    fn pass(&mut self, frame: Frame) -> Option<Record> {
        if !frame.cursor.is_empty() {
            self.cursor = frame.cursor;
        }
        frame.record
    }
}

impl Stream for Results {
    type Item = Result<Record, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let frame = match self.ahead.take() {
                Some(frame) => frame,
                None => match std::task::ready!(self.frames.as_mut().poll_next(context)) {
                    Some(Ok(frame)) => frame,
                    Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                    None => return Poll::Ready(None),
                },
            };
            if let Some(record) = self.pass(frame) {
                return Poll::Ready(Some(Ok(record)));
            }
        }
    }
}

impl std::fmt::Debug for Results {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.debug_struct("Results").field("cursor", &self.cursor).finish_non_exhaustive()
    }
}

impl Client {
    /// Opens a stream of results. When it is there it is in its place: no result that comes later is missed.
    ///
    /// ```no_run
    /// # async fn example(client: millhand::Client) -> millhand::Result<()> {
    /// use millhand::{Filter, ReadOptions, Record};
    ///
    /// let mut results = client.results(ReadOptions::new(Filter::all()).follow()).await?;
    /// while let Some(record) = results.next().await {
    ///     if let Record::Result(result) = record? {
    ///         println!("{}: {:?}", result.task().id, result.value());
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`CURSOR_INVALID`](crate::reason::CURSOR_INVALID); with `until_done`
    /// [`TASK_NOT_FOUND`](crate::reason::TASK_NOT_FOUND).
    pub async fn results(&self, options: ReadOptions) -> Result<Results, Error> {
        let request = v1::StreamResultsRequest { filter: Some(options.filter.into_message()?), ..options.request };
        let after = request.after.clone();
        self.read(after, move |mut stub, after| {
            let request = v1::StreamResultsRequest { after, ..request.clone() };
            Box::pin(async move { Ok(frames(stub.stream_results(request).await?.into_inner())) })
        })
        .await
    }

    /// Opens a stream of the tasks that became CANCELLED, behind a cursor; empty is the oldest retained. It ends after
    /// what is there unless it follows.
    ///
    /// # Errors
    ///
    /// [`CURSOR_INVALID`](crate::reason::CURSOR_INVALID).
    pub async fn cancelled(&self, after: impl Into<String>, follow: bool) -> Result<Results, Error> {
        self.read(after.into(), move |mut stub, after| {
            let request = v1::GetCancelledRequest { after, follow };
            Box::pin(async move { Ok(frames(stub.get_cancelled(request).await?.into_inner())) })
        })
        .await
    }

    async fn read(
        &self,
        after: String,
        open: impl Fn(Stub, String) -> Opening + Send + Sync + 'static,
    ) -> Result<Results, Error> {
        let log = Log {
            client: self.clone(),
            open: Box::new(open),
            stream: None,
            ends: self.deadline(),
            patience: self.patience(),
            cursor: after.clone(),
            over: false,
        };
        let mut frames = log.into_frames();
        let ahead = frames.next().await.transpose()?;
        let mut results = Results { frames, ahead: None, cursor: after };
        if let Some(frame) = ahead {
            // The cursor of a record counts once it was given.
            if frame.record.is_some() {
                results.ahead = Some(frame);
            } else {
                results.pass(frame);
            }
        }
        Ok(results)
    }
}

type Frames = Pin<Box<dyn Stream<Item = Result<Frame, Error>> + Send>>;
type Opening = Pin<Box<dyn Future<Output = Result<Frames, Error>> + Send>>;

/// What a stream gives: at most one of record and end. An empty cursor is none.
struct Frame {
    record: Option<Record>,
    cursor: String,
    end: Option<v1::End>,
}

/// The log, over as many streams as it takes.
struct Log {
    client: Client,
    open: Box<dyn Fn(Stub, String) -> Opening + Send + Sync>,
    stream: Option<Frames>,
    ends: Option<Instant>,
    patience: Patience,
    cursor: String,
    /// Whether the server has said that nothing more is to come.
    over: bool,
}

impl Log {
    fn into_frames(mut self) -> Frames {
        Box::pin(async_stream::try_stream! {
            while let Some(frame) = self.next().await? {
                yield frame;
            }
        })
    }

    async fn next(&mut self) -> Result<Option<Frame>, Error> {
        if self.over {
            return Ok(None);
        }
        let client = self.client.clone();
        client.bounded(self.ends, self.next_of_any_stream()).await
    }

    async fn next_of_any_stream(&mut self) -> Result<Option<Frame>, Error> {
        loop {
            let lost = match self.next_of_stream().await {
                Ok(frame) => match frame.end.as_ref().map(end_of) {
                    None => return Ok(Some(self.passed(frame))),
                    Some(Ok(())) => {
                        self.over = true;
                        return Ok(Some(self.passed(frame)));
                    }
                    Some(Err(error)) => {
                        self.passed(frame);
                        error
                    }
                },
                Err(error) => error,
            };
            self.stream = None;
            self.patience.wait_after(lost).await?;
        }
    }

    async fn next_of_stream(&mut self) -> Result<Frame, Error> {
        let stream = match &mut self.stream {
            Some(stream) => stream,
            None => self.stream.insert((self.open)(self.client.stub(), self.cursor.clone()).await?),
        };
        // A stream that the server ends says why in its last frame: one without it was cut.
        let cut = || Err(Error::new(Code::Unavailable, "", "the stream ended without saying why"));
        stream.next().await.unwrap_or_else(cut)
    }

    fn passed(&mut self, frame: Frame) -> Frame {
        self.patience.progressed();
        if !frame.cursor.is_empty() {
            self.cursor.clone_from(&frame.cursor);
        }
        frame
    }
}

/// What the end of a stream means for its reader: whether there is more to come from another stream.
fn end_of(end: &v1::End) -> Result<(), Error> {
    match end.reason() {
        EndReason::Shutdown => Err(closing(&end.message)),
        EndReason::SlowReader => Err(slow_reader(&end.message)),
        _ => Ok(()),
    }
}

fn frames<R: Into<Frame> + Send + 'static>(stream: tonic::Streaming<R>) -> Frames {
    Box::pin(stream.map(|response| Ok(response?.into())))
}

impl From<v1::StreamResultsResponse> for Frame {
    fn from(response: v1::StreamResultsResponse) -> Self {
        use v1::stream_results_response::Kind;
        let cursor = response.cursor;
        match response.kind {
            Some(Kind::Result(result)) => Self::of(Record::Result(TaskResult::new(result)), cursor),
            Some(Kind::Progress(progress)) => Self::of(Record::Progress(progress), cursor),
            Some(Kind::Gap(gap)) => Self::of_gap(gap, cursor),
            Some(Kind::End(end)) => Self { record: None, cursor, end: Some(end) },
            Some(Kind::KeepAlive(_)) | None => Self { record: None, cursor, end: None },
        }
    }
}

impl From<v1::GetCancelledResponse> for Frame {
    fn from(response: v1::GetCancelledResponse) -> Self {
        use v1::get_cancelled_response::Kind;
        let cursor = response.cursor;
        match response.kind {
            Some(Kind::Task(task)) => {
                Self::of(Record::Cancelled(CancelledTask { task, cursor: cursor.clone() }), cursor)
            }
            Some(Kind::Gap(gap)) => Self::of_gap(gap, cursor),
            Some(Kind::End(end)) => Self { record: None, cursor, end: Some(end) },
            Some(Kind::KeepAlive(_)) | None => Self { record: None, cursor, end: None },
        }
    }
}

impl Frame {
    fn of(record: Record, cursor: String) -> Self {
        Self { record: Some(record), cursor, end: None }
    }

    fn of_gap(gap: v1::Gap, cursor: String) -> Self {
        let cursor = if cursor.is_empty() { gap.to_cursor.clone() } else { cursor };
        Self::of(Record::Gap(gap), cursor)
    }
}
