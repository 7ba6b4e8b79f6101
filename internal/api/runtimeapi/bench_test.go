package runtimeapi_test

import (
	"bytes"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/api/runtimeapi"
)

// BenchmarkInvocation hands an invocation over and takes the answer, which
// travels with the poll for the next one: over loopback, of a process that costs
// nothing.
func BenchmarkInvocation(b *testing.B) {
	server, err := runtimeapi.Listen(nil)
	if err != nil {
		b.Fatal(err)
	}
	defer server.Close()
	session := server.Attach(1, (&polls{}).hear)
	address, secret, _ := strings.Cut(session.Endpoint(), "/")
	conn, err := net.Dial("tcp", address)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	next := fmt.Appendf(nil, "GET /%s%sinvocation/next HTTP/1.1\r\nHost: %s\r\n\r\n", secret, runtimePath, address)
	answer := fmt.Appendf(nil, "POST /%s%sinvocation/r/response HTTP/1.1\r\nHost: %s\r\nContent-Length: 2\r\n\r\n{}", secret,
		runtimePath, address)
	answer = append(answer, next...)
	go func() {
		got := make([]byte, 64<<10)
		for send := next; ; send = answer {
			if _, err := conn.Write(send); err != nil {
				return
			}
			for n := 0; !bytes.Contains(got[:n], []byte("{invoked}")); {
				m, err := conn.Read(got[n:])
				if err != nil {
					return
				}
				n += m
			}
		}
	}()
	inv := &engine.Invocation{RequestID: "r", Payload: []byte(`{invoked}`), Deadline: time.Now().Add(time.Minute), FunctionARN: "arn"}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := session.Invoke(b.Context(), inv); err != nil {
			b.Fatal(err)
		}
	}
}
