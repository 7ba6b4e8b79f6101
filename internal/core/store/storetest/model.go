package storetest

import (
	"cmp"
	"errors"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// model is a store as the contract tells it, written for plainness.
type model map[string]*modelled

type modelled struct {
	row   store.Row
	data  []string
	calls map[string]store.Call
}

// commit appends the writes to a copy, so that a conflict changes nothing.
func (m model) commit(writes []store.Write) (model, error) {
	changed := make(model)
	for id, e := range m {
		changed[id] = &modelled{e.row, slices.Clone(e.data), maps.Clone(e.calls)}
	}
	for _, w := range writes {
		if err := changed.write(w); err != nil {
			return m, err
		}
	}
	return changed, nil
}

func (m model) write(w store.Write) error {
	if e, ok := m[w.ID]; !ok && w.Entry.Seq != 1 || ok && w.Entry.Seq != int64(len(e.data)+1) {
		return store.ErrConflict
	}
	if w.Entry.Seq == 1 {
		if m.named(w.Row.Function, w.Row.Name) != nil {
			return store.ErrConflict
		}
		m[w.ID] = &modelled{calls: map[string]store.Call{}}
	}
	e := m[w.ID]
	e.data = append(e.data, string(w.Entry.Data))
	if w.Row != nil {
		e.row = *w.Row
	}
	for _, c := range w.Calls {
		if e.calls[c.Operation] = c; c.Wanted == 0 {
			delete(e.calls, c.Operation)
		}
	}
	return nil
}

func (m model) named(function, name string) *store.Row {
	for _, e := range m {
		if e.row.Function == function && e.row.Name == name {
			return &e.row
		}
	}
	return nil
}

// rows returns those that keep accepts, in the order of compare, up to limit.
func (m model) rows(keep func(*store.Row) bool, compare func(a, b *store.Row) int, limit int) []*store.Row {
	var rows []*store.Row
	for _, e := range m {
		if keep(&e.row) {
			rows = append(rows, &e.row)
		}
	}
	slices.SortFunc(rows, compare)
	return rows[:min(limit, len(rows))]
}

func (m model) list(q store.Query) []*store.Row {
	direction := -1
	if q.OldestFirst {
		direction = 1
	}
	compare := func(a, b *store.Row) int { return direction * strings.Compare(a.ID, b.ID) }
	if q.Ranked() {
		compare = func(a, b *store.Row) int {
			return cmp.Or(rank(q, a)-rank(q, b), cmp.Compare(a.Since, b.Since), strings.Compare(a.ID, b.ID))
		}
	}
	return m.rows(func(r *store.Row) bool {
		return (q.Stuck == nil || q.Stuck.None == (rank(q, r) == 2)) &&
			(!q.Ranked() || q.Stuck.After == nil || behind(r, q)) &&
			(q.Error == "" || q.Error == r.Error) && hasTags(r, q.Tags) && named(r.Name, q.Name) &&
			(q.Function == "" || q.Function == r.Function) &&
			(q.Version == "" || q.Version == r.Version) &&
			(q.Statuses == nil || slices.Contains(q.Statuses, r.Status)) &&
			(q.Doing == 0 || q.Doing&r.Doing != 0) &&
			(q.Redriven == nil || *q.Redriven == r.Redriven) &&
			(q.Since == 0 || r.Doing != 0 && r.Since < q.Since) &&
			(q.Until == "" || direction*strings.Compare(r.ID, q.Until) < 0) &&
			(q.After == "" || direction*strings.Compare(q.After, r.ID) < 0)
	}, compare, q.Limit)
}

// rank is 2 for what is not stuck.
func rank(q store.Query, r *store.Row) int {
	if r.Doing&q.Stuck.Trouble != 0 && r.Since < q.Stuck.Before {
		return 0
	}
	if r.Doing&q.Stuck.Help != 0 {
		return 1
	}
	return 2
}

// behind reports whether r stands behind the place from which q goes on.
func behind(r *store.Row, q store.Query) bool {
	p := q.Stuck.After
	return cmp.Or(rank(q, r)-p.Rank, cmp.Compare(r.Since, p.Since), strings.Compare(r.ID, p.ID)) > 0
}

func hasTags(r *store.Row, want map[string]string) bool {
	for key, value := range want {
		if got, ok := r.Tags[key]; !ok || got != value {
			return false
		}
	}
	return true
}

// named matches a name with a pattern by way of a regular expression.
func named(name, pattern string) bool {
	text := strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, `.*`)
	return pattern == "" || regexp.MustCompile("^(?s:"+text+")$").MatchString(name)
}

