package engine

import (
	"hash/crc32"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// A marker says where the page before ended. It is sealed like a token, with
// what it belongs to, so that one of another execution, of another list, or of
// nobody's making is refused rather than understood in some way.
const (
	kindState   = 's' // of an execution's operations: the position to go on from
	kindHistory = 'h' // of its events: a place, and the direction
	kindList    = 'l' // of executions: the last one, and which list it is
)

// stateMarker names the operation at which the next page starts; zero is none.
func (e *Engine) stateMarker(executionID string, position int) string {
	if position == 0 {
		return ""
	}
	return e.seal(kindState, executionID, int64(position))
}

// readStateMarker is the inverse of stateMarker.
func (e *Engine) readStateMarker(executionID, marker string) (position int, err error) {
	if marker == "" {
		return 0, nil
	}
	id, n, ok := e.unseal(kindState, marker, 1)
	if !ok || id != executionID {
		return 0, protocol.Errorf(protocol.CodeInvalidParameter, "Invalid marker")
	}
	return int(n[0]), nil
}

func (e *Engine) historyMarker(executionID string, at place, newestFirst bool) string {
	return e.seal(kindHistory, executionID, at.seq, int64(at.skip), direction(newestFirst))
}

func (e *Engine) readHistoryMarker(req *HistoryRequest) (at place, err error) {
	if req.Marker == "" {
		return at, nil
	}
	executionID, err := parseExecution(req.ARN)
	if err != nil {
		return at, err
	}
	id, n, ok := e.unseal(kindHistory, req.Marker, 3)
	if !ok || id != executionID || n[2] != direction(req.NewestFirst) {
		return at, invalidMarker()
	}
	return place{seq: n[0], skip: int(n[1])}, nil
}

// listMarker says that the execution lastID was the last one of a page of q.
func (e *Engine) listMarker(lastID string, q *store.Query) string {
	return e.seal(kindList, lastID, listOf(q))
}

func (e *Engine) readListMarker(marker string, q *store.Query) (lastID string, err error) {
	if marker == "" {
		return "", nil
	}
	lastID, n, ok := e.unseal(kindList, marker, 1)
	if !ok || n[0] != listOf(q) {
		return "", invalidMarker()
	}
	return lastID, nil
}

// listOf tells lists apart. Filters may change between pages; they do no harm.
func listOf(q *store.Query) int64 {
	sum := crc32.ChecksumIEEE([]byte(q.Function + ":" + q.Version))
	return int64(sum)<<1 | direction(!q.OldestFirst)
}

func direction(newestFirst bool) int64 {
	if newestFirst {
		return 1
	}
	return 0
}

func invalidMarker() error { return protocol.Errorf(protocol.CodeInvalidParameter, "Invalid Marker") }
