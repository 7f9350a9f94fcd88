package millhand

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"maps"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	millhandv1 "github.com/millhand/millhand/clients/go/millhand/v1"
)

// Result is how a task ended.
type Result struct {
	// Task is the task as it ended.
	Task *millhandv1.Task
	// Cursor is the result's place in the log: give it as `after` to go on behind it.
	Cursor string

	message *millhandv1.Result
}

// Output returns what the handler returned as a natural value: as encoding/json would decode it, []byte, Blob or a
// protobuf message; nil if the task did not complete.
func (r *Result) Output() any { return decode(r.message.GetOutput()) }

// Decode stores what the handler returned in the value that target points to, as json.Unmarshal does; into a *[]byte the
// bytes of a blob, and into a proto.Message the message. Of a task that did not complete it returns Err.
func (r *Result) Decode(target any) error {
	if err := r.Err(); err != nil {
		return err
	}
	output := r.message.GetOutput()
	if bytes, ok := target.(*[]byte); ok && output.GetBlob() != nil {
		*bytes = output.GetBlob().GetData()
		return nil
	}
	if message, ok := target.(proto.Message); ok && output.GetMessage() != nil {
		return output.GetMessage().UnmarshalTo(message)
	}
	text, err := json.Marshal(r.Output())
	if err != nil {
		return err
	}
	return json.Unmarshal(text, target)
}

// Err returns why there is no output, an *Error with the task; nil if the task completed.
func (r *Result) Err() error {
	if r.message.GetError() == nil {
		return nil
	}
	found := fromStatus(r.message.GetError())
	found.Task = r.Task
	return found
}

func resultOf(message *millhandv1.Result) *Result {
	return &Result{Task: message.GetTask(), Cursor: message.GetCursor(), message: message}
}

// ExecuteOption changes how Execute and ExecuteRegistered wait.
type ExecuteOption func(*waiting)

type waiting struct {
	timeout         *time.Duration
	cancelOnTimeout bool
	room            time.Duration
}

// WaitAtMost ends the wait after a time with ErrTaskTimeout; the task goes on unless CancelOnTimeout says otherwise.
// Without it the context alone ends the wait.
func WaitAtMost(timeout time.Duration) ExecuteOption {
	return func(w *waiting) { w.timeout = &timeout }
}

// CancelOnTimeout has the server cancel the task when the wait is over.
func CancelOnTimeout() ExecuteOption {
	return func(w *waiting) { w.cancelOnTimeout = true }
}

// WaitForRoom tries again for a time while the queue is full, instead of returning ErrQueueFull at once.
func WaitForRoom(limit time.Duration) ExecuteOption {
	return func(w *waiting) { w.room = limit }
}

// Execute registers a task, waits for its end and returns its result, across lost connections: the task is registered
// once. A task that ended without an output is an *Error with the Task and the handler's own reason.
func (c *Client) Execute(ctx context.Context, task Task, options ...ExecuteOption) (*Result, error) {
	spec, err := task.spec()
	if err != nil {
		return nil, err
	}
	target := &millhandv1.ExecuteTaskRequest_Task{Task: spec}
	return c.execute(ctx, &millhandv1.ExecuteTaskRequest{Target: target}, options)
}

// ExecuteRegistered runs a registered task now, whatever it waits for, and returns its result as Execute does.
func (c *Client) ExecuteRegistered(ctx context.Context, id string, options ...ExecuteOption) (*Result, error) {
	target := &millhandv1.ExecuteTaskRequest_Id{Id: id}
	return c.execute(ctx, &millhandv1.ExecuteTaskRequest{Target: target}, options)
}

func (c *Client) execute(
	ctx context.Context, request *millhandv1.ExecuteTaskRequest, options []ExecuteOption,
) (*Result, error) {
	var chosen waiting
	for _, option := range options {
		option(&chosen)
	}
	if chosen.cancelOnTimeout {
		request.OnTimeout = millhandv1.OnTimeout_ON_TIMEOUT_CANCEL
	}
	began := time.Now()
	answer, err := withRoom(ctx, chosen.room, func() (*millhandv1.ExecuteTaskResponse, error) {
		again := patience{limit: min(callPatience, c.patience)}
		for {
			if chosen.timeout != nil {
				// What is left of it: a call that is repeated does not begin to wait anew.
				request.Timeout = exact(max(0, *chosen.timeout-time.Since(began)))
			}
			answer, accepted, err := c.executeOnce(ctx, request)
			if err == nil {
				return answer, nil
			}
			if accepted {
				again.limit = c.patience
			}
			if err := again.wait(ctx, err); err != nil {
				return nil, err
			}
		}
	})
	if err != nil {
		return nil, err
	}
	result := resultOf(answer.GetResult())
	return result, result.Err()
}

