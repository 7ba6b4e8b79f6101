package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// LogLine is one line that a function wrote.
type LogLine struct {
	Time time.Time
	// ExecutionARN is the execution of the invocation; empty for a plain function.
	ExecutionARN string
	// RequestID is the invocation during which the line was begun. What a process writes before its first invocation
	// belongs to the one that it was started for, what it writes between two to the earlier. It is empty, and so is
	// ExecutionARN, if several run in the process and the line names none.
	RequestID string
	Stream    string // stdout or stderr; notice for what is said about the output
	Text      string // valid UTF-8, without the newline
}

// LogEntry is a line of an execution's log.
type LogEntry struct {
	// Seq is the line's place in the log, from 1. A long log loses its oldest lines.
	Seq       int64
	Time      protocol.Timestamp
	RequestID string
	// Operation is the id of the operation that the line names: in JSON, as SDKs write it, with a member operationId.
	Operation string
	Stream    string // stdout or stderr, or notice for the engine's own line about dropped ones
	Text      string
}

// Log takes in a line that a function wrote, and keeps it with the execution until that is deleted. It never blocks. It
// is for people: beyond 10,000 lines or 1 MiB of an invocation, 1,000 lines or 256 KiB in a second, and the last 2 MiB
// of an execution, lines are dropped and counted; the last moments before the machine stops may be lost.
func (e *Engine) Log(line LogLine) { e.logs.add(line) }

