package server

import (
	"bytes"
	"context"
	"fmt"
	"io"
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

// BenchmarkCheckpoint is what all between the wire and the engine costs for a
// checkpoint of a function: over loopback, of a client that costs nothing.
func BenchmarkCheckpoint(b *testing.B) {
	quiet := slog.New(slog.DiscardHandler)
	doors := NewDoors(credentials.Function)
	s := New([]*route.Face{lambdaapi.New(ready{}, nil, &lambdaapi.Options{Logger: quiet})}, &Options{Logger: quiet, Doors: doors})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	go s.Serve(l)
	defer s.Shutdown(b.Context())
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	const updates = `{"CheckpointToken":"dG9rZW4gb2YgYSBjaGVja3BvaW50","Updates":[` +
		`{"Id":"1","Type":"STEP","SubType":"Step","Name":"pay","Action":"START"},` +
		`{"Id":"1","Type":"STEP","SubType":"Step","Name":"pay","Action":"SUCCEED","Payload":"{\"amount\":9999}"}]}`
	request := fmt.Appendf(nil, "POST %s/2025-12-01/durable-executions/arn%%3Aaws%%3Alambda%%3Aus-east-1%%3A000000000000%%3Afunction%%3A"+
		"order%%3A%%24LATEST%%2Fdurable-execution%%2Ffirst%%2F0b1c/checkpoint HTTP/1.1\r\nHost: %s\r\n"+
		"Content-Length: %d\r\nContent-Type: application/json\r\n\r\n%s", doors.Path("order"), l.Addr(), len(updates), updates)
	answer := make([]byte, 4<<10)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := conn.Write(request); err != nil {
			b.Fatal(err)
		}
		if n, err := conn.Read(answer); err != nil || !bytes.HasPrefix(answer[:n], []byte("HTTP/1.1 200")) {
			b.Fatalf("%q, %v", answer[:n], err)
		}
	}
	conn.Close()
	_, _ = io.Copy(io.Discard, conn)
}
