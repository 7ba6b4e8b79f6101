package pgstore

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Every name is within the schema perdure here; [connections.in] names the one in use.
//
// Texts compare by their bytes. Owner is the node of a fleet that works on an execution, zero nobody. It stands before
// the time in the indexes by which work is found, so a node reads its own agenda, and claims what is nobody's, without
// passing over the work of others. Who wants the agendas of all merges those of the few owners.
//
// Payloads are kept as they come: to compress them would take the server's time in the commit.
const schema = `
CREATE TABLE perdure.journal (
	id   text   COLLATE "C" NOT NULL,
	seq  bigint NOT NULL,
	sum  bigint NOT NULL,
	data bytea  NOT NULL,
	PRIMARY KEY (id, seq)
);
ALTER TABLE perdure.journal ALTER COLUMN data SET STORAGE EXTERNAL;

CREATE TABLE perdure.executions (
	id         text   COLLATE "C" NOT NULL PRIMARY KEY,
	arn        text   COLLATE "C" NOT NULL,
	function   text   COLLATE "C" NOT NULL,
	version    text   COLLATE "C" NOT NULL,
	name       text   COLLATE "C" NOT NULL,
	status     text   COLLATE "C" NOT NULL,
	started    bigint NOT NULL,
	closed     bigint NOT NULL,
	due        bigint NOT NULL,
	wanted     bigint NOT NULL,
	expires    bigint NOT NULL,
	doing      bigint NOT NULL,
	since      bigint NOT NULL,
	owner      bigint NOT NULL,
	error      text   COLLATE "C" NOT NULL,
	message    text   COLLATE "C" NOT NULL,
	redriven   boolean NOT NULL,
	tags       text   COLLATE "C" NOT NULL,
	input_hash bytea  NOT NULL,
	sum        bigint NOT NULL,
	state_sum  bigint NOT NULL
);
CREATE UNIQUE INDEX executions_name ON perdure.executions (function, name) INCLUDE (id);
CREATE INDEX executions_function ON perdure.executions (function, id);
CREATE INDEX executions_due ON perdure.executions (owner, due, id) WHERE due > 0;
CREATE INDEX executions_wanted ON perdure.executions (function, version, owner, wanted, id) WHERE wanted > 0;
CREATE INDEX executions_expires ON perdure.executions (expires, id) WHERE expires > 0;
CREATE INDEX executions_owner ON perdure.executions (owner, id) WHERE owner > 0;
CREATE INDEX executions_status ON perdure.executions (status, id) INCLUDE (function, version, error, doing, redriven)
	WHERE status <> 'RUNNING';
CREATE INDEX executions_running ON perdure.executions (id)
	INCLUDE (doing, since, function, version, status, error, redriven) WHERE status = 'RUNNING' OR doing > 0;
CREATE INDEX executions_error ON perdure.executions (error, function, version, status, id, redriven)
	WHERE status = 'FAILED' OR status = 'TIMED_OUT' OR status = 'STOPPED';

CREATE TABLE perdure.tags (
	key       text COLLATE "C" NOT NULL,
	value     text COLLATE "C" NOT NULL,
	execution text COLLATE "C" NOT NULL,
	PRIMARY KEY (key, value, execution)
);
CREATE INDEX tags_execution ON perdure.tags (execution);

CREATE TABLE perdure.calls (
	id        text   COLLATE "C" NOT NULL,
	operation text   COLLATE "C" NOT NULL,
	function  text   COLLATE "C" NOT NULL,
	version   text   COLLATE "C" NOT NULL,
	wanted    bigint NOT NULL,
	owner     bigint NOT NULL,
	PRIMARY KEY (id, operation)
);
CREATE INDEX calls_wanted ON perdure.calls (function, version, owner, wanted, id, operation);
CREATE INDEX calls_owner ON perdure.calls (owner, id, operation) WHERE owner > 0;

CREATE TABLE perdure.deletions (
	id text   COLLATE "C" NOT NULL PRIMARY KEY,
	at bigint NOT NULL
);
CREATE INDEX deletions_at ON perdure.deletions (at);

CREATE TABLE perdure.documents (
	kind  text   COLLATE "C" NOT NULL,
	key   text   COLLATE "C" NOT NULL,
	sum   bigint NOT NULL,
	value bytea  NOT NULL,
	PRIMARY KEY (kind, key)
);

CREATE TABLE perdure.log (
	id    text   COLLATE "C" NOT NULL,
	first bigint NOT NULL,
	last  bigint NOT NULL,
	upto  bigint NOT NULL,
	sum   bigint NOT NULL,
	data  bytea  NOT NULL,
	PRIMARY KEY (id, first)
);

CREATE TABLE perdure.nodes (
	id     bigint NOT NULL PRIMARY KEY,
	info   bytea  NOT NULL,
	joined bigint NOT NULL,
	until  bigint NOT NULL
);

CREATE TABLE perdure.files (
	content bigint NOT NULL PRIMARY KEY,
	name    text   COLLATE "C" NOT NULL,
	parts   bigint NOT NULL,
	at      bigint NOT NULL
);
CREATE UNIQUE INDEX files_name ON perdure.files (name) WHERE parts > 0;
CREATE INDEX files_at ON perdure.files (at) WHERE parts = 0;
CREATE TABLE perdure.parts (
	content bigint NOT NULL,
	part    bigint NOT NULL,
	sum     bigint NOT NULL,
	data    bytea  NOT NULL,
	PRIMARY KEY (content, part)
);
ALTER TABLE perdure.parts ALTER COLUMN data SET STORAGE EXTERNAL;
`

