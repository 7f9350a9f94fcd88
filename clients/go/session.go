package millhand

import (
	"context"
	"errors"
	"io"
	"strconv"
	"sync"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	millhandv1 "github.com/millhand/millhand/clients/go/millhand/v1"
)

// startCredit is the number of results that a stream may bring before it is given more.
const startCredit = 1000

// maxPending is the number of requests without an answer at which a session takes no more: a dead server fills no memory.
const maxPending = 64

// ErrSessionOver says that a session sends nothing more: it was finished or closed, or has failed.
var ErrSessionOver = errors.New("millhand: the session is over")

// SubscribeOptions say which results a session gives.
type SubscribeOptions struct {
	// Everyone gives the results of every task; otherwise only of those of this session. The filter applies to both.
	Everyone bool
	Filter   Filter
	// After is the cursor to go on behind. Empty means everything retained of this session's own tasks or of
	// Filter.IDs, and from now on otherwise.
	After string
	// IncludeProgress gives Progress, too.
	IncludeProgress bool
	// Full gives the results' tasks with their payload.
	Full bool
}

// Session registers tasks, cancels them and gives results over one stream, which is opened again whenever it breaks. It
// is safe for concurrent use, but Next is for one goroutine.
//
// New credit goes out as results are read: a session that nobody reads holds about a thousand of them and no more.
type Session struct {
	client *Client
	id     string
	ctx    context.Context
	cancel context.CancelFunc
	ended  chan struct{}

	mu      sync.Mutex
	changed *sync.Cond
	state   sessionState
	outbox  *outbox
	over    bool
	closed  bool
	failure error
	number  int
}

// Session opens a session. Give the id of an earlier one to go on with its tasks; empty makes a new one. The context is
// the session's life: when it ends, so does the session, but not its tasks.
func (c *Client) Session(ctx context.Context, id string) *Session {
	if id == "" {
		id = newID()
	}
	ctx, cancel := context.WithCancel(ctx)
	session := &Session{client: c, id: id, ctx: ctx, cancel: cancel, ended: make(chan struct{})}
	session.changed = sync.NewCond(&session.mu)
	session.state = newSessionState()
	context.AfterFunc(ctx, func() {
		session.mu.Lock()
		defer session.mu.Unlock()
		session.changed.Broadcast()
	})
	go session.live()
	return session
}

// ID returns what the server labels this session's tasks with.
func (s *Session) ID() string { return s.id }

// Cursor returns the place in the log up to which everything was read; empty before the server has named one.
func (s *Session) Cursor() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.cursor
}

// Subscribe starts the results and returns the cursor that they start behind. A second one replaces the first.
func (s *Session) Subscribe(ctx context.Context, options SubscribeOptions) (string, error) {
	filter, err := options.Filter.message()
	if err != nil {
		return "", err
	}
	scope := millhandv1.SubscribeScope_SUBSCRIBE_SCOPE_OWN
	if options.Everyone {
		scope = millhandv1.SubscribeScope_SUBSCRIBE_SCOPE_FILTER
	}
	subscribe := &millhandv1.SessionSubscribe{
		Filter: filter, After: options.After, IncludeProgress: options.IncludeProgress, View: view(options.Full),
		Scope: scope,
	}
	answer, err := s.ask(ctx, &millhandv1.SessionRequest{Kind: &millhandv1.SessionRequest_Subscribe{Subscribe: subscribe}})
	return answer.GetSubscribed().GetCursor(), err
}

// Unsubscribe stops the results and returns the cursor up to which they came; those unread can still be read.
func (s *Session) Unsubscribe(ctx context.Context) (string, error) {
	kind := &millhandv1.SessionRequest_Unsubscribe{Unsubscribe: &millhandv1.SessionUnsubscribe{}}
	answer, err := s.ask(ctx, &millhandv1.SessionRequest{Kind: kind})
	return answer.GetUnsubscribed().GetCursor(), err
}

