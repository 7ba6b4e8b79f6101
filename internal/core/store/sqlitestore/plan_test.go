package sqlitestore

import (
	"strings"
	"testing"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// Every question that is asked often finds its rows through an index, in the
// order in which it wants them.
func TestQueryPlans(t *testing.T) {
	s := openForPlans(t)
	list := func(q store.Query) string {
		q.Limit = 1
		query, _ := listing(&q, nil)
		return query
	}
	failed := []protocol.ExecutionStatus{protocol.ExecutionFailed}
	running := []protocol.ExecutionStatus{protocol.ExecutionRunning}
	for _, test := range []struct{ name, query, want string }{
		{"row", sqlRow, "USING PRIMARY KEY"},
		{"named", sqlNamed, "executions_name"},
		{"moments", sqlAgendas[store.Moments], "USING COVERING INDEX executions_due ((due,id)>(?,?)"},
		{"invocations", sqlAgendas[store.Invocations],
			"USING COVERING INDEX executions_wanted (function=? AND version=? AND (wanted,id)>(?,?)"},
		{"calls", sqlAgendas[store.Calls], "USING COVERING INDEX calls_wanted (function=? AND version=? AND (wanted,id,operation)>(?,?,?)"},
		{"calls of an execution", sqlCallsOf, "PRIMARY KEY (id=?)"},
		{"removals", sqlAgendas[store.Removals], "USING COVERING INDEX executions_expires ((expires,id)>(?,?)"},
		{"count", countingOne(protocol.ExecutionPaused), "COVERING INDEX executions_status (status=?)"},
		{"count what runs", countingOne(protocol.ExecutionRunning), "COVERING INDEX executions_running"},
		{"journal", sqlJournal, "sqlite_autoindex_journal_1"},
		{"journal in reverse", sqlJournal + " DESC", "sqlite_autoindex_journal_1"},
		{"append", sqlAppend, "sqlite_autoindex_journal_1"},
		{"tail", sqlTail, "sqlite_autoindex_journal_1"},
		{"cut", sqlCut, "sqlite_autoindex_journal_1"},
		{"document", sqlDocument, "PRIMARY KEY"},
		{"documents", sqlDocuments, "PRIMARY KEY (kind=? AND key>?)"},
		{"candidates", sqlCandidates, "executions_name (function=? AND name>? AND name<?)"},
		{"candidates of a function", sqlCandidatesOf, "executions_name (function=? AND name>? AND name<?)"},
		{"list", list(store.Query{}), "SCAN executions"},
		{"list on", list(store.Query{After: "x", OldestFirst: true}), "USING PRIMARY KEY"},
		{"list between", list(store.Query{After: "x", Until: "y"}), "USING PRIMARY KEY (id>? AND id<?)"},
		{"list a function", list(store.Query{Function: "f"}), "USING COVERING INDEX executions_function (function=?)"},
		{"list a function on", list(store.Query{Function: "f", After: "x"}), "executions_function (function=? AND id<?)"},
		{"list a function's", list(store.Query{Function: "f", Statuses: []protocol.ExecutionStatus{protocol.ExecutionSucceeded}}),
			"USING COVERING INDEX executions_function (function=?"},
		{"list a tag", list(store.Query{Tags: map[string]string{"a": "b"}, Function: "f", After: "x"}),
			"SEARCH first USING PRIMARY KEY (key=? AND value=? AND execution<?)"},
		{"list tags, oldest first", list(store.Query{Tags: map[string]string{"a": "b", "c": "d"}, OldestFirst: true}),
			"SEARCH first USING PRIMARY KEY (key=? AND value=?); SEARCH executions USING PRIMARY KEY (id=?)"},
		{"list a tag's rare", list(store.Query{Tags: map[string]string{"a": "b"}, Statuses: failed}),
			"USING COVERING INDEX executions_status (status=?); SEARCH t EXISTS USING COVERING INDEX tags_execution " +
				"(execution=? AND key=? AND value=?)"},
		{"list an error", list(store.Query{Error: "e", Statuses: failed}), "USING COVERING INDEX executions_status (status=?)"},
		{"list what failed and was not redriven", list(store.Query{Redriven: new(false), Statuses: failed}),
			"USING COVERING INDEX executions_status (status=?)"},
		{"tagged", sqlTagged, "PRIMARY KEY (key=? AND value=?)"},
		{"erring", sqlErring, "COVERING INDEX executions_error (error=?)"},
		{"untag", sqlUntag, "tags_execution (execution=?)"},
		{"list a function's rare", list(store.Query{Function: "f", Version: "1", Statuses: failed}),
			"USING COVERING INDEX executions_status (status=?)"},
		{"list a status", list(store.Query{Statuses: failed, After: "x"}), "USING COVERING INDEX executions_status (status=? AND id<?)"},
		{"list what runs", list(store.Query{Statuses: running}), "USING COVERING INDEX executions_running"},
		{"list what runs of a function on", list(store.Query{Statuses: running, Function: "f", After: "x"}),
			"USING COVERING INDEX executions_running (id<?)"},
		{"list the doing", list(store.Query{Doing: 1}), "USING COVERING INDEX executions_running"},
		{"list the doing since", list(store.Query{Since: 1, After: "x"}), "USING COVERING INDEX executions_running (id<?)"},
		{"list a function's doing", list(store.Query{Function: "f", Version: "1", Doing: 1, Since: 1, Statuses: failed}),
			"USING COVERING INDEX executions_running"},
	} {
		plan := explain(t, s, test.query)
		if !strings.Contains(plan, test.want) || strings.Contains(plan, "TEMP B-TREE") {
			t.Errorf("%s: got plan %q, want %q and no sorting", test.name, plan, test.want)
		}
	}
}

// A list of what is stuck keeps the few that it needs, and looks up no others.
func TestStuckReadsAnIndex(t *testing.T) {
	s := openForPlans(t)
	query, _ := listing(&store.Query{Function: "f", Stuck: &store.Stuck{Trouble: 1, Help: 2, Before: 3,
		After: &store.StuckPlace{}}, Limit: 1}, nil)
	if plan := explain(t, s, query); !strings.Contains(plan, "SCAN executions USING COVERING INDEX executions_running") {
		t.Errorf("got plan %q", plan)
	}
}

// A count reads only indexes, and those by status or error in their order.
func TestCountReadsIndexes(t *testing.T) {
	s := openForPlans(t)
	failed := []protocol.ExecutionStatus{protocol.ExecutionFailed, protocol.ExecutionTimedOut}
	for _, test := range []struct {
		name  string
		query store.Query
		by    store.Grouping
		sorts bool
	}{
		{"by status", store.Query{Function: "f", Version: "1"}, store.Grouping{Status: true}, false},
		{"of an error", store.Query{Error: "e"}, store.Grouping{Status: true}, false},
		{"failures", store.Query{Statuses: failed}, store.Grouping{Function: true, Error: true}, false},
		{"failures not redriven", store.Query{Statuses: failed, Redriven: new(false)},
			store.Grouping{Function: true, Error: true}, false},
		{"what was not redriven", store.Query{Redriven: new(false)}, store.Grouping{Status: true}, false},
		{"what is open", store.Query{Statuses: []protocol.ExecutionStatus{protocol.ExecutionRunning, protocol.ExecutionPaused}},
			store.Grouping{Function: true, Status: true}, true},
		{"what is done", store.Query{Doing: 1}, store.Grouping{Doing: true}, true},
	} {
		for _, c := range countings(&test.query, test.by, nil) {
			plan := explain(t, s, c.query)
			if !strings.Contains(plan, "COVERING INDEX executions_") || !test.sorts && strings.Contains(plan, "TEMP B-TREE") {
				t.Errorf("%s: got plan %q", test.name, plan)
			}
		}
	}
}

func openForPlans(t *testing.T) *Store {
	t.Helper()
	s, err := Open(t.Context(), t.TempDir(), &Options{Durability: None})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func explain(t *testing.T, s *Store, query string) string {
	t.Helper()
	rows, err := s.readers.db.Query("EXPLAIN QUERY PLAN "+query, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var steps []string
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, detail)
	}
	return strings.Join(steps, "; ")
}
