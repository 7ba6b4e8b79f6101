package engine

import (
	"context"
	"fmt"
	"strings"
	"time"
)

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