func (m model) count(q store.Query, by store.Grouping) []store.Count {
	var counts []store.Count
	q.Limit = len(m)
	for _, r := range m.list(q) {
		c := store.Count{N: 1}
		if by.Function {
			c.Function, c.Version = r.Function, r.Version
		}
		if by.Status {
			c.Status = r.Status
		}
		if by.Error {
			c.Error = r.Error
		}
		if by.Doing {
			c.Doing = r.Doing
		}
		at := slices.IndexFunc(counts, func(d store.Count) bool { d.N = 1; return d == c })
		if at < 0 {
			counts = append(counts, c)
			continue
		}
		counts[at].N++
	}
	slices.SortFunc(counts, store.Count.Compare)
	return counts
}

func (m model) agenda(a store.Agenda, after store.Item, limit int) (items []store.Item) {
	add := func(at protocol.Timestamp, id, op string) {
		if item := (store.Item{At: at, ID: id, Operation: op}); at != 0 && item.Compare(after) > 0 {
			items = append(items, item)
		}
	}
	for id, e := range m {
		switch a.Kind {
		case store.Moments:
			add(e.row.Due, id, "")
		case store.Removals:
			add(e.row.Expires, id, "")
		case store.Invocations:
			if e.row.Function == a.Function && e.row.Version == a.Version {
				add(e.row.Wanted, id, "")
			}
		case store.Calls:
			for op, c := range e.calls {
				if c.Function == a.Function && c.Version == a.Version {
					add(c.Wanted, id, op)
				}
			}
		}
	}
	slices.SortFunc(items, store.Item.Compare)
	return items[:min(limit, len(items))]
}

func (m model) journal(id string, part store.Range) []store.Entry {
	var all []store.Entry
	if m[id] == nil {
		return nil
	}
	for i, data := range m[id].data {
		if seq := int64(i + 1); seq >= part.From && (part.To == 0 || seq <= part.To) {
			all = append(all, store.Entry{Seq: seq, Data: []byte(data)})
		}
	}
	if part.Reverse {
		slices.Reverse(all)
	}
	if part.Limit > 0 {
		all = all[:min(part.Limit, len(all))]
	}
	return all
}

// Few values of each kind, so that draws meet.
var (
	someIDs       = rapid.SampledFrom([]string{"a", "b", "c", "d", "e"})
	someFunctions = rapid.SampledFrom([]string{"f", "g"})
	someNames     = rapid.SampledFrom([]string{"x", "xy", "xz", "z~"})
	somePatterns  = rapid.SampledFrom([]string{"x", "xz", "x*", "*", "*z*",
		"x*z", "**~", "a*", "*x*x*", "x_", "%z", "X*"})
	someErrors = rapid.SampledFrom([]string{"", "Busy", "*errors.errorString"})
	someTags   = rapid.MapOfN(rapid.SampledFrom([]string{"team", "k'=\"%"}),
		rapid.SampledFrom([]string{"", "red", "blau ä"}), 0, 2)
	someDoings     = rapid.SampledFrom([]uint32{0, 1, 2, 3, 6, 1 << 31})
	someVersions   = rapid.SampledFrom([]string{"1", "$LATEST"})
	someKinds      = []store.AgendaKind{store.Moments, store.Invocations, store.Calls, store.Removals}
	someOperations = rapid.SampledFrom([]string{"1", "1-1", "2"})
	someStatuses   = rapid.SampledFrom(protocol.ExecutionStatuses[:3])
	someTimes      = rapid.Map(rapid.Int64Range(0, 5),
		func(i int64) protocol.Timestamp { return protocol.Timestamp(i) })
)

