package store

import (
	"github.com/perdure/perdure/protocol"
)

// LogLine is one line that a function wrote for an execution.
type LogLine struct {
	// Seq is the line's place in the execution's log, from 1. The store gives
	// it. Lines that were dropped leave a gap at the beginning.
	Seq       int64
	Time      protocol.Timestamp
	RequestID string // the invocation during which it was written
	Operation string // the id of the operation that it is about; empty if unknown
	Stream    string // stdout, stderr or notice
	Text      string // valid UTF-8
}

// LogWrite adds lines to the log of one execution.
type LogWrite struct {
	ID    string
	Lines []LogLine // their Seq does not count
}

const (
	// MaxLog bounds the log of one execution in bytes, as [LogLine.Size]
	// counts them. When a log grows beyond it, its oldest lines are dropped. A
	// store may keep up to half as much again, so as not to do it for each line.
	MaxLog = 2 << 20
	// lineCost is what a line counts beside its text.
	lineCost = 64
)

// Size is what a line counts against [MaxLog].
func (l *LogLine) Size() int { return len(l.Text) + lineCost }
