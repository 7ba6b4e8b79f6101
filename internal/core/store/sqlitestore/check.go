package sqlitestore

import (
	"context"
	"fmt"
	"io/fs"
	"iter"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/perdure/perdure/internal/core/store"
	"github.com/perdure/perdure/internal/files/filelock"
)

// Statements that compare one table with another.
const (
	sqlOrphans = `SELECT DISTINCT 'the journal of ' || id || ' belongs to no execution' FROM journal
		WHERE id NOT IN (SELECT id FROM executions) AND id NOT IN (SELECT id FROM deletions)`
	sqlKinds  = `SELECT DISTINCT kind FROM documents ORDER BY kind`
	sqlSchema = `SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite%'`
	sqlEmpty  = `SELECT 'execution ' || id || ' has no journal' FROM executions
		WHERE NOT EXISTS (SELECT 1 FROM journal WHERE journal.id = executions.id AND seq = 1)`
	sqlStray = `SELECT DISTINCT 'a call of function ' || function || ' belongs to no execution: ' || id FROM calls
		WHERE id NOT IN (SELECT id FROM executions)`
	sqlMistagged = `SELECT 'execution ' || id || ' is not found by its tags' FROM executions
		WHERE iif(json_valid(tags), (SELECT count(*) FROM json_each(tags)), 0) <>
			(SELECT count(*) FROM tags t WHERE t.execution = executions.id)
		UNION ALL SELECT DISTINCT 'a tag ' || key || ' belongs to no execution: ' || execution FROM tags
		WHERE execution NOT IN (SELECT id FROM executions)`
)

// sqlIntegrity says ok, or what is wrong.
var sqlIntegrity = fmt.Sprintf("PRAGMA integrity_check(%d)", store.MaxFindings)

// Check looks for damage of the database and for contradictions between its tables, and yields a sentence for each,
// up to [store.MaxFindings] of each sort. It leaves the sums of executions to those who read them.
func (s *Store) Check(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for _, query := range []string{sqlIntegrity, sqlOrphans, sqlEmpty, sqlStray, sqlMistagged} {
			found := 0
			for text, err := range s.readers.texts(ctx, query) {
				if text == "ok" { // says integrity_check
					continue
				}
				if !yield(text, err) || err != nil {
					return
				}
				if found++; found == store.MaxFindings {
					break
				}
			}
		}
		for _, check := range []func(context.Context) ([]string, error){s.checkSchema, s.checkDocuments} {
			texts, err := check(ctx)
			for _, text := range texts {
				if !yield(text, nil) {
					return
				}
			}
			if err != nil {
				yield("", s.readers.fault(err))
				return
			}
		}
	}
}

// checkSchema compares the tables and indexes with those of a new database: a database that has lost a rule no
// longer keeps it.
func (s *Store) checkSchema(ctx context.Context) (wrong []string, err error) {
	want := map[string]bool{}
	for statement := range strings.SplitSeq(schema, ";") {
		if statement = strings.TrimSpace(statement); statement != "" {
			want[statement] = true
		}
	}
	for text, err := range s.readers.texts(ctx, sqlSchema) {
		if err != nil {
			return wrong, err
		}
		if !want[text] {
			wrong = append(wrong, fmt.Sprintf("the schema is damaged: it has %.60q", text))
		}
		delete(want, text)
	}
	for text := range want {
		wrong = append(wrong, fmt.Sprintf("the schema is damaged: it lacks %.60q", text))
	}
	return wrong, nil
}

func (s *Store) checkDocuments(ctx context.Context) (wrong []string, err error) {
	var kinds []string
	for kind, err := range s.readers.texts(ctx, sqlKinds) {
		if err != nil {
			return nil, err
		}
		kinds = append(kinds, kind)
	}
	return store.DamagedDocuments(ctx, s, kinds)
}

// texts yields the only column of a query.
func (r *reader) texts(ctx context.Context, query string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		rows, err := r.db.QueryContext(ctx, query)
		if err != nil {
			yield("", r.fault(err))
			return
		}
		defer rows.Close()
		for rows.Next() {
			var text string
			err := rows.Scan(&text)
			if !yield(text, r.fault(err)) || err != nil {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield("", r.fault(err))
		}
	}
}

// intactEvery is the interval at which a store checks that its files are there.
const intactEvery = 10 * time.Second

// Intact returns an error if the database, or the lock, is no longer at its path: somebody removed or replaced it.
// The store goes on with its open files, but nobody will find what it writes.
func (s *Store) Intact() error {
	there, err := os.Lstat(s.readers.path)
	if err != nil || !os.SameFile(there, s.opened) {
		return missing(s.readers.path)
	}
	if !filelock.IsAt(s.lock.file, s.lock.file.Name()) {
		return missing(s.lock.file.Name())
	}
	return nil
}

func missing(path string) error {
	return fmt.Errorf("%s was removed or replaced beneath the engine: what is acknowledged now is lost with its end; "+
		"stop it, and put the file back or restore a backup", path)
}

// watch logs when the files are gone, and when they are back.
func (s *Store) watch(ctx context.Context, log *slog.Logger) {
	ticker := time.NewTicker(intactEvery)
	defer ticker.Stop()
	var told bool
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		err := s.Intact()
		switch {
		case err != nil && !told:
			log.Error("the data of this engine is gone", "error", err)
		case err == nil && told:
			log.Info("the data of this engine is back")
		}
		told = err != nil
	}
}

// own returns the identity of the file at path, and refuses a link: the database must be where its lock is.
func own(path string) (fs.FileInfo, error) {
	info, err := os.Lstat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a file itself: name the directory in which the database lies", path)
	}
	return info, err
}