func drawWrite(t *rapid.T, m model) store.Write {
	id := someIDs.Draw(t, "id")
	seq := int64(1)
	row := &store.Row{
		ID: id, ARN: "arn:" + id, Function: someFunctions.Draw(t, "function"), Name: someNames.Draw(t, "name"),
		Version: someVersions.Draw(t, "version"), Started: someTimes.Draw(t, "started"), InputHash: [32]byte{id[0]},
	}
	if tags := someTags.Draw(t, "tags"); len(tags) > 0 {
		row.Tags = tags
	}
	if e := m[id]; e != nil {
		seq = int64(len(e.data) + 1)
		*row = e.row
	}
	if rapid.IntRange(0, 4).Draw(t, "stray") == 0 {
		seq = max(1, seq+rapid.Int64Range(-2, 2).Draw(t, "by"))
	}
	row.Status, row.Closed = someStatuses.Draw(t, "status"), someTimes.Draw(t, "closed")
	row.Due, row.Doing = someTimes.Draw(t, "due"), someDoings.Draw(t, "doing")
	row.Error, row.Message = someErrors.Draw(t, "error"), someErrors.Draw(t, "message")
	row.Redriven = rapid.Bool().Draw(t, "redriven")
	row.Wanted, row.Expires = someTimes.Draw(t, "wanted"), someTimes.Draw(t, "expires")
	if row.Since = 0; row.Doing != 0 {
		row.Since = someTimes.Draw(t, "since")
	}
	if seq > 1 && rapid.Bool().Draw(t, "no row") {
		row = nil
	}
	data := rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "data")
	w := store.Write{ID: id, Entry: store.Entry{Seq: seq, Data: data}, Row: row}
	for range rapid.IntRange(0, 2).Draw(t, "calls") {
		w.Calls = append(w.Calls, store.Call{
			Operation: someOperations.Draw(t, "operation"), Wanted: someTimes.Draw(t, "since"),
			Function: someFunctions.Draw(t, "callee"), Version: someVersions.Draw(t, "its version"),
		})
	}
	return w
}

func drawQuery(t *rapid.T) store.Query {
	maybe := func(g *rapid.Generator[string], label string) string {
		return rapid.OneOf(rapid.Just(""), g).Draw(t, label)
	}
	q := store.Query{
		Function: maybe(someFunctions, "function"), Version: maybe(someVersions, "version"),
		Name: maybe(somePatterns, "name"), Error: someErrors.Draw(t, "error"), Tags: someTags.Draw(t, "tags"),
		Doing: someDoings.Draw(t, "doing"), Since: someTimes.Draw(t, "since"),
		OldestFirst: rapid.Bool().Draw(t, "oldest first"),
		After:       maybe(someIDs, "after"), Until: maybe(someIDs, "until"),
		Limit: rapid.IntRange(1, 6).Draw(t, "limit"),
	}
	if rapid.IntRange(0, 2).Draw(t, "by redrive") == 0 {
		q.Redriven = new(rapid.Bool().Draw(t, "redriven"))
	}
	if rapid.Bool().Draw(t, "by status") {
		q.Statuses = rapid.SliceOfN(someStatuses, 1, 3).Draw(t, "statuses")
	}
	if rapid.IntRange(0, 2).Draw(t, "stuck") == 0 {
		q.Stuck = &store.Stuck{Trouble: someDoings.Draw(t, "trouble"), Help: someDoings.Draw(t, "help"),
			Before: someTimes.Draw(t, "before"), None: rapid.Bool().Draw(t, "not stuck")}
	}
	if q.Ranked() {
		q.After, q.Until, q.OldestFirst = "", "", false
		if rapid.Bool().Draw(t, "after a place") {
			q.Stuck.After = &store.StuckPlace{Rank: rapid.IntRange(0, 1).Draw(t, "rank"),
				Since: someTimes.Draw(t, "since"),
				ID:    someIDs.Draw(t, "id")}
		}
	}
	return q
}

