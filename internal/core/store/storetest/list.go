package storetest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// library fills the store with executions "0" to "9" that differ in every way a query can ask for.
func library(t *testing.T, s store.Store) {
	statuses := []protocol.ExecutionStatus{protocol.ExecutionRunning, protocol.ExecutionSucceeded,
		protocol.ExecutionFailed}
	for i := range 10 {
		row := newRow(fmt.Sprint(i))
		row.Started = protocol.Timestamp(100 * (i + 1))
		row.Status = statuses[i%3]
		if i%4 == 0 {
			row.Doing, row.Since = uint32(1<<i), row.Started+50
		}
		if i%2 == 1 {
			row.Function = "g"
		}
		if i >= 5 {
			row.Version = "2"
		}
		if row.Status == protocol.ExecutionFailed { // 2, 5 and 8
			row.Error, row.Message = "Busy", "no place"
		}
		if i%5 == 0 { // 0 and 5
			row.Error = "*odd.Error"
		}
		row.Redriven = i == 0 || i == 8
		row.Tags = map[string]string{"parity": fmt.Sprint(i % 2), "third": fmt.Sprint(i % 3)}
		mustCommit(t, s, start(row))
	}
}

func testList(t *testing.T, s store.Store) {
	library(t, s)
	for _, test := range []struct {
		name  string
		query store.Query
		want  string // ids, newest first
	}{
		{"all", store.Query{}, "9876543210"},
		{"function", store.Query{Function: "g"}, "97531"},
		{"unknown function", store.Query{Function: "h"}, ""},
		{"version", store.Query{Version: "2"}, "98765"},
		{"function and version", store.Query{Function: "f", Version: "1"}, "420"},
		{"name", store.Query{Name: "name of 4"}, "4"},
		{"function and name", store.Query{Function: "f", Name: "name of 4"}, "4"},
		{"another function's name", store.Query{Function: "g", Name: "name of 4"}, ""},
		{"status", store.Query{Statuses: []protocol.ExecutionStatus{protocol.ExecutionFailed}}, "852"},
		{"statuses", store.Query{Statuses: []protocol.ExecutionStatus{protocol.ExecutionFailed,
			protocol.ExecutionRunning}}, "9865320"},
		{"every status", store.Query{Statuses: protocol.ExecutionStatuses}, "9876543210"},
		{"function and statuses", store.Query{Function: "f",
			Statuses: []protocol.ExecutionStatus{protocol.ExecutionFailed, protocol.ExecutionSucceeded}}, "842"},
		{"name prefix", store.Query{Name: "name of*"}, "9876543210"},
		{"whole name as prefix", store.Query{Name: "name of 4*"}, "4"},
		{"name prefix of a function", store.Query{Function: "g", Name: "name*"}, "97531"},
		{"name prefix and status", store.Query{Name: "name*",
			Statuses: []protocol.ExecutionStatus{protocol.ExecutionFailed}}, "852"},
		{"prefix of no name", store.Query{Name: "name of 4x*"}, ""},
		{"pattern", store.Query{Name: "*of 4"}, "4"},
		{"pattern in between", store.Query{Name: "name*4"}, "4"},
		{"pattern around", store.Query{Name: "*me of*"}, "9876543210"},
		{"pattern that overlaps", store.Query{Name: "name of 4*4"}, ""},
		{"pattern of a function", store.Query{Function: "g", Name: "*of*"}, "97531"},
		{"pattern of another case", store.Query{Name: "NAME*"}, ""},
		{"wildcards of SQL", store.Query{Name: "name_of%*"}, ""},
		{"pattern and doing", store.Query{Name: "*o*4", Doing: 1 << 4}, "4"},
		{"error", store.Query{Error: "Busy"}, "82"},
		{"error with a star", store.Query{Error: "*odd.Error"}, "50"},
		{"error and status", store.Query{Error: "*odd.Error",
			Statuses: []protocol.ExecutionStatus{protocol.ExecutionFailed}}, "5"},
		{"error, status, function", store.Query{Error: "Busy", Function: "f",
			Statuses: []protocol.ExecutionStatus{protocol.ExecutionFailed, protocol.ExecutionStopped}}, "82"},
		{"redriven", store.Query{Redriven: new(true)}, "80"},
		{"not redriven", store.Query{Redriven: new(false)}, "97654321"},
		{"failed, redriven", store.Query{Redriven: new(true),
			Statuses: []protocol.ExecutionStatus{protocol.ExecutionFailed}}, "8"},
		{"failed or stopped, not redriven", store.Query{Redriven: new(false),
			Statuses: []protocol.ExecutionStatus{protocol.ExecutionFailed, protocol.ExecutionStopped}}, "52"},
		{"error, not redriven", store.Query{Error: "Busy", Redriven: new(false)}, "2"},
		{"tag, redriven", store.Query{Tags: map[string]string{"third": "2"}, Redriven: new(true)}, "8"},
		{"doing, redriven", store.Query{Doing: 1<<0 | 1<<4, Redriven: new(true)}, "0"},
		{"error of none", store.Query{Error: "busy"}, ""},
		{"tag", store.Query{Tags: map[string]string{"third": "1"}}, "741"},
		{"tags", store.Query{Tags: map[string]string{"third": "1", "parity": "0"}}, "4"},
		{"tag with another value", store.Query{Tags: map[string]string{"third": "3"}}, ""},
		{"unknown tag", store.Query{Tags: map[string]string{"fourth": ""}}, ""},
		{"tag, function, version", store.Query{Tags: map[string]string{"parity": "1"}, Function: "g",
			Version: "2"}, "975"},
		{"tag and status", store.Query{Tags: map[string]string{"parity": "1"},
			Statuses: []protocol.ExecutionStatus{protocol.ExecutionFailed}}, "5"},
		{"tag and doing", store.Query{Tags: map[string]string{"parity": "0"}, Doing: 1 << 4}, "4"},
		{"tag and name", store.Query{Tags: map[string]string{"parity": "0"}, Name: "*8"}, "8"},
		{"tag and error", store.Query{Tags: map[string]string{"parity": "0"}, Error: "Busy"}, "82"},
		{"not stuck", store.Query{Stuck: &store.Stuck{Trouble: 1 << 4, Help: 1 << 8, Before: 500,
			None: true}}, "976543210"},
		{"doing one thing", store.Query{Doing: 1 << 4}, "4"},
		{"doing one of several", store.Query{Doing: 1<<4 | 1<<8 | 1<<9}, "84"},
		{"a function's doing", store.Query{Function: "g", Doing: 1<<4 | 1<<8}, ""},
		{"doing and version", store.Query{Doing: 1<<4 | 1<<8, Version: "2"}, "8"},
		{"doing and status", store.Query{Doing: 1<<4 | 1,
			Statuses: []protocol.ExecutionStatus{protocol.ExecutionRunning}}, "0"},
		{"doing and name prefix", store.Query{Doing: 1<<4 | 1, Name: "name of 4*"}, "4"},
		{"doing anything since", store.Query{Since: 900}, "40"},
		{"doing one thing since", store.Query{Doing: 1<<4 | 1<<8, Since: 900}, "4"},
		{"resumed", store.Query{After: "4"}, "3210"},
		{"resumed behind a missing id", store.Query{After: "45"}, "43210"},
		{"resumed with filter", store.Query{Function: "g", After: "7"}, "531"},
	} {
		for _, limit := range []int{100, 2} {
			test.query.Limit, test.query.OldestFirst = limit, false
			wantList(t, s, test.name, test.query, head(test.want, limit))
		}
		if test.query.After == "" {
			test.query.Limit, test.query.OldestFirst = 100, true
			wantList(t, s, test.name+", oldest first", test.query, reversed(test.want))
		}
	}
	wantList(t, s, "until", store.Query{Until: "7", Limit: 100}, "98")
	wantList(t, s, "between", store.Query{After: "7", Until: "45", Limit: 100}, "65")
	wantList(t, s, "until, oldest first", store.Query{After: "4", Until: "7", OldestFirst: true, Limit: 100}, "56")
	wantList(t, s, "until what is behind", store.Query{After: "4", Until: "7", Limit: 100}, "")
	wantList(t, s, "resumed, oldest first", store.Query{After: "6", OldestFirst: true, Limit: 100}, "789")
	wantList(t, s, "resumed at the end", store.Query{After: "9", OldestFirst: true, Limit: 100}, "")
}

