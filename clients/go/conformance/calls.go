package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	millhand "github.com/millhand/millhand/clients/go"
	"github.com/millhand/millhand/clients/go/conformance/wire"
	millhandv1 "github.com/millhand/millhand/clients/go/millhand/v1"
)

// call takes a step, by the client's own means.
func (p *player) call(ctx context.Context, step *wire.Step) error {
	switch call := step.GetCall().(type) {
	case *wire.Step_Execute:
		return p.execute(ctx, step, call.Execute)
	case *wire.Step_ExecuteRegistered:
		return p.executeRegistered(ctx, step, call.ExecuteRegistered)
	case *wire.Step_Register:
		return p.register(ctx, step, call.Register)
	case *wire.Step_RegisterMany:
		return p.registerMany(ctx, step, call.RegisterMany)
	case *wire.Step_Get:
		return p.get(ctx, step, call.Get)
	case *wire.Step_List:
		return p.list(ctx, step, call.List)
	case *wire.Step_Active:
		return p.active(ctx, step)
	case *wire.Step_Cancel:
		return p.cancel(ctx, step, call.Cancel)
	case *wire.Step_CancelAll:
		counts, err := p.client.CancelAll(ctx, filterOf(call.CancelAll.GetFilter()), call.CancelAll.GetReason())
		return p.sawCancelled(step, counts, nil, err)
	case *wire.Step_CancelAllAndWait:
		asked := call.CancelAllAndWait
		counts, ids, err := p.client.CancelAllAndWait(
			ctx, filterOf(asked.GetFilter()), asked.GetReason(), atMost(asked.GetTimeout()))
		return p.sawCancelled(step, counts, ids, err)
	case *wire.Step_Wait:
		done, counts, err := p.client.Wait(ctx, filterOf(call.Wait.GetFilter()), atMost(call.Wait.GetTimeout()))
		return p.sawWaited(step, done, counts, err)
	case *wire.Step_Results:
		return p.results(ctx, step, call.Results)
	case *wire.Step_ResultsPage:
		return p.resultsPage(ctx, step, call.ResultsPage)
	case *wire.Step_Cancelled:
		return p.cancelled(ctx, step, call.Cancelled)
	case *wire.Step_Session:
		return p.session(ctx, step, call.Session)
	}
	return p.callServer(ctx, step)
}

func (p *player) callServer(ctx context.Context, step *wire.Step) error {
	switch call := step.GetCall().(type) {
	case *wire.Step_Handlers:
		return p.handlers(ctx, step)
	case *wire.Step_Info:
		info, err := p.client.Info(ctx)
		return p.sawUnless(err, step, &wire.Seen{What: &wire.Seen_Info{Info: info}})
	case *wire.Step_Explain:
		answer, err := p.client.Explain(ctx, call.Explain.GetId())
		return p.sawUnless(err, step, &wire.Seen{What: &wire.Seen_Explanation{Explanation: answer}})
	case *wire.Step_StartWorkers:
		before, after, err := p.client.StartWorkers(ctx, call.StartWorkers.Count, call.StartWorkers.GetNodeId())
		workers := &millhandv1.StartWorkersResponse{Before: before, After: after}
		return p.sawUnless(err, step, &wire.Seen{What: &wire.Seen_Workers{Workers: workers}})
	case *wire.Step_Shutdown:
		counts, err := p.client.Shutdown(ctx, call.Shutdown.GetMode())
		return p.sawWaited(step, len(counts) == 0, counts, err)
	case *wire.Step_Raw:
		return p.raw(ctx, step, call.Raw)
	case *wire.Step_CancelStep:
		p.cancelStep(call.CancelStep)
	case *wire.Step_Pause:
		p.pause(step, call.Pause)
		return nil
	case *wire.Step_Load:
		return p.load(ctx, step, call.Load)
	case *wire.Step_Close:
		if err := p.client.Close(); err != nil {
			return err
		}
	default:
		return unknown(step)
	}
	p.sawEnd(step, "")
	return nil
}

func (p *player) sawUnless(err error, step *wire.Step, seen *wire.Seen) error {
	if err == nil {
		p.saw(step, seen)
	}
	return err
}

