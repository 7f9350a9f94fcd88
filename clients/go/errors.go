package millhand

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	statuspb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	millhandv1 "github.com/millhand/millhand/clients/go/millhand/v1"
)

// Reasons, to be asked for with errors.Is. The comment is what each means.
var (
	ErrInvalidArgument    = reason("INVALID_ARGUMENT")     // a value is out of bounds, malformed or missing
	ErrInvalidTaskID      = reason("INVALID_TASK_ID")      // an id is missing, too long or not printable
	ErrInvalidTaskFunc    = reason("INVALID_TASK_FUNC")    // the server has no handler of that name
	ErrInvalidPayload     = reason("INVALID_PAYLOAD")      // a payload cannot be sent, or does not fit the handler
	ErrPayloadTooLarge    = reason("PAYLOAD_TOO_LARGE")    // a payload is larger than the server takes
	ErrCursorInvalid      = reason("CURSOR_INVALID")       // a cursor is not one that this service ever gave
	ErrTaskNotFound       = reason("TASK_NOT_FOUND")       // no such task, or not any more
	ErrAlreadyExists      = reason("ALREADY_EXISTS")       // the id or key belongs to a task with other content
	ErrTaskAlreadyStarted = reason("TASK_ALREADY_STARTED") // a task that is to be executed by id runs already
	ErrTaskCompleted      = reason("TASK_COMPLETED")       // a task that is to be executed by id has ended
	ErrTaskCancelled      = reason("TASK_CANCELLED")       // the task was cancelled
	ErrTaskTimeout        = reason("TASK_TIMEOUT")         // the wait for a task is over, or the task's own time
	ErrHandlerFailed      = reason("HANDLER_FAILED")       // the handler raised, and no retry was left
	ErrWorkerLost         = reason("WORKER_LOST")          // the task's worker died under it again and again
	ErrQueueFull          = reason("QUEUE_FULL")           // the queue holds as many tasks as it may
	ErrRateLimited        = reason("RATE_LIMITED")         // too many calls
	ErrTooManyStreams     = reason("TOO_MANY_STREAMS")     // the server has as many streams open as it may
	ErrSlowReader         = reason("SLOW_READER")          // the server gave up on a reader that did not keep up
	ErrClosing            = reason("CLOSING")              // the server is shutting down
	ErrStoreUnavailable   = reason("STORE_UNAVAILABLE")    // the server has lost its store for now
	ErrUnauthenticated    = reason("UNAUTHENTICATED")      // the token is missing or unknown
	ErrPermissionDenied   = reason("PERMISSION_DENIED")    // the token has not the scope that the call needs
	ErrUnsupported        = reason("UNSUPPORTED")          // the server does not honour a field or value yet
	ErrInternal           = reason("INTERNAL")             // a fault of the server
	ErrQueueNotFound      = reason("QUEUE_NOT_FOUND")      // no such queue
	ErrScheduleNotFound   = reason("SCHEDULE_NOT_FOUND")   // no such schedule
	ErrLeaseLost          = reason("LEASE_LOST")           // a worker answered for a task that is no longer its own
)

// Violation is one thing wrong with a request.
type Violation struct {
	// Field is the path of the field, such as `task.payload.json.width`.
	Field string
	// Description says what is wrong with it, and what to do.
	Description string
}

// Error is what the server or the connection refused, or how a task ended without an output. Branch on Reason (with
// errors.Is and the Err variables) or on Code; Message is for people and may change.
type Error struct {
	// Code is gRPC's.
	Code codes.Code
	// Reason is the stable name of the cause. It is empty when the transport refused and not a Millhand server.
	Reason string
	// Message is a sentence for people.
	Message string
	// Metadata has facts about the cause: task_id, handler, queue, limit, status.
	Metadata map[string]string
	// Violations name the fields of a request that are wrong; empty unless the input is at fault.
	Violations []Violation
	// RetryAfter is how long to wait before the same may succeed; 0 when waiting does not help.
	RetryAfter time.Duration
	// FromHandler says that the reason is a handler's own word, which is none of the Err variables, however it reads.
	FromHandler bool
	// Task is the one that ended without an output; nil for refusals.
	Task *millhandv1.Task

	cause error
}

// Error returns the reason and the sentence.
func (e *Error) Error() string {
	name := e.Reason
	if name == "" {
		name = e.Code.String()
	}
	var text strings.Builder
	fmt.Fprintf(&text, "millhand: %s: %s", name, e.Message)
	for _, violation := range e.Violations {
		if !strings.Contains(e.Message, violation.Description) {
			fmt.Fprintf(&text, "; %s: %s", violation.Field, violation.Description)
		}
	}
	return text.String()
}

// Is tells whether a target is one of the Err variables with the same reason.
func (e *Error) Is(target error) bool {
	wanted, ok := target.(reason)
	return ok && e.Reason == string(wanted) && !e.FromHandler
}

// Unwrap returns the context's error when the call ended with the context.
func (e *Error) Unwrap() error { return e.cause }

// GRPCStatus lets status.FromError and status.Code see the code.
func (e *Error) GRPCStatus() *status.Status { return status.New(e.Code, e.Message) }

type reason string

func (r reason) Error() string { return "millhand: " + string(r) }

// errorOf returns what an error of a call means; nil for nil. An error of ctx stays visible to errors.Is.
func errorOf(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	var already *Error
	if errors.As(err, &already) {
		return err
	}
	found := fromStatus(status.Convert(err).Proto())
	if cause := ctx.Err(); cause != nil && (found.Code == codes.Canceled || found.Code == codes.DeadlineExceeded) {
		found.cause = cause
	}
	return found
}

// fromStatus reads a status and its details.
func fromStatus(given *statuspb.Status) *Error {
	found := &Error{Code: codes.Code(given.GetCode()), Message: given.GetMessage()}
	for _, packed := range given.GetDetails() {
		detail, err := packed.UnmarshalNew()
		if err != nil {
			continue // A detail of a newer server: what is known of the error stands without it.
		}
		found.add(detail)
	}
	return found
}

// handlerDomain is the domain of reasons that handlers give.
const handlerDomain = "handler"

func (e *Error) add(detail proto.Message) {
	switch known := detail.(type) {
	case *errdetails.ErrorInfo:
		e.Reason, e.Metadata = known.GetReason(), known.GetMetadata()
		e.FromHandler = known.GetDomain() == handlerDomain
	case *errdetails.BadRequest:
		for _, one := range known.GetFieldViolations() {
			e.Violations = append(e.Violations, Violation{one.GetField(), one.GetDescription()})
		}
	case *errdetails.RetryInfo:
		e.RetryAfter = known.GetRetryDelay().AsDuration()
	}
}

func invalid(name codes.Code, reason reason, field, format string, arguments ...any) *Error {
	description := fmt.Sprintf(format, arguments...)
	return &Error{
		Code:       name,
		Reason:     string(reason),
		Message:    field + " " + description,
		Violations: []Violation{{field, description}},
	}
}

// isLost tells whether a call failed because the server could not be reached or does not serve now.
func isLost(err error) bool {
	var known *Error
	return errors.As(err, &known) && known.Code == codes.Unavailable
}