func wantList(t *testing.T, s store.Store, name string, q store.Query, want string) {
	t.Helper()
	rows, err := s.List(background, q)
	if got := strings.Join(ids(rows), ""); err != nil || got != want {
		t.Errorf("%s, limit %d: got %q, %v, want %q", name, q.Limit, got, err, want)
	}
}

func head(s string, n int) string { return s[:min(n, len(s))] }

func reversed(s string) string {
	b := []byte(s)
	slices.Reverse(b)
	return string(b)
}

func testListPages(t *testing.T, s store.Store) {
	library(t, s)
	for oldestFirst, want := range map[bool]string{false: "86420", true: "02468"} {
		q, got := store.Query{Function: "f", OldestFirst: oldestFirst, Limit: 2}, ""
		for {
			rows, err := s.List(background, q)
			if err != nil {
				t.Fatal(err)
			}
			if len(rows) == 0 {
				break
			}
			got += strings.Join(ids(rows), "")
			q.After = rows[len(rows)-1].ID
		}
		if got != want {
			t.Errorf("oldest first %v: got %q, want %q", oldestFirst, got, want)
		}
	}
}

func testListNeedsLimit(t *testing.T, s store.Store) {
	mustCreate(t, s, "a")
	for _, limit := range []int{0, -1} {
		if rows, err := s.List(background, store.Query{Limit: limit}); err == nil {
			t.Errorf("limit %d: got %v, want an error", limit, ids(rows))
		}
	}
}