func (p *player) sawEnd(step *wire.Step, cursor string) {
	p.saw(step, &wire.Seen{What: &wire.Seen_Ended{Ended: &wire.Ended{Cursor: cursor}}})
}

func (p *player) sawWaited(
	step *wire.Step, done bool, counts map[millhandv1.TaskStatus]int64, err error,
) error {
	waited := &wire.Waited{Done: done, Counts: countsOf(counts)}
	return p.sawUnless(err, step, &wire.Seen{What: &wire.Seen_Waited{Waited: waited}})
}

func (p *player) sawCancelled(
	step *wire.Step, counts map[millhandv1.CancelOutcome]int64, ids []string, err error,
) error {
	all := &wire.CancelledAll{Counts: outcomesOf(counts), StillRunningIds: ids}
	return p.sawUnless(err, step, &wire.Seen{What: &wire.Seen_CancelledAll{CancelledAll: all}})
}

func (p *player) execute(ctx context.Context, step *wire.Step, call *wire.Execute) error {
	task, err := taskOf(call.GetTask())
	if err != nil {
		return err
	}
	var options []millhand.ExecuteOption
	if call.GetTimeout() != nil {
		options = append(options, millhand.WaitAtMost(call.GetTimeout().AsDuration()))
	}
	if call.GetCancelOnTimeout() {
		options = append(options, millhand.CancelOnTimeout())
	}
	if call.GetRetryWhenFull() != nil {
		options = append(options, millhand.WaitForRoom(call.GetRetryWhenFull().AsDuration()))
	}
	result, err := p.client.Execute(ctx, task, options...)
	return p.sawOutput(step, result, err)
}

func (p *player) executeRegistered(ctx context.Context, step *wire.Step, call *wire.ExecuteRegistered) error {
	var options []millhand.ExecuteOption
	if call.GetTimeout() != nil {
		options = append(options, millhand.WaitAtMost(call.GetTimeout().AsDuration()))
	}
	if call.GetCancelOnTimeout() {
		options = append(options, millhand.CancelOnTimeout())
	}
	result, err := p.client.ExecuteRegistered(ctx, call.GetId(), options...)
	return p.sawOutput(step, result, err)
}

func (p *player) sawOutput(step *wire.Step, result *millhand.Result, err error) error {
	if err != nil {
		return err
	}
	output, err := valueOf(result.Output())
	return p.sawUnless(err, step, &wire.Seen{What: &wire.Seen_Output{Output: output}})
}

func (p *player) register(ctx context.Context, step *wire.Step, call *wire.Task) error {
	task, err := taskOf(call)
	if err != nil {
		return err
	}
	registered, err := p.client.Register(ctx, task)
	return p.sawUnless(err, step, &wire.Seen{What: &wire.Seen_Task{Task: registered}})
}

func (p *player) registerMany(ctx context.Context, step *wire.Step, call *wire.RegisterMany) error {
	tasks, err := tasksOf(call.GetTasks())
	if err != nil {
		return err
	}
	register := p.client.RegisterAll
	if call.GetMode() == millhandv1.RegisterMode_REGISTER_MODE_PER_ITEM {
		register = p.client.RegisterEach
	}
	answers, err := register(ctx, tasks)
	for _, answer := range answers {
		p.saw(step, &wire.Seen{What: &wire.Seen_Registered{Registered: registeredOf(answer)}})
	}
	return err
}

func (p *player) get(ctx context.Context, step *wire.Step, call *millhandv1.GetTaskRequest) error {
	get := p.client.Get
	if call.GetView() == millhandv1.TaskView_TASK_VIEW_FULL {
		get = p.client.GetFull
	}
	task, err := get(ctx, call.GetId())
	return p.sawUnless(err, step, &wire.Seen{What: &wire.Seen_Task{Task: task}})
}