// The table perdure has one row: the version of the schema, the oldest version whose engines can use it as it is now,
// and two numbers that count: changes of documents, and beats of nodes.
const sqlHead = `
CREATE TABLE perdure.perdure (
	single    boolean NOT NULL PRIMARY KEY CHECK (single),
	version   bigint  NOT NULL,
	oldest    bigint  NOT NULL,
	documents bigint  NOT NULL,
	beats     bigint  NOT NULL
);
INSERT INTO perdure.perdure VALUES (true, 0, 0, 0, 0);
`

// migration makes of one version of the schema the next.
type migration struct {
	statements string
	// oldest is the oldest version whose engines can go on beside it, as they do while nodes are upgraded one by one.
	oldest int64
}

var migrations = []migration{{schema, 1}}

// in puts the names of a statement into the schema in use.
func (a *address) in(statement string) string {
	if a.schema == DefaultSchema {
		return statement
	}
	return strings.ReplaceAll(statement, "perdure.", pgx.Identifier{a.schema}.Sanitize()+".")
}

// migrate makes the schema, or makes it as new as this program knows it, unless it is already. Of several nodes that
// come at one time, one does. It leaves alone what is not ours.
func (c *connections) migrate(ctx context.Context, migrations []migration) error {
	conn, err := c.single(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	ctx, cancel := context.WithTimeout(ctx, migrationPatience)
	defer cancel()
	isNew, err := c.checkHead(ctx, conn, migrations)
	if err != nil || isNew {
		return c.fault(ctx, err)
	}
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		// The lock's number comes from the name: there may be no schema yet.
		_, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1, hashtext($2))", int32(lockMigration), c.schema)
		if err != nil {
			return err
		}
		isNew, err := c.checkHead(ctx, tx, migrations) // somebody else may have been first
		if err != nil || isNew {
			return err
		}
		return c.build(ctx, tx, migrations)
	})
	return c.fault(ctx, err)
}

// migrationPatience bounds a migration, and the wait for that of another node.
const migrationPatience = 30 * patience

// querier is a connection, a transaction or a pool.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// checkHead reports whether the schema is as new as this program knows it, or newer and fit for it. It refuses what is
// not ours, and what is too new.
func (c *connections) checkHead(ctx context.Context, q querier, migrations []migration) (isNew bool, err error) {
	version, oldest, err := c.head(ctx, q)
	known := int64(len(migrations))
	switch {
	case err != nil:
		return false, err
	case oldest > known:
		return false, &refusal{fmt.Sprintf("the schema %s was made for a newer perdure (version %d, this one knows "+
			"%d): update perdure", c.schema, version, known)}
	}
	return version >= known, nil
}

// head reads the versions of the schema, which are zero if there is nothing in it yet.
func (c *connections) head(ctx context.Context, q querier) (version, oldest int64, err error) {
	var isOurs, objects bool
	err = q.QueryRow(ctx, `SELECT EXISTS (SELECT FROM information_schema.columns WHERE table_schema = $1
			AND table_name = 'perdure' AND column_name = 'beats'),
		EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1)`,
		c.schema).Scan(&isOurs, &objects)
	switch {
	case err != nil:
		return 0, 0, err
	case isOurs:
		err = q.QueryRow(ctx, c.in("SELECT version, oldest FROM perdure.perdure")).Scan(&version, &oldest)
		if errors.Is(err, pgx.ErrNoRows) {
			err = &refusal{fmt.Sprintf("the table perdure in the schema %s has lost its row: restore a backup",
				c.schema)}
		}
		return version, oldest, err
	case objects:
		return 0, 0, &refusal{fmt.Sprintf("the schema %s belongs to another program, or its user may not see it: "+
			"choose another with the parameter schema=NAME, another database, or the user who made it", c.schema)}
	}
	return 0, 0, nil
}

// build runs the migrations that are missing.
func (c *connections) build(ctx context.Context, tx pgx.Tx, migrations []migration) error {
	version, _, err := c.head(ctx, tx)
	if err != nil {
		return err
	}
	run := func(statements string) error {
		_, err := tx.Exec(ctx, statements, pgx.QueryExecModeSimpleProtocol)
		return err
	}
	if version == 0 {
		name := pgx.Identifier{c.schema}.Sanitize()
		var exists bool
		err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)", c.schema).Scan(&exists)
		if err == nil && !exists {
			err = run("CREATE SCHEMA " + name)
		}
		if err == nil {
			err = run(c.in(sqlHead))
		}
		if err != nil {
			return err
		}
	}
	for _, m := range migrations[version:] {
		version++
		head := fmt.Sprintf("; UPDATE perdure.perdure SET version = %d, oldest = %d", version, m.oldest)
		if err := run(c.in(m.statements + head)); err != nil {
			return err
		}
	}
	return nil
}

// Advisory locks have two numbers: what for, and for which schema.
const (
	lockMigration = 0x50455201 + iota // "PER"
	lockExclusive
)

// identify finds the number of the schema, which names its locks and its channel.
func (c *connections) identify(ctx context.Context) (oid int64, err error) {
	err = c.QueryRow(ctx, "SELECT oid::bigint FROM pg_namespace WHERE nspname = $1", c.schema).Scan(&oid)
	return oid, c.fault(ctx, err)
}
