package sandbox

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/perdure/perdure/engine"
)

const (
	// maxLine bounds a line; the rest of a longer one is dropped.
	maxLine = 256 << 10
	cutMark = " … [perdure: the line was cut at 256 KiB]"
	// maxTail and maxTailLine bound what is kept of stderr for error messages.
	maxTail     = 10
	maxTailLine = 500
	// maxFlush bounds the reads of a flush: more than a pipe holds, yet an end
	// for a process that never stops writing.
	maxFlush = 64
)

// stream splits what a process writes to one pipe into lines.
type stream struct {
	name string
	file *os.File
	emit func(engine.LogLine) // must not block

	names *names

	mu      sync.Mutex
	origin  origin // of what is read from now on and names no other
	chunk   [8 << 10]byte
	line    []byte   // an unfinished line
	cutting bool     // the rest of the line is dropped
	tail    []string // stderr's last lines; settled once pump has returned
}

// origin is what output belongs to.
type origin struct{ requestID, executionARN string }

func originOf(inv *engine.Invocation) origin { return origin{inv.RequestID, inv.ExecutionARN} }

func newStream(file *os.File, name string, o origin, names *names, emit func(engine.LogLine)) *stream {
	return &stream{name: name, file: file, emit: emit, origin: o, names: names}
}

// pump reads until the pipe is closed by all writers, or the time of endBy.
func (s *stream) pump() {
	defer s.file.Close()
	for s.readWhenReady() {
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finishLineLocked()
}

// endBy makes pump return at t at the latest.
func (s *stream) endBy(t time.Time) { s.file.SetReadDeadline(t) }

// flush passes on the lines that are in the pipe.
func (s *stream) flush() {
	for range maxFlush {
		if !s.readNow() {
			return
		}
	}
}

// tag passes on all that is in the pipe and says what comes after it.
func (s *stream) tag(o origin) {
	s.mu.Lock()
	same := s.origin == o
	s.mu.Unlock()
	if same {
		return
	}
	s.flush()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finishLineLocked()
	s.origin = o
}

func (s *stream) addLocked(data []byte) {
	for len(data) > 0 {
		part, rest, ended := bytes.Cut(data, []byte("\n"))
		s.appendLocked(part)
		if ended {
			s.endLineLocked()
		}
		data = rest
	}
}

func (s *stream) appendLocked(part []byte) {
	if s.cutting {
		return
	}
	if len(s.line)+len(part) <= maxLine {
		s.line = append(s.line, part...)
		return
	}
	s.line = append(s.line, part[:maxLine-len(s.line)]...)
	s.emitLocked(string(s.line) + cutMark)
	s.cutting = true
	s.line = nil // it is large, and long lines are rare
}

func (s *stream) endLineLocked() {
	if !s.cutting {
		for text := range strings.SplitSeq(strings.TrimSuffix(string(s.line), "\r"), "\r") {
			s.emitLocked(text)
		}
	}
	s.cutting = false
	s.line = s.line[:0]
}

// finishLineLocked ends a line that has no newline yet.
func (s *stream) finishLineLocked() {
	if len(s.line) > 0 {
		s.endLineLocked()
	}
}

func (s *stream) emitLocked(text string) {
	text = strings.ToValidUTF8(text, "\ufffd")
	o := s.names.of(text, s.origin)
	s.emit(engine.LogLine{Time: time.Now(), RequestID: o.requestID, ExecutionARN: o.executionARN, Stream: s.name,
		Text: text})
	if s.name != Stderr {
		return
	}
	if len(s.tail) == maxTail {
		s.tail = slices.Delete(s.tail, 0, 1)
	}
	s.tail = append(s.tail, strings.ToValidUTF8(strings.Clone(text[:min(len(text), maxTailLine)]), ""))
}
