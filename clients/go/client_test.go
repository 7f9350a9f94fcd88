package millhand

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/types/known/durationpb"

	millhandv1 "github.com/millhand/millhand/clients/go/millhand/v1"
)

// server answers as a test says.
type server struct {
	millhandv1.UnimplementedTaskServiceServer
	register func(*millhandv1.RegisterTaskRequest) (*millhandv1.RegisterTaskResponse, error)
	stream   func(*millhandv1.StreamResultsRequest, grpc.ServerStreamingServer[millhandv1.StreamResultsResponse]) error
}

func (s *server) RegisterTask(
	_ context.Context, request *millhandv1.RegisterTaskRequest,
) (*millhandv1.RegisterTaskResponse, error) {
	return s.register(request)
}

func (s *server) StreamResults(
	request *millhandv1.StreamResultsRequest, stream grpc.ServerStreamingServer[millhandv1.StreamResultsResponse],
) error {
	return s.stream(request, stream)
}

func clientOf(t *testing.T, answers *server) *Client {
	t.Helper()
	listener := bufconn.Listen(1 << 20)
	grpcServer := grpc.NewServer()
	millhandv1.RegisterTaskServiceServer(grpcServer, answers)
	go func() { _ = grpcServer.Serve(listener) }()
	t.Cleanup(grpcServer.Stop)
	client, err := NewClient("passthrough:///test", WithDialOptions(
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }),
	))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func refusal(t *testing.T, code codes.Code, reason string, retry time.Duration) error {
	t.Helper()
	refused, err := status.New(code, "as the test wished").WithDetails(
		&errdetails.ErrorInfo{Reason: reason, Domain: "millhand.v1", Metadata: map[string]string{"limit": "3"}},
		&errdetails.RetryInfo{RetryDelay: durationpb.New(retry)},
		&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: "task.id", Description: "is odd"}}},
	)
	if err != nil {
		t.Fatal(err)
	}
	return refused.Err()
}

func TestARefusalSaysWhy(t *testing.T) {
	client := clientOf(t, &server{register: func(*millhandv1.RegisterTaskRequest) (*millhandv1.RegisterTaskResponse, error) {
		return nil, refusal(t, codes.ResourceExhausted, "QUEUE_FULL", time.Second)
	}})

	_, err := client.Register(t.Context(), Task{Handler: "echo"})

	var refused *Error
	if !errors.As(err, &refused) || !errors.Is(err, ErrQueueFull) || errors.Is(err, ErrClosing) {
		t.Fatalf("got %v", err)
	}
	if refused.RetryAfter != time.Second || refused.Metadata["limit"] != "3" || refused.Violations[0].Field != "task.id" {
		t.Errorf("got %+v", refused)
	}
	if status.Code(err) != codes.ResourceExhausted || !strings.Contains(err.Error(), "task.id: is odd") {
		t.Errorf("got %v", err)
	}
}

func TestALostRegistrationIsSentAgainAsTheSameTask(t *testing.T) {
	var ids []string
	client := clientOf(t, &server{register: func(request *millhandv1.RegisterTaskRequest) (*millhandv1.RegisterTaskResponse, error) {
		ids = append(ids, request.GetTask().GetId())
		if len(ids) == 1 {
			return nil, status.Error(codes.Unavailable, "as the test wished")
		}
		return &millhandv1.RegisterTaskResponse{Task: &millhandv1.Task{Id: request.GetTask().GetId()}}, nil
	}})

	task, err := client.Register(t.Context(), Task{Handler: "echo"})

	if err != nil || len(ids) != 2 || ids[0] == "" || ids[0] != ids[1] || task.GetId() != ids[0] {
		t.Errorf("ids %v, task %v, error %v", ids, task, err)
	}
}

func TestACallThatEndsWithItsContextSaysSo(t *testing.T) {
	client := clientOf(t, &server{register: func(*millhandv1.RegisterTaskRequest) (*millhandv1.RegisterTaskResponse, error) {
		return nil, status.Error(codes.Unavailable, "as the test wished")
	}})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()

	_, err := client.Register(ctx, Task{Handler: "echo"})

	if !errors.Is(err, context.DeadlineExceeded) || status.Code(err) != codes.DeadlineExceeded {
		t.Errorf("got %v", err)
	}
}

