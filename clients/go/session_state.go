package millhand

import (
	"errors"
	"io"

	"google.golang.org/grpc/codes"

	millhandv1 "github.com/millhand/millhand/clients/go/millhand/v1"
)

// sessionState is a session across connections: what is unanswered, what is unread, and how it opens again. Its owner
// guards it.
//
// A broken stream is opened anew under the same session id. Requests without an answer are sent again, which their
// tasks' ids make harmless, and results start behind what was read: those that were not are dropped and given again.
type sessionState struct {
	// cursor: everything up to here was read. It moves frame by frame, for a frame may hold results that are older than
	// those before it.
	cursor   string
	finished bool
	pending  []pendingRequest
	unread   []unreadRecord

	subscription *millhandv1.SessionSubscribe
	// readBehind has the tasks whose results were read behind the cursor, and would come again after a reconnect.
	readBehind map[string]bool
	// adopted has tasks that others had registered first: ours on a stream only once it has registered them, too.
	adopted   map[string]*millhandv1.TaskSpec
	sessionID string
	// credit is what this stream began with.
	credit    int32
	readSince int32
}

type pendingRequest struct {
	request *millhandv1.SessionRequest
	answer  *Answer
}

// unreadRecord is a record, and where its reader stands once it has taken it; empty in the midst of a frame.
type unreadRecord struct {
	record Record
	cursor string
}

func newSessionState() sessionState {
	return sessionState{readBehind: map[string]bool{}, adopted: map[string]*millhandv1.TaskSpec{}}
}

// opening returns what a new stream starts with: who we are, the subscription as far as read, what is unanswered.
func (s *sessionState) opening(id string) []*millhandv1.SessionRequest {
	s.sessionID = id
	s.unread, s.readSince, s.credit = nil, 0, startCredit
	hello := &millhandv1.SessionRequest_Hello{Hello: &millhandv1.SessionHello{ClientName: "go", SessionId: id}}
	requests := []*millhandv1.SessionRequest{{RequestId: "hello", Kind: hello}}
	if s.subscription != nil {
		again := clone(s.subscription)
		if s.cursor != "" {
			again.After = s.cursor
		}
		kind := &millhandv1.SessionRequest_Subscribe{Subscribe: again}
		requests = append(requests, &millhandv1.SessionRequest{RequestId: "resume", Kind: kind})
	}
	for _, spec := range s.adopted {
		register := &millhandv1.SessionRegister{
			Tasks: []*millhandv1.TaskSpec{spec}, Mode: millhandv1.RegisterMode_REGISTER_MODE_PER_ITEM,
		}
		kind := &millhandv1.SessionRequest_Register{Register: register}
		requests = append(requests, &millhandv1.SessionRequest{RequestId: "adopt", Kind: kind})
	}
	for _, pending := range s.pending {
		requests = append(requests, pending.request)
	}
	return requests
}

// receive takes one response in. io.EOF says that nothing more is to come, errAgain that only the credit was spent; any
// other error that this stream is over.
func (s *sessionState) receive(response *millhandv1.SessionResponse) error {
	switch kind := response.GetKind().(type) {
	case *millhandv1.SessionResponse_Welcome:
		if kind.Welcome.GetCredit() > 0 {
			s.credit = kind.Welcome.GetCredit()
		}
	case *millhandv1.SessionResponse_Results:
		s.takeResults(kind.Results)
	case *millhandv1.SessionResponse_Progress:
		s.takeProgress(kind.Progress)
	case *millhandv1.SessionResponse_Gap:
		s.unread = append(s.unread, unreadRecord{&Gap{kind.Gap}, kind.Gap.GetToCursor()})
	case *millhandv1.SessionResponse_Goodbye:
		return s.goodbye(kind.Goodbye)
	case *millhandv1.SessionResponse_Error:
		return s.refused(response)
	case *millhandv1.SessionResponse_Registered, *millhandv1.SessionResponse_Cancelled,
		*millhandv1.SessionResponse_Subscribed, *millhandv1.SessionResponse_Unsubscribed:
		s.answered(response)
	}
	return nil
}

