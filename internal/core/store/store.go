// Package store is the storage contract of the engine: what it asks of a database, and nothing about how one
// fulfils it.
//
// # What is stored
//
// An execution is a journal: entries numbered 1, 2, 3 …, each the encoded outcome of one input (see package
// machine), appended and never rewritten. Beside the journal stands one row per execution that can be searched: its
// names, status and due time. The row is an index; everything in it can be rebuilt from the journal.
//
// One input is one entry, so a checkpoint costs one insert however many operations it touches and however long the
// history behind it is, and every payload is stored once.
//
// # The fence
//
// An entry is accepted only if its number is the next one. Two writers that both read entry n cannot both append
// n+1: the second gets [ErrConflict] and must read again. There is no other locking.
//
// # Damage
//
// What a store yields is what was written. A store whose bytes lie outside of the process keeps sums of them
// ([Entry.Sum], [Row.Sums], [Document.Sum]) and looks at them when it reads; what is damaged is a [DamagedError],
// or in a list says so. One execution that is damaged does not keep others from being read.
//
// # Documents
//
// What an engine has to remember beside executions (its key, aliases, published versions) are documents: a few
// small values, each under a kind and a key. What they mean is their owner's affair.
package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/perdure/perdure/protocol"
)

// Row is the searchable index entry of one execution.
type Row struct {
	ID       string // unique; ids sort in the order in which executions started
	ARN      string
	Function string // name without version
	Version  string
	Name     string // unique within Function
	Status   protocol.ExecutionStatus
	Started  protocol.Timestamp
	Closed   protocol.Timestamp // zero while open

	// Due is when a moment comes that the engine can deal with by itself: a timer fires, or a parent is to be told.
	// It may be earlier than necessary, never later; zero is none.
	Due protocol.Timestamp
	// Wanted is from when on an invocation of the function is wanted, which
	// takes the function and a free place; zero is not at all.
	Wanted protocol.Timestamp
	// Expires is from when on the execution may be deleted; zero is never.
	Expires protocol.Timestamp
	// Doing is what the execution was doing when the row was written: a set of bits whose meaning is the engine's.
	// Zero is nothing, as of most closed executions.
	Doing uint32
	// Since is since when; zero with a zero Doing.
	Since protocol.Timestamp
	// InputHash is the SHA-256 of the input, for comparing a repeated start.
	InputHash [32]byte

	// Damaged is set by a store that finds that the row is not what was written: nothing in it can be relied on,
	// not even the ID. It is not stored.
	Damaged bool
}

// Entry is one accepted input of an execution, encoded by package machine.
type Entry struct {
	Seq  int64 // 1 for the start
	Data []byte
}

// Write appends one entry to one execution.
type Write struct {
	ID    string
	Entry Entry
	// Row replaces the execution's row; nil leaves it as it is. The write of entry 1 creates the execution and
	// needs a row. Of later rows only Status, Closed, Due, Wanted, Expires, Doing and Since count; the rest stays
	// as entry 1 had it.
	Row *Row
	// Calls are the calls that begin to be wanted, and those that no longer
	// are. They go with the execution when it is deleted.
	Calls []Call
}

// Call is a call of a plain function that an execution waits for.
type Call struct {
	Operation         string // unique within the execution, in which it is awaited
	Function, Version string
	Wanted            protocol.Timestamp // since when; zero ends the call
}

// Agenda names one of the orders in which there is work to do. Work that waits for one thing is in an agenda apart
// from work that waits for another: however much there is of the one, it does not stand before the other.
type Agenda struct {
	Kind AgendaKind
	// Function and Version go with Invocations and Calls.
	Function, Version string
}

// AgendaKind is a kind of [Agenda].
type AgendaKind int

// The kinds of agendas.
const (
	Moments     AgendaKind = iota // executions by Due
	Invocations                   // those of a function version by Wanted
	Calls                         // calls of a function version by Wanted
	Removals                      // executions by Expires
)

// Item is something on an agenda.
type Item struct {
	At        protocol.Timestamp
	ID        string // of the execution
	Operation string // of Calls
}

// Compare orders items by their members, the first first.
func (i Item) Compare(j Item) int {
	return cmp.Or(cmp.Compare(i.At, j.At), strings.Compare(i.ID, j.ID), strings.Compare(i.Operation, j.Operation))
}

