package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	millhand "github.com/millhand/millhand/clients/go"
	"github.com/millhand/millhand/clients/go/conformance/wire"
)

// player plays one case: a step is one use of the client, and what it shows is seen.
type player struct {
	played *wire.Case
	show   func(*wire.Seen)
	client *millhand.Client

	mu      sync.Mutex
	changed *sync.Cond
	count   map[string]int32
	cursors map[string]string
	goneOn  map[string]bool
	cancels map[string]context.CancelFunc
}

func newPlayer(played *wire.Case, show func(*wire.Seen)) *player {
	p := &player{
		played: played, show: show,
		count: map[string]int32{}, cursors: map[string]string{}, goneOn: map[string]bool{},
		cancels: map[string]context.CancelFunc{},
	}
	p.changed = sync.NewCond(&p.mu)
	return p
}

func (p *player) goOn(pause string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.goneOn[pause] = true
	p.changed.Broadcast()
}

// play takes all steps, and waits for those in the background.
func (p *player) play() error {
	client, err := newClient(p.played.GetConnection())
	if err != nil {
		return err
	}
	p.client = client
	defer client.Close()
	var background sync.WaitGroup
	defer background.Wait()
	for _, step := range p.played.GetSteps() {
		p.until(func() bool {
			return step.GetAfterStep() == "" || p.count[step.GetAfterStep()] >= max(1, step.GetAfterCount())
		})
		ctx, cancel := context.WithCancel(context.Background())
		if step.GetDeadline() != nil {
			ctx, cancel = context.WithTimeout(ctx, step.GetDeadline().AsDuration())
		}
		p.mu.Lock()
		p.cancels[step.GetName()] = cancel
		p.mu.Unlock()
		if !step.GetBackground() {
			p.take(ctx, step)
			cancel()
			continue
		}
		background.Add(1)
		go func() {
			defer background.Done()
			defer cancel()
			p.take(ctx, step)
		}()
	}
	return nil
}

func (p *player) take(ctx context.Context, step *wire.Step) {
	if err := p.call(ctx, step); err != nil {
		p.saw(step, &wire.Seen{What: &wire.Seen_Failure{Failure: failure(err)}})
	}
}

// saw tells the runner what a step has shown.
func (p *player) saw(step *wire.Step, seen *wire.Seen) {
	seen.Step = step.GetName()
	p.mu.Lock()
	defer p.mu.Unlock()
	if cursor := cursorIn(seen); cursor != "" {
		p.cursors[step.GetName()] = cursor
	}
	p.count[step.GetName()]++
	p.show(seen)
	p.changed.Broadcast()
}

// pause tells the runner that it has come here, and waits for its word.
func (p *player) pause(step *wire.Step, name string) {
	p.saw(step, &wire.Seen{What: &wire.Seen_Paused{Paused: name}})
	p.until(func() bool { return p.goneOn[name] })
}

// after returns the cursor that a case means.
func (p *player) after(after string) string {
	step, found := strings.CutPrefix(after, "$")
	if !found {
		return after
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cursors[step]
}

func (p *player) cancelStep(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cancels[name]()
}

func (p *player) until(holds func() bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for !holds() {
		p.changed.Wait()
	}
}

func cursorIn(seen *wire.Seen) string {
	switch what := seen.GetWhat().(type) {
	case *wire.Seen_Ended:
		return what.Ended.GetCursor()
	case *wire.Seen_Result:
		return what.Result.GetCursor()
	case *wire.Seen_Gap:
		return what.Gap.GetToCursor()
	case *wire.Seen_Begun:
		return what.Begun.GetCursor()
	case *wire.Seen_Page:
		return what.Page.GetNextCursor()
	case *wire.Seen_CancelledTask:
		return what.CancelledTask.GetCursor()
	}
	return ""
}

func newClient(connection *wire.Connection) (*millhand.Client, error) {
	var options []millhand.Option
	if pem := connection.GetCaPem(); len(pem) > 0 {
		options = append(options, millhand.WithCA(pem))
	}
	if pem := connection.GetCertificatePem(); len(pem) > 0 {
		options = append(options, millhand.WithCertificate(pem, connection.GetKeyPem()))
	}
	if connection.GetToken() != "" {
		options = append(options, millhand.WithToken(connection.GetToken()))
	}
	if connection.GetInsecureToken() {
		options = append(options, millhand.WithInsecureToken())
	}
	return millhand.NewClient(connection.GetAddress(), options...)
}

// failure shows an error as a user would branch on it.
func failure(err error) *wire.Failure {
	var known *millhand.Error
	if !errors.As(err, &known) {
		return &wire.Failure{Type: fmt.Sprintf("%T", err), Code: 2, Message: err.Error()}
	}
	shown := &wire.Failure{
		Type: "*millhand.Error", Code: int32(known.Code), Reason: known.Reason, Metadata: known.Metadata,
		Message: known.Message, Task: known.Task,
	}
	for _, one := range known.Violations {
		shown.Violations = append(shown.Violations, &wire.Violation{Field: one.Field, Description: one.Description})
	}
	if known.RetryAfter > 0 {
		shown.RetryAfter = asDuration(known.RetryAfter)
	}
	return shown
}