// executeOnce makes the call. It also tells whether the server had taken the task before the call failed; an error knows
// the task's id then, or when we made it.
func (c *Client) executeOnce(
	ctx context.Context, request *millhandv1.ExecuteTaskRequest,
) (*millhandv1.ExecuteTaskResponse, bool, error) {
	var header metadata.MD
	answer, err := c.stub.ExecuteTask(ctx, request, grpc.Header(&header))
	accepted := len(header.Get(taskIDHeader)) > 0
	var refused *Error
	if err = errorOf(ctx, err); errors.As(err, &refused) && refused.Metadata["task_id"] == "" {
		id := request.GetId() + request.GetTask().GetId()
		if id != "" && (accepted || request.GetTask() != nil) {
			refused.Metadata = maps.Clone(refused.Metadata)
			if refused.Metadata == nil {
				refused.Metadata = map[string]string{}
			}
			refused.Metadata["task_id"] = id
		}
	}
	return answer, accepted, err
}

// taskIDHeader is the header in which a server says that it has taken a task, and which.
const taskIDHeader = "millhand-task-id"

// Register registers a task and returns it as the server has it.
func (c *Client) Register(ctx context.Context, task Task) (*millhandv1.Task, error) {
	spec, err := task.spec()
	if err != nil {
		return nil, err
	}
	answer, err := unary(ctx, c, plain(c.stub.RegisterTask), &millhandv1.RegisterTaskRequest{Task: spec})
	return answer.GetTask(), err
}

// Registered is what became of one task of a batch.
type Registered struct {
	// Task is the task; nil if it was refused.
	Task *millhandv1.Task
	// Created is false if the task was known.
	Created bool
	// Err is why it was refused; nil if it was not.
	Err error
}

// RegisterAll registers tasks in one call, all or none: what refuses one of them is the error. The answers are in order.
func (c *Client) RegisterAll(ctx context.Context, tasks []Task) ([]Registered, error) {
	return c.registerMany(ctx, tasks, millhandv1.RegisterMode_REGISTER_MODE_ATOMIC)
}

// RegisterEach registers tasks in one call, each for itself: what refuses one is its answer's Err.
func (c *Client) RegisterEach(ctx context.Context, tasks []Task) ([]Registered, error) {
	return c.registerMany(ctx, tasks, millhandv1.RegisterMode_REGISTER_MODE_PER_ITEM)
}

func (c *Client) registerMany(
	ctx context.Context, tasks []Task, mode millhandv1.RegisterMode,
) ([]Registered, error) {
	batch, err := specs(tasks)
	if err != nil {
		return nil, err
	}
	request := &millhandv1.RegisterTasksRequest{Tasks: batch, Mode: mode}
	answer, err := unary(ctx, c, plain(c.stub.RegisterTasks), request)
	if err != nil {
		return nil, err
	}
	return registeredOf(answer.GetResults()), nil
}

func registeredOf(results []*millhandv1.RegisterResult) []Registered {
	all := make([]Registered, len(results))
	for index, result := range results {
		all[index] = Registered{Task: result.GetTask(), Created: result.GetCreated()}
		if result.GetError() != nil {
			all[index].Err = fromStatus(result.GetError())
		}
	}
	return all
}

// Get returns a task, without its payload.
func (c *Client) Get(ctx context.Context, id string) (*millhandv1.Task, error) {
	answer, err := unary(ctx, c, plain(c.stub.GetTask), &millhandv1.GetTaskRequest{Id: id})
	return answer.GetTask(), err
}

// GetFull returns a task with its payload.
func (c *Client) GetFull(ctx context.Context, id string) (*millhandv1.Task, error) {
	request := &millhandv1.GetTaskRequest{Id: id, View: millhandv1.TaskView_TASK_VIEW_FULL}
	answer, err := unary(ctx, c, plain(c.stub.GetTask), request)
	return answer.GetTask(), err
}

// ListOptions say which tasks to list, and how.
type ListOptions struct {
	Filter Filter
	// PageSize is how many are fetched at once; 0 leaves it to the server.
	PageSize int32
	// OrderBy is create_time (the default), due_time or priority, each also with ` desc`.
	OrderBy string
	// Full gives the tasks with their payload.
	Full bool
}

// List returns the tasks that match, fetched page by page as they are read. The first error ends it.
func (c *Client) List(ctx context.Context, options ListOptions) iter.Seq2[*millhandv1.Task, error] {
	filter, err := options.Filter.message()
	request := &millhandv1.GetTasksRequest{
		Filter: filter, PageSize: options.PageSize, OrderBy: options.OrderBy, View: view(options.Full),
	}
	return pages(err, func(token string) ([]*millhandv1.Task, string, error) {
		request.PageToken = token
		answer, err := unary(ctx, c, plain(c.stub.GetTasks), request)
		return answer.GetTasks(), answer.GetNextPageToken(), err
	})
}

// Active returns the tasks that have a live attempt. The first error ends it.
func (c *Client) Active(ctx context.Context) iter.Seq2[*millhandv1.Task, error] {
	return pages(nil, func(token string) ([]*millhandv1.Task, string, error) {
		answer, err := unary(ctx, c, plain(c.stub.GetActiveTasks), &millhandv1.GetActiveTasksRequest{PageToken: token})
		return answer.GetTasks(), answer.GetNextPageToken(), err
	})
}

