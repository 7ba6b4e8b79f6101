package pgstore

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/internal/core/store/pgstore/pgtest"
	"github.com/perdure/perdure/protocol"
)

// history is how many executions have ended before the queries are looked at; PERDURE_HISTORY sets another number.
const history = 200_000

// fillHistory makes a schema as after a long time: n executions that ended, n/100 that failed, 5,000 that are open and sleep,
// and 2,000 that want an invocation, owned by three nodes and by nobody; a call of each.
var fillHistory = []string{
	`INSERT INTO perdure.executions SELECT 'old-' || lpad(i::text, 9, '0'), 'arn:' || i, 'f' || i % 10, '1', 'name-' || i,
		CASE WHEN i % 100 = 0 THEN 'FAILED' ELSE 'SUCCEEDED' END, i, i, 0, 0, 1000000 + i, 0, 0, 0, CASE WHEN i % 100 = 0 THEN 'Busy' ELSE '' END, '', i % 200 = 0, '', '\x00', 0, 0
		FROM generate_series(1, $1::bigint) i`,
	`INSERT INTO perdure.executions SELECT 'open-' || lpad(i::text, 9, '0'), 'arn:' || i, 'f' || i % 10, '1', 'open-' || i,
		'RUNNING', i, 0, CASE WHEN i % 2 = 0 THEN 1000 + i ELSE 0 END, CASE WHEN i % 2 = 1 THEN 1000 + i ELSE 0 END, 0,
		1 << (i % 4)::int, i, i % 4, '', '', false, '', '\x00', 0, 0 FROM generate_series(1, 7000) i`,
	`INSERT INTO perdure.tags SELECT 'team', CASE WHEN started % 3 = 0 THEN 'red' ELSE 'blue' END, id FROM perdure.executions`,
	`INSERT INTO perdure.calls SELECT id, '1', function, '1', 5, owner FROM perdure.executions WHERE id >= 'open-'`,
	`INSERT INTO perdure.journal SELECT id, seq, 0, 'data' FROM perdure.executions, generate_series(1, 3) seq`,
	`INSERT INTO perdure.log SELECT id, 1, 1, 1, 0, 'data' FROM perdure.executions WHERE started % 10 = 0`,
	`INSERT INTO perdure.deletions SELECT 'gone-' || i, i FROM generate_series(1, 5000) i`,
	`INSERT INTO perdure.nodes SELECT i, '', 0, CASE WHEN i = 1 THEN 1::bigint << 50 ELSE 0 END FROM generate_series(1, 3) i`,
	`INSERT INTO perdure.documents SELECT 'k' || i % 10, i::text, 0, 'v' FROM generate_series(1, 2000) i`,
}

// query is one that an engine asks, with an example of its parameters.
type query struct {
	name string
	sql  string
	args []any
	// pages is how many pages of 8 KB it may look at, however much history there is; 300 unless given.
	pages int64
}

