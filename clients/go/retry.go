package millhand

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"google.golang.org/grpc/status"
)

const (
	firstDelay   = 100 * time.Millisecond
	longestDelay = 5 * time.Second
)

// patience decides for how long, and how often, a lost server is tried again.
type patience struct {
	limit    time.Duration
	brokenAt time.Time
	tries    int
}

// progressed forgets what broke before.
func (p *patience) progressed() { p.brokenAt, p.tries = time.Time{}, 0 }

// wait sleeps before the next try. It returns err itself if trying again is of no use, or was tried for long enough,
// and the context's error if that ends first.
func (p *patience) wait(ctx context.Context, err error) error {
	if !isLost(err) && !errors.Is(err, ErrTooManyStreams) {
		return err
	}
	if p.brokenAt.IsZero() {
		p.brokenAt = time.Now()
	}
	delay := min(firstDelay<<min(p.tries, 10), longestDelay)
	// Full jitter: the loss is likely to be the server's, and to hit everybody at once.
	delay = max(rand.N(delay), retryAfter(err))
	if time.Since(p.brokenAt)+delay >= p.limit {
		return err
	}
	p.tries++
	return pause(ctx, delay)
}

func retryAfter(err error) time.Duration {
	var known *Error
	if errors.As(err, &known) {
		return known.RetryAfter
	}
	return 0
}

// pause sleeps, or returns what a call would that ends with the context.
func pause(ctx context.Context, delay time.Duration) error {
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return errorOfContext(ctx)
	}
}

// callTimeout is how long a call may take that does not wait for tasks, where the context sets no deadline.
const callTimeout = 30 * time.Second

// callPatience is for how long a call is repeated that may not have reached a server.
const callPatience = 10 * time.Second

// unary makes a call that may be repeated: what it does is done once, or changes nothing.
func unary[Q, A any](
	ctx context.Context, c *Client, call func(context.Context, Q) (A, error), request Q,
) (A, error) {
	if _, bounded := ctx.Deadline(); !bounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, callTimeout)
		defer cancel()
	}
	return waitingCall(ctx, c, call, request)
}

// waitingCall is unary for calls that wait for tasks, and so take as long as those.
func waitingCall[Q, A any](
	ctx context.Context, c *Client, call func(context.Context, Q) (A, error), request Q,
) (A, error) {
	again := patience{limit: min(callPatience, c.patience)}
	for {
		answer, err := call(ctx, request)
		if err = errorOf(ctx, err); err == nil {
			return answer, nil
		}
		if err := again.wait(ctx, err); err != nil {
			return answer, err
		}
	}
}

// withRoom makes a call again, as often as the server advises, while the queue is full, for as long as `limit`.
func withRoom[A any](ctx context.Context, limit time.Duration, call func() (A, error)) (A, error) {
	ends := time.Now().Add(limit)
	for {
		answer, err := call()
		if !errors.Is(err, ErrQueueFull) || !time.Now().Add(retryAfter(err)).Before(ends) {
			return answer, err
		}
		// Up to half as long again, so that those who were refused together do not come back together.
		advised := max(retryAfter(err), firstDelay)
		if err := pause(ctx, advised+rand.N(advised/2)); err != nil {
			return answer, err
		}
	}
}

func errorOfContext(ctx context.Context) error {
	return errorOf(ctx, status.FromContextError(ctx.Err()).Err())
}