func pages(
	err error, fetch func(token string) ([]*millhandv1.Task, string, error),
) iter.Seq2[*millhandv1.Task, error] {
	return func(yield func(*millhandv1.Task, error) bool) {
		token := ""
		for {
			var tasks []*millhandv1.Task
			if err == nil {
				tasks, token, err = fetch(token)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			for _, task := range tasks {
				if !yield(task, nil) {
					return
				}
			}
			if token == "" {
				return
			}
		}
	}
}

// Cancellation is what came of a cancel: its outcome, and the task after it.
type Cancellation struct {
	Outcome millhandv1.CancelOutcome
	Task    *millhandv1.Task
}

// Cancel asks for a task to be cancelled. Of running code it says SIGNALLED, or with a wait what came of it.
func (c *Client) Cancel(ctx context.Context, id, reason string, wait time.Duration) (Cancellation, error) {
	request := &millhandv1.CancelTaskRequest{Id: id, Reason: reason}
	if wait > 0 {
		request.Wait = exact(wait)
	}
	answer, err := waitingCall(ctx, c, plain(c.stub.CancelTask), request)
	return Cancellation{answer.GetOutcome(), answer.GetTask()}, err
}

// CancelAll cancels every matching task that was accepted before, and returns how many met which outcome.
func (c *Client) CancelAll(
	ctx context.Context, which Filter, reason string,
) (map[millhandv1.CancelOutcome]int64, error) {
	filter, err := which.message()
	if err != nil {
		return nil, err
	}
	// Not repeated: a repeat would also hit what was accepted in between.
	answer, err := c.stub.CancelAll(ctx, &millhandv1.CancelAllRequest{Filter: filter, Reason: reason})
	return outcomes(answer.GetCounts()), errorOf(ctx, err)
}

// CancelAllAndWait cancels as CancelAll does and waits until all have stopped, or for a time (NoLimit: however long).
// It returns at most 1,000 ids of those that still run then, too.
func (c *Client) CancelAllAndWait(
	ctx context.Context, which Filter, reason string, timeout time.Duration,
) (map[millhandv1.CancelOutcome]int64, []string, error) {
	filter, err := which.message()
	if err != nil {
		return nil, nil, err
	}
	request := &millhandv1.CancelAllAndWaitRequest{Filter: filter, Reason: reason, Timeout: unlessNoLimit(timeout)}
	answer, err := c.stub.CancelAllAndWait(ctx, request)
	return outcomes(answer.GetCounts()), answer.GetStillRunningIds(), errorOf(ctx, err)
}

// Wait waits until no matching task is unfinished, or for a time: 0 looks once, NoLimit waits however long it takes. It
// returns whether all were done, and how many have which status. A task that failed is no error.
func (c *Client) Wait(
	ctx context.Context, which Filter, timeout time.Duration,
) (done bool, counts map[millhandv1.TaskStatus]int64, err error) {
	filter, err := which.message()
	if err != nil {
		return false, nil, err
	}
	request := &millhandv1.WaitRequest{Filter: filter, Timeout: unlessNoLimit(timeout)}
	answer, err := waitingCall(ctx, c, plain(c.stub.Wait), request)
	return answer.GetDone(), statuses(answer.GetCounts()), err
}

// Explain says why a task does not run, most binding reason first; no reasons if it is final.
func (c *Client) Explain(ctx context.Context, id string) (*millhandv1.ExplainTaskResponse, error) {
	return unary(ctx, c, plain(c.stub.ExplainTask), &millhandv1.ExplainTaskRequest{Id: id})
}

// Handlers returns the server's catalogue.
func (c *Client) Handlers(ctx context.Context) ([]*millhandv1.Handler, error) {
	answer, err := unary(ctx, c, plain(c.stub.ListHandlers), &millhandv1.ListHandlersRequest{})
	return answer.GetHandlers(), err
}

// Info returns the answering server: its version, node, store, limits and capabilities.
func (c *Client) Info(ctx context.Context) (*millhandv1.GetServerInfoResponse, error) {
	return unary(ctx, c, plain(c.stub.GetServerInfo), &millhandv1.GetServerInfoRequest{})
}

// StartWorkers resizes a node's workers: nil is the configured number, 0 drains all. Without an id it is the node that
// answers. It returns how many there were, and how many there are.
func (c *Client) StartWorkers(ctx context.Context, count *int32, node string) (before, after int32, err error) {
	answer, err := unary(ctx, c, plain(c.stub.StartWorkers), &millhandv1.StartWorkersRequest{Count: count, NodeId: node})
	return answer.GetBefore(), answer.GetAfter(), err
}

// Shutdown stops a server, which drains as it is configured, and returns how many tasks were not final when it stopped.
// It is not repeated: another server may have taken the place by then. For more of a choice use the Stub.
func (c *Client) Shutdown(ctx context.Context, mode millhandv1.ShutdownMode) (map[millhandv1.TaskStatus]int64, error) {
	answer, err := c.stub.Shutdown(ctx, &millhandv1.ShutdownRequest{Mode: mode})
	return statuses(answer.GetCounts()), errorOf(ctx, err)
}