func (p *player) list(ctx context.Context, step *wire.Step, call *wire.List) error {
	request := call.GetRequest()
	options := millhand.ListOptions{
		Filter: filterOf(request.GetFilter()), PageSize: request.GetPageSize(), OrderBy: request.GetOrderBy(),
		Full: request.GetView() == millhandv1.TaskView_TASK_VIEW_FULL,
	}
	count := int32(0)
	for task, err := range p.client.List(ctx, options) {
		if err != nil {
			return err
		}
		p.saw(step, &wire.Seen{What: &wire.Seen_Task{Task: task}})
		count++
		if count == 1 && call.GetPause() != "" {
			p.pause(step, call.GetPause())
		}
		if count == call.GetAtMost() {
			break
		}
	}
	p.sawEnd(step, "")
	return nil
}

func (p *player) active(ctx context.Context, step *wire.Step) error {
	for task, err := range p.client.Active(ctx) {
		if err != nil {
			return err
		}
		p.saw(step, &wire.Seen{What: &wire.Seen_Task{Task: task}})
	}
	p.sawEnd(step, "")
	return nil
}

func (p *player) cancel(ctx context.Context, step *wire.Step, call *millhandv1.CancelTaskRequest) error {
	answer, err := p.client.Cancel(ctx, call.GetId(), call.GetReason(), call.GetWait().AsDuration())
	shown := &wire.CancelAnswer{Id: call.GetId(), Outcome: answer.Outcome, Task: answer.Task}
	return p.sawUnless(err, step, &wire.Seen{What: &wire.Seen_Cancel{Cancel: shown}})
}

func (p *player) results(ctx context.Context, step *wire.Step, call *wire.Results) error {
	request := call.GetRequest()
	reader, err := p.client.Results(ctx, millhand.ReadOptions{
		Filter: filterOf(request.GetFilter()), After: p.after(request.GetAfter()), Follow: request.GetFollow(),
		UntilDone: request.GetCloseOnCompletion(), IncludeProgress: request.GetIncludeProgress(),
		Full: request.GetView() == millhandv1.TaskView_TASK_VIEW_FULL,
	})
	if err != nil {
		return err
	}
	defer reader.Close()
	p.sawBegun(step, reader.Cursor(), "")
	err = p.showRecords(step, reader.Next, call.GetAtMost(), call.GetPause(), call.GetPauseAfter(), call.GetBrief())
	if err == nil {
		p.sawEnd(step, reader.Cursor())
	}
	return err
}

func (p *player) sawBegun(step *wire.Step, cursor, session string) {
	p.saw(step, &wire.Seen{What: &wire.Seen_Begun{Begun: &wire.Begun{Cursor: cursor, SessionId: session}}})
}

func (p *player) showRecords(
	step *wire.Step, next func() (millhand.Record, error), atMost int32, pause string, pauseAfter int32, brief bool,
) error {
	for count := int32(0); ; {
		record, err := next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch known := record.(type) {
		case *millhand.Result:
			shown, err := resultOf(known, brief)
			if err != nil {
				return err
			}
			p.saw(step, &wire.Seen{What: &wire.Seen_Result{Result: shown}})
			count++
			if pause != "" && count == pauseAfter {
				p.pause(step, pause)
			}
		case *millhand.Gap:
			p.saw(step, &wire.Seen{What: &wire.Seen_Gap{Gap: known.Gap}})
		case *millhand.Progress:
			p.saw(step, &wire.Seen{What: &wire.Seen_Progress{Progress: known.ProgressUpdate}})
		case *millhand.CancelledTask:
			shown := &wire.CancelledTask{Task: known.Task, Cursor: known.Cursor}
			p.saw(step, &wire.Seen{What: &wire.Seen_CancelledTask{CancelledTask: shown}})
			count++
		}
		if atMost > 0 && count == atMost {
			return nil
		}
	}
}

func (p *player) resultsPage(ctx context.Context, step *wire.Step, call *millhandv1.GetResultsRequest) error {
	page, err := p.client.ResultsPage(ctx, filterOf(call.GetFilter()), p.after(call.GetAfter()), call.GetPageSize())
	if err != nil {
		return err
	}
	if page.Gap != nil {
		p.saw(step, &wire.Seen{What: &wire.Seen_Gap{Gap: page.Gap.Gap}})
	}
	for _, result := range page.Results {
		shown, err := resultOf(result, false)
		if err != nil {
			return err
		}
		p.saw(step, &wire.Seen{What: &wire.Seen_Result{Result: shown}})
	}
	p.saw(step, &wire.Seen{What: &wire.Seen_Page{Page: &wire.Page{NextCursor: page.NextCursor}}})
	return nil
}