func TestAReaderGoesOnBehindWhatItHasGiven(t *testing.T) {
	var afters []string
	client := clientOf(t, &server{stream: func(
		request *millhandv1.StreamResultsRequest, stream grpc.ServerStreamingServer[millhandv1.StreamResultsResponse],
	) error {
		afters = append(afters, request.GetAfter())
		if len(afters) == 1 {
			_ = stream.Send(&millhandv1.StreamResultsResponse{
				Kind: &millhandv1.StreamResultsResponse_KeepAlive{KeepAlive: &millhandv1.KeepAlive{}}, Cursor: "e-0"})
			_ = stream.Send(resultFrame("a", "e-1"))
			return status.Error(codes.Unavailable, "the line broke")
		}
		_ = stream.Send(resultFrame("b", "e-2"))
		end := &millhandv1.End{Reason: millhandv1.EndReason_END_REASON_CAUGHT_UP}
		return stream.Send(&millhandv1.StreamResultsResponse{Kind: &millhandv1.StreamResultsResponse_End{End: end}, Cursor: "e-2"})
	}})
	reader, err := client.Results(t.Context(), ReadOptions{Follow: true})
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()

	var given []string
	for {
		record, err := reader.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		given = append(given, record.(*Result).Task.GetId())
	}

	if strings.Join(given, " ") != "a b" || strings.Join(afters, " ") != " e-1" || reader.Cursor() != "e-2" {
		t.Errorf("given %v, after %q, cursor %s", given, afters, reader.Cursor())
	}
}

func resultFrame(id, cursor string) *millhandv1.StreamResultsResponse {
	result := &millhandv1.Result{Task: &millhandv1.Task{Id: id}, Cursor: cursor}
	return &millhandv1.StreamResultsResponse{Kind: &millhandv1.StreamResultsResponse_Result{Result: result}, Cursor: cursor}
}

func TestATokenDoesNotTravelInTheClear(t *testing.T) {
	for address, allowed := range map[string]bool{
		"127.0.0.1:1": true, "localhost:1": true, "[::1]:1": true, "example.com:1": false, "10.0.0.1:1": false,
	} {
		_, err := NewClient(address, WithToken("t"))
		if (err == nil) != allowed {
			t.Errorf("%s: %v", address, err)
		}
	}
	if _, err := NewClient("example.com:1", WithToken("t"), WithInsecureToken()); err != nil {
		t.Error(err)
	}
	if _, err := NewClient("example.com:1", WithCA([]byte("no certificate"))); err == nil {
		t.Error("a file without a certificate was accepted")
	}
}

func TestPayloadsKeepTheirValues(t *testing.T) {
	type point struct {
		X int    `json:"x"`
		Y string `json:"y"`
	}
	for name, value := range map[string]any{
		"null": Null, "text": "größe", "list": []any{true, 1.5, "a", nil}, "empty list": []any{}, "integer": 1 << 53,
		"struct": point{1, "a"}, "map": map[string]int{"a": 1}, "bytes": []byte{0, 1}, "blob": Blob{[]byte{1}, "image/png"},
		"message": durationpb.New(time.Second),
	} {
		payload, err := encode(value)
		if err != nil || payload == nil {
			t.Errorf("%s: %v", name, err)
		}
		again, err := encode(decode(payload))
		if err != nil || (name != "null" && again.String() != payload.String()) {
			t.Errorf("%s: %v came back as %v (%v)", name, payload, again, err)
		}
	}
}

