// Command wordcount registers a few texts to be counted, and shows the results as they come.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"time"

	millhand "github.com/millhand/millhand/clients/go"
)

func main() {
	address := flag.String("address", "127.0.0.1:50051", "where the server is")
	flag.Parse()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := run(ctx, *address); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, address string) error {
	client, err := millhand.NewClient(address)
	if err != nil {
		return err
	}
	defer client.Close()

	session := client.Session(ctx, "")
	defer session.Close()
	if _, err := session.Subscribe(ctx, millhand.SubscribeOptions{}); err != nil {
		return err
	}
	var tasks []millhand.Task
	for _, text := range []string{"to be or not to be", "that is the question", ""} {
		tasks = append(tasks, millhand.Task{Handler: "word_count", Payload: map[string]any{"text": text}, Name: text})
	}
	if _, err := session.RegisterAll(ctx, tasks); err != nil {
		return err
	}
	session.Finish()
	return show(session)
}

func show(session *millhand.Session) error {
	for {
		record, err := session.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if result, ok := record.(*millhand.Result); ok {
			var counted struct{ Words int }
			if err := errors.Join(result.Err(), result.Decode(&counted)); err != nil {
				return err
			}
			fmt.Printf("%d words: %q\n", counted.Words, result.Task.GetName())
		}
	}
}