// RegisterAll registers tasks, all or none, and waits for the answers, which are in order.
func (s *Session) RegisterAll(ctx context.Context, tasks []Task) ([]Registered, error) {
	return s.registered(ctx, s.RegisterSoon(ctx, tasks, true))
}

// RegisterEach registers tasks, each for itself: what refuses one is its answer's Err.
func (s *Session) RegisterEach(ctx context.Context, tasks []Task) ([]Registered, error) {
	return s.registered(ctx, s.RegisterSoon(ctx, tasks, false))
}

// Answer is an answer that comes later.
type Answer struct {
	done     chan struct{}
	response *millhandv1.SessionResponse
	err      error
}

// RegisterSoon sends tasks without waiting for the answer, which Registered waits for. It waits only while too many
// requests have no answer yet. `atomic`: all or none.
func (s *Session) RegisterSoon(ctx context.Context, tasks []Task, atomic bool) *Answer {
	batch, err := specs(tasks)
	if err != nil {
		return answered(err)
	}
	mode := millhandv1.RegisterMode_REGISTER_MODE_PER_ITEM
	if atomic {
		mode = millhandv1.RegisterMode_REGISTER_MODE_ATOMIC
	}
	kind := &millhandv1.SessionRequest_Register{Register: &millhandv1.SessionRegister{Tasks: batch, Mode: mode}}
	return s.send(ctx, &millhandv1.SessionRequest{Kind: kind})
}

// Registered waits for what became of tasks that were sent with RegisterSoon.
func (a *Answer) Registered(ctx context.Context) ([]Registered, error) {
	response, err := a.wait(ctx)
	return registeredOf(response.GetRegistered().GetResults()), err
}

func (s *Session) registered(ctx context.Context, answer *Answer) ([]Registered, error) {
	all, err := answer.Registered(ctx)
	if err != nil {
		return nil, err
	}
	return all, nil
}

// CancelResult is what became of one id.
type CancelResult struct {
	ID      string
	Outcome millhandv1.CancelOutcome
	Err     error
}

// Cancel asks for tasks to be cancelled; the answers are in order.
func (s *Session) Cancel(ctx context.Context, ids []string, reason string) ([]CancelResult, error) {
	kind := &millhandv1.SessionRequest_Cancel{Cancel: &millhandv1.SessionCancel{Ids: ids, Reason: reason}}
	answer, err := s.ask(ctx, &millhandv1.SessionRequest{Kind: kind})
	if err != nil {
		return nil, err
	}
	var all []CancelResult
	for _, one := range answer.GetCancelled().GetResults() {
		result := CancelResult{ID: one.GetId(), Outcome: one.GetOutcome()}
		if one.GetError() != nil {
			result.Err = fromStatus(one.GetError())
		}
		all = append(all, result)
	}
	return all, nil
}

// Next returns the subscription's next record, waiting for it. After Finish it returns io.EOF once the server has
// delivered everything; after Close, ErrSessionOver; and when the session's context has ended, an *Error that says so.
func (s *Session) Next() (Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.state.unread) == 0 && !s.over {
		s.changed.Wait()
	}
	record := s.state.take()
	if record == nil {
		if s.failure != nil {
			return nil, s.failure
		}
		return nil, io.EOF
	}
	if credit := s.state.creditDue(); credit > 0 && s.outbox != nil {
		kind := &millhandv1.SessionRequest_Credit{Credit: &millhandv1.SessionCredit{Results: credit}}
		s.outbox.put(&millhandv1.SessionRequest{Kind: kind})
	}
	s.changed.Broadcast()
	return record, nil
}

// Finish says that nothing more will be sent. Next then ends once this session's tasks are done.
func (s *Session) Finish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state.finished {
		return
	}
	s.state.finished = true
	if s.outbox != nil {
		s.outbox.end()
	}
	s.changed.Broadcast()
}

// Close hangs up at once, and returns when the session's goroutine has ended. The tasks live on.
func (s *Session) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	<-s.ended
}

