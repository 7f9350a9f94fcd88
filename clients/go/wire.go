package millhand

import (
	"context"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"

	millhandv1 "github.com/millhand/millhand/clients/go/millhand/v1"
)

// plain returns a method of the generated client without its options.
func plain[Q, A any](
	method func(context.Context, Q, ...grpc.CallOption) (A, error),
) func(context.Context, Q) (A, error) {
	return func(ctx context.Context, request Q) (A, error) { return method(ctx, request) }
}

func view(full bool) millhandv1.TaskView {
	if full {
		return millhandv1.TaskView_TASK_VIEW_FULL
	}
	return millhandv1.TaskView_TASK_VIEW_BASIC
}

// exact returns a duration where 0 is one like any other.
func exact(given time.Duration) *durationpb.Duration { return durationpb.New(given) }

// unlessNoLimit returns a duration where 0 looks once, and none for NoLimit.
func unlessNoLimit(given time.Duration) *durationpb.Duration {
	if given == NoLimit {
		return nil
	}
	return exact(given)
}

func outcomes(counts []*millhandv1.CancelCount) map[millhandv1.CancelOutcome]int64 {
	found := make(map[millhandv1.CancelOutcome]int64, len(counts))
	for _, one := range counts {
		found[one.GetOutcome()] = int64(one.GetCount())
	}
	return found
}

func statuses(counts []*millhandv1.StatusCount) map[millhandv1.TaskStatus]int64 {
	found := make(map[millhandv1.TaskStatus]int64, len(counts))
	for _, one := range counts {
		found[one.GetStatus()] = int64(one.GetCount())
	}
	return found
}
