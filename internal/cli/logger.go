package cli

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// NewLogger returns a logger that passes warnings and errors to tell, one line each.
func NewLogger(tell func(line string)) *slog.Logger {
	return slog.New(&lineHandler{tell: tell, told: &told{}})
}

// lineHandler makes one line of a record. It tells the same line once a minute: an engine that tries again repeats it.
type lineHandler struct {
	tell  func(string)
	attrs []slog.Attr
	told  *told
}

type told struct {
	mu   sync.Mutex
	line map[string]time.Time
}

// Enabled implements [slog.Handler].
func (h *lineHandler) Enabled(_ context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn
}

// Handle implements [slog.Handler].
func (h *lineHandler) Handle(_ context.Context, r slog.Record) error {
	line := "perdure: " + r.Message
	add := func(a slog.Attr) bool {
		line += fmt.Sprintf(", %s: %v", a.Key, a.Value)
		return true
	}
	for _, a := range h.attrs {
		add(a)
	}
	r.Attrs(add)
	if h.told.isNews(line) {
		h.tell(line)
	}
	return nil
}

// WithAttrs implements [slog.Handler].
func (h *lineHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &lineHandler{tell: h.tell, attrs: append(h.attrs[:len(h.attrs):len(h.attrs)], attrs...), told: h.told}
}

// WithGroup implements [slog.Handler]. Groups do not show.
func (h *lineHandler) WithGroup(string) slog.Handler { return h }

func (t *told) isNews(line string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if time.Since(t.line[line]) < time.Minute {
		return false
	}
	if len(t.line) > 100 || t.line == nil {
		t.line = map[string]time.Time{}
	}
	t.line[line] = time.Now()
	return true
}
