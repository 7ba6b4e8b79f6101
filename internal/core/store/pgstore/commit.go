package pgstore

import (
	"context"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// A group is one statement, which is a transaction of its own: one way to the server and back, and no lock is held
// while anything travels. Its values come as arrays, each with the columns of one of these.
const (
	ofEntries   = "job bigint, id text, seq bigint, before bigint, sum bigint, data bytea, fresh boolean, whole boolean"
	ofCreations = "job bigint, id text, arn text, function text, version text, name text, started bigint, " +
		"tags text, input_hash bytea, sum bigint, " + ofState
	ofRows  = "id text, " + ofState
	ofState = "status text, closed bigint, due bigint, wanted bigint, expires bigint, doing bigint, since bigint, " +
		"owner bigint, error text, message text, redriven boolean, state_sum bigint"
	ofTags  = "key text, value text, id text"
	ofCalls = "id text, operation text, function text, version text, wanted bigint, owner bigint"
)

// "bad" are the jobs that cannot be: a number is not the next one, or an id or a name is taken. Of the others, what a
// race with another node takes from them is left out by ON CONFLICT, so a job with several parts, or with a new
// execution, might be left half. Then a division by zero undoes the statement, and each job is tried alone.
//
// The last entry of a deleted execution has a negative sum, so nothing follows it. While such remains are there,
// nothing new has their id: see sqlRestart.
//
// The parts ask for each other with (…) IS TRUE. Of that the planner makes one look into a hash table, and never a
// join, which it might begin with a whole table.
const (
	sqlBad = `, bad AS MATERIALIZED (
		SELECT job FROM w WHERE before > 0 AND before IS DISTINCT FROM (
			SELECT CASE WHEN j.sum < 0 THEN -1 ELSE j.seq END FROM perdure.journal j
			WHERE j.id = w.id ORDER BY j.id DESC, j.seq DESC LIMIT 1)`
	sqlBadCreations = `
		UNION ALL SELECT job FROM n
		WHERE (SELECT e.id FROM perdure.executions e WHERE e.id = n.id) IS NOT NULL
		OR (SELECT e.id FROM perdure.executions e WHERE e.function = n.function AND e.name = n.name) IS NOT NULL`
	sqlCreated = `, created AS (
		INSERT INTO perdure.executions (` + columns + `)
		SELECT id, arn, function, version, name, status, started, closed, due, wanted, expires,
			doing, since, greatest(owner, 0), error, message, redriven, tags, input_hash, sum, state_sum
		FROM n WHERE job NOT IN (SELECT job FROM bad)
		AND (SELECT d.id FROM perdure.deletions d WHERE d.id = n.id) IS NULL ON CONFLICT DO NOTHING RETURNING id)`
	sqlTags = `, tagged AS (
		INSERT INTO perdure.tags (key, value, execution)
		SELECT key, value, id FROM g WHERE (id IN (SELECT id FROM created)) IS TRUE ON CONFLICT DO NOTHING)`
	sqlAppended = `, appended AS (
		INSERT INTO perdure.journal (id, seq, sum, data)
		SELECT id, seq, sum, data FROM w WHERE job NOT IN (SELECT job FROM bad)`
	sqlFresh   = ` AND (NOT fresh OR (id IN (SELECT id FROM created)) IS TRUE)`
	sqlUpdated = `, updated AS (
		UPDATE perdure.executions e SET status = r.status, closed = r.closed, due = r.due, wanted = r.wanted,
			expires = r.expires, doing = r.doing, since = r.since, state_sum = r.state_sum,
			error = r.error, message = r.message, redriven = r.redriven,
			owner = CASE WHEN r.owner < 0 THEN e.owner ELSE r.owner END
		FROM r WHERE e.id = r.id AND (r.id IN (SELECT id FROM appended)) IS TRUE RETURNING e.id)`
	sqlCallsSet = `, begun AS (
		INSERT INTO perdure.calls (id, operation, function, version, wanted, owner)
		SELECT id, operation, function, version, wanted, greatest(owner, 0) FROM c
		WHERE wanted > 0 AND (id IN (SELECT id FROM appended)) IS TRUE
		ON CONFLICT (id, operation) DO UPDATE SET function = excluded.function, version = excluded.version,
			wanted = excluded.wanted, owner = excluded.owner)
	, over AS (
		DELETE FROM perdure.calls USING c WHERE calls.id = c.id AND calls.operation = c.operation AND c.wanted = 0
		AND (c.id IN (SELECT id FROM appended)) IS TRUE)`
	sqlOutcome = `
	SELECT id, seq FROM appended
	UNION ALL SELECT '', 1 / (CASE WHEN (SELECT count(*) FROM w WHERE whole AND job NOT IN (SELECT job FROM bad)) =
		(SELECT count(*) FROM appended WHERE (id IN (SELECT id FROM w WHERE whole)) IS TRUE) THEN 1 ELSE 0 END)`
	sqlAllRows = `
	UNION ALL SELECT '', ln(CASE WHEN (SELECT count(*) FROM r WHERE (id IN (SELECT id FROM appended)) IS TRUE) =
		(SELECT count(*) FROM updated) THEN 1 ELSE 0 END)::bigint`
)

// sqlCommit is the statement of a group, by what it has: new executions, rows, calls, tags.
var sqlCommit = func() (statements [2][2][2][2]string) {
	for i := range 16 {
		creates, updates, calls, tags := i&1, i>>1&1, i>>2&1, i>>3
		statements[creates][updates][calls][tags] = committing(creates == 1, updates == 1, calls == 1, tags == 1)
	}
	return statements
}()

func committing(creates, updates, calls, tags bool) string {
	var b strings.Builder
	add := func(texts ...string) {
		for _, text := range texts {
			b.WriteString(text)
		}
	}
	parameters := 0
	table := func(name, columns string) {
		places, names := make([]string, 0, 20), make([]string, 0, 20)
		for column := range strings.SplitSeq(columns, ", ") {
			parameters++
			column, kind, _ := strings.Cut(column, " ")
			places, names = append(places, parameter(parameters)+"::"+kind+"[]"), append(names, column)
		}
		add(name, " AS MATERIALIZED (SELECT * FROM unnest(", strings.Join(places, ", "), ") ", name, " (",
			strings.Join(names, ", "), "))")
	}
	optional := func(is bool, text string) {
		if is {
			add(text)
		}
	}
	add("WITH ")
	table("w", ofEntries)
	for _, t := range []struct {
		is            bool
		name, columns string
	}{
		{creates, "n", ofCreations}, {updates, "r", ofRows}, {calls, "c", ofCalls}, {tags, "g", ofTags},
	} {
		if t.is {
			add(", ")
			table(t.name, t.columns)
		}
	}
	add(sqlBad)
	optional(creates, sqlBadCreations)
	add(")")
	optional(creates, sqlCreated)
	optional(tags, sqlTags)
	add(sqlAppended)
	optional(creates, sqlFresh)
	add(" ON CONFLICT DO NOTHING RETURNING id, seq)")
	optional(updates, sqlUpdated)
	optional(calls, sqlCallsSet)
	add(sqlOutcome)
	optional(updates, sqlAllRows)
	return b.String()
}

func parameter(n int) string { return "$" + strconv.Itoa(n) }

// sqlRestart makes room for executions that have the ids of deleted ones.
const sqlRestart = `WITH d AS (DELETE FROM perdure.deletions WHERE id = ANY ($1::text[]) RETURNING id),
	l AS (DELETE FROM perdure.log WHERE id = ANY (ARRAY(SELECT id FROM d)))
	DELETE FROM perdure.journal WHERE id = ANY (ARRAY(SELECT id FROM d))`

// transact makes a group durable, and sets the outcome of each job, unless the whole transaction fails. With restart,
// it first removes what is in the way of new executions.
func (c *connections) transact(ctx context.Context, group []*job, restart bool) error {
	a := arraysOf(group)
	sql := c.in(sqlCommit[bit(a.creations.id)][bit(a.rows.id)][bit(a.calls.id)][bit(a.tags.id)])
	appended := make(map[string]bool, len(a.entries.id))
	err := c.use(ctx, func(conn *pgxpool.Conn) error {
		var rows pgx.Rows
		var err error
		if restart && len(a.creations.id) > 0 {
			batch := &pgx.Batch{}
			batch.Queue(c.in(sqlRestart), a.creations.id)
			batch.Queue(sql, a.args()...)
			results := conn.SendBatch(ctx, batch)
			defer results.Close()
			if _, err := results.Exec(); err != nil {
				return err
			}
			rows, err = results.Query()
		} else {
			rows, err = conn.Query(ctx, sql, a.args()...)
		}
		if err != nil {
			return err
		}
		var id string
		_, err = pgx.ForEachRow(rows, []any{&id, nil}, func() error {
			appended[id] = true
			return nil
		})
		return err
	})
	if err != nil {
		return err
	}
	for _, j := range group {
		j.err = j.outcome(appended)
	}
	return nil
}

func bit(ids []string) int { return min(1, len(ids)) }

// use runs f with a connection. Where the server committed, and gave up to wait for its replicas, that is a failure: a
// failover would lose it.
func (c *connections) use(ctx context.Context, f func(conn *pgxpool.Conn) error) error {
	conn, err := c.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	data := conn.Conn().PgConn().CustomData()
	delete(data, unreplicated)
	if err := f(conn); err != nil {
		return err
	}
	if data[unreplicated] != nil {
		return &refusal{"the server gave up to wait for its synchronous replica, so a failover could lose this"}
	}
	return nil
}
