package pgstore

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/perdure/perdure/internal/core/store"
)

// patience is how long a call may take. A network that swallows everything cannot make an engine hang for longer.
const patience = 10 * time.Second

// refusal says why a server or a schema cannot be used, and what to do.
type refusal struct{ text string }

func (r *refusal) Error() string { return r.text }

// diagnosis says what a code of PostgreSQL means to people who run an engine.
type diagnosis struct {
	is   error  // an error of package store, or nil
	text string // what happened, and what to do
}

// diagnoses are by SQLSTATE, or by its class, the first two letters.
var diagnoses = map[string]diagnosis{
	"53100": {store.ErrFull, "free some space on the disk of the database"},
	"53200": {nil, "the server has not enough memory"},
	"53300": {nil, "the server takes no more connections: raise its max_connections, or give each node fewer with " +
		"the parameter pool_max_conns"},
	"58030": {store.ErrDisk, "look for errors of its disk in the log of the server"},
	"XX001": {store.ErrCorrupt, "restore it from a backup"},
	"XX002": {store.ErrCorrupt, "an index is damaged: REINDEX the schema, then perdure verify"},
	"25006": {nil, readOnly},
	"57P01": {nil, "the server is shutting down"},
	"57P02": {nil, "the server has crashed, and recovers"},
	"57P03": {nil, "the server is starting, or shutting down: wait until it takes connections"},
	"57014": {nil, "the server did not finish in time: look for what keeps it busy, or locks the tables"},
	"55P03": {nil, "somebody else has locked the tables: look into pg_locks"},
	"25P03": {nil, "the connection was idle for too long"},
	"28": {nil, "the server refuses the user or the password: see the address, PGPASSWORD, ~/.pgpass and its " +
		"pg_hba.conf"},
	"3D000": {nil, "there is no such database: CREATE DATABASE, or name another"},
	"42501": {nil, "the user lacks rights: GRANT CREATE ON DATABASE to make the schema, or make the user its owner"},
	"42P01": {nil, "a table is missing: somebody removed the schema beneath the engine; restore it from a backup"},
	"3F000": {nil, "the schema is missing: somebody removed it beneath the engine; restore it from a backup"},
}

// diagnose returns the meaning of an error, if it is known.
func diagnose(err error) (diagnosis, bool) {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		d, known := diagnoses[e.Code]
		if !known {
			d, known = diagnoses[e.Code[:min(2, len(e.Code))]]
		}
		return d, known
	}
	if isOfTLS(err) {
		return diagnosis{nil, "no encrypted connection comes about: see sslmode, sslrootcert and sslcert in the " +
			"address, and whether the server has TLS"}, true
	}
	return diagnosis{}, false
}

func isOfTLS(err error) bool {
	var verification *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var authority x509.UnknownAuthorityError
	var hostname x509.HostnameError
	return errors.As(err, &verification) || errors.As(err, &record) || errors.As(err, &authority) ||
		errors.As(err, &hostname) || strings.Contains(err.Error(), "server refused TLS connection")
}

// fault turns err into the error for the store's caller, and says where. ctx is the caller's.
func (c *connections) fault(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if _, damaged := errors.AsType[*store.DamagedError](err); damaged {
		return err // it names the damaged thing itself
	}
	for _, answer := range []error{store.ErrNotFound, store.ErrConflict, store.ErrClosed, store.ErrLeaseOver} {
		if errors.Is(err, answer) {
			return err
		}
	}
	if ctx.Err() != nil && (errors.Is(err, context.Canceled) || isTimeout(err)) {
		return ctx.Err()
	}
	if c.closed.Load() {
		return store.ErrClosed
	}
	if r, ok := errors.AsType[*refusal](err); ok {
		return fmt.Errorf("%s: %s", c.place, r.text)
	}
	d, known := diagnose(err)
	switch {
	case known && d.is == nil:
		return fmt.Errorf("%s: %s (%w)", c.place, d.text, err)
	case known:
		return fmt.Errorf("%w: %s: %s (%w)", d.is, c.place, d.text, err)
	case isTimeout(err):
		return fmt.Errorf("%s does not answer within %s: look at the server and the network between (%w)", c.place,
			patience, below{err})
	case isBroken(err):
		return fmt.Errorf("%s cannot be reached: look whether it runs, and at the network between (%w)", c.place,
			below{err})
	}
	return fmt.Errorf("%s: %w", c.place, err)
}

// below is an error of the network, on one line. It hides that our own patience ended: callers take the end of a
// context for theirs.
type below struct{ error }

func (b below) Error() string { return strings.Join(strings.Fields(b.error.Error()), " ") }

func isTimeout(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || pgconn.Timeout(err)
}

// isBroken reports whether there is no connection, or no longer one.
func isBroken(err error) bool {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return strings.HasPrefix(e.Code, "08") || strings.HasPrefix(e.Code, "57P")
	}
	_, isConnect := errors.AsType[*pgconn.ConnectError](err)
	_, isNet := errors.AsType[net.Error](err)
	return isConnect || isNet || errors.Is(err, pgconn.ErrConnClosed) || errors.Is(err, io.EOF) ||
		errors.Is(err, io.ErrUnexpectedEOF)
}

// code returns SQLSTATE, or nothing.
func code(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	return ""
}

// Codes by which our own statements refuse to commit: a division by zero, a logarithm of zero. They keep nothing.
const (
	raced = "22012" // a part of a job has lost against another node
	noRow = "2201E" // an execution has no row
)

// spoilt reports whether err kept nothing of a group because of one job, or of a race with another transaction.
func spoilt(err error) bool {
	switch c := code(err); {
	case c == "53100":
		return true
	case len(c) < 2:
		return false
	default: // of values, of integrity, of races, of limits
		return slices.Contains([]string{"22", "23", "40", "54"}, c[:2])
	}
}

// mayTryAgain reports whether err kept nothing, and may not come again.
func mayTryAgain(err error) bool {
	c := code(err)
	return c == raced || strings.HasPrefix(c, "40") || c == "" && pgconn.SafeToRetry(err)
}
