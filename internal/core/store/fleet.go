package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/perdure/perdure/protocol"
)

// Fleet is a store that several engines use at one time. Each is a node, with a lease that it renews; a node whose
// lease is over is dead for good, and its engine goes on as a new one. All moments are those of the database's clock.
//
// A node owns the executions that it works on, and those with which it will soon go on. [Row.Owner] says so, and a
// commit sets it at no cost. All else is nobody's, and whoever has room claims it. Owning says only who is to act: any
// node may commit to any execution, and the fence decides.
//
// So a node knows all that is on its own agenda ([Agenda.Owner]), since only its own commits and claims put anything
// there. What other nodes do makes its items obsolete, never more.
type Fleet interface {
	Store

	// Beat renews the lease of a node from now on, and stores what it tells of itself; the first makes it a member.
	// tell gets all nodes, those that died a while ago among them, and returns the info of this one; no two nodes do
	// that at one time, for which it may be asked again. It fails with [ErrLeaseOver], and changes nothing, if the
	// lease has ended, or the node is unknown and first is false.
	Beat(ctx context.Context, node NodeID, first bool, lease time.Duration, tell func(*Census) []byte) error

	// Nodes returns all nodes without being one.
	Nodes(ctx context.Context) (*Census, error)

	// Leave ends a node's lease. What it owns is a dead node's then.
	Leave(ctx context.Context, node NodeID) error

	// ClaimExecutions makes node the owner of executions of a [Claim], at most limit, and returns their rows with the
	// owner before. It takes those first that have waited longest, passes over those that another node is claiming,
	// and leaves alone what a living node owns. Only a living node gets any. Damaged rows are among them, and say so.
	ClaimExecutions(ctx context.Context, node NodeID, claim Claim, limit int) ([]*Row, error)

	// ClaimCalls does the same for calls of a function version that are wanted by now. A call has an owner of its own.
	ClaimCalls(ctx context.Context, node NodeID, function, version string, limit int) ([]Item, error)

	// Waiting returns agendas of Invocations and Calls, each with its function version, on which something may be that
	// is wanted by now and that no living node owns. Its cost depends on how many versions are waited for.
	Waiting(ctx context.Context) ([]Agenda, error)

	// Release makes executions, and their calls, nobody's if node owns them. An execution with an invocation in flight,
	// see [Invoking], stays as it is: so what was begun always is somebody's.
	Release(ctx context.Context, node NodeID, ids ...string) error

	// Owned returns rows that node owns, ordered by id, at most limit, behind the id after.
	Owned(ctx context.Context, node NodeID, after string, limit int) ([]*Row, error)

	// Last returns the number of the last entry of each execution, all as of one moment after the call began. Unknown
	// ones are left out.
	Last(ctx context.Context, ids ...string) (map[string]int64, error)

	// DocumentsRevision returns a number that changes with each change of a document of a kind that [Counts].
	DocumentsRevision(ctx context.Context) (int64, error)

	// Exclusively runs f while no node, this one included, runs another one. The context ends early if that can no
	// longer be promised.
	Exclusively(ctx context.Context, f func(ctx context.Context) error) error

	// Tell sends hints to all other nodes. A hint may get lost, and comes late or twice. It has at most MaxHint bytes
	// of printable ASCII.
	Tell(ctx context.Context, node NodeID, hints ...string) error

	// Hear calls heard for each hint of other nodes, one after the other, until ctx ends, and with "" whenever hints
	// may have been lost, as after a broken connection. It returns at once, with an error that matches
	// [errors.ErrUnsupported], if hints cannot be had.
	Hear(ctx context.Context, node NodeID, heard func(hint string)) error
}

// MaxHint bounds a hint, in bytes.
const MaxHint = 1000

// CheckHints refuses hints that are out of bounds. Every Tell begins with it.
func CheckHints(hints []string) error {
	for _, hint := range hints {
		if len(hint) > MaxHint || strings.ContainsFunc(hint, func(r rune) bool { return r < ' ' || r > '~' }) {
			return fmt.Errorf("store: a hint has at most %d bytes of printable ASCII, not %.40q", MaxHint, hint)
		}
	}
	return nil
}

// NodeID names a node. A new one is random and positive; zero is nobody.
type NodeID int64

// KeepOwner as [Row.Owner] in a write leaves the owner as it is.
const KeepOwner NodeID = -1

// Node is a member of a fleet.
type Node struct {
	ID     NodeID
	Info   []byte             // what its last beat told
	Joined protocol.Timestamp // its first beat
	Until  protocol.Timestamp // the end of its lease
	Alive  bool
	Owns   int64 // executions, roughly; only [Fleet.Nodes] counts
}

// Census is all nodes at one moment, the oldest first. Dead ones are left out an hour after the end of their lease, if
// they own nothing.
type Census struct {
	Now       protocol.Timestamp
	Nodes     []Node
	Documents int64 // as DocumentsRevision
}

// Claim says which executions are claimed. Exactly one of its members is set.
type Claim struct {
	// Due claims executions of nobody with a Due up to this moment.
	Due protocol.Timestamp
	// Function and Version claim executions of nobody that want an invocation of this version by now.
	Function, Version string
	// Left claims executions of dead nodes.
	Left bool
}

// The kinds of documents that change often, and do not count for [Fleet.DocumentsRevision].
const (
	ProbeKind     = "probe"     // what nobody reads
	TelemetryKind = "telemetry" // how far nodes have come in telling of executions
	JobKind       = "job"       // jobs, and how far they have come
	JobResultKind = "result"    // what came of a job for some executions
)

// Counts reports whether a change of a document of this kind changes [Fleet.DocumentsRevision].
func Counts(kind string) bool {
	return kind != ProbeKind && kind != TelemetryKind && kind != JobKind && kind != JobResultKind
}

// ErrLeaseOver says that a node's lease has ended.
var ErrLeaseOver = errors.New("store: the lease of this node is over")

// Files are large values that travel with a fleet's store, such as the code of published versions. A file never
// changes.
type Files interface {
	// PutFile stores a file under a name, as a whole or not at all. One that is there stays as it is.
	PutFile(ctx context.Context, name string, content io.Reader) error
	// File returns the content of a file, or [ErrNotFound]. The caller closes it.
	File(ctx context.Context, name string) (io.ReadCloser, error)
	// FileNames returns the names of all files, in order.
	FileNames(ctx context.Context) ([]string, error)
	// DeleteFile removes a file. An unknown one is no error.
	DeleteFile(ctx context.Context, name string) error
}
