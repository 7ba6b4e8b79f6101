package engine

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// Counts is how many executions pass a filter.
type Counts struct {
	Total    int
	Statuses map[protocol.ExecutionStatus]int // without zeros
	Doing    map[Activity]int                 // without zeros; an execution may do several things
	// Failures are those that failed or timed out, by function and error, the largest number first; at most 100. What
	// was redriven counts only if the filter says so.
	Failures []FailureCount
	// News is what [Engine.News] said when the counting began. While it says so, the counts are as they were.
	News uint64
}

// FailureCount is the number of failures of a function with one type of error.
type FailureCount struct {
	Function string
	Error    string // empty for an error without a type
	N        int
}

// maxFailureCounts bounds how many groups of failures are told.
const maxFailureCounts = 100

// Count counts the executions that pass a filter. It refuses what [Engine.List] refuses. Who asks for the same within a
// second, or within ten times as long as it takes to count, shares one answer.
func (e *Engine) Count(ctx context.Context, f *Filter) (*Counts, error) {
	q, err := e.query(ctx, f)
	if err != nil {
		return nil, err
	}
	return e.counts.get(ctx, f.Values().Encode(), func() (*Counts, error) { return e.count(ctx, f, q) })
}

func (e *Engine) count(ctx context.Context, f *Filter, q store.Query) (*Counts, error) {
	news, err := e.News(ctx, 0)
	if err != nil {
		return nil, err
	}
	c := &Counts{Statuses: map[protocol.ExecutionStatus]int{}, Doing: map[Activity]int{}, News: news}
	groups := func(q store.Query, by store.Grouping, add func(store.Count)) error {
		by.Doing = by.Doing || q.Doing != 0 // for wanted
		by.Function = by.Function || slices.Contains(f.Doing, Unregistered)
		counts, err := e.ledger.store.Count(ctx, q, by)
		for _, one := range counts {
			if wanted(f.Doing, e.doing(one)) {
				add(one)
			}
		}
		return err
	}
	failures := q
	failures.Statuses, failures.Redriven = (&listing{query: q}).failures()
	err = groups(q, store.Grouping{Status: true}, func(one store.Count) {
		c.Statuses[one.Status] += one.N
		c.Total += one.N
	})
	if err == nil {
		err = e.countDoing(q, c, groups)
	}
	byError := map[FailureCount]int{}
	if err == nil && len(failures.Statuses) > 0 {
		err = groups(failures, store.Grouping{Function: true, Error: true}, func(one store.Count) {
			byError[FailureCount{Function: one.Function, Error: errorOf(one.Error)}] += one.N
		})
	}
	c.Failures = largest(byError)
	return c, err
}

// doing is what the executions of a group do.
func (e *Engine) doing(c store.Count) []Activity {
	return e.functions.activities(&store.Row{Function: c.Function, Version: c.Version, Doing: c.Doing})
}

// countDoing counts what is done. Only of what is queued does it ask for the functions, which it needs to know what is
// not registered: of all that would take several times as long.
func (e *Engine) countDoing(
	q store.Query, c *Counts, groups func(store.Query, store.Grouping, func(store.Count)) error,
) error {
	open, queued := q, q
	if open.Doing == 0 {
		open.Doing = allDoings
	}
	queued.Doing = uint32(doings[Queued])
	err := groups(open, store.Grouping{Doing: true}, func(one store.Count) {
		for _, a := range Activities {
			if a != Unregistered && one.Doing&uint32(doings[a]) != 0 {
				c.Doing[a] += one.N
			}
		}
	})
	if err != nil || c.Doing[Queued] == 0 {
		return err
	}
	return groups(queued, store.Grouping{Function: true, Doing: true}, func(one store.Count) {
		if slices.Contains(e.doing(one), Unregistered) {
			c.Doing[Unregistered] += one.N
		}
	})
}

// allDoings is everything that an execution may do.
var allDoings = func() (all uint32) {
	for _, d := range doings {
		all |= uint32(d)
	}
	return all
}()

func largest(numbers map[FailureCount]int) []FailureCount {
	var all []FailureCount
	for c, n := range numbers {
		c.N = n
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b FailureCount) int {
		return cmp.Or(cmp.Compare(b.N, a.N), strings.Compare(a.Function, b.Function), strings.Compare(a.Error, b.Error))
	})
	return all[:min(len(all), maxFailureCounts)]
}

// sharedAnswers lets those who ask for the same within a time share one answer. One that took long is shared for
// longer: a page that asks again and again keeps the store busy for a tenth of the time at most.
type sharedAnswers[T any] struct {
	least time.Duration // for which an answer is shared
	mu    sync.Mutex
	all   map[string]*sharedAnswer[T]
}

type sharedAnswer[T any] struct {
	turn   chan struct{} // who is in it asks
	until  time.Time     // zero without an answer
	answer T
}

const (
	sharedTimes      = 10 // as long as it took
	maxSharedAnswers = 64
)

func (s *sharedAnswers[T]) get(ctx context.Context, key string, ask func() (T, error)) (answer T, err error) {
	one := s.entry(key)
	select {
	case one.turn <- struct{}{}:
		defer func() { <-one.turn }()
	case <-ctx.Done():
		return answer, ctx.Err()
	}
	began := time.Now()
	if began.Before(one.until) {
		return one.answer, nil
	}
	if answer, err = ask(); err == nil {
		one.answer, one.until = answer, began.Add(max(s.least, (sharedTimes+1)*time.Since(began)))
	}
	return answer, err
}

// entry returns what is shared under a key. With too many, all are forgotten; who asks goes on.
func (s *sharedAnswers[T]) entry(key string) *sharedAnswer[T] {
	s.mu.Lock()
	defer s.mu.Unlock()
	one := s.all[key]
	if one == nil {
		if s.all == nil || len(s.all) >= maxSharedAnswers {
			s.all = map[string]*sharedAnswer[T]{}
		}
		one = &sharedAnswer[T]{turn: make(chan struct{}, 1)}
		s.all[key] = one
	}
	return one
}