// ReadLog returns at most limit lines of an execution's log with a Seq above after, oldest first; 0 is 1,000, the most.
func (e *Engine) ReadLog(ctx context.Context, arn string, after int64, limit int) ([]LogEntry, error) {
	row, err := e.ledger.known(ctx, arn)
	if err != nil {
		return nil, err
	}
	e.logs.flush(row.ID)
	if limit <= 0 || limit > maxLogPage {
		limit = maxLogPage
	}
	lines, err := e.ledger.store.Log(ctx, row.ID, after, limit)
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

// LogTail returns the end of an execution's log: at most 4 KiB, as Lambda returns it to synchronous callers.
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

// maxTail is how many bytes of a log's end a caller gets, as on Lambda.
const maxTail = 4 << 10

// logTail keeps the end of what a call writes.
type logTail struct{ text string }

func (t *logTail) add(line string) {
	t.text += line + "\n"
	if len(t.text) > 2*maxTail {
		t.text = t.text[len(t.text)-maxTail:]
	}
}

// end returns the last maxTail bytes, without half a character.
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

// operationOf returns the id of the operation that a line names. SDKs write JSON; a runtime client may put time and
// level before it.
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

const (
	// These bound an invocation, and an execution within a second.
	maxInvocationLines, maxInvocationBytes = 10_000, 1 << 20
	maxSecondLines, maxSecondBytes         = 1_000, 256 << 10
	maxLogLine                             = 64 << 10               // bytes of a line
	maxLogWaiting                          = 8 << 20                // bytes of all executions that wait to be written
	logPause                               = 100 * time.Millisecond // for which lines gather
	noticeEvery                            = 10 * time.Second       // how often a steady loss of lines is mentioned
	logIdle                                = time.Minute            // after which a page without lines is forgotten
)

// logbook gathers the lines that functions write, and brings them to the store.
type logbook struct {
	store store.Store
	log   *slog.Logger
	wake  chan struct{} // there are lines
	added atomic.Uint64 // lines since the engine was opened

	writing sync.Mutex // held while the store is written: lines stay in order

	mu      sync.Mutex
	pages   map[string]*logPage // by execution id
	waiting int                 // bytes in pages
	tails   map[string]*logTail // by request id of calls whose caller wants the end of the log
	failing bool                // the store failed last time
}

// logPage is an execution's page in the logbook.
type logPage struct {
	lines      []store.LogLine
	used       time.Time
	invocation quota
	second     quota
	secondAt   int64 // which second
	dropped    quota // since the last notice
	droppedOf  string
	noticed    time.Time
}

// quota counts lines and their bytes.
type quota struct{ lines, bytes int }

func (q *quota) add(text string) {
	q.lines++
	q.bytes += len(text)
}

func newLogbook(st store.Store, log *slog.Logger) *logbook {
	return &logbook{
		store: st, log: log, wake: make(chan struct{}, 1), pages: map[string]*logPage{}, tails: map[string]*logTail{},
	}
}

func (b *logbook) add(line LogLine) {
	if len(line.Text) > maxLogLine {
		line.Text = strings.ToValidUTF8(line.Text[:maxLogLine], "") + " … (cut)"
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if t := b.tails[line.RequestID]; t != nil {
		t.add(line.Text)
	}
	id := line.ExecutionARN[strings.LastIndexByte(line.ExecutionARN, '/')+1:]
	if id == "" {
		return
	}
	p := b.pages[id]
	if p == nil {
		p = &logPage{}
		b.pages[id] = p
	}
	p.used = time.Now()
	if b.waiting > maxLogWaiting || !p.admit(line) {
		p.dropped.add(line.Text)
		p.droppedOf = line.RequestID
		return
	}
	b.noticeLocked(p)
	b.appendLocked(p, store.LogLine{
		Time: protocol.TimestampOf(line.Time), RequestID: line.RequestID, Operation: operationOf(line.Text),
		Stream: line.Stream, Text: line.Text,
	})
}

// admit reports whether a line is within bounds, and counts it then.
func (p *logPage) admit(line LogLine) bool {
	if second := p.used.Unix(); second != p.secondAt {
		p.secondAt, p.second = second, quota{}
	}
	if p.invocation.lines >= maxInvocationLines || p.invocation.bytes+len(line.Text) > maxInvocationBytes ||
		p.second.lines >= maxSecondLines || p.second.bytes+len(line.Text) > maxSecondBytes {
		return false
	}
	p.invocation.add(line.Text)
	p.second.add(line.Text)
	return true
}

func (b *logbook) appendLocked(p *logPage, line store.LogLine) {
	p.lines = append(p.lines, line)
	b.added.Add(1)
	b.waiting += line.Size()
	nudge(b.wake)
}

func (b *logbook) noticeLocked(p *logPage) {
	if p.dropped.lines == 0 {
		return
	}
	p.noticed = time.Now()
	b.appendLocked(p, store.LogLine{
		Time: protocol.TimestampOf(p.noticed), RequestID: p.droppedOf, Stream: "notice",
		Text: fmt.Sprintf("%d lines (%d bytes) were dropped here: the function writes more than is kept",
			p.dropped.lines, p.dropped.bytes),
	})
	p.dropped = quota{}
}

// begin says that an invocation begins: it may write as much as any.
func (b *logbook) begin(id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p := b.pages[id]; p != nil {
		p.invocation = quota{}
	}
}

func (b *logbook) end(id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p := b.pages[id]; p != nil {
		b.noticeLocked(p)
	}
}

// run writes lines when some have gathered, until ctx is done.
func (b *logbook) run(ctx context.Context) {
	for ctx.Err() == nil {
		select {
		case <-b.wake:
			pause(ctx, logPause, nil)
			b.flush("")
		case <-ctx.Done():
		}
	}
}

// flush writes the lines of one execution, or of all if id is empty.
func (b *logbook) flush(id string) {
	b.writing.Lock()
	defer b.writing.Unlock()
	writes := b.take(id)
	if len(writes) == 0 {
		return
	}
	// A reader's context must not end this.
	err := b.store.AppendLog(context.Background(), writes...)
	b.mu.Lock()
	defer b.mu.Unlock()
	if err != nil && !b.failing {
		b.log.Warn("what functions write cannot be kept", "error", err)
	}
	b.failing = err != nil
}

// take removes the lines that flush writes, and forgets idle pages.
func (b *logbook) take(id string) (writes []store.LogWrite) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if id != "" {
		if p := b.pages[id]; p != nil {
			b.noticeLocked(p)
			writes = b.takeLocked(writes, id, p)
		}
		return writes
	}
	now := time.Now()
	for id, p := range b.pages {
		if now.Sub(p.noticed) > noticeEvery {
			b.noticeLocked(p)
		}
		writes = b.takeLocked(writes, id, p)
		if now.Sub(p.used) > logIdle && p.dropped.lines == 0 {
			delete(b.pages, id)
		}
	}
	return writes
}

func (b *logbook) takeLocked(writes []store.LogWrite, id string, p *logPage) []store.LogWrite {
	if len(p.lines) == 0 {
		return writes
	}
	for i := range p.lines {
		b.waiting -= p.lines[i].Size()
	}
	writes = append(writes, store.LogWrite{ID: id, Lines: p.lines})
	p.lines = nil
	return writes
}