func (s *Session) ask(ctx context.Context, request *millhandv1.SessionRequest) (*millhandv1.SessionResponse, error) {
	return s.send(ctx, request).wait(ctx)
}

func (s *Session) send(ctx context.Context, request *millhandv1.SessionRequest) *Answer {
	stop := context.AfterFunc(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.changed.Broadcast()
	})
	defer stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.state.pending) >= maxPending && !s.over && ctx.Err() == nil {
		s.changed.Wait()
	}
	switch {
	case ctx.Err() != nil:
		return answered(errorOfContext(ctx))
	case s.failure != nil:
		return answered(s.failure)
	case s.over || s.state.finished:
		return answered(ErrSessionOver)
	}
	s.number++
	request.RequestId = strconv.Itoa(s.number)
	answer := &Answer{done: make(chan struct{})}
	s.state.pending = append(s.state.pending, pendingRequest{request, answer})
	if s.outbox != nil {
		s.outbox.put(request)
	}
	return answer
}

// live keeps a stream open until the session is over.
func (s *Session) live() {
	defer close(s.ended)
	err := s.liveOn()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over, s.outbox = true, nil
	switch {
	case s.closed:
		s.failure = ErrSessionOver
	case err != io.EOF:
		s.failure = err
	}
	lost := s.failure
	if lost == nil {
		lost = ErrSessionOver
	}
	for _, pending := range s.state.pending {
		pending.answer.settle(nil, lost)
	}
	s.changed.Broadcast()
}

func (s *Session) liveOn() error {
	again := patience{limit: s.client.patience}
	begun := false
	for {
		err := s.liveOneStream(func() {
			begun = true
			again.progressed()
		})
		switch {
		case err == io.EOF:
			return err
		case err == errAgain:
			s.untilRead()
			continue
		case !begun:
			return err
		}
		if err := again.wait(s.ctx, err); err != nil {
			return err
		}
	}
}

// untilRead waits until what the credit bought has been read.
func (s *Session) untilRead() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.state.unread) > 0 && s.ctx.Err() == nil {
		s.changed.Wait()
	}
}

// liveOneStream opens a stream and reads it to its end: io.EOF when nothing more is to come, errAgain when only the
// credit was spent.
func (s *Session) liveOneStream(progressed func()) error {
	ctx, hangUp := context.WithCancel(s.ctx)
	defer hangUp()
	stream, err := s.client.stub.Session(ctx)
	if err != nil {
		return errorOf(s.ctx, err)
	}
	s.begin(stream)
	defer s.leave()
	for {
		response, err := stream.Recv()
		if err == io.EOF {
			return &Error{Code: codes.Unavailable, Message: "the session's stream ended without a goodbye"}
		}
		if err != nil {
			return errorOf(s.ctx, err)
		}
		progressed()
		if err := s.receive(response); err != nil {
			return err
		}
	}
}

func (s *Session) begin(stream millhandv1.TaskService_SessionClient) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outbox = newOutbox(stream)
	for _, request := range s.state.opening(s.id) {
		s.outbox.put(request)
	}
	if s.state.finished {
		s.outbox.end()
	}
}

func (s *Session) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outbox.stop()
	s.outbox = nil
}

func (s *Session) receive(response *millhandv1.SessionResponse) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.changed.Broadcast()
	return s.state.receive(response)
}

func answered(err error) *Answer {
	answer := &Answer{done: make(chan struct{})}
	answer.settle(nil, err)
	return answer
}

func (a *Answer) settle(response *millhandv1.SessionResponse, err error) {
	a.response, a.err = response, err
	close(a.done)
}

func (a *Answer) wait(ctx context.Context) (*millhandv1.SessionResponse, error) {
	select {
	case <-a.done:
		return a.response, a.err
	case <-ctx.Done():
		return nil, errorOfContext(ctx)
	}
}

// clone returns a copy of a message.
func clone[M proto.Message](message M) M { return proto.Clone(message).(M) }