func queries() []query {
	running, failed := []protocol.ExecutionStatus{protocol.ExecutionRunning}, []protocol.ExecutionStatus{protocol.ExecutionFailed}
	stuck := &store.Stuck{Trouble: 5, Help: 2, Before: 3000}
	all := []query{
		{name: "row", sql: sqlRow, args: []any{"open-000000001"}},
		{name: "named", sql: sqlNamed, args: []any{"f1", "open-1"}},
		{name: "journal", sql: sqlJournal, args: []any{"open-000000001", int64(1), int64(9), int64(500)}},
		{name: "journal in reverse", sql: sqlJournalDescending, args: []any{"open-000000001", int64(1), int64(9), int64(500)}},
		{name: "document", sql: sqlDocument, args: []any{"k1", "1"}},
		{name: "documents", sql: sqlDocuments, args: []any{"k1", "0", 32}},
		{name: "log", sql: sqlLogRead, args: []any{"open-000000010", int64(1), int64(100)}},
		{name: "ends of logs", sql: sqlLogEnds, args: []any{[]string{"open-000000010", "open-000000011"}}},
		{name: "calls of an execution", sql: sqlCalls, args: []any{"open-000000001"}},
		{name: "last", sql: sqlLast, args: []any{[]string{"open-000000001", "old-000000002", "unknown"}}},
		{name: "delete", sql: sqlDelete, args: []any{"open-000000001", int64(maxCut)}},
		{name: "purge", sql: sqlPurge, args: []any{int64(60000), int64(maxCut)}, pages: 20_000}, // it looks at 500
		{name: "release", sql: sqlRelease, args: []any{int64(1), []string{"open-000000001", "open-000000005"}, int64(1)}},
		{name: "owned", sql: sqlOwned, args: []any{int64(1), "", int64(20)}},
		{name: "census", sql: sqlCensus, args: []any{false}},
		{name: "forget", sql: sqlForget},
		{name: "claim what is due", sql: sqlClaimDue, args: []any{int64(1), int64(5), int64(9000)}, pages: 600},
		{name: "claim what is wanted", sql: sqlClaimWanted, args: []any{int64(1), int64(5), "f1", "1"}, pages: 600},
		{name: "claim what is left", sql: sqlClaimLeft, args: []any{int64(1), int64(5)}, pages: 600},
		{name: "claim calls", sql: sqlClaimCalls, args: []any{int64(1), int64(5), "f1", "1"}, pages: 600},
		{name: "waiting", sql: sqlWaiting, args: []any{int64(store.Invocations), int64(store.Calls)}, pages: 500},
		{name: "removals", sql: sqlRemovals, args: []any{int64(0), "", int64(50)}},
		{name: "moments of all", sql: moments.ofAll(), args: []any{int64(0), "", int64(50)}, pages: 500},
		{name: "moments", sql: moments.of("$4"), args: []any{int64(0), "", int64(50), int64(2)}},
		{name: "invocations of all", sql: invocations.ofAll(), args: []any{int64(0), "", int64(50), "f1", "1"}, pages: 500},
		{name: "invocations", sql: invocations.of("$6"), args: []any{int64(0), "", int64(50), "f1", "1", int64(1)}},
		{name: "calls of all", sql: calls.ofAll(), args: []any{int64(0), "", int64(50), "f1", "1", ""}, pages: 500},
		{name: "calls", sql: calls.of("$7"), args: []any{int64(0), "", int64(50), "f1", "1", "", int64(1)}},
		{name: "candidates", sql: sqlCandidates, args: []any{int64(9), "name-77", "name-77", "name-77"}},
		{name: "candidates of a function", sql: sqlCandidatesOf, args: []any{int64(9), "name-7", "name-7\U0010FFFF", "name-7%", "f7"}},
		{name: "tagged", sql: sqlTagged, args: []any{int64(9), "team", "red"}},
		{name: "erring", sql: sqlErring, args: []any{int64(9), "Busy"}},
	}
	for name, q := range map[string]store.Query{
		"what runs": {Statuses: running}, "what is paused": {Statuses: []protocol.ExecutionStatus{protocol.ExecutionPaused}},
		"what failed": {Statuses: failed}, "what failed and was not redriven": {Statuses: failed, Redriven: new(false)},
		"the doing": {Doing: 4}, "what is stuck": {Stuck: stuck},
	} {
		sql, args := counting(&q, store.Grouping{Status: true, Error: len(q.Statuses) == 1}, nil, q.Statuses)
		all = append(all, query{name: "count " + name, sql: sql, args: args, pages: 9000})
	}
	for name, q := range map[string]store.Query{
		"list": {}, "list oldest": {OldestFirst: true, After: "old-000000100"}, "list between": {After: "open", Until: "old-0001"},
		"list a function": {Function: "f1"}, "list a function on": {Function: "f1", After: "old-000100000"},
		"list a status":         {Statuses: []protocol.ExecutionStatus{protocol.ExecutionFailed}},
		"list what runs":        {Statuses: []protocol.ExecutionStatus{protocol.ExecutionRunning}, After: "open-000005000"},
		"list what none has":    {Statuses: []protocol.ExecutionStatus{protocol.ExecutionTimedOut}},
		"list a function's":     {Function: "f1", Statuses: []protocol.ExecutionStatus{protocol.ExecutionSucceeded}},
		"list a function's bad": {Function: "f1", Statuses: []protocol.ExecutionStatus{protocol.ExecutionStopped}},
		"list the doing":        {Doing: 4}, "list the doing since": {Since: 50, Function: "f1"},
		"list what is stuck": {Stuck: stuck}, "list what is stuck of a function": {Stuck: stuck, Function: "f1"},
		"list what was not redriven": {Statuses: failed, Redriven: new(false)},
		"list an error":              {Error: "Busy", Statuses: failed}, "list a tag": {Tags: map[string]string{"team": "red"}},
		"list a tag's failed": {Tags: map[string]string{"team": "red"}, Statuses: failed},
	} {
		q.Limit = 20
		sql, args := listing(&q, nil, q.Statuses)
		all = append(all, query{name: name, sql: sql, args: args, pages: 2500})
	}
	few, fewArgs := listing(&store.Query{Limit: 20, Name: "x"}, []string{"old-000000001", "open-000000001"}, nil)
	all = append(all, query{name: "list candidates", sql: few, args: fewArgs})
	return append(all, commits()...)
}

