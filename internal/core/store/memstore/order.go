package memstore

import (
	"iter"
	"slices"

	"github.com/perdure/perdure/internal/core/store"
)

// ordered is a sorted set in chunks, so that an insertion or removal moves little, however large the set is.
type ordered[T any] struct {
	compare func(a, b T) int
	chunks  [][]T // none of them is empty
}

// maxChunk bounds a chunk; a full one is split.
const maxChunk = 512

func (o *ordered[T]) empty() bool { return len(o.chunks) == 0 }

// find returns v's chunk and place, or those where it belongs.
func (o *ordered[T]) find(v T) (chunk, at int, found bool) {
	chunk, _ = slices.BinarySearchFunc(o.chunks, v, func(c []T, v T) int { return o.compare(c[len(c)-1], v) })
	if chunk == len(o.chunks) {
		return chunk, 0, false
	}
	at, found = slices.BinarySearchFunc(o.chunks[chunk], v, o.compare)
	return chunk, at, found
}

func (o *ordered[T]) include(v T) {
	i, at, found := o.find(v)
	switch {
	case found:
		return
	case len(o.chunks) == 0:
		o.chunks = append(o.chunks, nil)
	case i == len(o.chunks): // behind the last one
		i--
		at = len(o.chunks[i])
	}
	c := slices.Insert(o.chunks[i], at, v)
	o.chunks[i] = c
	if len(c) > maxChunk {
		half := len(c) / 2
		if i == len(o.chunks)-1 && at == len(c)-1 {
			half = at // the set grows at its end, so leave full chunks behind
		}
		o.chunks[i] = slices.Clone(c[:half])
		o.chunks = slices.Insert(o.chunks, i+1, slices.Clone(c[half:]))
	}
}

func (o *ordered[T]) exclude(v T) {
	i, at, found := o.find(v)
	if !found {
		return
	}
	if o.chunks[i] = slices.Delete(o.chunks[i], at, at+1); len(o.chunks[i]) == 0 {
		o.chunks = slices.Delete(o.chunks, i, i+1)
	}
}

// after yields the members greater than v.
func (o *ordered[T]) after(v T) iter.Seq[T] {
	return func(yield func(T) bool) {
		first, at, found := o.find(v)
		if found {
			at++
		}
		for i := first; i < len(o.chunks); i++ {
			for _, v := range o.chunks[i][at:] {
				if !yield(v) {
					return
				}
			}
			at = 0
		}
	}
}

// before yields the members less than v, downwards.
func (o *ordered[T]) before(v T) iter.Seq[T] {
	last, at, _ := o.find(v)
	return o.down(last, at)
}

// down yields the members before a place, downwards.
func (o *ordered[T]) down(chunk, at int) iter.Seq[T] {
	return func(yield func(T) bool) {
		for i := min(chunk, len(o.chunks)-1); i >= 0; i-- {
			c := o.chunks[i]
			if i == chunk {
				c = c[:at]
			}
			for _, v := range slices.Backward(c) {
				if !yield(v) {
					return
				}
			}
		}
	}
}

// resumed yields the ids behind after, in the chosen order.
func resumed(ids *ordered[string], after string, oldestFirst bool) iter.Seq[string] {
	switch {
	case oldestFirst:
		return ids.after(after)
	case after == "":
		return ids.down(len(ids.chunks), 0)
	}
	return ids.before(after)
}

// passed reports whether id is not before until in the chosen order. Without until it is.
func passed(id, until string, oldestFirst bool) bool {
	if oldestFirst {
		return until != "" && id >= until
	}
	return id <= until
}

// selected yields the numbers that part selects from a journal of n entries.
func selected(part store.Range, n int64) iter.Seq[int64] {
	first, last := max(part.From, 1), n
	if part.To > 0 {
		last = min(last, part.To)
	}
	seq, step := first, int64(1)
	if part.Reverse {
		seq, step = last, -1
	}
	return func(yield func(int64) bool) {
		for count := 0; first <= seq && seq <= last; seq += step {
			if part.Limit > 0 && count == part.Limit || !yield(seq) {
				return
			}
			count++
		}
	}
}
