package engine

import (
	"encoding/binary"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/protocol"
)

// Ids of executions are UUIDs of version 7 that begin with the execution's start: the order of ids is the order of
// starts, and a range of time is a range of ids.

// mint makes ids.
type mint struct {
	entropy io.Reader // nil is the system's

	mu   sync.Mutex
	last uint64 // the time of the last id: milliseconds << 12 | fraction
}

// next returns a new id. Ids of one engine ascend; if its clock is set back they run ahead of it.
func (m *mint) next() string {
	t := time.Now()
	at := uint64(t.UnixMilli())<<12 | uint64(t.Nanosecond()%1e6)<<12/1e6
	m.mu.Lock()
	at = max(at, m.last+1)
	m.last = at
	m.mu.Unlock()
	id := m.random()
	binary.BigEndian.PutUint64(id[:8], at>>12<<16|7<<12|at&0xfff)
	return id.String()
}

// random is an id for its random bits and its variant.
func (m *mint) random() uuid.UUID {
	if m.entropy == nil {
		return uuid.New()
	}
	return uuid.Must(uuid.NewRandomFromReader(m.entropy))
}

// timeIn is the moment with which an id begins.
func timeIn(id string) protocol.Timestamp {
	u := uuid.MustParse(id)
	return protocol.Timestamp(binary.BigEndian.Uint64(u[:8]) >> 16)
}

// isExecutionID reports whether an execution can have this id. Tokens and markers hold its sixteen bytes, so each has
// one spelling.
func isExecutionID(id string) bool {
	u, err := uuid.Parse(id)
	return err == nil && u.String() == id
}

// checkID refuses an execution that is stored under an id that is not its own, or no id.
func checkID(id string, x *machine.Execution) error {
	if own := x.Identity().ARN.ID; own != id || !isExecutionID(id) {
		return fmt.Errorf("it is stored under the id %.80q, and says that it is %.80q", id, own)
	}
	return nil
}

// checkForeignID refuses an imported execution whose id no engine gives to one that started then: ids decide the order
// of lists.
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

// lastBefore sorts behind the ids of all executions that started before t, and before all others.
func lastBefore(t protocol.Timestamp) string {
	const end = 1<<48 - 1 // the last moment of an id, in the year 10889
	var id uuid.UUID
	binary.BigEndian.PutUint64(id[:8], uint64(min(max(t, 0), end))<<16)
	return id.String()
}
