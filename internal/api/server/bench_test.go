package server

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"testing"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/credentials"
	"github.com/perdure/perdure/internal/api/lambdaapi"
	"github.com/perdure/perdure/internal/api/route"
)

// ready is an engine that accepts every checkpoint.
type ready struct{ lambdaapi.Engine }

func (ready) Checkpoint(context.Context, *engine.CheckpointRequest) (*engine.CheckpointReply, error) {
	return &engine.CheckpointReply{Token: "dG9rZW4gb2YgYSBjaGVja3BvaW50"}, nil
}

// checkpoints serves checkpoints on loopback as functions make them, and
// returns a call that makes one. The client takes no time and no memory.
func checkpoints(tb testing.TB) (call func()) {
	quiet := slog.New(slog.DiscardHandler)
	doors := NewDoors(credentials.Function)
	s := New([]*route.Face{lambdaapi.New(ready{}, nil, &lambdaapi.Options{Logger: quiet})}, &Options{Logger: quiet, Doors: doors})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	go s.Serve(l)
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		conn.Close()
		s.Shutdown(context.Background())
	})
	const updates = `{"CheckpointToken":"dG9rZW4gb2YgYSBjaGVja3BvaW50","Updates":[` +
		`{"Id":"1","Type":"STEP","SubType":"Step","Name":"pay","Action":"START"},` +
		`{"Id":"1","Type":"STEP","SubType":"Step","Name":"pay","Action":"SUCCEED","Payload":"{\"amount\":9999}"}]}`
	request := fmt.Appendf(nil, "POST %s/2025-12-01/durable-executions/arn%%3Aaws%%3Alambda%%3Aus-east-1%%3A000000000000%%3Afunction%%3A"+
		"order%%3A%%24LATEST%%2Fdurable-execution%%2Ffirst%%2F0b1c/checkpoint HTTP/1.1\r\nHost: %s\r\n"+
		"Content-Length: %d\r\nContent-Type: application/json\r\n\r\n%s", doors.Path("order"), l.Addr(), len(updates), updates)
	answer := make([]byte, 4<<10)
	return func() {
		if _, err := conn.Write(request); err != nil {
			tb.Fatal(err)
		}
		if n, err := conn.Read(answer); err != nil || !bytes.HasPrefix(answer[:n], []byte("HTTP/1.1 200")) {
			tb.Fatalf("%q, %v", answer[:n], err)
		}
	}
}

// TestCheckpointAllocations: a checkpoint gets no dearer on its way by mistake.
// With net/http and bodies that are watched it was 51.
func TestCheckpointAllocations(t *testing.T) {
	const most = 24
	if got := testing.AllocsPerRun(300, checkpoints(t)); got > most {
		t.Errorf("got %v allocations for a checkpoint, want %d at most", got, most)
	}
}

// BenchmarkCheckpoint is what all between the wire and the engine costs for a
// checkpoint of a function.
func BenchmarkCheckpoint(b *testing.B) {
	call := checkpoints(b)
	b.ReportAllocs()
	for b.Loop() {
		call()
	}
}
