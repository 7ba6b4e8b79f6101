package memstore

import (
	"cmp"
	"iter"
	"slices"
	"strings"

	"github.com/perdure/perdure/internal/store"
	"github.com/perdure/perdure/internal/wire"
)

// deadline orders rows by due time.
type deadline struct {
	at wire.Timestamp
	id string
}

func compareDeadlines(a, b deadline) int {
	return cmp.Or(cmp.Compare(a.at, b.at), strings.Compare(a.id, b.id))
}

func compareIDs(a, b string) int { return strings.Compare(a, b) }

// include adds v to the ascending list. New ids and new deadlines belong near
// the end, so little moves.
func include[T any](list []T, v T, compare func(a, b T) int) []T {
	i, _ := slices.BinarySearchFunc(list, v, compare)
	return slices.Insert(list, i, v)
}

// exclude removes v from the ascending list, if it is there.
func exclude[T any](list []T, v T, compare func(a, b T) int) []T {
	i, found := slices.BinarySearchFunc(list, v, compare)
	if !found {
		return list
	}
	return slices.Delete(list, i, i+1)
}

// resumed yields the ids behind after, in the chosen order.
func resumed(ids []string, after string, oldestFirst bool) iter.Seq[string] {
	i, found := slices.BinarySearch(ids, after)
	if oldestFirst {
		if found {
			i++
		}
		return slices.Values(ids[i:])
	}
	if after == "" {
		i = len(ids)
	}
	return backward(ids[:i])
}

// passed reports whether id is not before until in the chosen order. Without
// until, none is.
func passed(id, until string, oldestFirst bool) bool {
	if oldestFirst {
		return until != "" && id >= until
	}
	return id <= until
}

func backward(ids []string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, id := range slices.Backward(ids) {
			if !yield(id) {
				return
			}
		}
	}
}

// selected yields the numbers that span selects from a journal of n entries.
func selected(span store.Span, n int64) iter.Seq[int64] {
	first, last := max(span.From, 1), n
	if span.To > 0 {
		last = min(last, span.To)
	}
	seq, step := first, int64(1)
	if span.Reverse {
		seq, step = last, -1
	}
	return func(yield func(int64) bool) {
		for count := 0; first <= seq && seq <= last; seq += step {
			if span.Limit > 0 && count == span.Limit || !yield(seq) {
				return
			}
			count++
		}
	}
}
