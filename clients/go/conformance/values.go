package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	millhand "github.com/millhand/millhand/clients/go"
	"github.com/millhand/millhand/clients/go/conformance/wire"
	millhandv1 "github.com/millhand/millhand/clients/go/millhand/v1"
)

// taskOf returns what a case says of a task, as the client takes it.
func taskOf(written *wire.Task) (millhand.Task, error) {
	spec := written.GetSpec()
	task := millhand.Task{
		Handler: spec.GetHandler(), ID: spec.GetId(), IdempotencyKey: spec.GetIdempotencyKey(),
		Name: spec.GetName(), Description: spec.GetDescription(), Queue: spec.GetQueue(), Priority: spec.GetPriority(),
		Labels: spec.GetLabels(), CorrelationID: spec.GetCorrelationId(), FairnessKey: spec.GetFairnessKey(),
		Traceparent: spec.GetTraceparent(), Delay: limit(spec.GetDelay()), RunAt: moment(spec.GetRunAt()),
		Deadline: moment(spec.GetDeadline()), Timeout: limit(spec.GetTimeout()),
		StartTimeout: limit(spec.GetStartTimeout()), HeartbeatTimeout: limit(spec.GetHeartbeatTimeout()),
		Retries: spec.Retries, RetryDelay: limit(spec.GetRetryDelay()), RetryPolicy: spec.GetRetryPolicy(),
	}
	payload, err := payloadOf(written)
	task.Payload = payload
	return task, err
}

func tasksOf(written []*wire.Task) ([]millhand.Task, error) {
	var all []millhand.Task
	for _, one := range written {
		task, err := taskOf(one)
		if err != nil {
			return nil, err
		}
		all = append(all, task)
	}
	return all, nil
}

func payloadOf(written *wire.Task) (any, error) {
	switch {
	case written.GetInteger() != "":
		return json.Number(written.GetInteger()), nil
	case written.GetNotANumber() == "nan":
		return math.NaN(), nil
	case written.GetNotANumber() != "":
		return math.Inf(len(written.GetNotANumber()) - 4), nil
	}
	switch kind := written.GetPayload().GetKind().(type) {
	case *wire.Value_Json:
		var value any
		if err := json.Unmarshal([]byte(kind.Json), &value); err != nil {
			return nil, err
		}
		if value == nil {
			return millhand.Null, nil
		}
		return value, nil
	case *wire.Value_Blob:
		if kind.Blob.GetContentType() != "" {
			return millhand.Blob{Data: kind.Blob.GetData(), ContentType: kind.Blob.GetContentType()}, nil
		}
		return append([]byte{}, kind.Blob.GetData()...), nil
	case *wire.Value_Message:
		return kind.Message.UnmarshalNew()
	}
	return nil, nil
}

// valueOf tells a natural value again.
func valueOf(value any) (*wire.Value, error) {
	switch known := value.(type) {
	case []byte:
		return &wire.Value{Kind: &wire.Value_Blob{Blob: &wire.Blob{Data: known}}}, nil
	case millhand.Blob:
		blob := &wire.Blob{Data: known.Data, ContentType: known.ContentType}
		return &wire.Value{Kind: &wire.Value_Blob{Blob: blob}}, nil
	case proto.Message:
		packed, err := anypb.New(known)
		return &wire.Value{Kind: &wire.Value_Message{Message: packed}}, err
	}
	text, err := json.Marshal(value)
	return &wire.Value{Kind: &wire.Value_Json{Json: string(text)}}, err
}

func resultOf(result *millhand.Result, brief bool) (*wire.Result, error) {
	shown := &wire.Result{Task: result.Task, Cursor: result.Cursor}
	if err := result.Err(); err != nil {
		shown.Failure = failure(err)
		return shown, nil
	}
	if brief {
		return shown, nil
	}
	output, err := valueOf(result.Output())
	shown.Output = output
	return shown, err
}

func registeredOf(one millhand.Registered) *wire.Registered {
	if one.Err != nil {
		return &wire.Registered{Failure: failure(one.Err)}
	}
	return &wire.Registered{Task: one.Task, Created: one.Created}
}

func filterOf(filter *millhandv1.TaskFilter) millhand.Filter {
	return millhand.Filter{
		IDs: filter.GetIds(), Handlers: filter.GetHandlers(), Queues: filter.GetQueues(),
		Statuses: filter.GetStatuses(), Labels: filter.GetLabels(), CorrelationID: filter.GetCorrelationId(),
		CreatedAfter: moment(filter.GetCreatedAfter()), CreatedBefore: moment(filter.GetCreatedBefore()),
	}
}

func countsOf(counts map[millhandv1.TaskStatus]int64) []*millhandv1.StatusCount {
	var all []*millhandv1.StatusCount
	for status, count := range counts {
		all = append(all, &millhandv1.StatusCount{Status: status, Count: int32(count)})
	}
	return all
}

func outcomesOf(counts map[millhandv1.CancelOutcome]int64) []*millhandv1.CancelCount {
	var all []*millhandv1.CancelCount
	for outcome, count := range counts {
		all = append(all, &millhandv1.CancelCount{Outcome: outcome, Count: int32(count)})
	}
	return all
}

// limit returns a duration as the client takes it: 0 is none that was set.
func limit(given *durationpb.Duration) time.Duration {
	if given == nil {
		return 0
	}
	if given.AsDuration() == 0 {
		return millhand.NoLimit
	}
	return given.AsDuration()
}

// atMost returns a time to wait, or NoLimit if none was set.
func atMost(given *durationpb.Duration) time.Duration {
	if given == nil {
		return millhand.NoLimit
	}
	return given.AsDuration()
}

func moment(given *timestamppb.Timestamp) time.Time {
	if given == nil {
		return time.Time{}
	}
	return given.AsTime()
}

func asDuration(given time.Duration) *durationpb.Duration { return durationpb.New(given) }

var errNotFound = errors.New("the schema has no such call")

func unknown(step *wire.Step) error { return fmt.Errorf("%w: %T", errNotFound, step.GetCall()) }