func (p *player) cancelled(ctx context.Context, step *wire.Step, call *wire.Cancelled) error {
	reader, err := p.client.Cancelled(ctx, p.after(call.GetRequest().GetAfter()), call.GetRequest().GetFollow())
	if err != nil {
		return err
	}
	defer reader.Close()
	p.sawBegun(step, reader.Cursor(), "")
	err = p.showRecords(step, reader.Next, call.GetAtMost(), "", 0, false)
	if err == nil {
		p.sawEnd(step, reader.Cursor())
	}
	return err
}

func (p *player) session(ctx context.Context, step *wire.Step, call *wire.Session) error {
	session := p.client.Session(ctx, call.GetSessionId())
	defer session.Close()
	if call.GetSubscribe() != nil {
		if err := p.subscribe(ctx, session, call.GetSubscribe()); err != nil {
			return err
		}
	}
	p.sawBegun(step, session.Cursor(), session.ID())
	var pipelined sync.WaitGroup
	for _, act := range call.GetActs() {
		if err := p.act(ctx, step, session, act, &pipelined); err != nil {
			return err
		}
	}
	if call.GetFinish() {
		session.Finish()
	}
	if call.GetFinish() || call.GetAtMost() > 0 {
		err := p.showRecords(
			step, session.Next, call.GetAtMost(), call.GetPause(), call.GetPauseAfter(), call.GetBrief())
		if err != nil {
			return err
		}
	}
	pipelined.Wait()
	p.sawEnd(step, session.Cursor())
	return nil
}

func (p *player) act(
	ctx context.Context, step *wire.Step, session *millhand.Session, act *wire.SessionAct, pipelined *sync.WaitGroup,
) error {
	switch kind := act.GetKind().(type) {
	case *wire.SessionAct_Register:
		tasks, err := tasksOf(kind.Register.GetTasks())
		if err != nil {
			return err
		}
		atomic := kind.Register.GetMode() != millhandv1.RegisterMode_REGISTER_MODE_PER_ITEM
		answer := session.RegisterSoon(ctx, tasks, atomic)
		if !act.GetPipelined() {
			p.sawRegistered(ctx, step, answer)
			return nil
		}
		pipelined.Add(1)
		go func() {
			defer pipelined.Done()
			p.sawRegistered(ctx, step, answer)
		}()
	case *wire.SessionAct_Cancel:
		answers, err := session.Cancel(ctx, kind.Cancel.GetIds(), kind.Cancel.GetReason())
		if err != nil {
			return err
		}
		for _, one := range answers {
			shown := &wire.CancelAnswer{Id: one.ID, Outcome: one.Outcome}
			if one.Err != nil {
				shown.Failure = failure(one.Err)
			}
			p.saw(step, &wire.Seen{What: &wire.Seen_Cancel{Cancel: shown}})
		}
	case *wire.SessionAct_Subscribe:
		return p.subscribe(ctx, session, kind.Subscribe)
	case *wire.SessionAct_Unsubscribe:
		cursor, err := session.Unsubscribe(ctx)
		if err != nil {
			return err
		}
		p.sawBegun(step, cursor, "")
	}
	return nil
}

func (p *player) sawRegistered(ctx context.Context, step *wire.Step, answer *millhand.Answer) {
	answers, err := answer.Registered(ctx)
	if err != nil {
		answers = []millhand.Registered{{Err: err}}
	}
	for _, one := range answers {
		p.saw(step, &wire.Seen{What: &wire.Seen_Registered{Registered: registeredOf(one)}})
	}
}