// Count is how many executions of a function version have a status.
type Count struct {
	Function string
	Version  string
	Status   protocol.ExecutionStatus
	N        int
}

// Document is a small named value.
type Document struct {
	Key   string // unique within its kind
	Value []byte

	// Damaged is as in [Row].
	Damaged bool
}

// The bounds of documents, in bytes. Kind and key must not be empty; a value may be.
const (
	MaxDocumentName = 512 // of a kind, and of a key
	MaxDocument     = 256 << 10
)

// Query selects rows for [Store.List]. Zero members do not restrict. When executions started is a matter of their
// ids, which sort by it: After and Until restrict that.
type Query struct {
	Function   string
	Version    string
	Name       string
	NamePrefix string // bytes, not letters: case counts
	Statuses   []protocol.ExecutionStatus
	Doing      uint32             // only rows that do one of these at least
	Since      protocol.Timestamp // only rows that have been doing something since before this moment

	OldestFirst bool   // the default is newest first
	After       string // begin behind this id in the chosen order
	Until       string // end before this id in the chosen order
	Limit       int    // at most this many; required, at least 1
}

// Range selects journal entries for [Store.Journal]: those with
// From <= Seq <= To, where zero members do not restrict.
type Range struct {
	From, To int64
	Reverse  bool // descending sequence
	Limit    int  // at most this many; zero for no limit
}

// Store keeps executions. All methods may be called concurrently.
//
// A method that fails with anything but the errors below has met a fault of the database; the caller cannot know
// whether a Commit took effect and must read before it goes on.
type Store interface {
	// Commit appends the writes, all or none, and returns when they are durable. It fails with [ErrConflict] if an
	// entry is not the next of its execution, if entry 1 names an id that exists, or if its function and name are
	// taken. Several writes may append to one execution, in order. The store does not keep the slices after it
	// returns. An end of ctx can only stop a commit that has not begun.
	Commit(ctx context.Context, writes ...Write) error

	// Row returns one execution's row, or [ErrNotFound], or a [DamagedError].
	Row(ctx context.Context, id string) (*Row, error)

	// Named returns the row of the execution of function with this name, or
	// [ErrNotFound], or a [DamagedError].
	Named(ctx context.Context, function, name string) (*Row, error)

	// Journal yields the entries of an execution in order of Seq. An unknown execution yields none. The Data
	// belongs to the caller. An error ends the sequence. An entry that is damaged or missing is a [DamagedError]:
	// of what is yielded, nothing is left out. The iteration may hold a read transaction: it must not be kept
	// waiting on a Commit. Entries appended meanwhile may be yielded too.
	Journal(ctx context.Context, id string, part Range) iter.Seq2[Entry, error]

	// List returns the rows that q selects, ordered by id. Damaged ones are
	// among them, if they are found, and say so.
	List(ctx context.Context, q Query) ([]*Row, error)

	// Count tells how many executions have one of the statuses, by function,
	// version and status, ordered by these. What there is none of is not told.
	Count(ctx context.Context, statuses []protocol.ExecutionStatus) ([]Count, error)

	// Agenda returns items of an agenda that come behind after, in their order, at most limit. What it costs
	// depends on limit, and on nothing else that is stored.
	Agenda(ctx context.Context, agenda Agenda, after Item, limit int) ([]Item, error)

	// Calls returns the calls that an execution waits for, ordered by operation.
	Calls(ctx context.Context, id string) ([]Call, error)

	// Delete removes an execution with all its entries, its calls and its log, and frees its name. An unknown id is
	// not an error. However long the journal is, other calls do not wait for long: its space may be given back
	// later.
	Delete(ctx context.Context, id string) error

	// Document returns the value of a document, or [ErrNotFound], or a
	// [DamagedError]. It belongs to the caller.
	Document(ctx context.Context, kind, key string) ([]byte, error)

	// Documents returns the documents of a kind, ordered by key. Damaged ones are among them, and say so.
	Documents(ctx context.Context, kind string) ([]Document, error)

	// PutDocument stores a document, in place of the one that was there, and returns when that is durable.
	PutDocument(ctx context.Context, kind, key string, value []byte) error

	// EnsureDocument returns the value of a document; if there is none, it stores value first. Concurrent callers
	// agree on the result, so whoever gets back a value of its own making made the document.
	EnsureDocument(ctx context.Context, kind, key string, value []byte) ([]byte, error)

	// DeleteDocument removes a document. An unknown one is not an error.
	DeleteDocument(ctx context.Context, kind, key string) error

	// AppendLog adds lines to the logs of executions, in order. A log is what people read, and nothing depends on
	// it: the lines may be lost if the machine stops within seconds, and no Commit waits for them. Lines of an
	// execution that does not exist are dropped. A log beyond [MaxLog] loses its oldest lines. Concurrent calls
	// must not be about the same execution.
	AppendLog(ctx context.Context, writes ...LogWrite) error

	// Log returns lines of an execution's log with a Seq above after, in order,
	// at most limit. An unknown execution has none.
	Log(ctx context.Context, id string, after int64, limit int) ([]LogLine, error)

	// Close waits for commits under way and releases the database. Calls
	// after Close fail with [ErrClosed], except Close, which does nothing.
	Close() error
}

