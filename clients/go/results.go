package millhand

import (
	"context"
	"errors"
	"io"

	"google.golang.org/grpc/codes"

	millhandv1 "github.com/millhand/millhand/clients/go/millhand/v1"
)

// Record is what a reader gives: a *Result, a *Gap, a *Progress or a *CancelledTask.
type Record interface{ record() }

// Gap stands for results that cannot be given any more: trimmed, or of a log that was replaced.
type Gap struct{ *millhandv1.Gap }

// Progress is how far an attempt is: the latest word of its handler.
type Progress struct{ *millhandv1.ProgressUpdate }

// CancelledTask is a task that became CANCELLED, and its place in the log.
type CancelledTask struct {
	Task   *millhandv1.Task
	Cursor string
}

func (*Result) record()        {}
func (*Gap) record()           {}
func (*Progress) record()      {}
func (*CancelledTask) record() {}

// ReadOptions say from where to read the log of results and how far, and of which tasks.
type ReadOptions struct {
	Filter Filter
	// After is the cursor to go on behind; "0" is the oldest retained. Empty means from now on with Follow and without
	// Filter.IDs, and everything retained otherwise.
	After string
	// Follow waits for more once everything there is was given.
	Follow bool
	// UntilDone ends when every task of Filter.IDs has ended; those that had ended before are given.
	UntilDone bool
	// IncludeProgress gives Progress, too.
	IncludeProgress bool
	// Full gives the results' tasks with their payload.
	Full bool
}

// Reader reads the log of results, each once and in order, across lost connections and restarts of the server. It is
// for one goroutine; Close may be called from any.
type Reader struct {
	ctx    context.Context
	cancel context.CancelFunc
	client *Client
	open   func(ctx context.Context, after string) (frames, error)

	stream frames
	over   error
	again  patience
	ahead  Record
	cursor string
}

// frames is one stream; next returns its next frame.
type frames interface {
	next() (frame, error)
}

// frame is what a stream gives: at most one of record and end.
type frame struct {
	record Record
	cursor string
	end    *millhandv1.End
}

// Results opens a reader. When it returns, the reader is in its place: no result that comes later is missed.
func (c *Client) Results(ctx context.Context, options ReadOptions) (*Reader, error) {
	filter, err := options.Filter.message()
	if err != nil {
		return nil, err
	}
	return c.read(ctx, options.After, func(ctx context.Context, after string) (frames, error) {
		stream, err := c.stub.StreamResults(ctx, &millhandv1.StreamResultsRequest{
			Filter: filter, After: after, Follow: options.Follow, CloseOnCompletion: options.UntilDone,
			IncludeProgress: options.IncludeProgress, View: view(options.Full),
		})
		return resultFrames{stream}, err
	})
}

// Cancelled opens a reader of the tasks that became CANCELLED, after a cursor ("" or "0": all that is retained). It ends
// after what is there unless it follows.
func (c *Client) Cancelled(ctx context.Context, after string, follow bool) (*Reader, error) {
	return c.read(ctx, after, func(ctx context.Context, after string) (frames, error) {
		stream, err := c.stub.GetCancelled(ctx, &millhandv1.GetCancelledRequest{After: after, Follow: follow})
		return cancelledFrames{stream}, err
	})
}

func (c *Client) read(
	ctx context.Context, after string, open func(context.Context, string) (frames, error),
) (*Reader, error) {
	ctx, cancel := context.WithCancel(ctx)
	reader := &Reader{
		ctx: ctx, cancel: cancel, client: c, open: open, cursor: after,
		again: patience{limit: min(callPatience, c.patience)},
	}
	record, err := reader.step()
	for err == errAgain {
		record, err = reader.step()
	}
	switch {
	case err == io.EOF:
		reader.over = err // It ended at once, as Next will say.
	case err != nil:
		cancel()
		return nil, err
	}
	reader.ahead, reader.again.limit = record, c.patience
	return reader, nil
}

// Cursor returns the place in the log behind everything that was given; keep it to go on from here later.
func (r *Reader) Cursor() string { return r.cursor }

// Close ends the reader. It may be called more than once.
func (r *Reader) Close() { r.cancel() }

// Next returns the next record, waiting for it. At the end it returns io.EOF.
func (r *Reader) Next() (Record, error) {
	if record := r.ahead; record != nil {
		r.ahead = nil
		return record, nil
	}
	for r.over == nil {
		record, err := r.step()
		switch {
		case err == errAgain:
			continue
		case err != nil && !errors.Is(err, ErrSlowReader):
			r.over = err
		case err != nil:
			return nil, err
		case record != nil:
			return record, nil
		}
	}
	return nil, r.over
}

