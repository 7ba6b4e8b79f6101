// Package store is the storage contract of the engine: what it asks of a database, whatever the database.
//
// # What is stored
//
// An execution is a journal: entries numbered 1, 2, 3 …, each the encoded outcome of one input (see package
// machine), appended and never rewritten. Each execution also has one row to search by: its names, status and due
// time. The row is an index; everything in it can be rebuilt from the journal.
//
// One input is one entry, so a checkpoint costs one insert however many operations it touches and however long the
// history is, and every payload is stored once.
//
// # The fence
//
// An entry is accepted only if its number is the next one. Two writers that both read entry n cannot both append
// n+1: the second gets [ErrConflict] and must read again. There is no other locking.
//
// # Damage
//
// A store yields only what was written. A store with bytes outside of the process keeps sums of them ([Entry.Sum],
// [Row.Sums], [Document.Sum]) and checks them when it reads. Anything damaged is a [DamagedError] or, in a list,
// says so. A damaged execution does not keep others from being read.
//
// # Documents
//
// Documents hold what an engine remembers beside executions (its key, aliases, published versions): a few small
// values, each under a kind and a key. Only their owner knows their meaning.
//
// # Adding a store
//
// A store is a package below this one that passes storetest, and a public package below engine that opens it. What of
// internal/host is SQLite's alone, such as locks, backups and the names of files, is in its data.go and host.go.
package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
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

	// Due is when the engine next has something to do by itself: a timer fires, or a parent is to be told. It may
	// be too early, never too late; zero is never.
	Due protocol.Timestamp
	// Wanted is from when on an invocation is wanted, which takes the function and a free place; zero is none.
	Wanted protocol.Timestamp
	// Expires is from when on the execution may be deleted; zero is never.
	Expires protocol.Timestamp
	// Doing is what the execution was doing when the row was written, as bits with a meaning for the engine; [Invoking]
	// is one. Zero is nothing, as for most closed executions.
	Doing uint32
	// Since is from when on; zero if Doing is zero.
	Since protocol.Timestamp
	// Error is the type of the error with which it ended, and Message the beginning of its text, for people; both empty
	// for none.
	Error, Message string
	// Redriven says that a fork tries again what failed.
	Redriven bool
	// Tags are the tags that it got at its start, or nil: valid texts. Nobody changes the map.
	Tags map[string]string
	// InputHash is the SHA-256 of the input, for comparing a repeated start.
	InputHash [32]byte
	// Owner is the node that works on the execution; zero is nobody. Only a [Fleet] keeps it. No sum covers it.
	Owner NodeID

	// Damaged is set by a store whose row is not what was written. Nothing in it is reliable, not even the ID. Not
	// stored.
	Damaged bool
}

// Invoking is the bit of [Row.Doing] that says that an invocation is in flight.
const Invoking uint32 = 1

// Entry is one accepted input of an execution, encoded by package machine. A store that commits it does not keep Data:
// its caller uses that memory again.
type Entry struct {
	Seq  int64 // 1 for the start
	Data []byte
}

// Write appends one entry to one execution.
type Write struct {
	ID    string
	Entry Entry
	// Row replaces the execution's row; nil leaves it. Entry 1 creates the execution and needs a row. Of later rows
	// only Status, Closed, Due, Wanted, Expires, Doing, Since, Error, Message, Redriven and Owner count; the rest stays
	// as with entry 1.
	Row *Row
	// Calls are the calls that the execution begins to want, and those that it no longer wants. They are deleted
	// with it.
	Calls []Call
}

// Call is a call of a plain function that an execution waits for.
type Call struct {
	Operation         string // its id within the execution
	Function, Version string
	Wanted            protocol.Timestamp // from when on; zero ends the call
	Owner             NodeID             // the node that is to make it; only a [Fleet] keeps it
}

