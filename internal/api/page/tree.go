package page

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/perdure/perdure/protocol"
)

// tally counts the operations of a context by how they are.
type tally struct {
	All, Done, Failed, Retrying, Running, Waiting, Left int
}

// Bad is how many failed; empty for none.
func (t *tally) Bad() string {
	if t.Failed == 0 {
		return ""
	}
	return fmt.Sprintf("%d failed", t.Failed)
}

// Rest says how many go on, and how; empty for none.
func (t *tally) Rest() (s string) {
	for _, n := range []struct {
		count int
		word  string
	}{{t.Retrying, "retrying"}, {t.Waiting, "waiting"}, {t.Running, "running"},
		{t.Left, "did not end"}} {
		if n.count > 0 {
			s += fmt.Sprintf(", %d %s", n.count, n.word)
		}
	}
	return s
}

// Meter is the tally as a bar: parts of a hundred.
func (t *tally) Meter() (parts []part) {
	left := 0.0
	for _, n := range []struct {
		count int
		class string
	}{{t.Done, "good"}, {t.Failed, "bad"}, {t.Retrying, "retry"}, {t.Waiting, "wait"}, {t.Running, "open"},
		{t.Left, "gone"}} {
		width := 100 * float64(n.count) / float64(max(1, t.All))
		if n.count > 0 {
			parts = append(parts, part{X: percent(left), Width: percent(width), Class: n.class})
		}
		left += width
	}
	return parts
}

// add counts an operation that is a class.
func (t *tally) add(class string) {
	t.All++
	switch class {
	case "good":
		t.Done++
	case "bad", "gone":
		t.Failed++
	case "retry":
		t.Retrying++
	case "wait":
		t.Waiting++
	case "left":
		t.Left++
	default:
		t.Running++
	}
}

// tree is the operations of a record by what they are in.
type tree struct {
	children map[string][]*operation
	byNumber map[int]*operation
}

func newTree(all []*operation) *tree {
	t := &tree{map[string][]*operation{}, make(map[int]*operation, len(all))}
	known := make(map[string]bool, len(all))
	for _, o := range all {
		known[o.ID], t.byNumber[o.Number] = true, o
	}
	for _, o := range all {
		parent := o.ParentID
		if !known[parent] {
			parent = ""
		}
		t.children[parent] = append(t.children[parent], o)
	}
	return t
}

// counts is the class as which o counts in the tally of what it is in. A context that goes on retries, runs or waits as
// what is in it does, the first of these.
func (t *tree) counts(o *operation) string {
	switch {
	case o.left != 0:
		return "left"
	case o.Type != protocol.TypeContext || !o.Open():
		return o.class()
	}
	at := ""
	for _, child := range t.children[o.ID] {
		if !child.Open() || child.left != 0 {
			continue
		}
		switch c := t.counts(child); {
		case c == "retry":
			return c
		case at != "open":
			at = c
		}
	}
	return cmp.Or(at, "open")
}

// isBatch reports whether o has items or branches, which are alike.
func isBatch(o *operation) bool {
	return o.SubType == protocol.SubTypeMap || o.SubType == protocol.SubTypeParallel
}

// inside returns what is in o; of a batch that which failed comes first, then what goes on.
func (t *tree) inside(o *operation) []*operation {
	children := t.children[o.ID]
	if !isBatch(o) {
		return children
	}
	rank := map[string]int{"bad": 0, "retry": 1, "open": 2, "gone": 3, "good": 4}
	return slices.SortedStableFunc(slices.Values(children), func(a, b *operation) int {
		return cmp.Compare(rank[a.shape()], rank[b.shape()])
	})
}

// folding says what is unfolded: by itself, or because somebody wants it so.
type folding struct {
	open, shut map[int]bool // by number of the operation
	all        bool
	few        bool
	path       map[string]bool // ids of what is around the selected operation
}

func (f *folding) unfolded(o *operation) bool {
	switch {
	case f.shut[o.Number]:
		return false
	case f.open[o.Number], f.path[o.ID]:
		return true
	}
	return f.all || f.few
}

// flatten returns the operations that have rows, with their depths.
func (t *tree) flatten(f *folding) (rows []*row, of []*operation) {
	var walk func(list []*operation, depth int)
	walk = func(list []*operation, depth int) {
		for _, o := range list {
			r := &row{Number: o.Number, Depth: depth, Folds: len(t.children[o.ID]) > 0}
			r.Unfolded = r.Folds && f.unfolded(o)
			rows, of = append(rows, r), append(of, o)
			if r.Unfolded {
				walk(t.inside(o), min(depth+1, maxDepth))
			}
		}
	}
	walk(t.children[""], 0)
	return rows, of
}

// around returns the ids of what is around an operation.
func (t *tree) around(o *operation, byID map[string]*operation) map[string]bool {
	path := map[string]bool{}
	for o != nil && !path[o.ParentID] {
		path[o.ParentID] = true
		o = byID[o.ParentID]
	}
	return path
}
