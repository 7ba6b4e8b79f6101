package engine

import (
	"encoding/binary"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/protocol"
)

// The ids of executions are UUIDs of version 7 that begin with the moment at
// which the execution starts, so that the order of ids is the order of starts,
// and a range of time is a range of ids.

// mint makes ids.
type mint struct {
	mu   sync.Mutex
	last uint64 // milliseconds << 12 | fraction of the id before
}

// next returns a new id. Ids of one engine ascend, even if its clock is set
// back; then they run ahead of it.
func (m *mint) next() string {
	t := time.Now()
	at := uint64(t.UnixMilli())<<12 | uint64(t.Nanosecond()%1e6)<<12/1e6
	m.mu.Lock()
	at = max(at, m.last+1)
	m.last = at
	m.mu.Unlock()
	id := uuid.New() // for its random bits, and the variant
	binary.BigEndian.PutUint64(id[:8], at>>12<<16|7<<12|at&0xfff)
	return id.String()
}

// timeIn is the moment that an id begins with.
func timeIn(id string) protocol.Timestamp {
	u := uuid.MustParse(id)
	return protocol.Timestamp(binary.BigEndian.Uint64(u[:8]) >> 16)
}

// isExecutionID reports whether an execution can have this id. Tokens and
// markers hold the sixteen bytes of it, so there is one way to write each.
func isExecutionID(id string) bool {
	u, err := uuid.Parse(id)
	return err == nil && u.String() == id
}

// checkID refuses an execution whose journal is stored under an id that is not
// its own, or is none.
func checkID(id string, x *machine.Execution) error {
	if own := x.Identity().ARN.ID; own != id || !isExecutionID(id) {
		return fmt.Errorf("it is stored under the id %.80q, and says that it is %.80q", id, own)
	}
	return nil
}

// checkForeignID refuses the id of an execution from elsewhere that no engine
// gives to one that started then. Its order among others is its id's.
func checkForeignID(id string, started, now protocol.Timestamp) error {
	const day = 24 * time.Hour // by which clocks may differ
	if u, err := uuid.Parse(id); err != nil || !isExecutionID(id) || u.Version() != 7 || u.Variant() != uuid.RFC4122 {
		return fmt.Errorf("%.80q is not the id of an execution", id)
	}
	if at := timeIn(id); at < started || at > now.Add(day) {
		return fmt.Errorf("the id %s is of another moment than the start of the execution", id)
	}
	return nil
}

// lastBefore returns what sorts behind every id of an execution that started
// before t, and before those of all others.
func lastBefore(t protocol.Timestamp) string {
	const end = 1<<48 - 1 // of the time in an id, in the year 10889
	var id uuid.UUID
	binary.BigEndian.PutUint64(id[:8], uint64(min(max(t, 0), end))<<16)
	return id.String()
}
