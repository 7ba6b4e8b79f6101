package pgstore

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/protocol"
)

// Contradictions between tables, a sentence for each.
var sqlContradictions = []string{
	`SELECT DISTINCT 'the journal of ' || id || ' belongs to no execution' FROM perdure.journal j
		WHERE NOT EXISTS (SELECT FROM perdure.executions e WHERE e.id = j.id)
		AND NOT EXISTS (SELECT FROM perdure.deletions d WHERE d.id = j.id)`,
	`SELECT 'execution ' || id || ' has no journal' FROM perdure.executions e
		WHERE NOT EXISTS (SELECT FROM perdure.journal j WHERE j.id = e.id AND j.seq = 1)`,
	`SELECT DISTINCT 'a call of function ' || function || ' belongs to no execution: ' || id FROM perdure.calls c
		WHERE NOT EXISTS (SELECT FROM perdure.executions e WHERE e.id = c.id)`,
	`SELECT 'execution ' || id || ' is deleted in part' FROM perdure.deletions d
		WHERE EXISTS (SELECT FROM perdure.executions e WHERE e.id = d.id)`,
	`SELECT 'execution ' || id || ' is not found by its tags' FROM perdure.executions e
		WHERE tags <> '' AND (SELECT count(*) FROM json_object_keys(tags::json)) <>
			(SELECT count(*) FROM perdure.tags t WHERE t.execution = e.id)`,
	`SELECT DISTINCT 'a tag ' || key || ' belongs to no execution: ' || execution FROM perdure.tags t
		WHERE NOT EXISTS (SELECT FROM perdure.executions e WHERE e.id = t.execution)`,
	`SELECT 'file ' || name || ' is incomplete' FROM perdure.files f
		WHERE parts <> (SELECT count(*) FROM perdure.parts p WHERE p.content = f.content) AND parts > 0`,
}

// sqlShape is what there is of tables and indexes.
const sqlShape = `SELECT 'column ' || table_name || '.' || column_name || ' ' || data_type
		FROM information_schema.columns WHERE table_schema = $1
	UNION ALL SELECT 'index ' || indexname || substring(indexdef FROM ' USING .*')
		FROM pg_indexes WHERE schemaname = $1
	UNION ALL SELECT 'index ' || c.relname || ' is invalid' FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
		JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND NOT i.indisvalid
	ORDER BY 1`

// Check looks for contradictions between the tables and for damage of the schema, as of one moment, and yields a
// sentence for each, up to [store.MaxFindings] of each sort. It leaves the sums of executions to those who read them,
// and pages of the database to pg_amcheck.
func (s *Store) Check(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		snapshot, err := s.Snapshot(ctx)
		if err != nil {
			yield("", err)
			return
		}
		defer snapshot.Close()
		for _, check := range []func(context.Context) ([]string, error){
			snapshot.contradictions, snapshot.misshapen, snapshot.damagedDocuments,
		} {
			texts, err := check(ctx)
			for _, text := range texts {
				if !yield(text, nil) {
					return
				}
			}
			if err != nil {
				yield("", err)
				return
			}
		}
	}
}

// contradictions scans the tables, which takes as long as it takes, and names some of each sort.
func (s *Snapshot) contradictions(ctx context.Context) (wrong []string, err error) {
	for _, sql := range sqlContradictions {
		rows, err := s.conn.Query(ctx, s.in(sql)+" LIMIT $1", store.MaxFindings)
		if err != nil {
			return wrong, s.fault(ctx, err)
		}
		texts, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if wrong = append(wrong, texts...); err != nil {
			return wrong, s.fault(ctx, err)
		}
	}
	return wrong, nil
}

// misshapen compares tables and indexes with those of a new schema: one that has lost a rule no longer keeps it.
func (s *Snapshot) misshapen(ctx context.Context) (wrong []string, err error) {
	version, _, err := s.head(ctx, s.conn)
	if err != nil || version > int64(len(migrations)) { // a newer perdure knows
		return nil, s.fault(ctx, err)
	}
	got, err := all(ctx, &s.reader, scanText, sqlShape, s.schema)
	if err != nil {
		return nil, err
	}
	want := strings.Split(strings.TrimSpace(shape), "\n")
	for _, text := range got {
		if !slices.Contains(want, text) {
			wrong = append(wrong, fmt.Sprintf("the schema is damaged: it has %q", text))
		}
	}
	for _, text := range want {
		if !slices.Contains(got, text) {
			wrong = append(wrong, fmt.Sprintf("the schema is damaged: it lacks %q", text))
		}
	}
	return wrong, nil
}

func (s *Snapshot) damagedDocuments(ctx context.Context) (wrong []string, err error) {
	kinds, err := s.Kinds(ctx)
	if err != nil {
		return nil, err
	}
	return store.DamagedDocuments(ctx, s, kinds)
}

var openStatuses = []protocol.ExecutionStatus{protocol.ExecutionRunning, protocol.ExecutionPausing,
	protocol.ExecutionPaused}

// CountOpen counts the executions that have not ended, by status. It reads indexes.
func (r *reader) CountOpen(ctx context.Context) (map[protocol.ExecutionStatus]int64, error) {
	counts := make(map[protocol.ExecutionStatus]int64, len(openStatuses))
	for _, status := range openStatuses {
		n, err := r.number(ctx, "SELECT count(*) FROM perdure.executions WHERE status = "+literal(status))
		if err != nil {
			return nil, err
		}
		counts[status] = n
	}
	return counts, nil
}
