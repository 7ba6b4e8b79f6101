package engine

import (
	"slices"
	"time"

	"github.com/perdure/perdure/internal/core/machine"
	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// A list with what needs attention first has three stages. It begins with what is stuck: first what has been
// retrying, queued or running for longer than patience, then what waits for somebody, paused or for a callback, and
// what has been retrying for less; in both, what has been so for longest is first. What retries does so since that
// began which failed first, so it keeps its place however often it fails. Failures of the last day follow, and then
// the rest, the newest first. What waits for a moment or for another execution goes on by itself, so it is the rest;
// so is what somebody stopped, or redrove.
//
// No index has that order: each invocation would have to write it. The first stage passes over all that is open, in an
// index that lists have anyway, and keeps the few that it shows.
const (
	patience    = time.Minute
	recentHours = 24
)

// The stages of a list that begins with what needs attention.
const (
	stageStuck = iota
	stageFailures
	stageRest
)

// attention are the sets of what is done by executions that need it.
var (
	trouble = uint32(machine.Retrying | machine.Queued | machine.Running)
	help    = uint32(machine.Paused | machine.Callback | machine.Retrying)
)

// listing is a list on its way, from page to page.
type listing struct {
	query     store.Query // without the stage and the place
	attention bool
	stage     int
	began     protocol.Timestamp // when its first page was asked for: the stages of all pages go by that

	last  string // the id of the last execution; empty before the first of a stage
	place store.StuckPlace
}

// page is the query of what comes next.
func (l *listing) page(limit int) store.Query {
	q := l.query
	q.Limit = limit
	if q.OldestFirst { // its bounds were set for newest first
		q.After, q.Until = q.Until, q.After
		q.After = max(q.After, l.last)
		return q
	}
	if !l.attention {
		q.After = earlier(q.After, l.last)
		return q
	}
	stuck := &store.Stuck{Trouble: trouble, Help: help, Before: l.began.Add(-patience), None: l.stage != stageStuck}
	q.Stuck = stuck
	switch {
	case l.stage == stageStuck && l.last != "":
		stuck.After = &l.place
	case l.stage == stageFailures:
		q.Statuses, q.Redriven = l.failures()
		q.Until = max(q.Until, l.recent())
	case l.stage == stageRest:
		q.Limit = max(limit, protocol.MaxPage) // it passes over failures
	}
	if l.stage != stageStuck {
		q.After = earlier(q.After, l.last)
	}
	return q
}

// earlier is the lower of two ids; empty is none.
func earlier(a, b string) string {
	if a == "" || b != "" && b < a {
		return b
	}
	return a
}

// recent is an id below those of executions that started recently.
func (l *listing) recent() string { return lastBefore(l.began.AddSeconds(-recentHours * 3600)) }

var failedStatuses = []protocol.ExecutionStatus{protocol.ExecutionFailed, protocol.ExecutionTimedOut}

// failures are the statuses of failures among those that are asked for, and whether they were redriven: not, unless
// that is asked for.
func (l *listing) failures() (statuses []protocol.ExecutionStatus, redriven *bool) {
	if redriven = l.query.Redriven; redriven == nil {
		redriven = new(false)
	}
	return slices.DeleteFunc(slices.Clone(failedStatuses), func(s protocol.ExecutionStatus) bool {
		return len(l.query.Statuses) > 0 && !slices.Contains(l.query.Statuses, s)
	}), redriven
}

// wants reports whether a row belongs to this stage. The store passes over what is stuck, but not over failures.
func (l *listing) wants(row *store.Row) bool {
	isDealtWith := row.Redriven && l.query.Redriven == nil
	return !l.attention || l.stage != stageRest || row.ID <= l.recent() || isDealtWith ||
		!slices.Contains(failedStatuses, row.Status)
}

// shown is the stage for those who see the list; empty if it has none.
func (l *listing) shown() Stage {
	if !l.attention {
		return ""
	}
	return []Stage{stageStuck: StageStuck, stageFailures: StageFailures, stageRest: StageRest}[l.stage]
}

// passed notes the last row. It is false if the row has no place behind which this stage could go on.
func (l *listing) passed(row *store.Row) bool {
	place, isStuck := store.StuckPlace{}, false
	if l.attention && l.stage == stageStuck {
		place, isStuck = l.page(1).Stuck.Place(row)
		if !isStuck {
			return false
		}
	}
	l.last, l.place = row.ID, place
	return true
}

// nextStage goes on with the next stage, if there is one.
func (l *listing) nextStage() bool {
	if !l.attention || l.stage == stageRest {
		return false
	}
	l.stage, l.last = l.stage+1, ""
	if statuses, _ := l.failures(); l.stage == stageFailures && len(statuses) == 0 {
		l.stage++
	}
	return true
}

// numbers are what a marker has to say beside the last id.
func (l *listing) numbers() (began, place int64) {
	return int64(l.began), int64(l.place.Since)<<3 | int64(l.place.Rank)<<2 | int64(l.stage)
}

// resume goes on behind a marker's place.
func (l *listing) resume(last string, began, place int64) {
	l.last, l.began, l.stage = last, protocol.Timestamp(began), int(place&3)
	l.place = store.StuckPlace{Rank: int(place >> 2 & 1), Since: protocol.Timestamp(place >> 3), ID: last}
}
