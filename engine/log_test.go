package engine_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/engine"
	"github.com/perdure/perdure/internal/core/store/memstore"
	"github.com/perdure/perdure/protocol"
)

// say writes a line as the sandbox would.
func (c *call) say(text string) {
	c.engine.Log(engine.LogLine{Time: time.Now(), ExecutionARN: c.ExecutionARN, RequestID: c.RequestID, Stream: "stdout", Text: text})
}

// logOf returns an execution's log, as "operation stream text".
func (f *fixture) logOf(arn string) (lines []string) {
	f.t.Helper()
	after := int64(0)
	for {
		entries, err := f.ReadLog(f.t.Context(), arn, after, 0)
		if err != nil {
			f.t.Fatal(err)
		}
		if len(entries) == 0 {
			return lines
		}
		for _, e := range entries {
			lines, after = append(lines, e.Operation+" "+e.Stream+" "+e.Text), e.Seq
		}
	}
}

func TestLogIsKeptWithTheExecution(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.durable("talker", func(c *call) engine.Outcome {
			c.say("hello")
			c.say(`{"msg":"x","operationId":"1-2"}`)
			c.say("2026-11-23T08:00:00Z\tr-1\tINFO\t" + `{"operationId":"3","msg":"x"}`)
			c.say(`{"operationId":4}`)
			c.say(`{"operationId":"` + strings.Repeat("x", 65) + `"}`)
			c.say(`not JSON, though "operationId" is in it}`)
			return succeed(`1`)
		})
		arn := f.start("talker", "x", `1`)
		f.result(arn)
		got := f.logOf(arn)
		want := []string{
			" stdout hello",
			`1-2 stdout {"msg":"x","operationId":"1-2"}`,
			"3 stdout 2026-11-23T08:00:00Z\tr-1\tINFO\t" + `{"operationId":"3","msg":"x"}`,
			` stdout {"operationId":4}`,
			` stdout {"operationId":"` + strings.Repeat("x", 65) + `"}`,
			` stdout not JSON, though "operationId" is in it}`,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("log (-want +got):\n%s", diff)
		}
		f.restart()
		if diff := cmp.Diff(want, f.logOf(arn)); diff != "" {
			t.Errorf("after a restart (-want +got):\n%s", diff)
		}
		if end, err := f.LogTail(t.Context(), arn); err != nil || !strings.HasPrefix(end,
			"hello\n") || !strings.HasSuffix(end, "in it}\n") {
			t.Errorf("got the end %q, %v", end, err)
		}
		time.Sleep(8 * 24 * time.Hour) // its retention
		_, err := f.ReadLog(t.Context(), arn, 0, 0)
		wantCode(t, "after the retention", err, protocol.CodeNotFound, "Durable Execution does not exist")
	})
}

// An invocation that writes without end fills neither memory nor disk, and a
// later one may write again.
func TestLogIsBounded(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		flood := strings.Repeat("x", 1000)
		f.durable("flood", func(c *call) engine.Outcome {
			if !c.wait("1", 60) {
				c.say("begin")
				for range 100 { // seconds
					for range 2000 {
						c.say(flood)
					}
					time.Sleep(time.Second)
				}
				return pending()
			}
			c.say("later")
			c.say(strings.Repeat("é", 100_000))
			return succeed(`1`)
		})
		arn := f.start("flood", "x", `1`)
		f.result(arn)
		lines, size, dropped := f.logOf(arn), 0, 0
		for _, line := range lines {
			size += len(line)
			var n, bytes int
			if _, err := fmt.Sscanf(line, " notice %d lines (%d bytes) were dropped", &n, &bytes); err == nil {
				dropped += n
			}
		}
		if lines[0] != " stdout begin" || size > 1<<20+200_000 || size < 1<<20-10_000 {
			t.Errorf("got %d bytes in %d lines, beginning with %q; want a MiB and the beginning", size, len(lines), lines[0])
		}
		if kept := strings.Count(strings.Join(lines, "\n"), flood); kept+dropped != 200_000 {
			t.Errorf("%d lines are kept and %d counted as dropped, want 200000 together", kept, dropped)
		}
		last := lines[len(lines)-2:]
		if last[0] != " stdout later" || len(last[1]) > 65<<10 || !strings.HasSuffix(last[1], "é … (cut)") {
			t.Errorf("got %q and a line of %d bytes at the end, want what the second invocation wrote, cut", last[0], len(last[1]))
		}
	})
}

func TestLogTailOfACall(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.register(engine.Function{Name: "plain", Invoker: invoker{f, func(c *call) engine.Outcome {
			c.say("one")
			time.Sleep(1500 * time.Microsecond)
			c.say(string(c.Payload))
			return succeed(`1`)
		}}})
		call := func(payload string) *engine.Result {
			t.Helper()
			r, err := f.Call(t.Context(), &engine.InvokeRequest{Function: "plain", RequestID: "r-1", Payload: []byte(payload),
				LogTail: true})
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		want := "START RequestId: r-1 Version: $LATEST\none\n2\nEND RequestId: r-1\nREPORT RequestId: r-1\tDuration: 1.50 ms\n"
		if got := call(`2`).LogTail; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if got := call(`"` + strings.Repeat("é", 10_000) + `"`).LogTail; len(got) > 4096 || !strings.HasPrefix(got, "é") {
			t.Errorf("got %d bytes, want the last 4096", len(got))
		}
	})
}

func BenchmarkLog(b *testing.B) {
	e, err := engine.Open(b.Context(), memstore.New(), nil)
	if err != nil {
		b.Fatal(err)
	}
	defer e.Close(context.Background())
	text := `{"time":"2026-11-23T08:00:00Z","level":"INFO","msg":"charged","executionArn":"x","operationId":"1-2","attempt":1}`
	line := engine.LogLine{ExecutionARN: "arn:aws:lambda:us-east-1:000000000000:function:f:1/durable-execution/n/i",
		RequestID: "r", Stream: "stdout", Text: text}
	for b.Loop() {
		line.Time = time.Now()
		e.Log(line)
	}
}
