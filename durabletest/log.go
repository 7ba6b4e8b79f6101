package durabletest

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// LogLine is one line that the function logged. Attributes are texts; those in groups are named group.key. Each
// line has executionArn and requestId, and lines of steps operationName and attempt.
type LogLine struct {
	Level   slog.Level
	Message string
	Attrs   map[string]string

	own bool // the SDK's, about an invocation
}

// String leaves out executionArn and requestId, which tell little in a test.
func (l LogLine) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", l.Level, l.Message)
	for _, key := range slices.Sorted(maps.Keys(l.Attrs)) {
		if key != "executionArn" && key != "requestId" {
			fmt.Fprintf(&b, " %s=%q", key, l.Attrs[key])
		}
	}
	return b.String()
}

// logBook collects the lines of all invocations, and shows them in the output of the test.
type logBook struct {
	mu    sync.Mutex
	all   []LogLine
	copy  io.Writer     // nil for none
	heard func(LogLine) // told of each; nil for nobody
}

func newLogBook(w io.Writer) *logBook { return &logBook{copy: w} }

func (b *logBook) add(l LogLine) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.all = append(b.all, l)
	if b.copy != nil {
		fmt.Fprintln(b.copy, l)
	}
	if b.heard != nil {
		b.heard(l)
	}
}

func (b *logBook) lines() []LogLine {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.all)
}

func (b *logBook) handler() slog.Handler { return logHandler{book: b} }

// logHandler writes into a book.
type logHandler struct {
	book   *logBook
	prefix string // of the group that is open
	attrs  map[string]string
}

// Enabled implements [slog.Handler].
func (h logHandler) Enabled(context.Context, slog.Level) bool { return true }

// Handle implements [slog.Handler].
func (h logHandler) Handle(_ context.Context, r slog.Record) error {
	line := LogLine{Level: r.Level, Message: r.Message, Attrs: map[string]string{}, own: isOwn(r)}
	maps.Copy(line.Attrs, h.attrs)
	r.Attrs(func(a slog.Attr) bool {
		put(line.Attrs, h.prefix, a)
		return true
	})
	h.book.add(line)
	return nil
}

// isOwn reports whether package durable wrote the record.
func isOwn(r slog.Record) bool {
	frame, _ := runtime.CallersFrames([]uintptr{r.PC}).Next()
	return strings.HasPrefix(frame.Function, "github.com/perdure/perdure/durable.") ||
		strings.HasPrefix(frame.Function, "github.com/perdure/perdure/durable/")
}

// WithAttrs implements [slog.Handler].
func (h logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	all := map[string]string{}
	maps.Copy(all, h.attrs)
	for _, a := range attrs {
		put(all, h.prefix, a)
	}
	h.attrs = all
	return h
}

// WithGroup implements [slog.Handler].
func (h logHandler) WithGroup(name string) slog.Handler {
	if name != "" {
		h.prefix += name + "."
	}
	return h
}

// put flattens an attribute into texts.
func put(into map[string]string, prefix string, a slog.Attr) {
	v := a.Value.Resolve()
	switch {
	case a.Equal(slog.Attr{}):
	case v.Kind() == slog.KindGroup:
		if a.Key != "" {
			prefix += a.Key + "."
		}
		for _, inner := range v.Group() {
			put(into, prefix, inner)
		}
	default:
		into[prefix+a.Key] = v.String()
	}
}
