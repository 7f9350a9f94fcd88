// Command conformance plays the cases of the conformance suite with the Go client.
package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"google.golang.org/protobuf/proto"

	"github.com/millhand/millhand/clients/go/conformance/wire"
)

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(1)
	}
}

// run plays cases until the input ends.
func run(input io.Reader, output io.Writer) error {
	reader := bufio.NewReader(input)
	out := &writer{to: output}
	var current *player
	for {
		said := &wire.FromRunner{}
		if err := read(reader, said); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		switch kind := said.GetKind().(type) {
		case *wire.FromRunner_Case:
			current = newPlayer(kind.Case, out.seen)
			go func(playing *player) {
				fault := ""
				if err := playing.play(); err != nil {
					fault = err.Error()
				}
				out.write(&wire.FromProgram{Kind: &wire.FromProgram_Done{Done: &wire.Done{Fault: fault}}})
			}(current)
		case *wire.FromRunner_GoOn:
			current.goOn(kind.GoOn)
		}
	}
}

// writer writes messages from any goroutine.
type writer struct {
	mu sync.Mutex
	to io.Writer
}

func (w *writer) seen(seen *wire.Seen) {
	w.write(&wire.FromProgram{Kind: &wire.FromProgram_Seen{Seen: seen}})
}

func (w *writer) write(message proto.Message) {
	data, err := proto.Marshal(message)
	if err != nil {
		panic(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	framed := append(binary.BigEndian.AppendUint32(nil, uint32(len(data))), data...)
	if _, err := w.to.Write(framed); err != nil {
		os.Exit(1) // The runner is gone.
	}
}

func read(reader io.Reader, message proto.Message) error {
	var head [4]byte
	if _, err := io.ReadFull(reader, head[:]); err != nil {
		return err
	}
	data := make([]byte, binary.BigEndian.Uint32(head[:]))
	if _, err := io.ReadFull(reader, data); err != nil {
		return err
	}
	return proto.Unmarshal(data, message)
}