// testListStuck lists what is stuck: 4 is in trouble since 550, 8 since 950, and 0 waits for help since 150.
func testListStuck(t *testing.T, s store.Store) {
	library(t, s)
	for _, test := range []struct {
		name  string
		query store.Query
		want  string
	}{
		{"all", store.Query{Stuck: &store.Stuck{Trouble: 1<<4 | 1<<8, Help: 1, Before: 1000}}, "480"},
		{"since when", store.Query{Stuck: &store.Stuck{Trouble: 1<<4 | 1<<8, Help: 1, Before: 600}}, "40"},
		{"help wanted all the same", store.Query{Stuck: &store.Stuck{Trouble: 1 << 4, Help: 1<<4 | 1,
			Before: 500}}, "04"},
		{"of a version", store.Query{Version: "1",
			Stuck: &store.Stuck{Trouble: 1<<4 | 1<<8, Help: 1, Before: 1000}}, "40"},
		{"with a tag", store.Query{Tags: map[string]string{"third": "2"},
			Stuck: &store.Stuck{Trouble: 1<<4 | 1<<8, Help: 1, Before: 1000}}, "8"},
		{"nothing", store.Query{Stuck: &store.Stuck{}}, ""},
	} {
		test.query.Limit = 10
		wantList(t, s, test.name, test.query, test.want)
		for after := range test.want { // in pages of one
			test.query.Limit = 1
			wantList(t, s, test.name, test.query, test.want[after:after+1])
			rows, err := s.List(background, test.query)
			if err != nil || len(rows) == 0 {
				t.Fatalf("%s: got %v, %v", test.name, rows, err)
			}
			p, _ := test.query.Stuck.Place(rows[0])
			test.query.Stuck.After = &p
		}
		wantList(t, s, test.name, test.query, "")
	}
}

// testListMany asks for what so many executions have that a store does not look at each.
func testListMany(t *testing.T, s store.Store) {
	const many = 1200
	for i := 0; i < many; i += 100 {
		var writes []store.Write
		for n := i; n < i+100; n++ {
			row := newRow(fmt.Sprintf("%04d", n))
			row.Status, row.Error, row.Tags = protocol.ExecutionFailed, "Busy", map[string]string{"all": "1"}
			if n%400 == 0 {
				row.Version, row.Tags = "rare", map[string]string{"all": "1", "rare": ""}
			}
			writes = append(writes, start(row))
		}
		mustCommit(t, s, writes...)
	}
	failed := []protocol.ExecutionStatus{protocol.ExecutionFailed}
	for name, q := range map[string]store.Query{
		"tag": {Tags: map[string]string{"all": "1"}}, "name": {Name: "*of*"}, "error": {Error: "Busy"},
		"error and status": {Error: "Busy", Statuses: failed},
		"tag and status":   {Tags: map[string]string{"all": "1"}, Statuses: failed},
		"everything": {Function: "f", Name: "name*", Error: "Busy", Statuses: failed,
			Tags: map[string]string{"all": "1"}},
	} {
		for _, by := range []store.Grouping{{}, {Status: true}, {Function: true, Error: true}, {Doing: true}} {
			counts, err := s.Count(background, q, by)
			n := 0
			for _, c := range counts {
				n += c.N
			}
			if n != many || err != nil {
				t.Errorf("%s: got %d in %v, %v, want %d", name, n, counts, err, many)
			}
		}
		for _, tagged := range []bool{true, false} {
			q := q
			if q.Limit = 4; !tagged {
				q.Version = "rare"
			} else {
				q.Tags = maps.Clone(q.Tags)
				if q.Tags == nil {
					q.Tags = map[string]string{}
				}
				q.Tags["rare"] = ""
			}
			wantList(t, s, name, q, "080004000000")
			q.OldestFirst, q.After = true, "0001"
			wantList(t, s, name+" on", q, "04000800")
			q.Until = "0800"
			wantList(t, s, name+" between", q, "0400")
		}
	}
}

