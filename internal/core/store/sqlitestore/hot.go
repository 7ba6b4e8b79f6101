package sqlitestore

import (
	"context"
	"database/sql/driver"
	"fmt"
)

// hotStatement is a statement of the writer that runs for every commit or so. It goes to the driver by itself, as
// package sql allocates for each run. Its parameters are plain question marks, since the driver makes a string of each
// name that a parameter has, each time. With the jobs that are used again, that is 10 of 63 allocations of a
// checkpoint.
type hotStatement struct {
	stmt driver.StmtExecContext
	args []driver.NamedValue // used again
}

// Exec runs the statement with int64, string and []byte values, and returns how many rows it changed.
func (s *hotStatement) Exec(values ...driver.Value) (rows int64, err error) {
	for i, v := range values {
		s.args = append(s.args, driver.NamedValue{Ordinal: i + 1, Value: v})
	}
	result, err := s.stmt.ExecContext(context.Background(), s.args)
	clear(s.args) // they hold the caller's memory
	s.args = s.args[:0]
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// preparer is a connection of the driver.
type preparer interface {
	PrepareContext(ctx context.Context, query string) (driver.Stmt, error)
}

// hotStatements is [statements] for these.
type hotStatements struct {
	conn preparer
	all  []driver.Stmt
	err  error
}

func (h *hotStatements) of(ctx context.Context, query string) *hotStatement {
	if h.err != nil {
		return nil
	}
	stmt, err := h.conn.PrepareContext(ctx, query)
	if err != nil {
		h.err = fmt.Errorf("preparing %q: %w", query, err)
		return nil
	}
	h.all = append(h.all, stmt)
	return &hotStatement{stmt: stmt.(driver.StmtExecContext)}
}

func (h *hotStatements) close() {
	for _, stmt := range h.all {
		stmt.Close()
	}
}
