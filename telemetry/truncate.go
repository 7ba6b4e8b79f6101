package telemetry

import (
	"cmp"
	"slices"
	"sort"
)

// truncate puts operations into a record, in the format that is asked for, and
// leaves out what makes the record too large; see [Config.Limit].
func (c *Config) truncate(r Record, ops []Operation) Record {
	t := newTrimmer(c, r, ops)
	if t.fits() {
		return t.record()
	}
	t.rest.Truncated = true
	t.results = sort.Search(len(t.withResult), func(n int) bool { t.results = n; return t.fits() })
	if !t.fits() {
		t.dropped = sort.Search(len(ops), func(n int) bool { t.dropped = n; return t.fits() })
	}
	if len(t.rest.Input) > 0 && !t.fits() {
		t.rest.Input, t.rest.DroppedInput = nil, true
	}
	if len(t.rest.Output) > 0 && !t.fits() {
		t.rest.Output, t.rest.DroppedOutput = nil, true
	}
	t.rest.Truncated = t.results+t.dropped > 0 || t.rest.DroppedInput || t.rest.DroppedOutput
	return t.record()
}

// trimmer is a record whose size is known without encoding it: it may have a hundred thousand operations.
type trimmer struct {
	cfg   *Config
	rest  Record // without its operations
	ops   []Operation
	sizes []int // of ops as JSON, each with a comma
	saved []int // what dropping its result takes off
	all   int   // the sum of sizes

	order      []int // of ops, the oldest first
	withResult []int // those of order that have a result

	results int // how many of withResult are without it
	dropped int // how many of order are dropped
}

func newTrimmer(c *Config, r Record, ops []Operation) *trimmer {
	t := &trimmer{cfg: c, rest: r, ops: ops, sizes: make([]int, len(ops)), saved: make([]int, len(ops))}
	for i := range ops {
		t.sizes[i] = len(encode(&ops[i])) + 1
		t.all += t.sizes[i]
		t.order = append(t.order, i)
	}
	slices.SortStableFunc(t.order, func(a, b int) int { return cmp.Compare(age(&ops[a]), age(&ops[b])) })
	for _, i := range t.order {
		if ops[i].Result != nil {
			t.withResult = append(t.withResult, i)
			t.saved[i] = len(`,"result":`) + len(ops[i].Result) - len(`,"truncated":true`)
		}
	}
	return t
}

// age sorts what has no start behind the others.
func age(o *Operation) uint64 { return uint64(o.StartTime) - 1 }

// fits reports whether the record as it would be now is small enough.
func (t *trimmer) fits() bool {
	r := t.rest
	input, output := len(r.Input), len(r.Output)
	r.Input, r.Output, r.DroppedOperations = nil, nil, t.dropped
	size := len(encode(&r))
	if input > 0 {
		size += len(`,"input":`) + input
	}
	if output > 0 {
		size += len(`,"output":`) + output
	}
	if t.array() {
		size += len(`,"operations":[]`) + t.arraySize()
	}
	if t.byName() && size <= t.cfg.limit() {
		size += len(`,"operationsByName":`) + len(encode(summarize(t.left())))
	}
	return size <= t.cfg.limit()
}

func (t *trimmer) arraySize() int {
	size := t.all
	for _, i := range t.withResult[:t.results] {
		size -= t.saved[i]
	}
	for _, i := range t.order[:t.dropped] {
		size -= t.sizes[i]
		if t.ops[i].Result != nil {
			size += t.saved[i] // taken off before: operations go when all results have gone
		}
	}
	return max(size-1, 0) // no comma behind the last
}

func (t *trimmer) array() bool  { return t.cfg.Format != ByName }
func (t *trimmer) byName() bool { return t.cfg.Format == ByName || t.cfg.Format == Both }

// left are the operations as they would be now.
func (t *trimmer) left() []Operation {
	list := slices.Clone(t.ops)
	for _, i := range t.withResult[:t.results] {
		list[i].Result, list[i].Truncated = nil, true
	}
	if t.dropped == 0 {
		return list
	}
	gone := make([]bool, len(list))
	for _, i := range t.order[:t.dropped] {
		gone[i] = true
	}
	kept := list[:0]
	for i := range list {
		if !gone[i] {
			kept = append(kept, list[i])
		}
	}
	return kept
}

func (t *trimmer) record() Record {
	r, left := t.rest, t.left()
	r.DroppedOperations = t.dropped
	if t.array() {
		r.Operations = left
	}
	if t.byName() {
		r.OperationsByName = summarize(left)
	}
	return r
}

// summarize sums operations up by their names.
func summarize(ops []Operation) map[string]*Summary {
	all := make(map[string]*Summary)
	for i := range ops {
		op := &ops[i]
		s, again := all[op.Name]
		if !again {
			s = &Summary{Error: op.Error, Result: op.Result}
			all[op.Name] = s
		} else {
			s.Error, s.Result = nil, nil
		}
		s.add(op)
	}
	return all
}

func (s *Summary) add(op *Operation) {
	s.Type, s.SubType, s.Status = op.Type, op.SubType, op.Status
	s.Count++
	if op.Status == "FAILED" {
		s.FailedCount++
	}
	if d := op.DurationMillis; d != nil {
		s.MinDurationMillis = with(s.MinDurationMillis, *d, lesser)
		s.MaxDurationMillis = with(s.MaxDurationMillis, *d, greater)
		s.TotalDurationMillis = with(s.TotalDurationMillis, *d, func(a, b int64) int64 { return a + b })
	}
	if op.Attempt != nil {
		s.MaxAttempt = with(s.MaxAttempt, *op.Attempt, greater)
	}
}

func lesser[T int | int64](a, b T) T  { return min(a, b) }
func greater[T int | int64](a, b T) T { return max(a, b) }

// with is what is known so far together with one more.
func with[T any](known *T, more T, join func(a, b T) T) *T {
	if known != nil {
		more = join(*known, more)
	}
	return &more
}
