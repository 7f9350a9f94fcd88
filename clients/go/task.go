package millhand

import (
	"errors"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	millhandv1 "github.com/millhand/millhand/clients/go/millhand/v1"
)

// NoLimit is a duration without an end, where 0 leaves the choice to the handler or the server.
const NoLimit time.Duration = -1

// Task says what to run. Handler is all that it must have; what is left out is the handler's or the server's choice.
type Task struct {
	// Handler is the name of the handler.
	Handler string
	// Payload is what the handler gets: what encoding/json can write, []byte, Blob or a protobuf message. nil is none.
	Payload any

	// ID names the task. The client makes one unless IdempotencyKey is set, so that registering may be repeated.
	ID string
	// IdempotencyKey makes one task of all registrations with the same key.
	IdempotencyKey string
	// Name and Description are for people.
	Name, Description string
	// Queue is where it waits.
	Queue string
	// Priority is -100 to 100; lower runs first, 0 is normal unless the handler says otherwise.
	Priority int32
	// Labels are texts to filter by.
	Labels map[string]string
	// CorrelationID is an id of your own to find it by.
	CorrelationID string
	// FairnessKey is refused by servers so far.
	FairnessKey string
	// Traceparent is the W3C trace that it belongs to.
	Traceparent string

	// Delay and RunAt say that it does not start before a time has passed, or a moment has come. Set one of them.
	Delay time.Duration
	RunAt time.Time
	// Deadline is the moment at which the task ends at the latest.
	Deadline time.Time
	// Timeout is how long one attempt may run.
	Timeout time.Duration
	// StartTimeout is how long it may wait for its first start.
	StartTimeout time.Duration
	// HeartbeatTimeout is refused by servers so far.
	HeartbeatTimeout time.Duration

	// Retries are the attempts after the first one that may fail; nil leaves it to the handler.
	Retries *int32
	// RetryDelay is the delay before the first of them.
	RetryDelay time.Duration
	// RetryPolicy says how it grows, and which reasons are not retried.
	RetryPolicy *millhandv1.RetryPolicy
}

// Retries returns a number of retries for a Task, 0 included.
func Retries(count int32) *int32 { return &count }

// spec returns the task as it is sent, with an id unless a key stands in for one.
func (t Task) spec() (*millhandv1.TaskSpec, error) {
	payload, err := encode(t.Payload)
	if err != nil {
		return nil, err
	}
	if !t.RunAt.IsZero() && t.Delay != 0 {
		return nil, invalid(codes.InvalidArgument, ErrInvalidArgument, "run_at", "and delay are both set: set one")
	}
	spec := &millhandv1.TaskSpec{
		Id: t.ID, Name: t.Name, Description: t.Description, Handler: t.Handler, Payload: payload,
		Priority: t.Priority, Queue: t.Queue, Labels: t.Labels, Retries: t.Retries, RetryPolicy: t.RetryPolicy,
		RetryDelay: duration(t.RetryDelay), Timeout: duration(t.Timeout), StartTimeout: duration(t.StartTimeout),
		HeartbeatTimeout: duration(t.HeartbeatTimeout), Deadline: timestamp(t.Deadline),
		IdempotencyKey: t.IdempotencyKey, FairnessKey: t.FairnessKey, CorrelationId: t.CorrelationID,
		Traceparent: t.Traceparent,
	}
	switch {
	case !t.RunAt.IsZero():
		spec.Due = &millhandv1.TaskSpec_RunAt{RunAt: timestamp(t.RunAt)}
	case t.Delay != 0:
		spec.Due = &millhandv1.TaskSpec_Delay{Delay: duration(t.Delay)}
	}
	if spec.Id == "" && spec.IdempotencyKey == "" {
		spec.Id = newID()
	}
	return spec, nil
}

// specs returns all tasks as they are sent, or what is wrong with the first that cannot be.
func specs(tasks []Task) ([]*millhandv1.TaskSpec, error) {
	all := make([]*millhandv1.TaskSpec, len(tasks))
	for index, task := range tasks {
		spec, err := task.spec()
		if err != nil {
			return nil, err
		}
		all[index] = spec
	}
	return all, nil
}

// Filter says which tasks are meant: all fields must match, of the values of one any, of the labels all. The zero value
// means every task.
type Filter struct {
	IDs, Handlers, Queues []string
	Statuses              []millhandv1.TaskStatus
	Labels                map[string]string
	CorrelationID         string
	// CreatedAfter is inclusive, CreatedBefore exclusive.
	CreatedAfter, CreatedBefore time.Time
}

// message returns the filter as it is sent; nil for the zero value.
//
// A list that is empty and not nil is refused: on the wire it is no condition at all, and a caller whose list came out
// empty would mean everybody's tasks.
func (f Filter) message() (*millhandv1.TaskFilter, error) {
	for _, list := range [][]string{f.IDs, f.Handlers, f.Queues} {
		if list != nil && len(list) == 0 {
			return nil, invalid(codes.InvalidArgument, ErrInvalidArgument, "filter",
				"has a list that is empty, which would match every task: leave it nil to mean that")
		}
	}
	return &millhandv1.TaskFilter{
		Ids: f.IDs, Handlers: f.Handlers, Queues: f.Queues, Statuses: f.Statuses, Labels: f.Labels,
		CorrelationId: f.CorrelationID, CreatedAfter: timestamp(f.CreatedAfter), CreatedBefore: timestamp(f.CreatedBefore),
	}, nil
}

// newID returns an id that orders by time, so that a database keeps neighbours together.
func newID() string {
	id, err := uuid.NewV7()
	if err != nil {
		// The system has no randomness; gRPC could not have connected either.
		panic(errors.Join(errors.New("millhand: no id can be made"), err))
	}
	return id.String()
}

func duration(given time.Duration) *durationpb.Duration {
	switch given {
	case 0:
		return nil
	case NoLimit:
		return &durationpb.Duration{}
	}
	return durationpb.New(given)
}

func timestamp(given time.Time) *timestamppb.Timestamp {
	if given.IsZero() {
		return nil
	}
	return timestamppb.New(given)
}