// commits are the statements of groups, one of each kind.
func commits() (all []query) {
	row := func(id string) *store.Row {
		return &store.Row{ID: id, Function: "f1", Version: "1", Name: id, Status: protocol.ExecutionRunning, Due: 9}
	}
	call := []store.Call{{Operation: "1", Function: "f1", Version: "1", Wanted: 5}}
	for i := range 16 {
		if i&9 == 8 {
			continue // tags come with what is new
		}
		var writes []store.Write
		for n := range 20 {
			id := fmt.Sprintf("open-%09d", 100+n)
			w := store.Write{ID: id, Entry: store.Entry{Seq: 4, Data: []byte("x")}}
			if i>>1&1 == 1 {
				w.Row = row(id)
			}
			if i>>2&1 == 1 {
				w.Calls = call
			}
			writes = append(writes, w)
			if i&1 == 1 {
				id := fmt.Sprintf("pure-%09d", n)
				w := store.Write{ID: id, Entry: store.Entry{Seq: 1, Data: []byte("x")}, Row: row(id)}
				if i>>3 == 1 {
					w.Row.Tags = map[string]string{"team": "red"}
				}
				writes = append(writes, w)
			}
		}
		changes, err := changesOf(writes)
		if err != nil {
			panic(err)
		}
		args := arraysOf([]*job{{changes: changes}}).args()
		all = append(all, query{name: fmt.Sprintf("commit %04b", i), sql: sqlCommit[i&1][i>>1&1][i>>2&1][i>>3], args: args, pages: 3000})
	}
	return all
}

