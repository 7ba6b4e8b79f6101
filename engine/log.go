package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/perdure/perdure/protocol"
)

// LogLine is one line that a function wrote during an invocation.
type LogLine struct {
	Time         time.Time
	ExecutionARN string // empty for a plain function
	RequestID    string
	Stream       string // stdout or stderr
	Text         string // valid UTF-8
}

// LogEntry is a line of an execution's log.
type LogEntry struct {
	// Seq is the line's place in the log, from 1. The oldest lines of a long
	// log are dropped, so the first may have a higher one.
	Seq       int64
	Time      protocol.Timestamp
	RequestID string
	// Operation is the id of the operation that the line is about, if the line
	// says so: JSON with a member operationId, as SDKs write it.
	Operation string
	// Stream is stdout or stderr, or notice for a line of the engine's own
	// about lines that were dropped.
	Stream string
	Text   string
}

// Log takes in what a function wrote, and keeps it with the execution until
// that is deleted. It never blocks. It is for people: what is written too fast,
// or too much of, is dropped and counted (10,000 lines and 1 MiB of an
// invocation, 1,000 lines and 256 KiB in a second, the last 2 MiB of an
// execution), and the last moments before the machine stops may be lost.
func (e *Engine) Log(line LogLine) { e.logs.add(line) }

// ReadLog returns lines of an execution's log with a Seq above after, oldest
// first, at most limit; 0 is 1,000, which is the most.
func (e *Engine) ReadLog(ctx context.Context, arn string, after int64, limit int) ([]LogEntry, error) {
	row, err := e.ledger.known(ctx, arn)
	if err != nil {
		return nil, err
	}
	id := row.ID
	e.logs.flush(id)
	if limit <= 0 || limit > maxLogPage {
		limit = maxLogPage
	}
	lines, err := e.ledger.store.Log(ctx, id, after, limit)
	if err != nil {
		return nil, err
	}
	entries := make([]LogEntry, len(lines))
	for i, line := range lines {
		entries[i] = LogEntry(line)
	}
	return entries, nil
}

const maxLogPage = 1000

// LogTail returns the end of an execution's log: at most 4 KiB, as Lambda has
// it for those who invoke a function and wait.
func (e *Engine) LogTail(ctx context.Context, arn string) (string, error) {
	var t logTail
	for after := int64(0); ; {
		entries, err := e.ReadLog(ctx, arn, after, maxLogPage)
		if err != nil || len(entries) == 0 {
			return t.end(), err
		}
		for _, entry := range entries {
			t.add(entry.Text)
			after = entry.Seq
		}
	}
}

// maxTail is how much of the end of a log a caller gets, as on Lambda.
const maxTail = 4 << 10

// logTail keeps the end of what a call writes.
type logTail struct{ text string }

func (t *logTail) add(line string) {
	t.text += line + "\n"
	if len(t.text) > 2*maxTail {
		t.text = t.text[len(t.text)-maxTail:]
	}
}

// end returns what fits, without the first half of a character.
func (t *logTail) end() string {
	return strings.ToValidUTF8(t.text[max(0, len(t.text)-maxTail):], "")
}

// tail begins to keep the end of the log of a call, and returns what ends it.
func (b *logbook) tail(f *function, requestID string) (end func() string) {
	t := &logTail{}
	t.add(fmt.Sprintf("START RequestId: %s Version: %s", requestID, f.Version))
	began := time.Now()
	b.mu.Lock()
	b.tails[requestID] = t
	b.mu.Unlock()
	return func() string {
		took := float64(time.Since(began).Microseconds()) / 1000
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.tails, requestID)
		t.add("END RequestId: " + requestID)
		t.add(fmt.Sprintf("REPORT RequestId: %s\tDuration: %.2f ms", requestID, took))
		return t.end()
	}
}

// operationOf returns the id of the operation that a line is about. SDKs write
// JSON; a runtime client may put a time and a level before it.
func operationOf(text string) string {
	begin := strings.IndexByte(text, '{')
	if begin < 0 || !strings.HasSuffix(text, "}") || !strings.Contains(text, `"operationId"`) {
		return ""
	}
	var line struct {
		OperationID string `json:"operationId"`
	}
	if json.Unmarshal([]byte(text[begin:]), &line) != nil || len(line.OperationID) > protocol.MaxOperationID {
		return ""
	}
	return line.OperationID
}
