package pgstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// DefaultSchema is the schema of the tables, unless the parameter schema in the address names another.
const DefaultSchema = "perdure"

// maxConnections bounds a store's pool, unless the parameter pool_max_conns in the address says otherwise. Listening,
// snapshots and [Store.Exclusively] take one more each.
const maxConnections = 10

// address is where a store is.
type address struct {
	pool   *pgxpool.Config
	schema string
	place  string // for people: hosts, ports and the database
}

// parse reads an address. No error of it holds the password, or anything that might be one.
func parse(text string) (*address, error) {
	const form = "want postgres://USER:PASSWORD@HOST:PORT/DATABASE, with % and two digits for special characters"
	scheme, _, isURL := strings.Cut(text, "://")
	if isURL && scheme != "postgres" && scheme != "postgresql" {
		return nil, fmt.Errorf("the address of the database begins with %.20q: %s", scheme+"://", form)
	}
	if !isURL && text != "" && !strings.Contains(text, "=") {
		return nil, errors.New("this is no address of a database: " + form)
	}
	config, err := pgxpool.ParseConfig(text)
	if err != nil {
		return nil, errors.New("the address of the database, or PostgreSQL's variables and files beside it, cannot " +
			"be read: " + form + "; parameters are those of PostgreSQL's own clients, such as sslmode=verify-full" +
			reason(err))
	}
	params := config.ConnConfig.RuntimeParams
	a := &address{pool: config, schema: params["schema"], place: place(config.ConnConfig)}
	delete(params, "schema")
	if a.schema == "" {
		a.schema = DefaultSchema
	}
	if len(a.schema) > 63 || strings.ContainsRune(a.schema, 0) || strings.HasPrefix(a.schema, "pg_") {
		return nil, fmt.Errorf("%.70q cannot be the name of a schema: choose one of at most 63 bytes that does not "+
			"begin with pg_", a.schema)
	}
	if params["application_name"] == "" {
		params["application_name"] = "perdure"
	}
	if !strings.Contains(text, "pool_max_conns") {
		config.MaxConns = maxConnections
	}
	return a, nil
}

// reason is what of an error of parsing cannot hold a part of the address.
func reason(err error) string {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return fmt.Sprintf(" (%v)", e)
	}
	return ""
}

// place names hosts and database.
func place(c *pgx.ConnConfig) string {
	var hosts []string
	add := func(host string, port uint16) {
		if strings.HasPrefix(host, "/") {
			host += "/.s.PGSQL." + strconv.Itoa(int(port))
		} else {
			host = net.JoinHostPort(host, strconv.Itoa(int(port)))
		}
		if len(hosts) == 0 || hosts[len(hosts)-1] != host { // with and without TLS
			hosts = append(hosts, host)
		}
	}
	add(c.Host, c.Port)
	for _, f := range c.Fallbacks {
		add(f.Host, f.Port)
	}
	return "PostgreSQL at " + strings.Join(hosts, ",") + "/" + c.Database
}

// connections is the pool of a store, and what is known of the server behind it.
type connections struct {
	*address
	*pgxpool.Pool
	// pooled says that there is a pooler such as pgbouncer in between: then a session ends with its transaction.
	pooled bool
	closed atomic.Bool
}

// planning keeps the planner of a session from all that is good for reports and not for us: each of our queries finds a
// few rows through an index, or walks one in order, however small or new the tables are when it is planned.
const planning = `SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_hashjoin = off;
	SET enable_mergejoin = off; SET enable_sort = off; SET jit = off;`

// unreplicated marks a connection whose last transaction was committed without the replicas that it should wait for.
const unreplicated = "unreplicated"

func noteUnreplicated(conn *pgconn.PgConn, notice *pgconn.Notice) {
	if notice.Routine == "SyncRepWaitForLSN" { // the text is in the server's language
		conn.CustomData()[unreplicated] = true
	}
}

// connect makes the pool, once it knows through one connection what the server is.
func connect(ctx context.Context, a *address) (*connections, error) {
	c := &connections{address: a}
	first, err := c.single(ctx)
	if err != nil {
		return nil, err
	}
	c.pooled, err = hasPooler(ctx, first)
	if err == nil {
		err = suits(ctx, first)
	}
	_ = first.Close(ctx)
	if err != nil {
		return nil, c.fault(ctx, err)
	}
	a.pool.ConnConfig.OnNotice = noteUnreplicated
	if c.pooled {
		a.pool.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	} else {
		a.pool.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeCacheStatement
		a.pool.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
			_, err := conn.Exec(ctx, planning+c.limits(), pgx.QueryExecModeSimpleProtocol)
			return err
		}
	}
	c.Pool, err = pgxpool.NewWithConfig(context.WithoutCancel(ctx), a.pool)
	return c, err
}

// limits keep a session from outliving the patience of its client, who may be gone.
func (c *connections) limits() string {
	return fmt.Sprintf("SET statement_timeout = %d; SET idle_in_transaction_session_timeout = %[1]d; "+
		"SET tcp_user_timeout = %[1]d; SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5",
		2*patience.Milliseconds())
}

// single makes a connection outside of the pool, without the settings of the pool's.
func (c *connections) single(ctx context.Context) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	config := c.address.pool.ConnConfig.Copy()
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, c.fault(ctx, err)
	}
	return conn, nil
}

// hasPooler reports whether the session is another one than the connection: then somebody is in between.
func hasPooler(ctx context.Context, conn *pgx.Conn) (bool, error) {
	var pid int64
	err := conn.QueryRow(ctx, "SELECT pg_backend_pid()").Scan(&pid)
	return uint32(pid) != conn.PgConn().PID(), err
}

// oldest is the oldest version of PostgreSQL that we take.
const oldest = 14

// suits refuses servers that cannot keep a store.
func suits(ctx context.Context, conn *pgx.Conn) error {
	var version int64
	var encoding string
	var replica bool
	err := conn.QueryRow(ctx, `SELECT current_setting('server_version_num')::int, current_setting('server_encoding'),
		pg_is_in_recovery()`).Scan(&version, &encoding, &replica)
	if err != nil {
		return err
	}
	return judge(version, encoding, replica)
}

func judge(version int64, encoding string, replica bool) error {
	switch {
	case version < oldest*10000:
		return &refusal{fmt.Sprintf("its PostgreSQL is version %d, and %d is the oldest that we take: upgrade it",
			version/10000, oldest)}
	case encoding != "UTF8":
		return &refusal{fmt.Sprintf("the encoding of the database is %s, and it must be UTF8: make another one with "+
			"CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0", encoding)}
	case replica:
		return &refusal{readOnly}
	}
	return nil
}

const readOnly = "it is a replica, or reads only: name the primary, or all servers, separated by commas, with " +
	"target_session_attrs=read-write"