// Every query finds what it wants through an index, in the order in which it wants it, and looks at a number of pages that
// does not grow with the history: with the plan that is made for all parameters and our settings of the planner, and, as
// behind a pooler, with the plan for these parameters and its own settings.
func TestQueryPlans(t *testing.T) {
	n := int64(history)
	if text := os.Getenv("PERDURE_HISTORY"); text != "" {
		n, _ = strconv.ParseInt(text, 10, 64)
	}
	s := opened(t, pgtest.Database(t))
	conn, err := s.single(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	for _, sql := range fillHistory {
		var args []any
		if strings.Contains(sql, "$1") {
			args = []any{n}
		}
		if _, err := conn.Exec(t.Context(), sql, args...); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	if _, err := conn.Exec(t.Context(), "VACUUM ANALYZE", pgx.QueryExecModeSimpleProtocol); err != nil {
		t.Fatal(err)
	}
	for mode, settings := range map[string]string{
		"direct": planning + "SET plan_cache_mode = force_generic_plan", "pooled": "RESET ALL; SET plan_cache_mode = force_custom_plan",
	} {
		if _, err := conn.Exec(t.Context(), settings, pgx.QueryExecModeSimpleProtocol); err != nil {
			t.Fatal(err)
		}
		for _, q := range queries() {
			checkPlan(t, conn, mode, q)
		}
	}
}

// small are tables that are read as a whole: they have a row for each node, or one.
var small = []string{"nodes", "perdure", "files"}

func checkPlan(t *testing.T, conn *pgx.Conn, mode string, q query) {
	t.Helper()
	plan, pages := explain(t, conn, q)
	if most := max(q.pages, 300); pages > most {
		t.Errorf("%s, %s: it looks at %d pages, want at most %d:\n%s", mode, q.name, pages, most, plan)
	}
	for line := range strings.SplitSeq(plan, "\n") {
		at := strings.Index(line, "Seq Scan on ")
		if at < 0 {
			continue
		}
		table, _, _ := strings.Cut(line[at+len("Seq Scan on "):], " ")
		if isSmall := strings.Contains(strings.Join(small, " "), table); !isSmall {
			t.Errorf("%s, %s: it scans the table %s:\n%s", mode, q.name, table, plan)
		}
	}
}

// explain runs a query in a transaction that is undone.
func explain(t *testing.T, conn *pgx.Conn, q query) (plan string, pages int64) {
	t.Helper()
	ctx := context.Background()
	tx, err := conn.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(ctx)
	var literals []string
	for _, arg := range q.args {
		literals = append(literals, literalOf(arg))
	}
	execute := "EXECUTE q"
	if len(literals) > 0 {
		execute += "(" + strings.Join(literals, ", ") + ")"
	}
	if _, err := tx.Exec(ctx, "PREPARE q AS "+q.sql, pgx.QueryExecModeSimpleProtocol); err != nil {
		t.Fatalf("%s: %v", q.name, err)
	}
	defer conn.Exec(ctx, "DEALLOCATE q", pgx.QueryExecModeSimpleProtocol)
	rows, err := tx.Query(ctx, "EXPLAIN (ANALYZE, TIMING off) "+execute, pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatalf("%s: %v", q.name, err)
	}
	var whole string
	err = tx.QueryRow(ctx, "EXPLAIN (ANALYZE, BUFFERS, TIMING off, FORMAT json) "+execute, pgx.QueryExecModeSimpleProtocol).Scan(&whole)
	if err != nil {
		t.Fatalf("%s: %v", q.name, err)
	}
	var found []struct {
		Plan struct {
			Hit  int64 `json:"Shared Hit Blocks"`
			Read int64 `json:"Shared Read Blocks"`
		}
	}
	if err := json.Unmarshal([]byte(whole), &found); err != nil {
		t.Fatal(err)
	}
	return strings.Join(lines, "\n"), found[0].Plan.Hit + found[0].Plan.Read
}

// literalOf writes an argument in SQL.
func literalOf(arg any) string {
	list := func(n int, of func(i int) string) string {
		var all []string
		for i := range n {
			all = append(all, of(i))
		}
		return "ARRAY[" + strings.Join(all, ", ") + "]"
	}
	switch v := arg.(type) {
	case string:
		return "'" + v + "'"
	case []byte:
		return `'\x` + hex.EncodeToString(v) + "'::bytea"
	case []string:
		return list(len(v), func(i int) string { return literalOf(v[i]) })
	case []int64:
		return list(len(v), func(i int) string { return literalOf(v[i]) }) + "::bigint[]"
	case []bool:
		return list(len(v), func(i int) string { return literalOf(v[i]) })
	case [][]byte:
		return list(len(v), func(i int) string { return literalOf(v[i]) })
	}
	return fmt.Sprint(arg)
}