// testTags keeps tags with their execution only.
func testTags(t *testing.T, s store.Store) {
	row := newRow("a")
	row.Tags = map[string]string{"": "", "a'b\"": "c\\%_*", "ä": "\u2028"}
	mustCommit(t, s, start(row))
	wantRow(t, s, row)
	write := next("a", 2)
	write.Row = newRow("a")
	write.Row.Tags, write.Row.Error, write.Row.Message = map[string]string{"new": "1"}, "Busy", "no place"
	mustCommit(t, s, write)
	row.Error, row.Message = "Busy", "no place"
	wantRow(t, s, row)
	wantList(t, s, "new tag", store.Query{Tags: map[string]string{"new": "1"}, Limit: 9}, "")
	if err := s.Delete(background, "a"); err != nil {
		t.Fatal(err)
	}
	wantList(t, s, "deleted", store.Query{Tags: row.Tags, Limit: 9}, "")
	mustCreate(t, s, "a")
	wantList(t, s, "again, without", store.Query{Tags: row.Tags, Limit: 9}, "")
}

func testCount(t *testing.T, s store.Store) {
	library(t, s)
	running, succeeded, failed := protocol.ExecutionRunning, protocol.ExecutionSucceeded, protocol.ExecutionFailed
	for _, test := range []struct {
		name  string
		query store.Query
		by    store.Grouping
		want  []store.Count
	}{
		{"all", store.Query{}, store.Grouping{}, []store.Count{{N: 10}}},
		{"by status", store.Query{}, store.Grouping{Status: true},
			[]store.Count{{Status: failed, N: 3}, {Status: running, N: 4}, {Status: succeeded, N: 3}}},
		{"by function", store.Query{}, store.Grouping{Function: true}, []store.Count{
			{Function: "f", Version: "1", N: 3}, {Function: "f", Version: "2", N: 2},
			{Function: "g", Version: "1", N: 2}, {Function: "g", Version: "2", N: 3}}},
		{"failures", store.Query{Statuses: []protocol.ExecutionStatus{failed}},
			store.Grouping{Function: true, Error: true}, []store.Count{
				{Function: "f", Version: "1", Error: "Busy", N: 1}, {Function: "f", Version: "2", Error: "Busy", N: 1},
				{Function: "g", Version: "2", Error: "*odd.Error", N: 1}}},
		{"failures not redriven", store.Query{Statuses: []protocol.ExecutionStatus{failed, protocol.ExecutionTimedOut},
			Redriven: new(false)}, store.Grouping{Function: true, Error: true}, []store.Count{
			{Function: "f", Version: "1", Error: "Busy", N: 1},
			{Function: "g", Version: "2", Error: "*odd.Error", N: 1}}},
		{"redriven", store.Query{Redriven: new(true)}, store.Grouping{Status: true},
			[]store.Count{{Status: failed, N: 1}, {Status: running, N: 1}}},
		{"what is done", store.Query{Doing: 1<<4 | 1}, store.Grouping{Doing: true},
			[]store.Count{{Doing: 1, N: 1}, {Doing: 1 << 4, N: 1}}},
		{"started between", store.Query{After: "8", Until: "2"}, store.Grouping{Status: true},
			[]store.Count{{Status: failed, N: 1}, {Status: running, N: 2}, {Status: succeeded, N: 2}}},
		{"a name", store.Query{Name: "*4"}, store.Grouping{Status: true}, []store.Count{{Status: succeeded, N: 1}}},
		{"tags", store.Query{Tags: map[string]string{"parity": "1"}}, store.Grouping{Function: true},
			[]store.Count{{Function: "g", Version: "1", N: 2}, {Function: "g", Version: "2", N: 3}}},
		{"stuck", store.Query{Stuck: &store.Stuck{Help: 1 << 4}}, store.Grouping{}, []store.Count{{N: 1}}},
		{"none", store.Query{Function: "h"}, store.Grouping{}, nil},
		{"no name", store.Query{Name: "h"}, store.Grouping{}, nil},
	} {
		got, err := s.Count(background, test.query, test.by)
		if diff := cmp.Diff(test.want, got); err != nil || diff != "" {
			t.Errorf("%s: error %v (-want +got):\n%s", test.name, err, diff)
		}
	}
}