// The outcomes that callers act on.
var (
	// ErrConflict says that a write lost against another one.
	ErrConflict = errors.New("store: another writer was first")
	// ErrNotFound says that there is no such execution, or no such document.
	ErrNotFound = errors.New("store: not found")
	// ErrClosed says that the store was closed.
	ErrClosed = errors.New("store: closed")
	// ErrFull says that the disk is full: nothing of the write was kept.
	ErrFull = errors.New("store: the disk is full")
	// ErrDisk says that the disk failed to read or write. What was asked for may
	// have happened all the same, if it was a commit.
	ErrDisk = errors.New("store: the disk fails")
	// ErrCorrupt says that the database cannot be read as one.
	ErrCorrupt = errors.New("store: the database is damaged")
)

// LockedError says that another process has the database open.
type LockedError struct {
	Path  string // the data directory
	Owner string // what the owner wrote about itself, such as "pid 4711, http://127.0.0.1:3001"; may be empty
}

func (e *LockedError) Error() string {
	if e.Owner == "" {
		return fmt.Sprintf("%s is in use by another engine", e.Path)
	}
	return fmt.Sprintf("%s is in use by another engine (%s)", e.Path, e.Owner)
}

// Check refuses writes that no store can accept whatever it holds: mistakes of
// the caller, not lost races. Every Commit begins with it.
func Check(writes []Write) error {
	for _, w := range writes {
		switch {
		case w.ID == "":
			return fmt.Errorf("store: a write without an execution id")
		case w.Entry.Seq < 1:
			return fmt.Errorf("store: %s: entry %d: entries count from 1", w.ID, w.Entry.Seq)
		case w.Entry.Seq == 1 && w.Row == nil:
			return fmt.Errorf("store: %s: the first entry needs a row", w.ID)
		case w.Row != nil && w.Row.ID != w.ID:
			return fmt.Errorf("store: %s: the row is of execution %q", w.ID, w.Row.ID)
		}
	}
	return nil
}

// Check refuses a query without a limit.
func (q *Query) Check() error {
	if q.Limit < 1 {
		return fmt.Errorf("store: a list needs a limit, got %d", q.Limit)
	}
	return nil
}

// CheckDocument refuses a document that is out of bounds. Every PutDocument and EnsureDocument begins with it.
func CheckDocument(kind, key string, value []byte) error {
	for _, name := range []string{kind, key} {
		if name == "" || len(name) > MaxDocumentName {
			return fmt.Errorf("store: document %.40q of kind %.40q: a kind and a key have 1 to %d bytes", key, kind, MaxDocumentName)
		}
	}
	if len(value) > MaxDocument {
		return fmt.Errorf("store: document %q of kind %q: a value has at most %d bytes, not %d", key, kind, MaxDocument, len(value))
	}
	return nil
}

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
	// MaxLog bounds the log of one execution in bytes, as [LogLine.Size] counts them. When a log grows beyond it,
	// its oldest lines are dropped. A store may keep up to half as much again, so as not to do it for each line.
	MaxLog = 2 << 20
	// lineCost is what a line counts beside its text.
	lineCost = 64
)

// Size is what a line counts against [MaxLog].
func (l *LogLine) Size() int { return len(l.Text) + lineCost }
