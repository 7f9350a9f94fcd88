package millhand

import (
	"sync"

	millhandv1 "github.com/millhand/millhand/clients/go/millhand/v1"
)

// outbox sends requests on a stream, in order, from a goroutine of its own: a send may wait for the server to read, and
// the server may wait for us to read, so nobody who reads may ever wait for a send.
//
// What it holds is bounded by the number of requests that may have no answer.
type outbox struct {
	stream millhandv1.TaskService_SessionClient

	mu      sync.Mutex
	changed *sync.Cond
	waiting []*millhandv1.SessionRequest
	ended   bool
	stopped bool
}

func newOutbox(stream millhandv1.TaskService_SessionClient) *outbox {
	box := &outbox{stream: stream}
	box.changed = sync.NewCond(&box.mu)
	go box.run()
	return box
}

// put adds a request; it never waits.
func (o *outbox) put(request *millhandv1.SessionRequest) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.waiting = append(o.waiting, request)
	o.changed.Signal()
}

// end says that nothing follows: the stream is half-closed when all was sent.
func (o *outbox) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ended = true
	o.changed.Signal()
}

// stop gives up what was not sent. Its stream has ended.
func (o *outbox) stop() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.stopped = true
	o.changed.Signal()
}

func (o *outbox) run() {
	for {
		request, goesOn := o.next()
		if !goesOn {
			return
		}
		// A stream that is broken says so to its reader, who opens another one and sends it all again.
		if request == nil {
			_ = o.stream.CloseSend()
			return
		}
		if o.stream.Send(request) != nil {
			return
		}
	}
}

// next waits for a request; nil is the end of the stream. It is false when there is nothing more to do.
func (o *outbox) next() (*millhandv1.SessionRequest, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.waiting) == 0 && !o.ended && !o.stopped {
		o.changed.Wait()
	}
	if o.stopped {
		return nil, false
	}
	if len(o.waiting) == 0 {
		return nil, true
	}
	request := o.waiting[0]
	o.waiting = o.waiting[1:]
	return request, true
}