// take returns the oldest unread record, which counts as read from now on; nil if there is none.
func (s *sessionState) take() Record {
	if len(s.unread) == 0 {
		return nil
	}
	item := s.unread[0]
	s.unread = s.unread[1:]
	if result, ok := item.record.(*Result); ok {
		s.readSince++
		s.readBehind[result.Task.GetId()] = true
		delete(s.adopted, result.Task.GetId())
	}
	s.advance(item.cursor)
	return item.record
}

// creditDue returns new credit for what was read, once that is half of what a stream starts with.
func (s *sessionState) creditDue() int32 {
	if s.finished || s.readSince == 0 || s.readSince*2 < s.credit {
		return 0
	}
	due := s.readSince
	s.readSince = 0
	return due
}

func (s *sessionState) takeResults(results *millhandv1.SessionResults) {
	for _, message := range results.GetResults() {
		if s.readBehind[message.GetTask().GetId()] {
			s.readSince++
			continue
		}
		s.unread = append(s.unread, unreadRecord{record: resultOf(message)})
	}
	s.move(results.GetCursor())
}

// takeProgress replaces an unread progress of the same task: a reader that pauses holds at most one of each.
func (s *sessionState) takeProgress(update *millhandv1.ProgressUpdate) {
	for index := range s.unread {
		if waiting, ok := s.unread[index].record.(*Progress); ok && waiting.GetTaskId() == update.GetTaskId() {
			s.unread[index].record = &Progress{update}
			return
		}
	}
	s.unread = append(s.unread, unreadRecord{record: &Progress{update}})
}

func (s *sessionState) answered(response *millhandv1.SessionResponse) {
	pending, ok := s.settled(response.GetRequestId())
	if !ok {
		return // The answer to what a new stream started with.
	}
	switch kind := response.GetKind().(type) {
	case *millhandv1.SessionResponse_Registered:
		s.adopt(pending.request.GetRegister().GetTasks(), kind.Registered.GetResults())
	case *millhandv1.SessionResponse_Subscribed:
		s.subscription = pending.request.GetSubscribe()
		s.move(kind.Subscribed.GetCursor())
	case *millhandv1.SessionResponse_Unsubscribed:
		s.subscription = nil
	}
	pending.answer.settle(response, nil)
}

func (s *sessionState) adopt(tasks []*millhandv1.TaskSpec, answers []*millhandv1.RegisterResult) {
	for index, answer := range answers {
		if answer.GetTask() != nil && answer.GetTask().GetSessionId() != s.sessionID && index < len(tasks) {
			s.adopted[answer.GetTask().GetId()] = tasks[index]
		}
	}
}

func (s *sessionState) refused(response *millhandv1.SessionResponse) error {
	err := fromStatus(response.GetError().GetStatus())
	if errors.Is(err, ErrClosing) {
		return nil // The goodbye is on its way; the next stream sends the request again.
	}
	pending, ok := s.settled(response.GetRequestId())
	if !ok {
		return err
	}
	pending.answer.settle(nil, err)
	return nil
}

// settled takes a request out that has its answer.
func (s *sessionState) settled(id string) (pendingRequest, bool) {
	for index, pending := range s.pending {
		if pending.request.GetRequestId() == id {
			s.pending = append(s.pending[:index:index], s.pending[index+1:]...)
			return pending, true
		}
	}
	return pendingRequest{}, false
}

func (s *sessionState) goodbye(goodbye *millhandv1.SessionGoodbye) error {
	s.move(goodbye.GetCursor())
	switch goodbye.GetReason() {
	case millhandv1.EndReason_END_REASON_SHUTDOWN:
		return &Error{Code: codes.Unavailable, Reason: string(ErrClosing), Message: "the server is shutting down"}
	case millhandv1.EndReason_END_REASON_CREDIT_SPENT:
		return errAgain
	case millhandv1.EndReason_END_REASON_SLOW_READER:
		return &Error{Code: codes.ResourceExhausted, Reason: string(ErrSlowReader), Message: "the session did not keep up"}
	}
	return io.EOF
}

// move moves the reader on to a cursor, as soon as it has read what came before it.
func (s *sessionState) move(cursor string) {
	if cursor == "" {
		return
	}
	if last := len(s.unread) - 1; last >= 0 {
		s.unread[last].cursor = cursor
		return
	}
	s.advance(cursor)
}

func (s *sessionState) advance(cursor string) {
	if cursor == "" {
		return
	}
	s.cursor = cursor
	clear(s.readBehind)
}