func TestPayloadsThatWouldChangeAreRefusedWithTheirPath(t *testing.T) {
	self := map[string]any{}
	self["self"] = self
	for path, value := range map[string]any{
		"payload.a[1]": map[string]any{"a": []any{0, 1<<53 + 1}},
		"payload.nan":  map[string]any{"nan": math.NaN()},
		"payload.big":  map[string]any{"big": json.Number("18446744073709551615")},
		"payload":      func() {},
		"payload.bad":  map[string]any{"bad": "\xff"},
		"payload.self": self,
	} {
		_, err := encode(value)
		var refused *Error
		if !errors.As(err, &refused) || !errors.Is(err, ErrInvalidPayload) || !strings.HasPrefix(refused.Violations[0].Field, path) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestAFilterWithAnEmptyListIsRefused(t *testing.T) {
	if _, err := (Filter{IDs: []string{}}).message(); !errors.Is(err, ErrInvalidArgument) {
		t.Errorf("got %v", err)
	}
	if _, err := (Filter{}).message(); err != nil {
		t.Error(err)
	}
}

func TestASessionGivesEachResultOnceAcrossStreams(t *testing.T) {
	state := newSessionState()
	state.opening("s")
	_ = state.receive(resultsOf("e-2", "a", "b"))
	first := state.take().(*Result).Task.GetId()

	// The line breaks: b was not read, and comes again with c; a stands before the cursor's frame and does, too.
	state.opening("s")
	_ = state.receive(resultsOf("e-3", "a", "b", "c"))
	var rest []string
	for record := state.take(); record != nil; record = state.take() {
		rest = append(rest, record.(*Result).Task.GetId())
	}

	if first != "a" || strings.Join(rest, " ") != "b c" || state.cursor != "e-3" {
		t.Errorf("first %s, then %v, cursor %s", first, rest, state.cursor)
	}
}

func resultsOf(cursor string, ids ...string) *millhandv1.SessionResponse {
	results := &millhandv1.SessionResults{Cursor: cursor}
	for _, id := range ids {
		results.Results = append(results.Results, &millhandv1.Result{Task: &millhandv1.Task{Id: id}})
	}
	return &millhandv1.SessionResponse{Kind: &millhandv1.SessionResponse_Results{Results: results}}
}

func TestAHandlersOwnReasonIsNoneOfOurs(t *testing.T) {
	refused := &Error{}
	refused.add(&errdetails.ErrorInfo{Reason: "QUEUE_FULL", Domain: "handler"})

	if errors.Is(refused, ErrQueueFull) || refused.Reason != "QUEUE_FULL" {
		t.Errorf("got %+v", refused)
	}
}

func TestEachReasonOfTheContractCanBeAskedFor(t *testing.T) {
	known := map[string]bool{}
	for _, one := range []reason{
		ErrInvalidArgument, ErrInvalidTaskID, ErrInvalidTaskFunc, ErrInvalidPayload, ErrPayloadTooLarge, ErrCursorInvalid,
		ErrTaskNotFound, ErrAlreadyExists, ErrTaskAlreadyStarted, ErrTaskCompleted, ErrTaskCancelled, ErrTaskTimeout,
		ErrHandlerFailed, ErrWorkerLost, ErrQueueFull, ErrRateLimited, ErrTooManyStreams, ErrSlowReader, ErrClosing,
		ErrStoreUnavailable, ErrUnauthenticated, ErrPermissionDenied, ErrUnsupported, ErrInternal, ErrQueueNotFound,
		ErrScheduleNotFound, ErrLeaseLost,
	} {
		known[string(one)] = true
	}
	for number, name := range millhandv1.ErrorReason_name {
		if short := strings.TrimPrefix(name, "ERROR_REASON_"); number != 0 && !known[short] {
			t.Errorf("there is no variable for %s", short)
		}
	}
}

func TestTheOutputOfAFailedTaskIsNotDecoded(t *testing.T) {
	failed := resultOf(&millhandv1.Result{Task: &millhandv1.Task{}, Error: status.New(codes.Internal, "no").Proto()})
	var output any

	if err := failed.Decode(&output); status.Code(err) != codes.Internal {
		t.Errorf("got %v", err)
	}
}

func TestASessionWhoseContextEndsSaysSo(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	session := clientOf(t, &server{}).Session(ctx, "")
	defer session.Close()
	cancel()

	if _, err := session.Next(); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestFloatsOfAStructMayBeLarge(t *testing.T) {
	payload, err := encode(struct{ F float64 }{1e17})

	if err != nil || payload.GetJson().GetStructValue().GetFields()["F"].GetNumberValue() != 1e17 {
		t.Errorf("got %v, %v", payload, err)
	}
}