// Agenda names one of the orders in which there is work to do. Each thing that work may wait for has an agenda of
// its own, so a lot of work that waits for one thing does not stand before the rest.
type Agenda struct {
	Kind AgendaKind
	// Function and Version go with Invocations and Calls.
	Function, Version string
	// Owner restricts Moments, Invocations and Calls to what a node of a [Fleet] owns; zero restricts nothing.
	Owner NodeID
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

// Count is the number of executions that have something in common. Members by which nobody grouped are zero.
type Count struct {
	Function, Version string
	Status            protocol.ExecutionStatus
	Error             string
	Doing             uint32
	N                 int
}

// Compare orders counts by their members, the first first, but not by their numbers.
func (c Count) Compare(d Count) int {
	return cmp.Or(strings.Compare(c.Function, d.Function), strings.Compare(c.Version, d.Version),
		cmp.Compare(c.Status, d.Status), strings.Compare(c.Error, d.Error), cmp.Compare(c.Doing, d.Doing))
}

// Grouping says what counted executions are to have in common.
type Grouping struct{ Function, Status, Error, Doing bool } // Function is Function and Version

// Of is what r has in common with others of its group.
func (g Grouping) Of(r *Row) (c Count) {
	if g.Function {
		c.Function, c.Version = r.Function, r.Version
	}
	if g.Status {
		c.Status = r.Status
	}
	if g.Error {
		c.Error = r.Error
	}
	if g.Doing {
		c.Doing = r.Doing
	}
	return c
}

// Sum adds up the counts of each group, and orders them.
func Sum(counts []Count) (sums []Count) {
	numbers := map[Count]int{}
	for _, c := range counts {
		n := c.N
		c.N = 0
		numbers[c] += n
	}
	for c, n := range numbers {
		if c.N = n; n > 0 {
			sums = append(sums, c)
		}
	}
	slices.SortFunc(sums, Count.Compare)
	return sums
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

// Query selects rows for [Store.List] and [Store.Count]. Zero members do not restrict. After and Until also restrict
// when executions started, since ids sort by it.
type Query struct {
	Function string
	Version  string
	Name     string // or a pattern, as [MatchName] reads it
	Statuses []protocol.ExecutionStatus
	Doing    uint32             // only rows that do at least one of these
	Since    protocol.Timestamp // only rows whose Since is before this moment
	Error    string
	Redriven *bool             // only rows of which this is true
	Tags     map[string]string // only rows with all of these
	Stuck    *Stuck

	OldestFirst bool   // the default is newest first
	After       string // begin behind this id in the chosen order
	Until       string // end before this id in the chosen order
	Limit       int    // at most this many; required for a list, at least 1
}

// Stuck selects rows by what they have been doing for long. It is how a list begins with what needs attention, without
// an index that each invocation would have to write.
type Stuck struct {
	// Trouble, done since before Before, is rank 0; otherwise Help is rank 1. Both are sets as Row.Doing is.
	Trouble, Help uint32
	Before        protocol.Timestamp
	// None selects rows of neither rank, in the order of the query. Otherwise rows of both are selected, and ordered
	// by rank, Since and id, ascending.
	None bool
	// After begins behind a place in that order, in the place of Query.After; Query.OldestFirst does not count.
	After *StuckPlace
}

// StuckPlace is a row's place in the order of [Stuck].
type StuckPlace struct {
	Rank  int
	Since protocol.Timestamp
	ID    string
}

// Place returns the place of a row, or false if it is of neither rank.
func (s *Stuck) Place(r *Row) (StuckPlace, bool) {
	switch {
	case r.Doing&s.Trouble != 0 && r.Since < s.Before:
		return StuckPlace{0, r.Since, r.ID}, true
	case r.Doing&s.Help != 0:
		return StuckPlace{1, r.Since, r.ID}, true
	}
	return StuckPlace{}, false
}

// Compare orders places.
func (p StuckPlace) Compare(q StuckPlace) int {
	return cmp.Or(cmp.Compare(p.Rank, q.Rank), cmp.Compare(p.Since, q.Since), strings.Compare(p.ID, q.ID))
}

// Ranked reports whether q lists what is stuck, in an order of its own.
func (q *Query) Ranked() bool { return q.Stuck != nil && !q.Stuck.None }

// Range selects journal entries for [Store.Journal]: those with From <= Seq <= To. Zero members do not restrict.
type Range struct {
	From, To int64
	Reverse  bool // descending sequence
	Limit    int  // at most this many; zero for no limit
}

// Store keeps executions. All methods may be called concurrently.
//
// Any error but those below is a fault of the database: a Commit may have taken effect or not, so the caller must
// read before it goes on.
type Store interface {
	Reader

	// Commit appends all the writes or none, and returns when they are durable. It fails with [ErrConflict] if an
	// entry is not the next of its execution, if entry 1 names an id that exists, or if its function and name are
	// taken. Several writes may append to one execution, in order. The store does not keep the slices after it
	// returns. An end of ctx stops only a commit that has not begun.
	Commit(ctx context.Context, writes ...Write) error

	// Delete removes an execution with its entries, calls and log, and frees its name. An unknown id is no error.
	// Other calls do not wait long, however long the journal is: its space may be freed later.
	Delete(ctx context.Context, id string) error

	// PutDocument stores or replaces a document, and returns when that is durable.
	PutDocument(ctx context.Context, kind, key string, value []byte) error

	// EnsureDocument returns the value of a document; without one, it stores value first. Concurrent callers get
	// the same value, so a caller who gets its own value back made the document.
	EnsureDocument(ctx context.Context, kind, key string, value []byte) ([]byte, error)

	// DeleteDocument removes a document. An unknown one is no error.
	DeleteDocument(ctx context.Context, kind, key string) error

	// AppendLog adds lines to the logs of executions, in order. Only people read logs, so lines may be lost if the
	// machine stops within seconds, and no Commit waits for them. Lines of an unknown execution are dropped. A log
	// beyond [MaxLog] loses its oldest lines. Concurrent calls must be about different executions.
	AppendLog(ctx context.Context, writes ...LogWrite) error

	// Close waits for commits under way and releases the database. Later calls fail with [ErrClosed], except Close,
	// which does nothing.
	Close() error
}

// Reader is the part of a [Store] that changes nothing.
type Reader interface {
	// Row returns one execution's row, or [ErrNotFound], or a [DamagedError].
	Row(ctx context.Context, id string) (*Row, error)

	// Named returns the row of the execution of function with this name, or [ErrNotFound], or a [DamagedError].
	Named(ctx context.Context, function, name string) (*Row, error)

	// Journal yields the entries of an execution in order of Seq; none for an unknown execution. The Data belongs
	// to the caller. An error ends the sequence. A damaged or missing entry is a [DamagedError]: no gap goes
	// unnoticed. The iteration may hold a read transaction, so its caller must not wait for a Commit. It may yield
	// entries that are appended meanwhile.
	Journal(ctx context.Context, id string, part Range) iter.Seq2[Entry, error]

	// List returns the rows that q selects, ordered by id, or as [Stuck] says. Damaged ones that it finds are among
	// them, and say so.
	List(ctx context.Context, q Query) ([]*Row, error)

	// Count counts the executions that q selects, in groups, which it orders. It leaves out zeros. It checks no sums.
	Count(ctx context.Context, q Query, by Grouping) ([]Count, error)

	// Agenda returns the items of an agenda behind after, in order, at most limit. Its cost depends on limit only.
	Agenda(ctx context.Context, agenda Agenda, after Item, limit int) ([]Item, error)

	// Calls returns the calls that an execution waits for, ordered by operation.
	Calls(ctx context.Context, id string) ([]Call, error)

	// Document returns the value of a document, which belongs to the caller, or [ErrNotFound], or a [DamagedError].
	Document(ctx context.Context, kind, key string) ([]byte, error)

	// Documents returns documents of a kind with a key above after, ordered by key, at most limit, as they are at one
	// moment. Damaged ones are among them, and say so. [AllDocuments] reads page after page.
	Documents(ctx context.Context, kind, after string, limit int) ([]Document, error)

	// Log returns lines of an execution's log with a Seq above after, in order, at most limit; none for an unknown
	// execution.
	Log(ctx context.Context, id string, after int64, limit int) ([]LogLine, error)
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
	// ErrDisk says that the disk failed to read or write. A commit may have happened all the same.
	ErrDisk = errors.New("store: the disk fails")
	// ErrCorrupt says that the database cannot be read as one.
	ErrCorrupt = errors.New("store: the database is damaged")
)

// LockedError says that another process has the database open.
type LockedError struct {
	Path  string // the data directory
	Owner string // the owner's text about itself, such as "pid 4711, http://127.0.0.1:3001"; may be empty
}

func (e *LockedError) Error() string {
	if e.Owner == "" {
		return fmt.Sprintf("%s is in use by another engine", e.Path)
	}
	return fmt.Sprintf("%s is in use by another engine (%s)", e.Path, e.Owner)
}

// Check refuses writes that no store can accept, whatever it holds: the caller's mistakes, not lost races. Every
// Commit begins with it.
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
			return fmt.Errorf("store: document %.40q of kind %.40q: a kind and a key have 1 to %d bytes", key, kind,
				MaxDocumentName)
		}
	}
	if len(value) > MaxDocument {
		return fmt.Errorf("store: document %q of kind %q: a value has at most %d bytes, not %d", key, kind, MaxDocument,
			len(value))
	}
	return nil
}

// LogLine is one line that a function wrote for an execution.
type LogLine struct {
	// Seq is the line's place in the execution's log, from 1. The store sets it. Dropped lines leave a gap at the
	// beginning.
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
	// MaxLog bounds the log of one execution in bytes, as [LogLine.Size] counts them; beyond it the oldest lines
	// are dropped. A store may keep up to half as much again, so as not to drop with each line.
	MaxLog = 2 << 20
	// lineCost is the cost of a line beside its text.
	lineCost = 64
)

// Size is the line's cost against [MaxLog].
func (l *LogLine) Size() int { return len(l.Text) + lineCost }