func (p *player) subscribe(ctx context.Context, session *millhand.Session, call *millhandv1.SessionSubscribe) error {
	_, err := session.Subscribe(ctx, millhand.SubscribeOptions{
		Everyone: call.GetScope() == millhandv1.SubscribeScope_SUBSCRIBE_SCOPE_FILTER,
		Filter:   filterOf(call.GetFilter()), After: p.after(call.GetAfter()),
		IncludeProgress: call.GetIncludeProgress(), Full: call.GetView() == millhandv1.TaskView_TASK_VIEW_FULL,
	})
	return err
}

func (p *player) handlers(ctx context.Context, step *wire.Step) error {
	handlers, err := p.client.Handlers(ctx)
	if err != nil {
		return err
	}
	for _, handler := range handlers {
		p.saw(step, &wire.Seen{What: &wire.Seen_Handler{Handler: handler}})
	}
	p.sawEnd(step, "")
	return nil
}

func (p *player) raw(ctx context.Context, step *wire.Step, call *wire.Raw) error {
	method := millhandv1.File_millhand_v1_task_service_proto.Services().ByName("TaskService").Methods().ByName("GetTask")
	if call.GetMethod() != string(method.Name()) {
		return fmt.Errorf("%w: raw %s", errNotFound, call.GetMethod())
	}
	request := &millhandv1.GetTaskRequest{}
	if err := proto.Unmarshal(call.GetRequest(), request); err != nil {
		return err
	}
	response, err := p.client.Stub().GetTask(ctx, request)
	if err != nil {
		return err
	}
	data, err := proto.Marshal(response)
	return p.sawUnless(err, step, &wire.Seen{What: &wire.Seen_Raw{Raw: data}})
}

func (p *player) load(ctx context.Context, step *wire.Step, call *wire.Load) error {
	began := time.Now()
	measure := p.unaryLoad
	if call.GetBatch() > 0 {
		measure = p.sessionLoad
	}
	count, err := measure(ctx, call, began.Add(call.GetDuration().AsDuration()))
	rate := &wire.Rate{Tasks: count, Seconds: time.Since(began).Seconds()}
	return p.sawUnless(err, step, &wire.Seen{What: &wire.Seen_Rate{Rate: rate}})
}

func (p *player) unaryLoad(ctx context.Context, call *wire.Load, end time.Time) (int64, error) {
	var mu sync.Mutex
	var group sync.WaitGroup
	var count int64
	var failed error
	for range call.GetInFlight() {
		group.Add(1)
		go func() {
			defer group.Done()
			for time.Now().Before(end) {
				result, err := p.client.Execute(ctx, millhand.Task{Handler: "echo", Payload: "x"})
				mu.Lock()
				if err != nil || result.Output() != "x" {
					failed = errors.Join(failed, err, errors.New("an echo was lost"))
				} else {
					count++
				}
				mu.Unlock()
			}
		}()
	}
	group.Wait()
	return count, failed
}

func (p *player) sessionLoad(ctx context.Context, call *wire.Load, end time.Time) (int64, error) {
	session := p.client.Session(ctx, "")
	defer session.Close()
	if _, err := session.Subscribe(ctx, millhand.SubscribeOptions{}); err != nil {
		return 0, err
	}
	var came sync.Map
	room := make(chan struct{}, 1<<20)
	read := make(chan error, 1)
	go func() {
		for {
			record, err := session.Next()
			if err != nil {
				read <- err
				return
			}
			if result, ok := record.(*millhand.Result); ok && result.Output() == "x" {
				if _, twice := came.LoadOrStore(result.Task.GetId(), true); !twice {
					room <- struct{}{}
				}
			}
		}
	}()
	sent, done := 0, 0
	batch := int(call.GetBatch())
	for time.Now().Before(end) {
		for sent+batch-done > int(call.GetInFlight()) {
			<-room
			done++
		}
		tasks := make([]millhand.Task, batch)
		for index := range tasks {
			tasks[index] = millhand.Task{Handler: "echo", Payload: "x"}
		}
		session.RegisterSoon(ctx, tasks, true)
		sent += batch
	}
	session.Finish()
	if err := <-read; !errors.Is(err, io.EOF) {
		return 0, err
	}
	if done += len(room); done != sent {
		return 0, fmt.Errorf("%d of %d tasks came back", done, sent)
	}
	return int64(sent), nil
}
