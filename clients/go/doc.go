// Package millhand is the Go client of a Millhand server: it registers tasks, runs them and waits, cancels them, and
// reads their results, across lost connections and restarts.
//
// A Client has one connection, which it opens when it is first used and again whenever it breaks. It is safe for
// concurrent use: make one and share it.
//
// Every call takes a context, whose deadline and cancellation are those of the call. They never touch a task: a task's
// life is its own once it is registered, and only Cancel ends it.
//
// What the server refuses is an *Error, which says why by its Reason:
//
//	if errors.Is(err, millhand.ErrQueueFull) { ... }
package millhand