// errAgain says that a stream was lost, and that another one is to be opened.
var errAgain = errors.New("again")

// step reads one frame. Both are nil when it only moved the cursor.
func (r *Reader) step() (Record, error) {
	found, err := r.frame()
	if err == nil {
		r.again.progressed()
		if found.cursor != "" {
			r.cursor = found.cursor
		}
		if found.end == nil {
			return found.record, nil
		}
		err = endOf(found.end)
	}
	if err == io.EOF {
		return nil, err
	}
	r.stream = nil
	if errors.Is(err, ErrSlowReader) {
		return nil, err // The next read goes on behind what was given.
	}
	if err := r.again.wait(r.ctx, err); err != nil {
		return nil, err
	}
	return nil, errAgain
}

func (r *Reader) frame() (frame, error) {
	if r.stream == nil {
		stream, err := r.open(r.ctx, r.cursor)
		if err != nil {
			return frame{}, errorOf(r.ctx, err)
		}
		r.stream = stream
	}
	found, err := r.stream.next()
	if err == io.EOF {
		// A stream that the server ends says why in its last frame: this one was cut.
		err = &Error{Code: codes.Unavailable, Message: "the stream ended without saying why"}
	}
	return found, errorOf(r.ctx, err)
}

// endOf returns what the end of a stream means for its reader.
func endOf(end *millhandv1.End) error {
	switch end.GetReason() {
	case millhandv1.EndReason_END_REASON_SHUTDOWN:
		return &Error{Code: codes.Unavailable, Reason: string(ErrClosing), Message: end.GetMessage()}
	case millhandv1.EndReason_END_REASON_SLOW_READER:
		return &Error{Code: codes.ResourceExhausted, Reason: string(ErrSlowReader), Message: end.GetMessage()}
	}
	return io.EOF
}

type resultFrames struct {
	stream millhandv1.TaskService_StreamResultsClient
}

func (f resultFrames) next() (frame, error) {
	response, err := f.stream.Recv()
	if err != nil {
		return frame{}, err
	}
	found := frame{cursor: response.GetCursor(), end: response.GetEnd()}
	switch kind := response.GetKind().(type) {
	case *millhandv1.StreamResultsResponse_Result:
		found.record = resultOf(kind.Result)
	case *millhandv1.StreamResultsResponse_Progress:
		found.record = &Progress{kind.Progress}
	case *millhandv1.StreamResultsResponse_Gap:
		found.take(kind.Gap)
	}
	return found, nil
}

type cancelledFrames struct {
	stream millhandv1.TaskService_GetCancelledClient
}

func (f cancelledFrames) next() (frame, error) {
	response, err := f.stream.Recv()
	if err != nil {
		return frame{}, err
	}
	found := frame{cursor: response.GetCursor(), end: response.GetEnd()}
	switch kind := response.GetKind().(type) {
	case *millhandv1.GetCancelledResponse_Task:
		found.record = &CancelledTask{kind.Task, response.GetCursor()}
	case *millhandv1.GetCancelledResponse_Gap:
		found.take(kind.Gap)
	}
	return found, nil
}

func (f *frame) take(gap *millhandv1.Gap) {
	f.record = &Gap{gap}
	if f.cursor == "" {
		f.cursor = gap.GetToCursor()
	}
}

// Page is a part of the log. NextCursor is never empty: ask again from there, also when the page is.
type Page struct {
	Results    []*Result
	NextCursor string
	// Gap tells of results that are missing before these; nil if none are.
	Gap *Gap
}

// ResultsPage reads one page of the log, for those who cannot keep a stream open. Size 0 leaves it to the server.
func (c *Client) ResultsPage(ctx context.Context, which Filter, after string, size int32) (Page, error) {
	filter, err := which.message()
	if err != nil {
		return Page{}, err
	}
	request := &millhandv1.GetResultsRequest{Filter: filter, After: after, PageSize: size}
	answer, err := unary(ctx, c, plain(c.stub.GetResults), request)
	if err != nil {
		return Page{}, err
	}
	page := Page{NextCursor: answer.GetNextCursor()}
	if answer.GetGap() != nil {
		page.Gap = &Gap{answer.GetGap()}
	}
	for _, result := range answer.GetResults() {
		page.Results = append(page.Results, resultOf(result))
	}
	return page, nil
}