// testModel drives the store and the model side by side.
func testModel(t *testing.T, s store.Store) {
	rapid.Check(t, func(t *rapid.T) {
		m := model{}
		defer func() { empty(t, s) }()
		t.Repeat(map[string]func(*rapid.T){
			"commit":       func(t *rapid.T) { m = commitBoth(t, s, m, 1) },
			"commit again": func(t *rapid.T) { m = commitBoth(t, s, m, 1) },
			"commit many":  func(t *rapid.T) { m = commitBoth(t, s, m, rapid.IntRange(2, 4).Draw(t, "writes")) },
			"delete": func(t *rapid.T) {
				id := someIDs.Draw(t, "id")
				if err := s.Delete(background, id); err != nil {
					t.Fatalf("Delete: %v", err)
				}
				delete(m, id)
			},
			"row": func(t *rapid.T) {
				id := someIDs.Draw(t, "id")
				var want *store.Row
				if m[id] != nil {
					want = &m[id].row
				}
				got, err := s.Row(background, id)
				same(t, want, absent(t, got, err), nil)
			},
			"named": func(t *rapid.T) {
				function, name := someFunctions.Draw(t, "function"), someNames.Draw(t, "name")
				got, err := s.Named(background, function, name)
				same(t, m.named(function, name), absent(t, got, err), nil)
			},
			"list": func(t *rapid.T) {
				q := drawQuery(t)
				got, err := s.List(background, q)
				same(t, m.list(q), got, err)
			},
			"count": func(t *rapid.T) {
				q, by := drawQuery(t), store.Grouping{Function: rapid.Bool().Draw(t, "by function"),
					Status: rapid.Bool().Draw(t, "by status"), Error: rapid.Bool().Draw(t, "by error"),
					Doing: rapid.Bool().Draw(t, "by doing")}
				if q.Ranked() {
					q.Stuck.After = nil
				}
				got, err := s.Count(background, q, by)
				same(t, m.count(q, by), got, err)
			},
			"agenda": func(t *rapid.T) {
				agenda := store.Agenda{Kind: rapid.SampledFrom(someKinds).Draw(t, "kind")}
				after := store.Item{At: someTimes.Draw(t, "at"), ID: someIDs.Draw(t, "id")}
				if agenda.Kind == store.Invocations || agenda.Kind == store.Calls {
					agenda.Function, agenda.Version = someFunctions.Draw(t, "function"), someVersions.Draw(t, "version")
				}
				if agenda.Kind == store.Calls {
					after.Operation = someOperations.Draw(t, "operation")
				}
				limit := rapid.IntRange(0, 6).Draw(t, "limit")
				got, err := s.Agenda(background, agenda, after, limit)
				same(t, m.agenda(agenda, after, limit), got, err)
			},
			"journal": func(t *rapid.T) {
				id := someIDs.Draw(t, "id")
				part := store.Range{
					From: rapid.Int64Range(0, 6).Draw(t, "from"), To: rapid.Int64Range(0, 6).Draw(t, "to"),
					Reverse: rapid.Bool().Draw(t, "reverse"), Limit: rapid.IntRange(0, 4).Draw(t, "limit"),
				}
				same(t, m.journal(id, part), collect(t, s, id, part), nil)
			},
		})
		same(t, slices.Sorted(maps.Keys(m)), stored(t, s), nil)
	})
}

func commitBoth(t *rapid.T, s store.Store, m model, n int) model {
	var writes []store.Write
	drawn := m
	for range n {
		w := drawWrite(t, drawn)
		writes = append(writes, w)
		drawn, _ = drawn.commit([]store.Write{w}) // later draws follow earlier ones
	}
	after, want := m.commit(writes)
	if got := s.Commit(background, writes...); !errors.Is(got, want) {
		t.Fatalf("Commit: got %v, want %v", got, want)
	}
	return after
}

// same compares what a read returned with what the model says.
func same(t *rapid.T, want, got any, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
}

// absent turns ErrNotFound into a nil row.
func absent(t *rapid.T, row *store.Row, err error) *store.Row {
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		t.Fatal(err)
	}
	return row
}

func collect(t *rapid.T, s store.Store, id string, part store.Range) []store.Entry {
	var all []store.Entry
	for e, err := range s.Journal(background, id, part) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

func stored(t *rapid.T, s store.Store) []string {
	rows, err := s.List(background, store.Query{OldestFirst: true, Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	return ids(rows)
}

// empty makes room for the next run of the model.
func empty(t *rapid.T, s store.Store) {
	for _, id := range stored(t, s) {
		if err := s.Delete(background, id); err != nil {
			t.Fatal(err)
		}
	}
}
